package compact

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/internal/allocs"
	"github.com/otelgram/otelgram/internal/randomdata"
	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/plain"
)

// checkCompact asserts that the Compact body of a Plain packet holds the same events, and
// is within the limits of package wire.
func checkCompact(t *testing.T, c *Compactor, d *wire.Decoder, packet []byte) {
	t.Helper()
	h, cause := plain.CheckHeader(packet)
	if cause != wire.Accepted {
		return
	}
	events := packet[plain.HeaderSize : len(packet)-plain.TrailerSize]
	body, err := c.Compact(&h, events)
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
		var all []wire.KeyValue
		for _, kv := range p.Attributes.All() {
			all = append(all, kv)
		}
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

// TestCompactHoldsAll: the body holds all events, even at the limits.
func TestCompactHoldsAll(t *testing.T) {
	var c Compactor
	var d wire.Decoder
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 4))
		if seed%10 == 0 {
			c = Compactor{}
		}
		checkCompact(t, &c, &d, randomdata.PlainPacket(seed, randomdata.PlainEvents(r, r.IntN(80))...))
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
		packet := randomdata.PlainPacket(0, events...)
		h, _ := plain.CheckHeader(packet)
		require.Len(t, events, int(h.Points), "within the limits of Plain")
		checkCompact(t, &c, &d, packet)
	}
}

// TestMetricTableForgets: the table forgets, even after 2^32 packets.
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
		f.Add(randomdata.PlainPacket(seed, randomdata.PlainEvents(rand.New(rand.NewPCG(seed, 8)), 5)...))
	}
	var c Compactor
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

// TestCompactAllocatesNothing: in steady state nothing is allocated.
func TestCompactAllocatesNothing(t *testing.T) {
	packet := randomdata.PlainPacket(0, randomdata.PlainEvents(rand.New(rand.NewPCG(1, 1)), 40)...)
	var c Compactor
	var d wire.Decoder
	again := func() {
		h, _ := plain.CheckHeader(packet)
		body, err := c.Compact(&h, packet[plain.HeaderSize:len(packet)-plain.TrailerSize])
		if err != nil || d.ResetBody(&h, body) != nil {
			t.Fatal("rejected")
		}
	}
	again()
	assert.Zero(t, allocs.In(100, again))
}

// BenchmarkCompact makes a packet of 1472 bytes into a Compact body and decodes that.
func BenchmarkCompact(b *testing.B) {
	tags := []plain.Tag{{Key: "method", Value: "GET"}, {Key: "route", Value: "/cart"}, {Key: "status", Value: "200"}}
	var events []plain.Event
	for i := range 19 {
		events = append(events, plain.Event{Type: plain.Sum | plain.Integer, Name: fmt.Sprint("http.requests", i), Bits: 12345, Time: 1_760_000_420_987_654_321, Tags: tags})
	}
	packet := randomdata.PlainPacket(0, events...)
	h, _ := plain.CheckHeader(packet)
	var c Compactor
	var d wire.Decoder
	b.ReportAllocs()
	for b.Loop() {
		body, _ := c.Compact(&h, packet[plain.HeaderSize:len(packet)-plain.TrailerSize])
		if d.ResetBody(&h, body) != nil {
			b.Fatal("rejected")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(events)), "ns/event")
}
