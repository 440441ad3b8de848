package udp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// unixScheme begins the address of a Unix datagram socket.
const unixScheme = "unixgram://"

// maxUnixPath is the longest path that fits sockaddr_un on every system, in bytes: see
// unix(7).
const maxUnixPath = 103

// ValidateAddress reports whether [Dial] understands address. It looks nothing up, so a nil
// error does not mean that the host or the socket exists. An address is a host, a colon and
// a port from 1 to 65535, with IPv6 literals in brackets, as in "collector:4319",
// "192.0.2.1:4319" or "[fe80::1%eth0]:4319". Or it is the absolute path of a Unix datagram
// socket, as in "unixgram:///run/otelgram.sock".
//
// An error is an [*AddressError]: it names the address, what is wrong and what is wanted.
// If it is clear what was meant, as with "unix:///run/otelgram.sock" or
// "udp://collector:4319", the error says how to write that.
func ValidateAddress(address string) error {
	if path, ok := unixPath(address); ok {
		return checkUnixPath(path)
	}
	_, _, err := splitAddress(address)
	return err
}

// unixPath returns the path in the address of a Unix socket.
func unixPath(address string) (path string, ok bool) {
	return strings.CutPrefix(address, unixScheme)
}

// IsUnix reports whether address is the address of a Unix datagram socket.
func IsUnix(address string) bool {
	_, ok := unixPath(address)
	return ok
}

func checkUnixPath(path string) error {
	reason := ""
	switch {
	case !strings.HasPrefix(path, "/"):
		reason = "the path is not absolute"
	case len(path) > maxUnixPath:
		reason = fmt.Sprintf("the path has %d bytes, more than %d", len(path), maxUnixPath)
	case strings.ContainsRune(path, 0):
		reason = `'\x00' in the path`
	default:
		return nil
	}
	return noAddress(unixScheme+path, reason+": want "+unixScheme+"/path")
}

// splitAddress is parseAddress with an error that says what was meant.
func splitAddress(address string) (host string, port uint16, err error) {
	host, port, err = parseAddress(address)
	if err != nil {
		if says := meantError(address, false); says != nil {
			err = says
		}
	}
	return host, port, err
}

func parseAddress(address string) (host string, port uint16, err error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		reason := err.Error()
		var e *net.AddrError
		if errors.As(err, &e) {
			reason = e.Err
		}
		return "", 0, addressError(address, reason)
	}
	if strings.HasPrefix(address, "[") {
		if ip, err := netip.ParseAddr(host); err != nil || !ip.Is6() {
			return "", 0, addressError(address, "no IPv6 address in the brackets")
		}
	} else if reason := hostFault(host); reason != "" {
		return "", 0, addressError(address, reason)
	}
	number, err := strconv.ParseUint(service, 10, 16)
	if err != nil || number == 0 {
		return "", 0, addressError(address, fmt.Sprintf("port %q is not a number from 1 to 65535", service))
	}
	return host, uint16(number), nil
}

// hostFault says why host is no name and no IPv4 literal, or returns "". It is lenient
// about names, which the resolver judges better, and catches URLs, blanks and the like.
func hostFault(host string) string {
	if host == "" {
		return "missing host"
	}
	for _, c := range host {
		if c <= ' ' || c == 0x7f || strings.ContainsRune(`/\@?#%[]"'<>,;`, c) {
			return fmt.Sprintf("%q in the host", c)
		}
	}
	return ""
}

func addressError(address, reason string) error {
	return noAddress(address, reason+": want host:port, with IPv6 literals in brackets, or "+unixScheme+"/path")
}
