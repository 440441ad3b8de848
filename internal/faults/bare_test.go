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
	stats   func() (points, dropped uint64)
	end     func() error
}

func (b *bareReader) stop(t *testing.T, sent uint64) (received, dropped uint64) {
	t.Helper()
	end := time.Now().Add(300 * time.Millisecond) // what comes comes at once
	for received < sent && time.Now().Before(end) {
		received, _ = b.stats()
		<-time.After(time.Millisecond)
	}
	received, dropped = b.stats()
	require.NoError(t, b.end())
	return received, dropped
}

// newBareReader reads a socket with a receive buffer of so many bytes, and is
// busy for a while with each packet.
func newBareReader(t *testing.T, buffer int, busy time.Duration) *bareReader {
	t.Helper()
	l, err := udp.Listen("127.0.0.1:0", udp.WithReceiveBuffer(buffer/2))
	require.NoError(t, err)
	var points atomic.Uint64
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
				for begin := time.Now(); time.Since(begin) < busy; {
				}
				if h, cause := wire.CheckHeader(d.Data); cause == wire.Accepted {
					points.Add(uint64(h.Points))
				}
			}
		}
	}()
	return &bareReader{
		address: l.Addr().String(),
		stats: func() (uint64, uint64) {
			dropped, _ := l.Drops()
			return points.Load(), dropped
		},
		end: func() error {
			err := l.Close()
			<-ended
			return err
		},
	}
}
