//go:build linux

package faults

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

// paced is how many bytes a packet has for the pace, and for a bareReader.
const paced = 1472

// bareReader reads a socket without package receiver.
type bareReader struct {
	address string
	stats   func() (points, packets, dropped uint64)
	// stalled is the longest time for which the machine kept the reader or the sender
	// waiting: the reader took longer over a packet than it was told to, or did not read
	// what was there, or the sender did not send what the pace allowed.
	stalled func() time.Duration
	end     func() error
}

// settle waits until all packets have arrived or are among those that the kernel says it
// dropped, and returns how many points arrived.
func (b *bareReader) settle(t *testing.T, sent uint64) (points uint64) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, packets, dropped := b.stats()
		return packets+dropped == sent
	}, patience, time.Millisecond)
	points, _, _ = b.stats()
	require.NoError(t, b.end())
	return points
}

// newBareReader reads a socket with a receive buffer of that many bytes, and is busy for a
// while with each 1472 bytes. Once, in the middle, it stops for a longer while.
func newBareReader(t *testing.T, address string, buffer int, busy, stop time.Duration) *bareReader {
	t.Helper()
	const middle = 100 * paced                                                                  // bytes
	l, err := udp.Listen(address, udp.WithReceiveBuffer(buffer/2), udp.WithoutReceiveOffload()) // so that drops are exact
	require.NoError(t, err)
	var points, packets atomic.Uint64
	var stalled atomic.Int64
	ended := make(chan struct{})
	stall := func(d time.Duration) { stalled.Store(max(stalled.Load(), int64(d))) }
	go func() {
		defer close(ended)
		bytes, done := 0, time.Time{}
		var last wire.Header
		batch := make([]udp.Datagram, 16)
		for {
			n, err := l.ReadBatch(batch)
			if err != nil {
				return
			}
			if n == len(batch) && !done.IsZero() {
				stall(time.Since(done))
			}
			for _, d := range batch[:n] {
				begin, busy := time.Now(), busy*time.Duration(len(d.Data))/paced
				if bytes < middle && bytes+len(d.Data) >= middle {
					busy += stop
				}
				bytes += len(d.Data)
				for time.Since(begin) < busy {
				}
				done = time.Now()
				stall(done.Sub(begin) - busy)
				if h, cause := wire.CheckHeader(d.Data); cause == wire.Accepted {
					points.Add(uint64(h.Points))
					if h.Format == wire.Compact && h.Sequence > 0 {
						// A packet of 1472 bytes every 100 microseconds, a millisecond's at once.
						pace := time.Duration(h.Sequence-last.Sequence) * 100 * time.Microsecond * time.Duration(len(d.Data)) / paced
						stall(time.Duration(h.Time-last.Time) - pace - time.Millisecond)
					}
					last = h
				}
				packets.Add(1)
			}
		}
	}()
	if !udp.IsUnix(address) {
		address = l.Addr().String()
	}
	return &bareReader{
		address: address,
		stats: func() (uint64, uint64, uint64) {
			dropped, _ := l.Drops()
			return points.Load(), packets.Load(), dropped
		},
		stalled: func() time.Duration { return time.Duration(stalled.Load()) },
		end: func() error {
			err := l.Close()
			<-ended
			return err
		},
	}
}
