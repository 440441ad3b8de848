package otelgramreceiver

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"golang.org/x/sys/unix"

	"github.com/otelgram/otelgram/internal/allocs"
	"github.com/otelgram/otelgram/internal/hostile"
	"github.com/otelgram/otelgram/receiver"
	"github.com/otelgram/otelgram/wire"
)

// maxAllocated is what a packet may make the receiver allocate for each of its bytes.
const maxAllocated = 512

// TestHostilePackets prints the cost of packets that are made to cost much, and asserts
// that what is allocated for one is bounded. Some are rejected, which costs as well.
func TestHostilePackets(t *testing.T) {
	discard, err := consumer.NewMetrics(func(context.Context, pmetric.Metrics) error { return nil })
	require.NoError(t, err)
	for _, size := range []int{1472, 16 << 10, wire.MaxPacketSize} {
		for i := range hostile.Shapes {
			shape := &hostile.Shapes[i]
			t.Run(fmt.Sprint(shape.Name, " ", size), func(t *testing.T) {
				h := newTestHandler(t, discard)
				var d wire.Decoder
				allocated, times, length := uint64(0), []time.Duration(nil), 0
				for n := range 12 {
					p := shape.Packet(size, n, wire.Header{})
					length = len(p)
					bytes, took := costOf(func() {
						if d.Reset(p) == nil {
							h.HandlePacket(&receiver.Packet{Decoder: &d, Source: here, Arrived: now})
							h.Flush()
						}
					})
					if n >= 4 { // tables have grown by then
						allocated, times = max(allocated, bytes), append(times, took)
					}
				}
				slices.Sort(times)
				t.Logf("%6d bytes: %4d allocated a byte, %6.3f ms", length, allocated/uint64(length), times[len(times)/2].Seconds()*1000)
				assert.LessOrEqual(t, allocated, uint64(maxAllocated*length))
			})
		}
	}
}

// TestOpenBatchesTakeLittle: whatever shape the packets have, and whatever sources they
// come from, open batches take a bounded memory.
func TestOpenBatchesTakeLittle(t *testing.T) {
	discard, err := consumer.NewMetrics(func(context.Context, pmetric.Metrics) error { return nil })
	require.NoError(t, err)
	for i := range hostile.Shapes {
		shape := &hostile.Shapes[i]
		for _, size := range []int{1472, wire.MaxPacketSize} {
			h := newTestHandler(t, discard)
			var d wire.Decoder
			packets := make([][]byte, 20)
			for n := range packets {
				packets[n] = shape.Packet(size, n, wire.Header{})
			}
			before := allocs.Heap()
			for n := 0; n < 1000 && h.bytes < maxOpenBytes*3/4; n++ {
				if d.Reset(packets[n%len(packets)]) == nil {
					h.HandlePacket(&receiver.Packet{Decoder: &d, Source: here, Arrived: now})
				}
			}
			after := allocs.Heap()
			require.LessOrEqual(t, after-before, int64(2*maxOpenBytes+cacheSize), "%s, %d bytes", shape.Name, size)
			runtime.KeepAlive(h)
		}
	}
}

// costOf returns what f allocates, and the processor time it takes.
func costOf(f func()) (bytes uint64, took time.Duration) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := threadTime()
	f()
	took = threadTime() - start
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc, took
}

// threadTime returns the processor time that this thread has taken.
func threadTime() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t)
	return time.Duration(t.Nano())
}
