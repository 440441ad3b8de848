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

// bareReader reads a socket without package receiver.
type bareReader struct {
	address string
	stats   func() (points, packets, dropped uint64)
	// stalled is the longest that it took over a packet beyond what it was told to:
	// it was ready to run, and did not.
	stalled func() time.Duration
	end     func() error
}

// settle waits until all packets have arrived or are among those that the kernel
// says it dropped, and returns how many points arrived.
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

// newBareReader reads a socket with a receive buffer of so many bytes, and is
// busy for a while with each packet.
func newBareReader(t *testing.T, buffer int, busy time.Duration) *bareReader {
	t.Helper()
	l, err := udp.Listen("127.0.0.1:0", udp.WithReceiveBuffer(buffer/2))
	require.NoError(t, err)
	var points, packets atomic.Uint64
	var stalled atomic.Int64
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		batch := make([]udp.Datagram, 16)
		for i := range batch {
			batch[i].Data = make([]byte, 0, 2048)
		}
		for {
			n, err := l.ReadBatch(batch)
			if err != nil {
				return
			}
			for _, d := range batch[:n] {
				begin := time.Now()
				for time.Since(begin) < busy {
				}
				stalled.Store(max(stalled.Load(), int64(time.Since(begin)-busy)))
				if h, cause := wire.CheckHeader(d.Data); cause == wire.Accepted {
					points.Add(uint64(h.Points))
				}
				packets.Add(1)
			}
		}
	}()
	return &bareReader{
		address: l.Addr().String(),
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
