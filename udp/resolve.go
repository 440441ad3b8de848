package udp

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
)

// Address is what [DialAddress] connects to: an IP address and a port, or the path of a
// Unix datagram socket. Equal addresses lead to the same place. The zero value is no
// address.
type Address struct {
	AddrPort netip.AddrPort // the zero value for a Unix socket
	Path     string         // "" for a UDP socket
}

// IsUnix reports whether a is the address of a Unix datagram socket.
func (a Address) IsUnix() bool { return a.Path != "" }

// String returns the address in the form that [Dial] takes, and "" for the zero value.
func (a Address) String() string {
	switch {
	case a.IsUnix():
		return unixScheme + a.Path
	case a.AddrPort.IsValid():
		return a.AddrPort.String()
	}
	return ""
}

// Resolve returns what [Dial] connects to for an address in text. For an IP literal or a
// Unix socket that is the address itself. For a name it is all addresses of the name, each
// once, in the order in which to try them.
//
// IPv4 comes first, because that is what a listener on the name takes (see
// [net.ListenPacket]), and UDP cannot tell that nobody listens elsewhere: a sender to
// localhost must meet a listener on localhost. Within a family the order is the resolver's,
// which may change from one call to the next. So a caller need not leave an address that
// works as long as it is among those returned. Resolve waits for the resolver, until ctx
// ends. Its error is an [*AddressError].
func Resolve(ctx context.Context, address string) ([]Address, error) {
	if path, ok := unixPath(address); ok {
		if err := checkUnixPath(path); err != nil {
			return nil, err
		}
		return []Address{{Path: path}}, nil
	}
	host, port, err := splitAddress(address)
	if err != nil {
		return nil, err
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return inOrder([]netip.Addr{ip}, port), nil
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, failed(opResolve, address, err)
	}
	if len(ips) == 0 {
		return nil, failed(opResolve, address, errors.New("the name has no addresses"))
	}
	return inOrder(ips, port), nil
}

// inOrder returns the addresses, IPv4 first, each once.
func inOrder(ips []netip.Addr, port uint16) []Address {
	var four, six []Address
	for _, ip := range ips {
		ip = ip.Unmap()
		a := Address{AddrPort: netip.AddrPortFrom(ip, port)}
		switch {
		case slices.Contains(four, a) || slices.Contains(six, a):
		case ip.Is4():
			four = append(four, a)
		default:
			six = append(six, a)
		}
	}
	return append(four, six...)
}
