package udp_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/otelgram/otelgram/udp"
)

// TestMeantAddress: for what people write instead of an address, the error says how to
// write it, in the same words everywhere.
func TestMeantAddress(t *testing.T) {
	const datagrams = "datagrams go to a socket of type unixgram"
	http := func(want string) string {
		return `otelgram does not speak HTTP: want host:port of an otelgram receiver, such as "` + want + `"`
	}
	for _, tt := range []struct{ address, says string }{
		{"unix:///run/x.sock", `want "unixgram:///run/x.sock": ` + datagrams},
		{"unix:/run/x.sock", `want "unixgram:///run/x.sock": ` + datagrams},
		{"UNIX:///run/x.sock", `want "unixgram:///run/x.sock": ` + datagrams},
		{" unix:///run/x.sock\n", `want "unixgram:///run/x.sock": ` + datagrams},
		{"unixpacket:///run/x.sock", `want "unixgram:///run/x.sock": ` + datagrams},
		{"unix:x.sock", `want an absolute path, as in "unixgram:///run/otelgram.sock": ` + datagrams},
		{"unix://", `want an absolute path, as in "unixgram:///run/otelgram.sock": ` + datagrams},
		{"unixgram:/run/x.sock", `want "unixgram:///run/x.sock": the path comes after unixgram://`},
		{" unixgram:///run/x.sock", `want "unixgram:///run/x.sock": the path comes after unixgram://`},
		{"/run/x.sock", `want "unixgram:///run/x.sock": a path comes after unixgram://`},
		{"udp://collector:4319", `leave out "udp://": want "collector:4319"`},
		{"UDP://collector:4319/", `leave out "UDP://": want "collector:4319"`},
		{"udp://collector", `leave out "udp://": want "collector:4319"`},
		{"udp://[::1]:4319", `leave out "udp://": want "[::1]:4319"`},
		{"\x98://collector:1", `leave out "\x98://": want "collector:1"`},
		{"Ⱥ://collector:1", `leave out "Ⱥ://": want "collector:1"`}, // longer in lower case
		{"otelgram://collector:1", `leave out "otelgram://": want "collector:1"`},
		{"http://c:4318", http("c:4319")},
		{"https://c", http("c:4319")},
		{"https://c.example/v1/metrics", http("c.example:4319")},
		{"http://[fe80::1%eth0]:4318/x", http("[fe80::1%eth0]:4319")},
		{"grpc://c:4317", `otelgram does not speak gRPC: want host:port of an otelgram receiver, such as "c:4319"`},
		{"tcp://c:4317", `otelgram does not speak TCP: want host:port of an otelgram receiver, such as "c:4319"`},
		{"collector", `the port is missing: want "collector:4319"`},
		{"192.0.2.1", `the port is missing: want "192.0.2.1:4319"`},
		{"[::1]", `the port is missing: want "[::1]:4319"`},
		{"2001:db8::1", `an IPv6 address goes into brackets: want "[2001:db8::1]:4319"`},
		{"::1:4319", `an IPv6 address goes into brackets: want "[::1]:4319"`},
		{"host:4319/path", `leave out "/path": want "host:4319"`},
		{"host/path", `the port is missing: want "host:4319"`},
		{"//host:4319", `leave out "//": want "host:4319"`},
		{" host:4319", `leave out the blanks: want "host:4319"`},
		{"host:4319\t\n", `leave out the blanks: want "host:4319"`},
		{" host ", `the port is missing: want "host:4319"`},
	} {
		want := "udp: address " + quote(tt.address) + ": " + tt.says
		assert.EqualError(t, udp.ValidateAddress(tt.address), want)
		_, err := udp.Dial(t.Context(), tt.address)
		assert.EqualError(t, err, want)
		_, err = udp.Resolve(t.Context(), tt.address)
		assert.EqualError(t, err, want)
		l, err := udp.Listen(tt.address)
		if !assert.EqualError(t, err, want) && err == nil {
			_ = l.Close()
		}
	}
}

// TestMeantToListen: what is no address to send to may be an address to listen on.
func TestMeantToListen(t *testing.T) {
	for address, says := range map[string]string{
		"udp://:0":        `leave out "udp://": want ":0"`,
		"udp://0.0.0.0:0": `leave out "udp://": want "0.0.0.0:0"`,
		" :4319":          `leave out the blanks: want ":4319"`,
		":4319/":          `leave out "/": want ":4319"`,
	} {
		_, err := udp.Listen(address)
		assert.EqualError(t, err, "udp: address "+quote(address)+": "+says)
		assert.ErrorContains(t, udp.ValidateAddress(address), "want host:port", address)
	}
	for _, address := range []string{":0", "127.0.0.1:0", "[::1]:0", "localhost:0"} {
		if l, err := udp.Listen(address); err == nil {
			assert.NoError(t, l.Close())
		} else {
			assert.NotContains(t, err.Error(), "want", address) // no IPv6 here
		}
	}
}

// FuzzMeant: whatever is written, there is an error or an address, and the address that an
// error names is valid.
func FuzzMeant(f *testing.F) {
	f.Add("udp://[::1]:4319/x")
	f.Add("unix:run")
	f.Add("]:1")
	f.Add("\x98://p")
	f.Fuzz(func(t *testing.T, address string) {
		if err := udp.ValidateAddress(address); err != nil {
			if want, ok := wanted(err.Error()); ok {
				assert.NoError(t, udp.ValidateAddress(want), "%v", err)
			}
		}
	})
}

func quote(s string) string { return strconv.Quote(s) }

// wanted returns the address that an error names to write instead.
func wanted(says string) (string, bool) {
	i := strings.LastIndex(says, `: want "`)
	if i < 0 {
		return "", false
	}
	quoted, err := strconv.QuotedPrefix(says[i+len(": want "):])
	if err != nil {
		return "", false
	}
	want, err := strconv.Unquote(quoted)
	return want, err == nil
}
