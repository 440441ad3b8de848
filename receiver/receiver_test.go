package receiver

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/goleak"

	"github.com/otelgram/otelgram/internal/testsize"
	"github.com/otelgram/otelgram/receiver/internal/window"
	"github.com/otelgram/otelgram/wire"
)

func TestMain(m *testing.M) {
	testsize.WaitTogether(8)
	goleak.VerifyTestMain(m)
}

// gauges makes a packet with n points of one metric.
func gauges(t *testing.T, h wire.Header, n int) []byte {
	t.Helper()
	p, err := wire.NewPacker(wire.MaxPacketSize)
	require.NoError(t, err)
	p.Start(nil)
	m := &wire.Metric{
		Scope: &wire.Scope{Resource: &wire.Resource{}}, Name: wire.NewSymbol("gauge"), Kind: wire.Gauge, Integer: true,
	}
	for i := range n {
		require.Equal(t, wire.Added, p.Append(&wire.Point{Metric: m, Time: int64(i), Bits: uint64(i)}))
	}
	packet := p.Finish()
	h.Format, h.Points = wire.Compact, uint16(n)
	wire.Stamp(packet, &h)
	return packet
}

// dial returns a function that sends datagrams to r.
func dial(t *testing.T, r *Receiver) func(packets ...[]byte) {
	t.Helper()
	c, err := net.Dial("udp", r.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return func(packets ...[]byte) {
		for _, p := range packets {
			_, err := c.Write(p)
			require.NoError(t, err)
		}
	}
}

func listen(t *testing.T, handle func(*metricdata.ResourceMetrics), opts ...Option) *Receiver {
	t.Helper()
	r, err := Listen("127.0.0.1:0", handle, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

// gate returns a channel on which handlers wait, and a function that opens it. A test also
// defers that function: a receiver closes only after its handlers have returned.
func gate() (release <-chan struct{}, open func()) {
	c := make(chan struct{})
	return c, sync.OnceFunc(func() { close(c) })
}

func eventually(t *testing.T, r *Receiver, is func(Stats) bool) Stats {
	t.Helper()
	var s Stats
	for end := time.Now().Add(30 * time.Second); ; {
		s = r.Stats()
		if is(s) {
			return s
		}
		if time.Now().After(end) {
			require.FailNow(t, "timeout", "%+v", s)
		}
		<-time.After(time.Millisecond)
	}
}

func TestListenRefuses(t *testing.T) {
	nop := func(*metricdata.ResourceMetrics) {}
	tests := []struct {
		name   string
		addr   string
		handle func(*metricdata.ResourceMetrics)
		opts   []Option
		says   string
	}{
		{"no port", "localhost", nop, nil, `Listen("localhost"): the port is missing: want "localhost:4319"`},
		{"URL", "udp://:4319", nop, nil, `leave out "udp://": want ":4319"`},
		{"bad port", "localhost:99999", nop, nil, `Listen("localhost:99999")`},
		{"no handler", "localhost:0", nil, nil, "handle is nil"},
		{"negative buffer", "localhost:0", nop, []Option{WithReceiveBuffer(-1)}, "WithReceiveBuffer(-1)"},
		{"no buffer", "localhost:0", nop, []Option{WithReceiveBuffer(0)}, "WithReceiveBuffer(0)"},
		{"no queue", "localhost:0", nop, []Option{WithQueueSize(0)}, "WithQueueSize(0)"},
		{"huge queue", "localhost:0", nop, []Option{WithQueueSize(1 << 30)}, "from 1 to 1048576"},
		{"no workers", "localhost:0", nop, []Option{WithWorkers(0)}, "WithWorkers(0)"},
		{"many workers", "localhost:0", nop, []Option{WithWorkers(65)}, "from 1 to 64"},
		{"nothing", "", nop, nil, `otelgram: Listen(""): want host:port, such as "localhost:4319", or a path`},
		{"nil option", "localhost:0", nop, []Option{WithWorkers(1), nil}, "otelgram: Listen: option 2 is nil"},
		{"no readers", "localhost:0", nop, []Option{WithReaders(0)}, "otelgram: WithReaders(0): must be from 1 to 64"},
		{"few sessions", "localhost:0", nop, []Option{WithMaxSessions(15)}, "WithMaxSessions(15): must be from 16 to 16777216 sessions"},
		{"little to reassemble", "localhost:0", nop, []Option{WithReassemblySize(1000)}, "WithReassemblySize(1000): must be from 131072"},
		{"negative cache", "localhost:0", nop, []Option{WithCacheSize(-1)}, "WithCacheSize(-1)"},
		{"half of the mapped networks", "localhost:0", nop, []Option{WithAllowedSources(netip.MustParsePrefix("::ffff:0:0/90"))}, "WithAllowedSources([::ffff:0.0.0.0/90]): want networks such as"},
		{"sticky socket", "localhost:0", nop, []Option{WithSocketMode(0o1777)}, "WithSocketMode(01777): want permission bits only"},
		{"unknown group", "localhost:0", nop, []Option{WithSocketGroup("no-such-group")}, `WithSocketGroup("no-such-group"): unknown group`},
		{"multicast", "239.1.2.3:4319", nop, nil, `Listen("239.1.2.3:4319"): a multicast address cannot be had by one alone`},
		{"not there", "unixgram:///no/such/directory/s", nop, nil, `otelgram: Listen("unixgram:///no/such/directory/s"): no such file or directory`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Listen(tt.addr, tt.handle, tt.opts...)
			require.ErrorContains(t, err, tt.says)
		})
	}
}

func TestRejectedByCause(t *testing.T) {
	handed := make(chan int, 10)
	r := listen(t, func(rm *metricdata.ResourceMetrics) { handed <- len(rm.ScopeMetrics) })
	send := dial(t, r)
	good := gauges(t, wire.Header{Session: 5}, 3)
	damaged := append([]byte(nil), good...)
	damaged[40] ^= 1
	version := append([]byte(nil), good...)
	version[0] = 0x22
	flag := append([]byte(nil), good...)
	flag[24] = 0x80
	miscounted := append([]byte(nil), good...)
	wire.Stamp(miscounted, &wire.Header{Format: wire.Compact, Session: 5, Sequence: 1, Points: 9, PointsBefore: 3})
	badReport := wire.AppendReport(nil, &wire.Report{})
	badReport = append(badReport[:wire.HeaderSize], 0xFF, 0xFF, 0, 0, 0, 0)
	wire.Stamp(badReport, &wire.Header{Format: wire.SenderReport, Session: 5, Sequence: 2, PointsBefore: 12})
	report := wire.AppendReport(nil, &wire.Report{Dropped: [wire.DropReasons]uint64{wire.Deadline: 8}})
	wire.Stamp(report, &wire.Header{Format: wire.SenderReport, Session: 5, Sequence: 4, PointsBefore: 12, Goodbye: true})

	withPoints := append([]byte(nil), report...)
	wire.Stamp(withPoints, &wire.Header{Format: wire.SenderReport, Session: 5, Sequence: 3, Points: 7, PointsBefore: 12})

	send(nil, []byte("statsd:1|c"), damaged, version, flag, good, good, miscounted, badReport, report, report, report, withPoints)
	s := eventually(t, r, func(s Stats) bool {
		return s.Points.Delivered+s.Points.Rejected == 19 && s.Books == s.Sessions[0].Books
	})
	assert.Equal(t, Rejected{TooShort: 2, BadChecksum: 1, UnknownVersion: 1, UnknownFlag: 1, Malformed: 3}, s.Rejected)
	assert.Equal(t, Counts{Sent: 5, Received: 5, Delivered: 2, Rejected: 3, Duplicate: 1}, s.Packets)
	assert.Equal(t, Counts{Sent: 19, Received: 19, Delivered: 3, Rejected: 16, Duplicate: 3}, s.Points)
	require.Len(t, s.Sessions, 1)
	one := s.Sessions[0]
	assert.Equal(t, uint64(5), one.ID)
	assert.Equal(t, s.Books, one.Books)
	assert.True(t, one.Closed)
	assert.False(t, one.Joined)
	assert.Equal(t, map[string]uint64{"deadline": 8}, one.Dropped)
	assert.Equal(t, "127.0.0.1", one.Source.Addr().String())
	assert.False(t, one.FirstSeen.IsZero() || one.LastSeen.Before(one.FirstSeen))
	assert.Equal(t, 1, <-handed)
	assert.Positive(t, s.BufferEffective)
	assert.Equal(t, defaultReceiveBuffer, s.BufferAsked)
}

// TestSlowHandler: what the queue cannot hold counts as overrun, and the socket
// is read all the same.
func TestSlowHandler(t *testing.T) {
	const packets, queue = 100, 4
	entered := make(chan struct{}, packets)
	release, open := gate()
	defer open()
	r := listen(t, func(*metricdata.ResourceMetrics) {
		entered <- struct{}{}
		<-release
	}, WithQueueSize(queue), WithWorkers(1))
	send := dial(t, r)
	send(gauges(t, wire.Header{Session: 1}, 2))
	<-entered
	for i := 1; i < packets; i++ {
		send(gauges(t, wire.Header{Session: 1, Sequence: uint64(i), PointsBefore: uint32(2 * i)}, 2))
	}
	s := eventually(t, r, func(s Stats) bool { return s.Packets.Received == packets })
	assert.Equal(t, uint64(packets-queue-1), s.Packets.Overrun)
	open()
	s = eventually(t, r, func(s Stats) bool { return s.Points.Delivered == 2*(queue+1) && s.Books == s.Sessions[0].Books })
	assert.Equal(t, Counts{Sent: 2 * packets, Received: 2 * packets, Delivered: 2 * (queue + 1), Overrun: 2 * (packets - queue - 1)}, s.Points)
	assert.Equal(t, s.Books, s.Sessions[0].Books)
}

// TestQueueIsBoundedInBytes: a large packet counts for as many as it takes.
func TestQueueIsBoundedInBytes(t *testing.T) {
	const packets, queue = 40, 64
	entered := make(chan struct{}, packets)
	release, open := gate()
	defer open()
	r := listen(t, func(*metricdata.ResourceMetrics) {
		entered <- struct{}{}
		<-release
	}, WithQueueSize(queue), WithWorkers(1))
	send := dial(t, r)
	large := func(i int) []byte {
		set := &wire.AttributeSet{}
		set.AddString(wire.NewSymbol("k"), wire.NewSymbol(strings.Repeat("x", 60_000)))
		p, err := wire.NewPacker(wire.MaxPacketSize)
		require.NoError(t, err)
		p.Start(nil)
		require.Equal(t, wire.Added, p.Append(&wire.Point{Metric: &wire.Metric{Scope: &wire.Scope{Resource: &wire.Resource{}}, Name: wire.NewSymbol("m"), Kind: wire.Gauge}, Attributes: set}))
		packet := p.Finish()
		wire.Stamp(packet, &wire.Header{Format: wire.Compact, Session: 1, Sequence: uint64(i), Points: 1, PointsBefore: uint32(i)})
		return packet
	}
	send(large(0))
	<-entered
	for i := range packets - 1 {
		send(large(i + 1))
		eventually(t, r, func(s Stats) bool { return s.Packets.Received == uint64(i+2) })
	}
	held := uint64(packets) - r.Stats().Packets.Overrun
	assert.LessOrEqual(t, held, uint64(queue*placeSize/60_000+2))
	assert.Greater(t, held, uint64(1))
}

// TestStatsPausesBriefly: no more than 64 sessions are looked at while packets wait, by
// Stats as well as by code that forgets, settles or gives up what is too old.
func TestStatsPausesBriefly(t *testing.T) {
	const sessions = 1000
	r := listen(t, drop, WithMaxSessions(4096))
	now := time.Now()
	r.mu.Lock()
	for id := range uint64(sessions) {
		for _, sequence := range []uint64{0, 9} { // with loss, so that there is something to settle
			h := wire.Header{Session: id, Sequence: sequence, Points: 1, PointsBefore: uint32(sequence)}
			_, v := r.table.see(&h, source, now)
			require.Equal(t, window.Fresh, v)
		}
	}
	before := r.table.pending.len
	settled := r.table.settle(now.Add(lateAfter))
	r.mu.Unlock()
	assert.Equal(t, sessions, before)
	assert.True(t, settled, "there are more")
	all, more := r.appendSessions(nil, make([]drops, stride), 0)
	assert.Len(t, all, stride)
	assert.True(t, more)
	s := r.Stats()
	assert.Len(t, s.Sessions, sessions)
	seen := map[uint64]bool{}
	sum := Counts{}
	for _, one := range s.Sessions {
		seen[one.ID] = true
		sum.Sent += one.Packets.Sent
		sum.Received += one.Packets.Received
	}
	assert.Len(t, seen, sessions, "each once")
	assert.Equal(t, s.Packets.Sent, sum.Sent)
	assert.Equal(t, uint64(10*sessions), sum.Sent)
	assert.Equal(t, s.Packets.Received, sum.Received)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.table.expire(now.Add(2 * sessionIdle))
	assert.Equal(t, sessions-forgetAtOnce, r.table.len())
}

// TestExpiresUnasked: a receiver whose books are never read forgets all the same.
func TestExpiresUnasked(t *testing.T) {
	r := listen(t, func(*metricdata.ResourceMetrics) {})
	send := dial(t, r)
	send(gauges(t, wire.Header{Session: 1}, 1))
	eventually(t, r, func(s Stats) bool { return s.Packets.Delivered == 1 })
	r.mu.Lock()
	r.table.byID[1].lastSeen = time.Now().Add(-sessionIdle)
	r.mu.Unlock()
	send(gauges(t, wire.Header{Session: 2}, 1))
	require.Eventually(t, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.table.byID[2] != nil && r.table.byID[1] == nil
	}, 30*time.Second, time.Millisecond)
}

// TestOvertakenReport: the latest report counts, in whatever order the reports come.
func TestOvertakenReport(t *testing.T) {
	r := listen(t, func(*metricdata.ResourceMetrics) {})
	report := func(sequence, deadline uint64, goodbye bool) []byte {
		b := wire.AppendReport(nil, &wire.Report{Dropped: [wire.DropReasons]uint64{wire.Deadline: deadline}})
		wire.Stamp(b, &wire.Header{Format: wire.SenderReport, Session: 1, Sequence: sequence, Goodbye: goodbye})
		return b
	}
	dial(t, r)(report(0, 1, false), report(2, 50, true), report(1, 10, false))
	s := eventually(t, r, func(s Stats) bool { return s.Packets.Delivered == 3 }).Sessions[0]
	assert.True(t, s.Closed)
	assert.Equal(t, map[string]uint64{"deadline": 50}, s.Dropped)
}

// sessionsByWorker returns the ids of n sessions for each worker of r.
func sessionsByWorker(r *Receiver, n int) (ids []uint64) {
	served := map[*worker]int{}
	for id := uint64(1); len(ids) < n*len(r.workers); id++ {
		if w := r.workerOf(id); served[w] < n {
			served[w]++
			ids = append(ids, id)
		}
	}
	return ids
}

// TestOneSessionOneGoroutine asserts what the handler is promised.
func TestOneSessionOneGoroutine(t *testing.T) {
	const sessions, workers, packets = 8, 4, 50
	var inside [sessions]sync.Mutex
	counts := make([]int64, sessions)
	entered := make(chan struct{})
	release, open := gate()
	defer open()
	r := listen(t, func(rm *metricdata.ResourceMetrics) {
		p := rm.ScopeMetrics[0].Metrics[0].Data.(metricdata.Gauge[int64]).DataPoints
		s := len(p) - 1 // a packet of a session has as many points as the session's number, plus one
		if !inside[s].TryLock() {
			t.Error("two at once in one session")
			return
		}
		defer inside[s].Unlock()
		if counts[s]++; s == 0 && counts[s] == 1 {
			close(entered)
			<-release
		}
	}, WithWorkers(workers))
	send := dial(t, r)
	ids := sessionsByWorker(r, sessions/workers)
	for i := range packets {
		for s := range sessions {
			n := s + 1
			send(gauges(t, wire.Header{Session: ids[s], Sequence: uint64(i), PointsBefore: uint32(i * n)}, n))
		}
	}
	// While a handler of the first session does not return, the other workers have time
	// enough to take what is not theirs.
	<-entered
	others := uint64(sessions * packets * (workers - 1) / workers)
	eventually(t, r, func(s Stats) bool { return s.Packets.Received == sessions*packets && s.Packets.Delivered >= others })
	assert.Less(t, r.Stats().Packets.Delivered, others+packets)
	open()
	st := eventually(t, r, func(s Stats) bool { return s.Packets.Delivered == sessions*packets })
	assert.Len(t, st.Sessions, sessions)
	require.NoError(t, r.Close())
	for s, n := range counts {
		assert.Equal(t, int64(packets), n, "session %d", s)
	}
}

// TestCloseHandsOverWhatIsQueued: Close delivers what is queued, and leaves nothing behind.
func TestCloseHandsOverWhatIsQueued(t *testing.T) {
	release := make(chan struct{})
	r, err := Listen("127.0.0.1:0", func(*metricdata.ResourceMetrics) { <-release }, WithWorkers(1))
	require.NoError(t, err)
	send := dial(t, r)
	for i := range 20 {
		send(gauges(t, wire.Header{Session: 1, Sequence: uint64(i), PointsBefore: uint32(i)}, 1))
	}
	eventually(t, r, func(s Stats) bool { return s.Packets.Received == 20 })
	closed := make(chan error)
	go func() { closed <- r.Close() }()
	close(release)
	require.NoError(t, <-closed)
	require.NoError(t, r.Close(), "idempotent")
	s := r.Stats()
	assert.Equal(t, uint64(20), s.Packets.Delivered)
	assert.Equal(t, s.Packets.Received, s.Packets.Delivered+s.Packets.Rejected+s.Packets.Overrun)
}

// TestTwoResourcesInAPacket: two resources are two calls of the handler.
func TestTwoResourcesInAPacket(t *testing.T) {
	got := make(chan string, 4)
	r := listen(t, func(rm *metricdata.ResourceMetrics) {
		got <- fmt.Sprint(rm.Resource.SchemaURL(), len(rm.ScopeMetrics), len(rm.ScopeMetrics[0].Metrics))
	})
	p, err := wire.NewPacker(1472)
	require.NoError(t, err)
	p.Start(nil)
	for _, url := range []string{"a", "b"} {
		resource := &wire.Resource{SchemaURL: wire.NewSymbol(url)}
		for _, scope := range []string{"s", "t"} {
			sc := &wire.Scope{Resource: resource, Name: wire.NewSymbol(scope)}
			for _, name := range []string{"x", "y", "z"} {
				m := &wire.Metric{Scope: sc, Name: wire.NewSymbol(name), Kind: wire.Sum}
				require.Equal(t, wire.Added, p.Append(&wire.Point{Metric: m, StartTime: wire.NoTime}))
			}
		}
	}
	packet := p.Finish()
	wire.Stamp(packet, &wire.Header{Format: wire.Compact, Points: 12})
	dial(t, r)(packet)
	assert.Equal(t, "a2 3", <-got)
	assert.Equal(t, "b2 3", <-got)
	eventually(t, r, func(s Stats) bool { return s.Points.Delivered == 12 })
}
