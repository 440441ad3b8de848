package receiver

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"golang.org/x/sys/unix"

	"github.com/otelgram/otelgram/internal/hostile"
	"github.com/otelgram/otelgram/wire"
)

const (
	// maxAllocated is what a worker may allocate for each byte of a packet.
	maxAllocated = 512
	// largestPacket is the largest UDP payload over IPv4, in bytes.
	largestPacket = wire.MaxPacketSize
)

// TestHostilePackets prints what packets cost that are made to cost much, and asserts
// that what is allocated for one is bounded. Some are refused, which costs as well.
func TestHostilePackets(t *testing.T) {
	for _, size := range []int{1472, 16 << 10, largestPacket} {
		for i := range hostile.Shapes {
			shape := &hostile.Shapes[i]
			t.Run(fmt.Sprint(shape.Name, " ", size), func(t *testing.T) {
				var packets [][]byte
				for n := range 12 {
					p := shape.Packet(size, n, wire.Header{})
					require.LessOrEqual(t, len(p), size)
					packets = append(packets, p)
				}
				bytes, took, verdict := costOf(packets)
				t.Logf("%6d bytes: %4d allocated a byte, %6.3f ms, %s", len(packets[0]), bytes/uint64(len(packets[0])), took.Seconds()*1000, verdict)
				assert.LessOrEqual(t, bytes, uint64(maxAllocated*len(packets[0])))
				assert.NotContains(t, verdict, "malformed", "that is no cost at all")
			})
		}
	}
}

// serveNow queues a packet and serves it.
func serveNow(w *worker, b *body, packet []byte) {
	w.queue.offer(b, packet[wire.HeaderSize:len(packet)-wire.TrailerSize], &w.receiver.buffers)
	w.serve(w.queue.pop())
}

// threadTime is the processor time that this thread has taken.
func threadTime() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t)
	return time.Duration(t.Nano())
}

// costOf returns what a worker allocates, at the most, and how long it works, at the
// median, for one of the packets. The first ones make its tables grow.
func costOf(packets [][]byte) (allocated uint64, took time.Duration, verdict string) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	w := &worker{receiver: &Receiver{notices: newNotices()}, handle: newMetricdata(drop, defaultCacheSize), queue: newQueue(64)}
	var times []time.Duration
	for i, p := range packets {
		h, _ := wire.CheckHeader(p)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := threadTime()
		_, cause := wire.CheckHeader(p)
		if cause == wire.Accepted {
			serveNow(w, &body{session: &session{proven: true}, header: h, packets: 1}, p)
		}
		spent := threadTime() - start
		runtime.ReadMemStats(&after)
		if i >= len(packets)/3 {
			times = append(times, spent)
			allocated = max(allocated, after.TotalAlloc-before.TotalAlloc)
		}
	}
	slices.Sort(times)
	verdict = "delivered"
	for c := range w.receiver.causes {
		if n := w.receiver.causes[c].Load(); n > 0 {
			verdict = fmt.Sprint(strings.ReplaceAll(wire.Cause(c).String(), "_", " "), " ", n)
		}
	}
	return allocated, times[len(times)/2], verdict
}

// TestHostilePacketsLeaveNothing: what stays after hundreds of megabytes of them is what
// stays after a few: caches that are full, and tables that have grown to the largest.
func TestHostilePacketsLeaveNothing(t *testing.T) {
	total := 20 << 20
	if *long {
		total = 200 << 20
	}
	w := &worker{receiver: &Receiver{notices: newNotices()}, handle: newMetricdata(drop, defaultCacheSize), queue: newQueue(64)}
	table := newTabled(begin)
	next := hostile.Packets()
	feed := func(bytes int) (heapAfter int64) {
		for sent := 0; sent < bytes; {
			p := next()
			sent += len(p)
			h, cause := wire.CheckHeader(p)
			require.Equal(t, wire.Accepted, cause)
			s, v := table.see(&h, source, begin)
			require.Equal(t, fresh, v)
			serveNow(w, &body{session: s, header: h, packets: 1}, p)
		}
		return heap()
	}
	first := feed(total / 4)
	last := feed(total)
	t.Logf("live heap: %d KiB after %d MiB, %d KiB after %d MiB more", first>>10, total>>22, last>>10, total>>20)
	assert.LessOrEqual(t, last, first+defaultCacheSize)
	runtime.KeepAlive(w)
}

// TestHonestBesideHostile: beside ten megabits a second of what costs most, a sender of
// 200 packets a second has each of them delivered.
func TestHonestBesideHostile(t *testing.T) {
	const rate, hostileBytes = 200, 10_000_000 / 8 // a second
	seconds := 1
	if *long {
		seconds = 10
	}
	var mu sync.Mutex
	sentAt, delays := map[int64]time.Time{}, []time.Duration(nil)
	r := listen(t, func(rm *metricdata.ResourceMetrics) {
		if len(rm.ScopeMetrics[0].Metrics) == 0 || rm.ScopeMetrics[0].Metrics[0].Name != "honest" {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		n := rm.ScopeMetrics[0].Metrics[0].Data.(metricdata.Gauge[int64]).DataPoints[0].Value
		delays = append(delays, time.Since(sentAt[n]))
	})
	send, attack := dial(t, r), dial(t, r)
	next, sent := hostile.Packets(), 0
	for tick := range seconds * rate {
		mu.Lock()
		sentAt[int64(tick)] = time.Now()
		mu.Unlock()
		send(honest(t, tick))
		for sent < tick*hostileBytes/rate {
			p := next()
			attack(p)
			sent += len(p)
		}
		<-time.After(time.Second / rate)
	}
	s := eventually(t, r, func(Stats) bool { mu.Lock(); defer mu.Unlock(); return len(delays) == seconds*rate })
	mu.Lock()
	defer mu.Unlock()
	t.Logf("the longest delay is %v, beside %d MB in %d s; %d packets dropped by the kernel", slices.Max(delays), sent>>20, seconds, s.KernelDrops)
	if *long {
		assert.Less(t, slices.Max(delays), time.Second)
	}
}

// honest is the packet of a sender of session 0 that tells its number.
func honest(t *testing.T, n int) []byte {
	t.Helper()
	p, err := wire.NewPacker(1472)
	require.NoError(t, err)
	p.Start(nil)
	m := &wire.Metric{Scope: &wire.Scope{Resource: &wire.Resource{}}, Name: wire.NewSymbol("honest"), Kind: wire.Gauge, Integer: true}
	require.Equal(t, wire.Added, p.Append(&wire.Point{Metric: m, Bits: uint64(n)}))
	packet := p.Finish()
	wire.Stamp(packet, &wire.Header{Format: wire.Compact, Session: 0, Sequence: uint64(n), Points: 1, PointsBefore: uint32(n)})
	return packet
}
