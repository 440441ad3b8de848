package udp

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
)

// AddressError is the error of an address. [ValidateAddress] returns it for a text that is
// no address. [Listen], [ListenMany], [Resolve] and [Dial] return it also for an address
// that cannot be used. [errors.Is] finds causes such as syscall.EADDRINUSE in it.
type AddressError struct {
	// Op is what failed: "address" if the text is no address, otherwise "listen on",
	// "resolve" or "connect to".
	Op string
	// Address is the address as it was given.
	Address string
	// Err is the reason, such as "address already in use". Its text does not repeat the
	// address, so that a caller that has named the address can print the reason alone.
	Err error
}

// Error returns the operation, the address and the reason in one line.
func (e *AddressError) Error() string {
	return fmt.Sprintf("udp: %s %q: %v", e.Op, e.Address, e.Err)
}

// Unwrap returns the reason.
func (e *AddressError) Unwrap() error { return e.Err }

// The operations of an AddressError.
const (
	opAddress = "address"
	opListen  = "listen on"
	opResolve = "resolve"
	opConnect = "connect to"
)

// noAddress returns the error for a text that is no address.
func noAddress(address, reason string) error {
	return &AddressError{Op: opAddress, Address: address, Err: errors.New(reason)}
}

// failed returns the error of an operation on an address. It keeps the reason of err.
func failed(op, address string, err error) error {
	return &AddressError{Op: op, Address: address, Err: reasonOf(err)}
}

// reasonOf returns what remains of err without the operation, the address and the system
// call, which the errors of packages net and os repeat.
func reasonOf(err error) error {
	var (
		operation *net.OpError
		path      *fs.PathError
		call      *os.SyscallError
		lookup    *net.DNSError
		text      *net.AddrError
	)
	switch {
	case errors.As(err, &operation):
		return reasonOf(operation.Err)
	case errors.As(err, &path):
		return reasonOf(path.Err)
	case errors.As(err, &call):
		return call.Err
	case errors.As(err, &lookup):
		return &reworded{says: lookupReason(lookup), err: lookup}
	case errors.As(err, &text):
		return &reworded{says: text.Err, err: text}
	}
	return err
}

// lookupReason returns the reason of a failed look-up without the name, but with the server
// that was asked. The server tells a wrong name from a wrong server.
func lookupReason(e *net.DNSError) string {
	if e.Server == "" {
		return e.Err
	}
	return "lookup on " + e.Server + ": " + e.Err
}

// reworded is an error in other words.
type reworded struct {
	says string
	err  error
}

func (e *reworded) Error() string { return e.says }
func (e *reworded) Unwrap() error { return e.err }
