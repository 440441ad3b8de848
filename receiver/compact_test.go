package receiver

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/internal/allocs"
	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/plain"
)

var plainTypes = []plain.Type{
	plain.Gauge, plain.Gauge | plain.Integer, plain.Sum, plain.Sum | plain.Integer, plain.Sum | plain.Integer | plain.Monotonic,
	plain.Sum | plain.Delta | plain.Monotonic, plain.Sum | plain.Delta | plain.Integer,
}

// randomPlain returns n events, of few names and many tags, some of which repeat.
func randomPlain(r *rand.Rand, n int) []plain.Event {
	events := make([]plain.Event, n)
	for i := range events {
		e := &events[i]
		*e = plain.Event{Type: plainTypes[r.IntN(len(plainTypes))], Name: fmt.Sprint("n", r.IntN(4))[:r.IntN(3)], Bits: r.Uint64(), Time: int64(r.Uint64())}
		if r.IntN(4) == 0 {
			e.Time = wire.NoTime
		}
		if e.Type&plain.Integer == 0 {
			e.Bits = math.Float64bits(r.NormFloat64())
		}
		if i > 0 && r.IntN(3) == 0 {
			e.Tags, e.Time = events[i-1].Tags, events[i-1].Time
			continue
		}
		for range r.IntN(1 + r.IntN(40)) {
			value := fmt.Sprint(r.IntN(10))[:r.IntN(2)]
			if r.IntN(50) == 0 {
				value = strings.Repeat("long", 100)
			}
			e.Tags = append(e.Tags, plain.Tag{Key: fmt.Sprint("k", r.IntN(50)), Value: value})
		}
	}
	return events
}

// asPlain returns a packet with these events.
func asPlain(tb testing.TB, sequence uint64, events ...plain.Event) []byte {
	tb.Helper()
	b := plain.AppendHeader(nil)
	for i := range events {
		var ok bool
		b, ok = plain.AppendEvent(b, &events[i])
		require.True(tb, ok)
	}
	b = plain.AppendTrailer(b)
	plain.Stamp(b, sequence, time.Now().UnixNano())
	return b
}

// asMetricdata is what a receiver is to make of a packet of events.
func asMetricdata(events []plain.Event) *metricdata.ResourceMetrics {
	type identity struct {
		kind plain.Type
		name string
	}
	var order []identity
	points := map[identity][]plain.Event{}
	for _, e := range events {
		id := identity{e.Type, e.Name}
		if points[id] == nil {
			order = append(order, id)
		}
		points[id] = append(points[id], e)
	}
	var metrics []metricdata.Metrics
	for _, id := range order {
		m := metricdata.Metrics{Name: id.name}
		if id.kind&plain.Integer != 0 {
			m.Data = aggregationOf(id.kind, points[id], func(bits uint64) int64 { return int64(bits) })
		} else {
			m.Data = aggregationOf(id.kind, points[id], math.Float64frombits)
		}
		metrics = append(metrics, m)
	}
	return &metricdata.ResourceMetrics{Resource: resource.Empty(), ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: metrics}}}
}

func aggregationOf[N int64 | float64](kind plain.Type, events []plain.Event, value func(uint64) N) metricdata.Aggregation {
	var points []metricdata.DataPoint[N]
	for _, e := range events {
		var kvs []attribute.KeyValue
		for _, t := range e.Tags {
			kvs = append(kvs, attribute.String(t.Key, t.Value)) // NewSet takes the last of a key
		}
		p := metricdata.DataPoint[N]{Attributes: attribute.NewSet(kvs...), Value: value(e.Bits)}
		if e.Time != wire.NoTime {
			p.Time = time.Unix(0, e.Time)
		}
		points = append(points, p)
	}
	if kind&^plain.Integer == plain.Gauge {
		return metricdata.Gauge[N]{DataPoints: points}
	}
	temporality := metricdata.CumulativeTemporality
	if kind&plain.Delta != 0 {
		temporality = metricdata.DeltaTemporality
	}
	return metricdata.Sum[N]{DataPoints: points, Temporality: temporality, IsMonotonic: kind&plain.Monotonic != 0}
}

// TestPlainEqualsSent: what a handler gets is what was sent.
func TestPlainEqualsSent(t *testing.T) {
	got := make(chan *metricdata.ResourceMetrics, 1)
	r := listen(t, func(rm *metricdata.ResourceMetrics) { got <- rm })
	send := dial(t, r)
	random := rand.New(rand.NewPCG(3, 3))
	for i := range uint64(300) {
		events := randomPlain(random, 1+random.IntN(60))
		send(asPlain(t, i, events...))
		rm := <-got
		if want := asMetricdata(events); !metricdatatest.AssertEqual(t, *want, *rm) {
			t.FailNow()
		}
		for j, m := range asMetricdata(events).ScopeMetrics[0].Metrics {
			require.Equal(t, m.Name, rm.ScopeMetrics[0].Metrics[j].Name, "in the order in which they came")
		}
	}
	require.NoError(t, r.Close())
	s := r.Stats()
	assert.Equal(t, Counts{Sent: 300, Received: 300, Delivered: 300}, s.Packets)
	assert.Equal(t, s.Points.Received, s.Points.Delivered)
}

// checkCompact asserts that the Compact body of a Plain packet holds what that does, and
// is within the limits of package wire.
func checkCompact(t *testing.T, c *compactor, d *wire.Decoder, packet []byte) {
	t.Helper()
	h, cause := plain.CheckHeader(packet)
	if cause != wire.Accepted {
		return
	}
	events := packet[plain.HeaderSize : len(packet)-plain.TrailerSize]
	body, err := c.compact(&h, events)
	if err != nil {
		require.Zero(t, h.Points)
		return
	}
	require.NoError(t, d.ResetBody(&h, body))
	var want plain.Decoder
	require.NoError(t, want.Reset(packet))
	metrics := map[string]int{}
	for want.Next() {
		require.True(t, d.Next())
		e, p := want.Event(), d.Point()
		require.Equal(t, string(e.Name), string(p.Metric.Name))
		require.Equal(t, e.Type&7, plain.Type(p.Metric.Kind))
		require.Equal(t, [3]bool{e.Type&plain.Integer != 0, e.Type&plain.Monotonic != 0, e.Type&plain.Delta != 0}, [3]bool{p.Metric.Integer, p.Metric.Monotonic, p.Metric.Delta})
		require.Equal(t, [2]int64{e.Time, wire.NoTime}, [2]int64{p.Time, p.StartTime})
		require.Equal(t, e.Bits, p.Bits)
		last := map[string]string{}
		for tag := e.Tags(); tag.Next(); {
			last[string(tag.Key)] = string(tag.Value)
		}
		all := p.Attributes.All
		require.Len(t, all, len(last))
		for _, kv := range all {
			require.Equal(t, last[string(kv.Key)], string(kv.Value.Text()))
			require.Equal(t, wire.StringValue, kv.Value.Type)
		}
		require.True(t, slices.IsSortedFunc(all, func(a, b wire.KeyValue) int { return cmp.Compare(string(a.Key), string(b.Key)) }))
		id := fmt.Sprint(e.Type, string(e.Name))
		if n, ok := metrics[id]; ok {
			require.Equal(t, n, p.Metric.Index, "one metric")
		}
		metrics[id] = p.Metric.Index
	}
	require.False(t, d.Next())
	require.Len(t, d.Metrics(), len(metrics))
}

// TestCompactHoldsAll, also at the limits.
func TestCompactHoldsAll(t *testing.T) {
	var c compactor
	var d wire.Decoder
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 4))
		if seed%10 == 0 {
			c = compactor{}
		}
		checkCompact(t, &c, &d, asPlain(t, seed, randomPlain(r, r.IntN(80))...))
	}
	many := func(n, tags int, name func(int) string) (events []plain.Event) {
		e := plain.Event{Type: plain.Gauge}
		for i := range tags {
			e.Tags = append(e.Tags, plain.Tag{Key: fmt.Sprintf("%x", i*7919%tags)})
		}
		for i := range n {
			e.Name = name(i)
			events = append(events, e)
		}
		return events
	}
	numbered := func(i int) string { return fmt.Sprint(i) }
	for _, events := range [][]plain.Event{
		many(plain.MaxItems/2, 0, numbered),
		many(plain.MaxItems/2, 0, func(int) string { return "" }),
		many(7, plain.MaxTags, numbered),
		many(30, 100, func(int) string { return "x" }),
		many(90, 40, func(int) string { return "x" }),
		many(120, 31, func(int) string { return "x" }),
		append(many(1, plain.MaxTags, numbered), plain.Event{Type: plain.Gauge, Tags: []plain.Tag{{Key: "b"}, {Key: "a"}}}),
		append([]plain.Event{{Type: plain.Gauge, Tags: []plain.Tag{{Key: "b"}, {Key: "a"}}}}, many(1, plain.MaxTags, numbered)...),
	} {
		packet := asPlain(t, 0, events...)
		h, _ := plain.CheckHeader(packet)
		require.Len(t, events, int(h.Points), "within the limits of Plain")
		checkCompact(t, &c, &d, packet)
	}
}

// TestMetricTableForgets, also after 2^32 packets.
func TestMetricTableForgets(t *testing.T) {
	var m metricTable
	m.reset(1)
	_, known := m.find(plain.Gauge, []byte("a"))
	assert.False(t, known)
	m.packet = math.MaxUint32
	m.places[0].packet = 1
	m.reset(1)
	for i := range 2 {
		n, known := m.find(plain.Gauge, []byte("a"))
		assert.Equal(t, 1, n)
		assert.Equal(t, i == 1, known)
	}
}

// FuzzCompact: whatever package plain accepts becomes a Compact body with the same points.
func FuzzCompact(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(asPlain(f, seed, randomPlain(rand.New(rand.NewPCG(seed, 8)), 5)...))
	}
	var c compactor
	var d wire.Decoder
	f.Fuzz(func(t *testing.T, packet []byte) {
		if len(packet) < plain.HeaderSize+plain.TrailerSize {
			return
		}
		packet = slices.Clone(packet)
		plain.Stamp(packet, 1, 2)
		checkCompact(t, &c, &d, packet)
	})
}

// TestCompactAllocatesNothing in steady state.
func TestCompactAllocatesNothing(t *testing.T) {
	packet := asPlain(t, 0, randomPlain(rand.New(rand.NewPCG(1, 1)), 40)...)
	var c compactor
	var d wire.Decoder
	again := func() {
		h, _ := plain.CheckHeader(packet)
		body, err := c.compact(&h, packet[plain.HeaderSize:len(packet)-plain.TrailerSize])
		if err != nil || d.ResetBody(&h, body) != nil {
			t.Fatal("rejected")
		}
	}
	again()
	assert.Zero(t, allocs.In(100, again))
}

// BenchmarkCompact is a packet of 1472 bytes on its way to a Compact body that is decoded.
func BenchmarkCompact(b *testing.B) {
	tags := []plain.Tag{{Key: "method", Value: "GET"}, {Key: "route", Value: "/cart"}, {Key: "status", Value: "200"}}
	var events []plain.Event
	for i := range 19 {
		events = append(events, plain.Event{Type: plain.Sum | plain.Integer, Name: fmt.Sprint("http.requests", i), Bits: 12345, Time: 1_760_000_420_987_654_321, Tags: tags})
	}
	packet := asPlain(b, 0, events...)
	h, _ := plain.CheckHeader(packet)
	var c compactor
	var d wire.Decoder
	b.ReportAllocs()
	for b.Loop() {
		body, _ := c.compact(&h, packet[plain.HeaderSize:len(packet)-plain.TrailerSize])
		if d.ResetBody(&h, body) != nil {
			b.Fatal("rejected")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(events)), "ns/event")
}

// plainSeer takes note of the headers it is given.
type plainSeer struct{ headers chan wire.Header }

func (p plainSeer) HandlePacket(packet *Packet) { p.headers <- packet.Decoder.Header() }
func (p plainSeer) Flush()                      {}

// TestPlainPackets: ListenPackets gives the points of Plain packets, too.
func TestPlainPackets(t *testing.T) {
	headers := make(chan wire.Header, 1)
	r, err := ListenPackets("127.0.0.1:0", func() PacketHandler { return plainSeer{headers} })
	require.NoError(t, err)
	defer r.Close()
	dial(t, r)(plainPacket(t, 5, 3))
	h := <-headers
	assert.Equal(t, wire.Header{Format: plain.Format, Session: h.Session, Sequence: 5, Time: h.Time, Points: 3}, h)
	assert.Equal(t, h.Session, r.Stats().Sessions[0].ID)
}

// TestBothEncodings: senders of both at once are counted exactly, and nothing is mixed up.
func TestBothEncodings(t *testing.T) {
	t.Parallel()
	const each, packets = 4, 200
	var mu sync.Mutex
	points := map[string]int{}
	r := listen(t, func(rm *metricdata.ResourceMetrics) {
		mu.Lock()
		defer mu.Unlock()
		for _, m := range rm.ScopeMetrics[0].Metrics {
			points[m.Name] += len(m.Data.(metricdata.Gauge[int64]).DataPoints)
		}
	}, WithQueueSize(1<<14))
	var wg sync.WaitGroup
	for i := range each {
		compact, isPlain := dial(t, r), dial(t, r)
		wg.Go(func() {
			for n := range packets {
				compact(gauges(t, wire.Header{Session: uint64(i), Sequence: uint64(n), PointsBefore: uint32(2 * n)}, 2))
			}
		})
		wg.Go(func() {
			for n := range packets {
				if n%10 != 5 { // lost
					isPlain(asPlain(t, uint64(n), plain.Event{Type: plain.Gauge | plain.Integer, Name: "plain"}))
				}
			}
		})
	}
	wg.Wait()
	const gone = each * packets / 10
	eventually(t, r, func(s Stats) bool {
		return s.Packets.Delivered == 2*each*packets-gone && s.Packets.Sent == s.Packets.Received+s.Packets.Lost
	})
	require.NoError(t, r.Close())
	s := r.Stats()
	assert.Equal(t, Counts{Sent: 2 * each * packets, Received: 2*each*packets - gone, Lost: gone, Delivered: 2*each*packets - gone}, s.Packets)
	const received = 3*each*packets - gone
	assert.Equal(t, Counts{Sent: received, Received: received, Delivered: received}, s.Points)
	assert.Equal(t, map[string]int{"gauge": 2 * each * packets, "plain": each*packets - gone}, points)
	assert.Len(t, s.Sessions, 2*each)
}
