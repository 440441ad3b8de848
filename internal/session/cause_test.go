package session

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestCausesStayEqual: what differs from one attempt to the next is not in them.
func TestCausesStayEqual(t *testing.T) {
	// lookUp is what package net says of a name server that does not answer.
	lookUp := func(from, server string) error {
		read := &net.OpError{
			Op: "read", Net: "udp", Err: os.ErrDeadlineExceeded,
			Source: net.UDPAddrFromAddrPort(netip.MustParseAddrPort(from)), Addr: net.UDPAddrFromAddrPort(netip.MustParseAddrPort(server)),
		}
		return fmt.Errorf("udp: resolve %q: %w", "c:4319", &net.DNSError{Err: read.Error(), Name: "c", Server: server, IsTimeout: true})
	}
	connect := func(address, cause string) error {
		return fmt.Errorf("udp: connect to %q: connect: %s", address, cause)
	}
	const noDescriptor = "too many open files"
	a, b := connect("a:1", "network is unreachable"), connect("b:1", "permission denied")
	for _, tt := range []struct {
		name string
		errs []error // of attempts
		want string
	}{
		{"nothing", []error{nil, errors.Join()}, ""},
		{"another port of ours", []error{lookUp("10.0.0.7:49152", "10.0.0.2:53"), lookUp("10.0.0.7:50000", "10.0.0.2:53")},
			`udp: resolve "c:4319": lookup c on 10.0.0.2:53: read udp 10.0.0.2:53: i/o timeout`},
		{"IPv6", []error{lookUp("[fe80::7%eth0]:49152", "[fe80::1]:53"), lookUp("[fe80::7%eth0]:1", "[fe80::1]:53")},
			`udp: resolve "c:4319": lookup c on [fe80::1]:53: read udp [fe80::1]:53: i/o timeout`},
		{"addresses in another order", []error{errors.Join(a, b), errors.Join(b, a), errors.Join(b, a, b)},
			`udp: connect to "a:1": connect: network is unreachable; udp: connect to "b:1": connect: permission denied`},
		{"many addresses", []error{errors.Join(connect("5", noDescriptor), connect("1", noDescriptor), connect("4", noDescriptor), connect("2", noDescriptor), connect("3", noDescriptor))},
			`udp: connect to "1": connect: too many open files; udp: connect to "2": connect: too many open files; udp: connect to "3": connect: too many open files; and 2 more`},
		{"a path like a connection", []error{connect("/run/a->b", "no such file or directory")}, `udp: connect to "/run/a->b": connect: no such file or directory`},
	} {
		for _, err := range tt.errs {
			assert.Equal(t, tt.want, causeOf(err), tt.name)
		}
	}
}
