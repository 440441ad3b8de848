//go:build linux

package faults

import (
	"context"
	"encoding/binary"
	"flag"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/internal/allocs"
	"github.com/otelgram/otelgram/internal/testsize"
	"github.com/otelgram/otelgram/receiver"
	"github.com/otelgram/otelgram/wire"
)

var hostile = flag.Int("hostile", testsize.Pick(200_000, 1_000_000), "how many random packets TestFault23Noise sends, and a tenth of it mutated ones")

// packet makes a valid packet with a point, in a session of its own.
func packet(t *testing.T, session, sequence uint64) []byte {
	t.Helper()
	p, err := wire.NewPacker(1472)
	require.NoError(t, err)
	p.Start(nil)
	scope := &wire.Scope{Resource: &wire.Resource{}, Name: wire.NewSymbol("scope")}
	m := &wire.Metric{Scope: scope, Name: wire.NewSymbol("metric"), Kind: wire.Gauge, Integer: true}
	set := &wire.AttributeSet{}
	set.AddString(wire.NewSymbol("key"), wire.NewSymbol("value"))
	require.Equal(t, wire.Added, p.Append(&wire.Point{Metric: m, Attributes: set, Time: 1, Bits: 2}))
	b := p.Finish()
	wire.Stamp(b, &wire.Header{Format: wire.Compact, Session: session, Sequence: sequence, Points: 1, PointsBefore: uint32(sequence)})
	return b
}

// target is a receiver to which a valid stream and noise are sent.
type target struct {
	t     *testing.T
	exp   *exporter.Exporter // of the valid stream
	recv  *receiver.Receiver
	conn  net.Conn
	seen  *counter // of the valid stream alone, whose points are the only sums
	sent  uint64
	heaps []int64 // of this process, taken while all of it runs
}

// beside runs a valid stream into a receiver for as long as noise is sent to it. It asserts
// that all the time the stream arrives, except what the kernel dropped, and that the memory
// does not grow.
func beside(t *testing.T, noise func(to *target), opts ...receiver.Option) receiver.Stats {
	t.Helper()
	to := &target{t: t, seen: &counter{}}
	r, err := receiver.Listen("127.0.0.1:0", to.seen.handle, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	exp, err := exporter.New(t.Context(), exporter.WithEndpoint(r.Addr().String()), exporter.WithLogger(silent))
	require.NoError(t, err)
	t.Cleanup(func() { _ = exp.Shutdown(context.Background()) })
	to.exp, to.recv = exp, r
	to.conn, err = net.Dial("udp", r.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = to.conn.Close() })
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for tick := time.NewTicker(5 * time.Millisecond); ctx.Err() == nil; <-tick.C {
			_ = exp.Export(ctx, points(100)) // the books have what it loses
		}
	}()
	noise(to)
	to.phase()
	stop()
	<-ended
	s := shut(t, exp)
	var stats receiver.Stats
	whole := assert.Eventually(t, func() bool {
		stats = r.Stats()
		for _, one := range stats.Sessions {
			if one.Closed && one.Points.Sent == s.Sent && one.Points.Delivered == one.Points.Received {
				return one.Points.Sent == one.Points.Received+one.Points.Lost && one.Packets.Lost <= stats.KernelDrops
			}
		}
		return false
	}, patience, time.Millisecond, "the valid stream")
	require.True(t, whole, "sent %+v, received %+v", s, r.Stats())
	if len(to.heaps) > 1 {
		assert.Less(t, to.heaps[len(to.heaps)-1], to.heaps[0]+8<<20, "%d", to.heaps)
	}
	return stats
}

// send sends as fast as the receiver reads and decodes. Faster, the test would only prove
// that the receiver drops what is too much.
func (to *target) send(b []byte) {
	to.t.Helper()
	_, err := to.conn.Write(b)
	require.NoError(to.t, err)
	if to.sent++; to.sent%500 != 0 {
		return
	}
	read := func(s receiver.Stats) uint64 {
		x := s.Rejected
		return s.Packets.Received + s.Packets.Duplicate + s.Packets.Late + s.KernelDrops +
			x.TooShort + x.UnknownVersion + x.UnknownFlag + x.BadChecksum
	}
	const behind = 500 // packets; a report a second is among those sent, and in no count of read
	require.Eventually(to.t, func() bool {
		s := to.recv.Stats()
		p := s.Packets
		return read(s)+behind >= to.sent+to.exp.Stats().Packets && p.Received-p.Delivered-p.Rejected-p.Overrun < behind
	}, patience, 100*time.Microsecond)
}

// phase asserts that the valid stream gets through at present, and notes the memory.
func (to *target) phase() {
	to.t.Helper()
	before := to.seen.count()
	require.Eventually(to.t, func() bool { return to.seen.count() > before }, patience, time.Millisecond, "the valid stream")
	to.heaps = append(to.heaps, allocs.Heap())
}

// TestFault20Truncated: every prefix of a packet is rejected and counted.
func TestFault20Truncated(t *testing.T) {
	whole := packet(t, 7, 0)
	s := beside(t, func(to *target) {
		for n := range len(whole) {
			to.send(whole[:n])
		}
		to.send(make([]byte, 65507))
	})
	x := s.Rejected
	assert.Equal(t, uint64(len(whole)+1), x.TooShort+x.UnknownVersion+x.BadChecksum, "%+v", x)
	assert.Equal(t, uint64(wire.HeaderSize+wire.TrailerSize), x.TooShort)
}

// TestFault23Noise: random bytes, packets of other protocols, and valid packets with bytes
// changed under a right checksum. The memory does not grow.
func TestFault23Noise(t *testing.T) {
	random := rand.New(rand.NewPCG(23, 23))
	valid := packet(t, 9, 0)
	others := [][]byte{[]byte("page.views:1|c|#env:prod"), []byte("cpu,host=a usage=1 1"), {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}, {}}
	rejected := uint64(0)
	s := beside(t, func(to *target) {
		b := make([]byte, 1472)
		for i := range *hostile {
			if i == *hostile/4 {
				to.phase() // everything has grown to its size
			}
			n := random.IntN(len(b))
			for j := 0; j+8 <= n; j += 8 {
				binary.LittleEndian.PutUint64(b[j:], random.Uint64())
			}
			to.send(b[:n])
			rejected++
			if i%100 == 0 {
				for _, other := range others {
					to.send(other)
					rejected++
				}
			}
		}
		to.phase()
		for i := range *hostile / 10 {
			mutated := append(b[:0], valid...)
			for range 1 + random.IntN(4) {
				mutated[wire.HeaderSize+random.IntN(len(mutated)-wire.HeaderSize-wire.TrailerSize)] = byte(random.Uint32())
			}
			wire.Stamp(mutated, &wire.Header{Format: wire.Compact, Session: 9, Sequence: uint64(i), Points: 1, PointsBefore: uint32(i)})
			to.send(mutated)
		}
	})
	x := s.Rejected
	assert.LessOrEqual(t, rejected-(x.TooShort+x.UnknownVersion+x.UnknownFlag+x.BadChecksum), s.KernelDrops, "%+v", x)
	assert.Positive(t, x.Malformed)
}

// TestFault33ForgedSessions: as many sessions as an attacker likes push each other out of
// the table, but no session that sends all the time.
func TestFault33ForgedSessions(t *testing.T) {
	s := beside(t, func(to *target) {
		for i := range uint64(50_000) {
			if i == 25_000 {
				to.phase()
			}
			to.send(packet(t, i+1<<32, i%2))
		}
	}, receiver.WithMaxSessions(4096))
	assert.LessOrEqual(t, len(s.Sessions), 4096)
	assert.Greater(t, s.Forgotten, uint64(40_000))
	assert.Equal(t, s.Points.Sent, s.Points.Received+s.Points.Lost)
}
