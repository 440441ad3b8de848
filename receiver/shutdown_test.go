package receiver

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/wire"
)

// ended returns a context that has ended.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// sendOf sends n packets of two points of session 1.
func sendOf(t *testing.T, r *Receiver, n int) {
	t.Helper()
	send := dial(t, r)
	for i := range n {
		send(gauges(t, wire.Header{Session: 1, Sequence: uint64(i), PointsBefore: uint32(2 * i)}, 2))
	}
	eventually(t, r, func(s Stats) bool { return s.Packets.Received == uint64(n) })
}

// TestShutdownEnds: Shutdown ends with its context though a handler blocks. What the
// handler has is delivered, what waits is overrun, and nothing is counted twice when the
// handler returns.
func TestShutdownEnds(t *testing.T) {
	const packets = 20
	release, open := gate()
	defer open()
	entered := make(chan struct{}, packets)
	r, err := Listen("127.0.0.1:0", func(*metricdata.ResourceMetrics) {
		entered <- struct{}{}
		<-release
	}, WithWorkers(1))
	require.NoError(t, err)
	sendOf(t, r, packets)
	<-entered
	err = r.Shutdown(ended())
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "otelgram: Shutdown: the handler was too slow for 19 packets")
	want := Books{
		Packets: Counts{Sent: packets, Received: packets, Delivered: 1, Overrun: packets - 1},
		Points:  Counts{Sent: 2 * packets, Received: 2 * packets, Delivered: 2, Overrun: 2 * (packets - 1)},
	}
	s := r.Stats()
	assert.Equal(t, want, s.Books)
	assert.Equal(t, want, s.Sessions[0].Books)
	err = r.Shutdown(ended())
	require.ErrorContains(t, err, "the handler has not returned")
	open()
	require.NoError(t, r.Close(), "it waits for the handler")
	require.NoError(t, r.Shutdown(ended()), "all is done")
	assert.Equal(t, want, r.Stats().Books)
	assert.Empty(t, entered)
}

// TestShutdownDelivers: Shutdown delivers what is queued while its context lasts.
func TestShutdownDelivers(t *testing.T) {
	const packets = 500
	var got atomic.Int64
	r, err := Listen("127.0.0.1:0", func(*metricdata.ResourceMetrics) { got.Add(1) })
	require.NoError(t, err)
	sendOf(t, r, packets)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { assert.NoError(t, r.Shutdown(t.Context())) })
	}
	all.Wait()
	assert.Equal(t, int64(packets), got.Load())
	assert.Equal(t, uint64(packets), r.Stats().Packets.Delivered)
}

// TestHandlerExitsItsGoroutine: its packet is delivered, with all its resources, and
// another goroutine serves what comes after.
func TestHandlerExitsItsGoroutine(t *testing.T) {
	const packets, resources = 50, 5
	var got atomic.Int64
	r := listen(t, func(*metricdata.ResourceMetrics) {
		if got.Add(1)%3 == 0 {
			runtime.Goexit()
		}
	}, WithWorkers(1))
	send := dial(t, r)
	for i := range packets {
		p, err := wire.NewPacker(1472)
		require.NoError(t, err)
		p.Start(nil)
		for n := range resources {
			m := &wire.Metric{Scope: &wire.Scope{Resource: &wire.Resource{SchemaURL: wire.NewSymbol(fmt.Sprint(n))}}, Kind: wire.Gauge}
			require.Equal(t, wire.Added, p.Append(&wire.Point{Metric: m}))
		}
		packet := p.Finish()
		wire.Stamp(packet, &wire.Header{Format: wire.Compact, Session: 1, Sequence: uint64(i), Points: resources, PointsBefore: uint32(resources * i)})
		send(packet)
	}
	s := eventually(t, r, func(s Stats) bool { return s.Packets.Delivered == packets })
	assert.Equal(t, Counts{Sent: packets * resources, Received: packets * resources, Delivered: packets * resources}, s.Points)
	assert.Equal(t, int64(packets*resources), got.Load())
}

// TestBlockedHandler: while a handler blocks, others are served and the socket is read.
func TestBlockedHandler(t *testing.T) {
	release, open := gate()
	defer open()
	var blocked atomic.Uint64
	var got [2]atomic.Int64
	r := listen(t, func(rm *metricdata.ResourceMetrics) {
		points := rm.ScopeMetrics[0].Metrics[0].Data.(metricdata.Gauge[int64]).DataPoints
		got[len(points)-1].Add(1)
		if len(points) == 1 {
			blocked.Add(1)
			<-release
		}
	}, WithWorkers(2), WithQueueSize(10))
	send := dial(t, r)
	ids := sessionsByWorker(r, 1)
	for i := range 100 {
		send(gauges(t, wire.Header{Session: ids[0], Sequence: uint64(i), PointsBefore: uint32(i)}, 1))
		send(gauges(t, wire.Header{Session: ids[1], Sequence: uint64(i), PointsBefore: uint32(2 * i)}, 2))
		require.Eventually(t, func() bool { return got[1].Load() == int64(i+1) }, 30*time.Second, 100*time.Microsecond)
	}
	s := eventually(t, r, func(s Stats) bool { return s.Packets.Received == 200 })
	assert.InDelta(t, 100-10, s.Packets.Overrun, 1, "of the queue's ten places one session leaves one to others")
	open()
	s = eventually(t, r, func(s Stats) bool { return s.Packets.Delivered+s.Packets.Overrun == 200 })
	assert.Equal(t, s.Points.Received, s.Points.Delivered+s.Points.Overrun)
}

// packetCounter is a handler of packets that counts what it is given.
type packetCounter struct {
	inside          sync.Mutex
	t               *testing.T
	points, calls   int
	flushes, unsaid int // unsaid: calls since the last flush
}

func (c *packetCounter) HandlePacket(p *Packet) {
	if !c.inside.TryLock() {
		c.t.Error("two at once")
		return
	}
	defer c.inside.Unlock()
	for p.Decoder.Next() {
		c.points++
	}
	c.calls++
	c.unsaid++
	assert.Equal(c.t, "127.0.0.1", p.Source.Addr().String())
	assert.Less(c.t, p.Decoder.Header().Session, uint64(10))
	assert.WithinDuration(c.t, time.Now(), p.Arrived, time.Minute)
}

func (c *packetCounter) Flush() {
	c.inside.Lock()
	defer c.inside.Unlock()
	assert.Positive(c.t, c.unsaid, "only after a packet")
	c.flushes++
	c.unsaid = 0
}

// TestListenPackets: each goroutine has a handler of its own, which gets the decoded
// packets, their sources, and a flush after the last one.
func TestListenPackets(t *testing.T) {
	const packets, workers = 200, 3
	var all []*packetCounter
	r, err := ListenPackets("127.0.0.1:0", func() PacketHandler {
		c := &packetCounter{t: t}
		all = append(all, c)
		return c
	}, WithWorkers(workers))
	require.NoError(t, err)
	assert.Len(t, all, workers, "before the first packet")
	send := dial(t, r)
	for i := range packets {
		send(gauges(t, wire.Header{Session: uint64(i % 10), Sequence: uint64(i / 10), PointsBefore: uint32(i / 10 * 3)}, 3))
	}
	eventually(t, r, func(s Stats) bool { return s.Packets.Delivered == packets })
	require.NoError(t, r.Close())
	points, calls, flushes := 0, 0, 0
	for _, c := range all {
		points += c.points
		calls += c.calls
		flushes += c.flushes
		assert.Zero(t, c.unsaid, "the last packet has a flush behind it")
	}
	assert.Equal(t, 3*packets, points)
	assert.Equal(t, packets, calls)
	assert.Positive(t, flushes)
	_, err = ListenPackets("127.0.0.1:0", nil)
	require.ErrorContains(t, err, "otelgram: ListenPackets: newHandler is nil")
	_, err = ListenPackets("127.0.0.1:0", func() PacketHandler { return nil })
	require.ErrorContains(t, err, "otelgram: ListenPackets: newHandler returned nil")
}

// flushed reports its flushes.
type flushed struct{ packets, flushes chan int }

func (f flushed) HandlePacket(*Packet) { f.packets <- 1 }
func (f flushed) Flush()               { f.flushes <- 1 }

// TestFlushBehindABadPacket: the last packet in the queue cannot be decoded. What the
// handler has of the packets before is flushed all the same.
func TestFlushBehindABadPacket(t *testing.T) {
	h := flushed{make(chan int), make(chan int, 10)}
	r, err := ListenPackets("127.0.0.1:0", func() PacketHandler { return h }, WithWorkers(1))
	require.NoError(t, err)
	send := dial(t, r)
	send(gauges(t, wire.Header{Session: 1}, 1))
	bad := gauges(t, wire.Header{Session: 1, Sequence: 1, PointsBefore: 1}, 1)
	bad[wire.HeaderSize] = 0x87 // no such tag
	wire.Stamp(bad, &wire.Header{Format: wire.Compact, Session: 1, Sequence: 1, Points: 1, PointsBefore: 1})
	send(bad)
	eventually(t, r, func(s Stats) bool { return s.Packets.Received == 2 })
	<-h.packets
	<-h.flushes
	assert.Equal(t, uint64(1), eventually(t, r, func(s Stats) bool { return s.Packets.Rejected == 1 }).Rejected.Malformed)
	require.NoError(t, r.Close())
	assert.Empty(t, h.flushes, "once")
}

// TestReaders: senders are spread over several sockets, and the books are as with one.
func TestReaders(t *testing.T) {
	const senders, packets = 40, 50
	var got atomic.Int64
	r := listen(t, func(*metricdata.ResourceMetrics) { got.Add(1) }, WithReaders(4))
	if n := r.Stats().Sockets; n != 4 {
		t.Skipf("there are %d sockets on this system", n)
	}
	for s := range senders {
		send := dial(t, r)
		for i := range packets {
			send(gauges(t, wire.Header{Session: uint64(s), Sequence: uint64(i), PointsBefore: uint32(2 * i)}, 2))
		}
		eventually(t, r, func(st Stats) bool { return st.Packets.Received == uint64((s+1)*packets) })
	}
	s := eventually(t, r, func(s Stats) bool { return s.Packets.Delivered == senders*packets })
	assert.Equal(t, Counts{Sent: senders * packets, Received: senders * packets, Delivered: senders * packets}, s.Packets)
	assert.Equal(t, int64(senders*packets), got.Load())
	_, err := Listen(r.Addr().String(), drop)
	require.EqualError(t, err, fmt.Sprintf("otelgram: Listen(%q): address already in use", r.Addr().String()))
}

// TestShutdownCountsAll: whenever a context ends while packets are decoded and a handler
// blocks, each packet is counted in one place when Shutdown returns.
func TestShutdownCountsAll(t *testing.T) {
	for i := range 100 {
		release, open := gate()
		var calls atomic.Int64
		r, err := Listen("127.0.0.1:0", func(*metricdata.ResourceMetrics) {
			if calls.Add(1) > int64(i%7) {
				<-release
			}
		}, WithWorkers(1))
		require.NoError(t, err)
		send := dial(t, r)
		for n := range 30 {
			send(gauges(t, wire.Header{Session: uint64(n % 3), Sequence: uint64(n / 3), PointsBefore: uint32(n / 3 * 300)}, 300))
		}
		_ = r.Shutdown(ended())
		s := r.Stats()
		for _, c := range []Counts{s.Packets, s.Points} {
			assert.Equal(t, c.Received, c.Delivered+c.Rejected+c.Overrun, "%+v", s.Books)
		}
		open()
		require.NoError(t, r.Close())
		assert.Equal(t, s.Books, r.Stats().Books, "nothing is counted twice")
	}
}

// TestFlushWhileBusy: packets follow without end, some of them bad, and the handler is
// flushed all the same. A flush that exits its goroutine is made again.
func TestFlushWhileBusy(t *testing.T) {
	exits := make(chan struct{}, 2)
	exits <- struct{}{}
	stop := make(chan struct{})
	h := &exitingFlush{flushed: make(chan struct{}, 1000), exits: exits, stop: stop}
	r, err := ListenPackets("127.0.0.1:0", func() PacketHandler { return h }, WithWorkers(1), WithQueueSize(1<<16))
	require.NoError(t, err)
	send := dial(t, r)
	bad := gauges(t, wire.Header{Session: 2}, 1)
	bad[wire.HeaderSize] = 0x87
	var sending sync.WaitGroup
	sending.Go(func() {
		for n := uint64(0); ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			send(gauges(t, wire.Header{Session: 1, Sequence: n, PointsBefore: uint32(n)}, 1))
			wire.Stamp(bad, &wire.Header{Format: wire.Compact, Session: 2, Sequence: n, Points: 1, PointsBefore: uint32(n)})
			send(bad)
		}
	})
	for range 3 {
		<-h.flushed
	}
	close(stop)
	sending.Wait()
	require.NoError(t, r.Close())
	assert.Empty(t, exits)
}

// exitingFlush is a handler that is slower than the packets arrive until it is told to
// stop, and exits its goroutine in some flushes.
type exitingFlush struct {
	flushed chan struct{}
	exits   chan struct{}
	stop    chan struct{}
}

func (f *exitingFlush) HandlePacket(*Packet) {
	select {
	case <-time.After(time.Millisecond):
	case <-f.stop: // Close waits for all that is queued
	}
}

func (f *exitingFlush) Flush() {
	select {
	case <-f.exits:
		runtime.Goexit()
	default:
	}
	f.flushed <- struct{}{}
}
