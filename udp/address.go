package udp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// ValidateAddress reports whether [Dial] can make sense of address, without
// looking anything up: a host, a colon and a port from 1 to 65535, with IPv6
// literals in brackets, as in "collector:4319", "192.0.2.1:4319" or
// "[fe80::1%eth0]:4319". A nil error does not mean that the host exists. An
// error names the address, what is wrong and what is wanted.
func ValidateAddress(address string) error {
	_, _, err := splitAddress(address)
	return err
}

func splitAddress(address string) (host string, port uint16, err error) {
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

// hostFault names what keeps host from being a name or an IPv4 literal. It is
// lenient about names, which the resolver judges better, and catches URLs,
// blanks and the like.
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
	return fmt.Errorf("udp: address %q: %s: want host:port, with IPv6 literals in brackets", address, reason)
}

// resolve returns the address to connect to. Of the addresses of a name it takes
// the first IPv4 one, because a listener on that name does so too (see
// [net.ListenPacket]): localhost must meet localhost.
func resolve(ctx context.Context, address string) (netip.AddrPort, error) {
	host, port, err := splitAddress(address)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return netip.AddrPortFrom(ip.Unmap(), port), nil
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("udp: resolve %q: %w", address, err)
	}
	ip, ok := preferred(ips)
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("udp: resolve %q: the name has no addresses", address)
	}
	return netip.AddrPortFrom(ip, port), nil
}

func preferred(ips []netip.Addr) (netip.Addr, bool) {
	for _, ip := range ips {
		if ip = ip.Unmap(); ip.Is4() {
			return ip, true
		}
	}
	if len(ips) == 0 {
		return netip.Addr{}, false
	}
	return ips[0], true
}
