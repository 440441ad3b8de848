//go:build linux

package faults

import (
	"encoding/binary"
	"flag"
	"math/rand/v2"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/receiver"
	"github.com/otelgram/otelgram/wire"
)

var hostile = flag.Int("hostile", 200_000, "how many random packets TestFault23Noise sends, and a tenth of it mutated ones")

// packet makes a valid one with a point, of a session of its own.
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

// beside runs a valid stream into a receiver while noise is sent to it, and wants
// the stream to arrive but for what the kernel dropped.
func beside(t *testing.T, noise func(send func([]byte))) receiver.Stats {
	t.Helper()
	r, err := receiver.Listen("127.0.0.1:0", nop)
	require.NoError(t, err)
	exp, err := exporter.New(t.Context(), exporter.WithEndpoint(r.Addr().String()), exporter.WithLogger(silent))
	require.NoError(t, err)
	c, err := net.Dial("udp", r.Addr().String())
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		rm := points(100)
		for range 50 {
			if exp.Export(t.Context(), rm) != nil {
				return
			}
			<-time.After(5 * time.Millisecond)
		}
	}()
	sent := 0
	noise(func(b []byte) {
		_, err := c.Write(b)
		require.NoError(t, err)
		if sent++; sent%500 == 0 {
			// As fast as it can be read, or nothing is proven but the kernel's drops.
			seen := func(s receiver.Stats) uint64 {
				x := s.Rejected
				return s.Packets.Received + s.Packets.Duplicate + s.Packets.Late + s.KernelDrops +
					x.TooShort + x.UnknownVersion + x.UnknownFlag + x.BadChecksum
			}
			require.Eventually(t, func() bool { return seen(r.Stats()) >= uint64(sent) }, patience, 100*time.Microsecond)
		}
	})
	<-done
	s := shut(t, exp)
	var stats receiver.Stats
	require.Eventually(t, func() bool {
		stats = r.Stats()
		for _, one := range stats.Sessions {
			if one.Closed && one.Points.Sent == s.Sent && one.Points.Handed == one.Points.Received {
				return one.Points.Sent == one.Points.Received+one.Points.Lost && one.Packets.Lost <= stats.KernelDrops
			}
		}
		return false
	}, patience, time.Millisecond, "the valid stream")
	require.NoError(t, c.Close())
	require.NoError(t, r.Close())
	return stats
}

// TestFault20Truncated: every prefix of a packet is rejected and counted.
func TestFault20Truncated(t *testing.T) {
	whole := packet(t, 7, 0)
	s := beside(t, func(send func([]byte)) {
		for n := range len(whole) {
			send(whole[:n])
		}
		send(make([]byte, 65507))
	})
	x := s.Rejected
	assert.Equal(t, uint64(len(whole)+1), x.TooShort+x.UnknownVersion+x.BadChecksum, "%+v", x)
	assert.Equal(t, uint64(wire.HeaderSize+wire.TrailerSize), x.TooShort)
}

// TestFault23Noise: random bytes, what other protocols send, and valid packets
// with bytes changed under a right checksum; the memory stays what it is.
func TestFault23Noise(t *testing.T) {
	random := rand.New(rand.NewPCG(23, 23))
	valid := packet(t, 9, 0)
	others := [][]byte{[]byte("page.views:1|c|#env:prod"), []byte("cpu,host=a usage=1 1"), {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}, {}}
	before := heap()
	rejected := uint64(0)
	s := beside(t, func(send func([]byte)) {
		b := make([]byte, 1472)
		for i := range *hostile {
			n := random.IntN(len(b))
			for j := 0; j+8 <= n; j += 8 {
				binary.LittleEndian.PutUint64(b[j:], random.Uint64())
			}
			send(b[:n])
			rejected++
			if i%100 == 0 {
				for _, other := range others {
					send(other)
					rejected++
				}
			}
		}
		for i := range *hostile / 10 {
			mutated := append(b[:0], valid...)
			for range 1 + random.IntN(4) {
				mutated[wire.HeaderSize+random.IntN(len(mutated)-wire.HeaderSize-wire.TrailerSize)] = byte(random.Uint32())
			}
			wire.Stamp(mutated, &wire.Header{Format: wire.Compact, Session: 9, Sequence: uint64(i), Points: 1, PointsBefore: uint32(i)})
			send(mutated)
		}
	})
	x := s.Rejected
	assert.LessOrEqual(t, rejected-(x.TooShort+x.UnknownVersion+x.UnknownFlag+x.BadChecksum), s.KernelDrops, "%+v", x)
	assert.Positive(t, x.Malformed)
	assert.Less(t, heap(), before+16<<20)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestFault33ForgedSessions: as many sessions as an attacker likes push each
// other out of the table, and not one that is heard of all the time.
func TestFault33ForgedSessions(t *testing.T) {
	before := heap()
	s := beside(t, func(send func([]byte)) {
		for i := range uint64(50_000) {
			b := packet(t, i+1<<32, i%2)
			send(b)
		}
	})
	assert.LessOrEqual(t, len(s.Sessions), 4096)
	assert.Greater(t, s.Forgotten, uint64(40_000))
	assert.Equal(t, s.Points.Sent, s.Points.Received+s.Points.Lost)
	assert.Less(t, heap(), before+16<<20)
}
