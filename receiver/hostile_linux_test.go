package receiver

import (
	"fmt"
	"hash/maphash"
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

	"github.com/otelgram/otelgram/internal/allocs"
	"github.com/otelgram/otelgram/internal/hostile"
	"github.com/otelgram/otelgram/internal/randomdata"
	"github.com/otelgram/otelgram/internal/testsize"
	"github.com/otelgram/otelgram/receiver/internal/window"
	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/plain"
)

const (
	// maxAllocated is what a worker may allocate for each byte of a packet.
	maxAllocated = 512
	// largestPacket is the largest UDP payload over IPv4, in bytes.
	largestPacket = wire.MaxPacketSize
)

// TestHostilePackets prints the cost of packets that are made to cost much, and asserts
// that what is allocated for one is bounded. Some are rejected, which costs as well.
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

// TestHostilePlainPackets is TestHostilePackets for Plain. What is read of a packet when it
// is received counts, too.
func TestHostilePlainPackets(t *testing.T) {
	for _, size := range []int{1472, 16 << 10, largestPacket} {
		for i := range plainShapes {
			shape := &plainShapes[i]
			t.Run(fmt.Sprint(shape.name, " ", size), func(t *testing.T) {
				var packets [][]byte
				for n := range 12 {
					packets = append(packets, shape.packet(t, size, n))
				}
				bytes, took, verdict := costOf(packets)
				t.Logf("%6d bytes: %4d allocated a byte, %6.3f ms, %s", len(packets[0]), bytes/uint64(len(packets[0])), took.Seconds()*1000, verdict)
				assert.LessOrEqual(t, bytes, uint64(maxAllocated*len(packets[0])))
				assert.Contains(t, []string{"delivered", "over budget 12"}, verdict)
			})
		}
	}
}

// BenchmarkHostile shows in one run how long a worker works for a packet that is made to
// cost much. Packets of Plain should take no longer than the costliest of Compact.
func BenchmarkHostile(b *testing.B) {
	bench := func(format, name string, packet func(n int) []byte) {
		b.Run(format+"/"+strings.ReplaceAll(name, " ", "_"), func(b *testing.B) {
			var packets [][]byte
			for n := range 12 {
				packets = append(packets, packet(n))
			}
			var took time.Duration
			for b.Loop() {
				_, one, _ := costOf(packets)
				took += one
			}
			b.ReportMetric(float64(took.Microseconds())/float64(b.N), "us/packet")
		})
	}
	for i := range hostile.Shapes {
		s := &hostile.Shapes[i]
		bench("compact", s.Name, func(n int) []byte { return s.Packet(largestPacket, n, wire.Header{}) })
	}
	for i := range plainShapes {
		s := &plainShapes[i]
		bench("plain", s.name, func(n int) []byte { return s.packet(b, largestPacket, n) })
	}
}

// plainShape is a kind of Plain packets that are made to cost much.
type plainShape struct {
	name  string
	tags  func(n, i, k int) plain.Tag // the k-th tag of the i-th event of the n-th packet
	event func(n, i int) plain.Event
	many  int // tags of an event
}

var plainShapes = []plainShape{
	{"names", nil, func(n, i int) plain.Event { return plain.Event{Type: plain.Gauge, Name: fmt.Sprint(n, i)} }, 0},
	{"no names", nil, func(int, int) plain.Event { return plain.Event{Type: plain.Gauge} }, 0},
	{"types in turns", nil, func(_, i int) plain.Event {
		return plain.Event{Type: randomdata.PlainTypes[i%len(randomdata.PlainTypes)]}
	}, 0},
	{"small tags", func(n, i, k int) plain.Tag { return plain.Tag{Key: string(rune('a' + (n+i+k)%26))} }, oneName, 1},
	{"tags to be sorted", func(n, i, k int) plain.Tag { return plain.Tag{Key: fmt.Sprintf("%x", k*(7919+2*i)%509+n)} }, oneName, plain.MaxTags},
	{"long tags to be sorted", func(n, i, k int) plain.Tag {
		return plain.Tag{Key: fmt.Sprintf("the begin %x", k*(7919+2*i)%509+n)}
	}, oneName, plain.MaxTags},
	{"tags of one key", func(n, _, k int) plain.Tag { return plain.Tag{Key: "k", Value: fmt.Sprint(n, k)} }, oneName, plain.MaxTags},
	{"long keys that differ at their end", func(n, _, k int) plain.Tag {
		return plain.Tag{Key: fmt.Sprintf("%0100d", (k*7919+n)%509)}
	}, oneName, plain.MaxTags},
	{"one set", func(_, _, k int) plain.Tag { return plain.Tag{Key: fmt.Sprint(k)} }, oneName, 20},
	{"one long value", func(n, _, _ int) plain.Tag { return plain.Tag{Key: "k", Value: strings.Repeat("v", 1000)} }, oneName, 1},
	{"too many items", func(int, int, int) plain.Tag { return plain.Tag{Key: "k"} }, oneName, 400},
}

func oneName(int, int) plain.Event { return plain.Event{Type: plain.Sum | plain.Integer, Name: "n"} }

// packet fills a packet, up to the limits except for the last shape.
func (s *plainShape) packet(t testing.TB, size, n int) []byte {
	t.Helper()
	items := plain.MaxItems
	if s.name == "too many items" {
		items *= 2
	}
	b := plain.AppendHeader(nil)
	for i := 0; ; i++ {
		e := s.event(n, i)
		for k := range s.many {
			e.Tags = append(e.Tags, s.tags(n, i, k))
		}
		var more []byte
		for ok := false; ; e.Tags = e.Tags[:len(e.Tags)/2] {
			more, ok = plain.AppendEvent(b, &e)
			require.True(t, ok)
			if len(more) <= size-plain.TrailerSize || len(e.Tags) == 0 {
				break
			}
		}
		if items -= e.Items(); items < 0 || len(more) > size-plain.TrailerSize {
			break
		}
		b = more
	}
	b = plain.AppendTrailer(b)
	plain.Stamp(b, uint64(n), int64(n))
	return b
}

// serveNow queues a packet and serves it.
func serveNow(w *worker, b *body, packet []byte) {
	header := wire.HeaderSize
	if b.header.Format == plain.Format {
		header = plain.HeaderSize
	}
	w.queue.offer(b, packet[header:len(packet)-wire.TrailerSize], &w.receiver.buffers)
	w.serve(w.queue.pop())
}

// threadTime returns the processor time that this thread has taken.
func threadTime() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t)
	return time.Duration(t.Nano())
}

// costOf returns the most that a worker allocates, and the median of how long it works, for
// one of the packets. The first ones make its tables grow.
func costOf(packets [][]byte) (allocated uint64, took time.Duration, verdict string) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	w := &worker{receiver: &Receiver{notices: newNotices(), seed: maphash.MakeSeed()}, handle: newMetricdata(drop, defaultCacheSize), queue: newQueue(64)}
	var times []time.Duration
	for i, p := range packets {
		d := udp.Datagram{Data: p, Source: source}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := threadTime()
		h, cause := w.receiver.checkHeader(&d)
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

// TestHostilePacketsLeaveNothing: after hundreds of megabytes of hostile packets as much
// memory stays as after a few: caches that are full, and tables that have grown to their
// largest size.
func TestHostilePacketsLeaveNothing(t *testing.T) {
	total := testsize.Pick(20<<20, 200<<20)
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
			require.Equal(t, window.Fresh, v)
			serveNow(w, &body{session: s, header: h, packets: 1}, p)
		}
		return allocs.Heap()
	}
	first := feed(total / 4)
	last := feed(total)
	t.Logf("live heap: %d KiB after %d MiB, %d KiB after %d MiB more", first>>10, total>>22, last>>10, total>>20)
	assert.LessOrEqual(t, last, first+defaultCacheSize)
	runtime.KeepAlive(w)
}

// TestHonestBesideHostile: a receiver gets ten megabits a second of the costliest packets,
// and 200 packets a second of an honest sender. Each of the latter is delivered. The test
// prints the longest delay.
func TestHonestBesideHostile(t *testing.T) {
	const rate, hostileBytes = 200, 10_000_000 / 8 // a second
	seconds := testsize.Pick(1, 10)
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
}

// honest returns a packet of a sender of session 0 that carries its number.
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
