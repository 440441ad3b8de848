//go:build linux

package faults

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/receiver"
	"github.com/otelgram/otelgram/wire"
)

// twin stands between an exporter and a receiver, and passes each packet on. From some
// packet on it also sends each packet a second time, from an address of its own: unchanged,
// as a replay does, or with a later time, as a copy of the machine does.
type twin struct {
	in       net.PacketConn
	out, own net.Conn
	later    time.Duration
	from     uint64
	reading  sync.WaitGroup

	mu              sync.Mutex
	packets, points uint64 // that were sent again
}

func newTwin(t *testing.T, to string, later time.Duration, from uint64) *twin {
	t.Helper()
	w := &twin{later: later, from: from}
	var err error
	w.in, err = net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	w.out, err = net.Dial("udp", to)
	require.NoError(t, err)
	w.own, err = net.Dial("udp", to)
	require.NoError(t, err)
	w.reading.Go(w.run)
	t.Cleanup(func() {
		_ = w.in.Close()
		w.reading.Wait()
		_ = w.out.Close()
		_ = w.own.Close()
	})
	return w
}

func (w *twin) run() {
	b := make([]byte, 65535)
	for {
		n, _, err := w.in.ReadFrom(b)
		if err != nil {
			return
		}
		_, _ = w.out.Write(b[:n])
		h, err := wire.ParseHeader(b[:n])
		if err != nil || h.Sequence < w.from {
			continue
		}
		if w.later > 0 {
			h.Time += int64(w.later)
			wire.Stamp(b[:n], &h)
		}
		_, _ = w.own.Write(b[:n])
		w.mu.Lock()
		w.packets++
		w.points += uint64(h.Points)
		w.mu.Unlock()
	}
}

// sentAgain is how much was sent a second time.
func (w *twin) sentAgain() (packets, points uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.packets, w.points
}

// TestFault32Clones: what a copy of a machine sends has books of its own and is delivered,
// though it has the session and the numbers of the first machine. What is merely sent again
// is not delivered.
func TestFault32Clones(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		later time.Duration
	}{{"a copied machine", time.Hour}, {"replay", 0}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			seen := &counter{}
			r, err := receiver.Listen("127.0.0.1:0", seen.handle, receiver.WithReaders(1)) // one reader keeps the order
			require.NoError(t, err)
			t.Cleanup(func() { assert.NoError(t, r.Close()) })
			w := newTwin(t, r.Addr().String(), tt.later, 5)
			exp, err := exporter.New(t.Context(), exporter.WithEndpoint(w.in.LocalAddr().String()), exporter.WithLogger(silent), exporter.WithMaxPacketSize(1472))
			require.NoError(t, err)
			t.Cleanup(func() { _ = exp.Shutdown(context.Background()) })
			export(t, exp, 500, 4) // two dozen packets: the least receive buffer holds all of them twice
			s := shut(t, exp)
			var stats receiver.Stats
			require.Eventually(t, func() bool {
				packets, points := w.sentAgain()
				stats = r.Stats()
				if tt.later == 0 {
					// The goodbye is said three times, and counts once each time it is sent
					// again.
					return stats.Points.Delivered == s.Sent && stats.Points.Duplicate == points
				}
				return packets > 0 && stats.Points.Delivered == s.Sent+points && len(stats.Sessions) == 2 &&
					stats.Sessions[0].Closed && stats.Sessions[1].Closed
			}, patience, time.Millisecond, "%+v", s)
			assert.Equal(t, stats.Points.Delivered, seen.count())
			assert.Zero(t, stats.Points.Lost+stats.Points.Late)
			if tt.later == 0 {
				assert.Zero(t, stats.Clones)
				return
			}
			assert.Equal(t, uint64(1), stats.Clones)
			assert.Zero(t, stats.Points.Duplicate)
			clones := 0
			for _, one := range stats.Sessions {
				if one.Clone {
					clones++
				}
			}
			assert.Equal(t, 1, clones)
		})
	}
}
