package udp_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/udp"
)

func TestValidateAddress(t *testing.T) {
	for _, address := range []string{
		"localhost:4319", "collector.example:1", "my_host-1:65535", "bücher.example:4319",
		"192.0.2.1:4319", "[::1]:4319", "[2001:db8::1]:4319", "[fe80::1%eth0]:4319", "[::ffff:192.0.2.1]:4319",
	} {
		assert.NoError(t, udp.ValidateAddress(address), address)
	}
	for address, reason := range map[string]string{
		"":                  "missing port",
		"http://":           "otelgram does not speak HTTP",
		"udp://":            "is not a number",
		":4319":             "missing host",
		"localhost:":        `port "" is not a number`,
		"localhost:0":       `port "0" is not a number from 1 to 65535`,
		"localhost:65536":   `port "65536"`,
		"localhost:-1":      `port "-1"`,
		"localhost:+1":      `port "+1"`,
		"localhost:otlp":    `port "otlp"`,
		"[::1:4319":         "missing ']'",
		"[]:4319":           "no IPv6 address in the brackets",
		"[localhost]:4319":  "no IPv6 address in the brackets",
		"[192.0.2.1]:4319":  "no IPv6 address in the brackets",
		"user@host:4319":    `'@' in the host`,
		"local host:4319":   `' ' in the host`,
		"host\x00name:4319": `'\x00' in the host`,
	} {
		err := udp.ValidateAddress(address)
		if assert.Error(t, err, address) {
			assert.ErrorContains(t, err, reason)
			assert.ErrorContains(t, err, "want host:port")
		}
	}
	assert.NoError(t, udp.ValidateAddress("unixgram:///run/otelgram.sock"))
	for address, reason := range map[string]string{
		"unixgram://":                             "the path is not absolute",
		"unixgram://run/sock":                     "the path is not absolute",
		"unixgram:///a\x00b":                      `'\x00' in the path`,
		"unixgram:///" + strings.Repeat("x", 103): "the path has 104 bytes, more than 103",
	} {
		err := udp.ValidateAddress(address)
		assert.ErrorContains(t, err, reason, address)
		assert.ErrorContains(t, err, "want unixgram:///path", address)
		_, err = udp.Listen(address)
		assert.ErrorContains(t, err, reason, address)
	}
	assert.EqualError(t, udp.ValidateAddress("here:"),
		`udp: address "here:": port "" is not a number from 1 to 65535: want host:port, with IPv6 literals in brackets, or unixgram:///path`)
}

// TestResolve: addresses that lead to the same place are equal, Dial takes them, and IPv4
// comes first.
func TestResolve(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.1:4319": "192.0.2.1:4319", "[::ffff:192.0.2.1]:4319": "192.0.2.1:4319", "[0::1]:04319": "[::1]:4319",
		"[fe80::1%eth0]:1": "[fe80::1%eth0]:1", "localhost:4319": "127.0.0.1:4319", "unixgram:///a/b": "unixgram:///a/b",
	} {
		got, err := udp.Resolve(context.Background(), address)
		require.NoError(t, err, address)
		assert.Equal(t, want, got[0].String())
		assert.Equal(t, udp.IsUnix(want), got[0].IsUnix())
		if address != "localhost:4319" { // it may have an IPv6 address as well
			assert.Len(t, got, 1)
		}
		for _, literal := range got {
			assert.NoError(t, udp.ValidateAddress(literal.String()))
		}
	}
	for _, address := range []string{"here", "unixgram://here", "name.invalid:4319"} {
		_, err := udp.Resolve(context.Background(), address)
		assert.ErrorContains(t, err, address)
	}
}

// TestDialAddress: an address that is resolved need not be parsed again.
func TestDialAddress(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	to, err := udp.Resolve(t.Context(), l.Addr().String())
	require.NoError(t, err)
	s, err := udp.DialAddress(to[0])
	require.NoError(t, err)
	defer s.Close()
	sendAll(t, s, []byte("met"))
	assert.Equal(t, "met", string(receive(t, l, 1)[0].Data))

	_, err = udp.DialAddress(udp.Address{})
	assert.EqualError(t, err, `udp: connect to "": the zero Address is no address`)
	assert.Empty(t, udp.Address{}.String())
	_, err = udp.DialAddress(udp.Address{Path: "/no/such"})
	var a *udp.AddressError
	require.ErrorAs(t, err, &a)
	assert.Equal(t, "unixgram:///no/such", a.Address)
	_, err = udp.DialAddress(to[0], udp.WithSendBuffer(0))
	assert.ErrorContains(t, err, "udp: WithSendBuffer(0)")
}

func TestDialErrors(t *testing.T) {
	ctx := context.Background()
	_, err := udp.Dial(ctx, "localhost")
	assert.ErrorContains(t, err, `address "localhost"`)

	_, err = udp.Dial(ctx, "127.0.0.1:1", udp.WithSendBuffer(0))
	assert.EqualError(t, err, "udp: WithSendBuffer(0): want a positive number of bytes")
	_, err = udp.Listen("127.0.0.1:0", udp.WithReceiveBuffer(-1))
	assert.EqualError(t, err, "udp: WithReceiveBuffer(-1): want a positive number of bytes")

	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = udp.Dial(cancelled, "name.invalid:4319")
	assert.ErrorContains(t, err, `udp: resolve "name.invalid:4319": `)
	var dns *net.DNSError
	assert.True(t, errors.As(err, &dns), "%v", err)

	_, err = udp.Listen("127.0.0.1:http!")
	assert.ErrorContains(t, err, `udp: listen on "127.0.0.1:http!": `)
}

func TestDialNamePrefersIPv4(t *testing.T) {
	l := listen(t, "localhost:0")
	s := dial(t, net.JoinHostPort("localhost", portString(t, l)))
	assert.True(t, s.RemoteAddr().Addr().Is4(), "%v", s.RemoteAddr())
	assert.Equal(t, l.Addr().String(), s.RemoteAddr().String())
	sendAll(t, s, []byte("met"))
	assert.Equal(t, "met", string(receive(t, l, 1)[0].Data))
}

func TestDialMappedLiteral(t *testing.T) {
	s := dial(t, "[::ffff:127.0.0.1]:4319")
	assert.Equal(t, netip.MustParseAddrPort("127.0.0.1:4319"), s.RemoteAddr())
	require.True(t, s.LocalAddr().Addr().Is4())
	assert.NotZero(t, s.LocalAddr().Port())
}
