package udp_test

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/otelgram/otelgram/udp"
)

// TestBadOptions: an error names the option and its value, whatever the address is.
func TestBadOptions(t *testing.T) {
	buffer := udp.WithSendBuffer(1)
	for _, tt := range []struct {
		name string
		opts []udp.Option
		says string
	}{
		{"no send buffer", []udp.Option{udp.WithSendBuffer(0)}, "udp: WithSendBuffer(0): want a positive number of bytes"},
		{"no receive buffer", []udp.Option{udp.WithReceiveBuffer(-1)}, "udp: WithReceiveBuffer(-1): want a positive number of bytes"},
		{"no bytes of a datagram", []udp.Option{udp.WithMaxDatagramSize(0)}, "udp: WithMaxDatagramSize(0): want from 1 to 65535 bytes"},
		{"more than a datagram has", []udp.Option{udp.WithMaxDatagramSize(65536)}, "udp: WithMaxDatagramSize(65536): want from 1 to 65535 bytes"},
		{"a sticky socket", []udp.Option{udp.WithSocketMode(0o1777)}, "udp: WithSocketMode(01777): want permission bits only, such as 0o660"},
		{"a directory", []udp.Option{udp.WithSocketMode(fs.ModeDir | 0o700)}, "udp: WithSocketMode(020000000700): want permission bits only, such as 0o660"},
		{"a mode that locks its owner out", []udp.Option{udp.WithSocketMode(0o066)}, "udp: WithSocketMode(066): the owner must be allowed to write (0o200)"},
		{"an unknown group", []udp.Option{udp.WithSocketGroup("no-such-group")}, `udp: WithSocketGroup("no-such-group"): unknown group`},
		{"no group", []udp.Option{udp.WithSocketGroup("")}, `udp: WithSocketGroup(""): want a name or a number`},
		{"a negative group", []udp.Option{udp.WithSocketGroup("-1")}, `udp: WithSocketGroup("-1"): unknown group`},
		{"a group that stands for none", []udp.Option{udp.WithSocketGroup("4294967295")}, `udp: WithSocketGroup("4294967295"): unknown group`},
		{"nil", []udp.Option{nil}, "udp: FUNCTION: option 1 is nil"},
		{"nil after another", []udp.Option{buffer, nil, buffer}, "udp: FUNCTION: option 2 is nil"},
	} {
		for _, address := range []string{"127.0.0.1:0", "unixgram:///run/x", ""} {
			_, err := udp.Listen(address, tt.opts...)
			assert.EqualError(t, err, function(tt.says, "Listen"), tt.name)
			_, err = udp.ListenMany(address, 2, tt.opts...)
			assert.EqualError(t, err, function(tt.says, "ListenMany"), tt.name)
			_, err = udp.Dial(t.Context(), address, tt.opts...)
			assert.EqualError(t, err, function(tt.says, "Dial"), tt.name)
		}
	}
	for _, n := range []int{0, -1} {
		_, err := udp.ListenMany("127.0.0.1:0", n)
		assert.ErrorContains(t, err, "want at least 1 socket")
	}
	l := listen(t, "127.0.0.1:0", udp.WithSocketMode(0o600), udp.WithSocketGroup("0"))
	dial(t, l.Addr().String(), udp.WithSocketMode(0o600), udp.WithSocketGroup("0"))
}

// function fills in the name of the function that was called.
func function(says, name string) string { return strings.Replace(says, "FUNCTION", name, 1) }
