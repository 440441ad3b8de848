package plain_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/plain"
)

var types = []plain.Type{plain.Gauge, plain.Gauge | plain.Integer, plain.Sum, plain.Sum | plain.Integer | plain.Monotonic, plain.Sum | plain.Delta | plain.Monotonic, plain.Sum | plain.Integer | plain.Delta}

// randomEvents returns n events of all types, some with long or odd texts.
func randomEvents(r *rand.Rand, n int) []plain.Event {
	text := func(least int) string {
		switch r.IntN(20) {
		case 0:
			return strings.Repeat("long ", 1+r.IntN(200))
		case 1:
			return "\x00\xFF"[:max(least, r.IntN(3))]
		}
		return fmt.Sprint("t", r.IntN(100))
	}
	events := make([]plain.Event, n)
	for i := range events {
		e := &events[i]
		*e = plain.Event{Type: types[r.IntN(len(types))], Name: text(0), Bits: r.Uint64(), Time: int64(r.Uint64())}
		if r.IntN(10) == 0 {
			e.Time, e.Bits = wire.NoTime, 0
		}
		for range r.IntN(6) {
			e.Tags = append(e.Tags, plain.Tag{Key: text(1), Value: text(0)})
		}
	}
	return events
}

// TestRoundTrip: what goes in comes out.
func TestRoundTrip(t *testing.T) {
	var d plain.Decoder
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 5))
		var want []plain.Event
		if n := r.IntN(40); n > 0 {
			want = randomEvents(r, n)
		}
		got, err := read(&d, packetOf(t, seed, int64(seed), want...))
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

// checkDecode decodes packet and, if it is accepted, writes it again: byte for byte the
// same.
func checkDecode(t *testing.T, packet []byte) {
	t.Helper()
	untouched := bytes.Clone(packet)
	var d plain.Decoder
	events, err := read(&d, packet)
	require.Equal(t, untouched, packet, "the packet was modified")
	h, cause := plain.CheckHeader(packet)
	if err != nil {
		var rejection *wire.Error
		require.True(t, errors.As(err, &rejection), "%T", err)
		require.True(t, rejection.Cause > wire.Accepted && int(rejection.Cause) < wire.Causes)
		require.LessOrEqual(t, rejection.Offset, len(packet))
		require.False(t, d.Next(), "events of a rejected packet")
		require.Zero(t, h.Points)
		return
	}
	require.Equal(t, wire.Accepted, cause)
	require.Equal(t, d.Header(), h)
	require.Len(t, events, int(h.Points))
	items := 0
	for i := range events {
		items += events[i].Items()
	}
	require.LessOrEqual(t, items, plain.MaxItems)
	require.Equal(t, packet, packetOf(t, h.Sequence, h.Time, events...))
}

// FuzzDecode feeds arbitrary bytes, as they are, and with a first byte and a checksum that
// let them through to the events.
func FuzzDecode(f *testing.F) {
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 6))
		f.Add(packetOf(f, seed, int64(r.Uint64()), randomEvents(r, int(seed))...))
	}
	f.Fuzz(func(t *testing.T, packet []byte) {
		checkDecode(t, packet)
		if len(packet) < plain.HeaderSize+plain.TrailerSize {
			return
		}
		packet = bytes.Clone(packet)
		packet[0] = 0
		checkDecode(t, repaired(packet))
	})
}
