package otelgramreceiver

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/otelgram/otelgram/collector/otelgramreceiver/internal/metadata"
	"github.com/otelgram/otelgram/receiver"
	"github.com/otelgram/otelgram/wire"
)

var (
	now  = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	here = netip.MustParseAddrPort("127.0.0.1:1")
)

// newTestHandler returns a handler in front of next.
func newTestHandler(t testing.TB, next consumer.Metrics) *handler {
	t.Helper()
	set := receivertest.NewNopSettings(metadata.Type)
	self, err := newTelemetry(set)
	require.NoError(t, err)
	d, err := newDelivery(set, createDefaultConfig().(*Config), next, self)
	require.NoError(t, err)
	d.start(componenttest.NewNopHost())
	t.Cleanup(d.stop)
	return newHandler(d, newSenders(100).of(), 0)
}

// give gives a packet to h.
func give(t testing.TB, h *handler, packet []byte, source netip.AddrPort) {
	t.Helper()
	var d wire.Decoder
	require.NoError(t, d.Reset(packet))
	h.HandlePacket(&receiver.Packet{Decoder: &d, Source: source, Arrived: now})
}

// series says what a point belongs to.
type series struct {
	resource, scope, metric string
	kind                    wire.Kind
}

// pack makes a packet with a point for each of the series, whose values rise from first.
func pack(t testing.TB, first int, all ...series) []byte {
	t.Helper()
	p, err := wire.NewPacker(wire.MaxPacketSize)
	require.NoError(t, err)
	p.Start(nil)
	resources, scopes, metrics := map[string]*wire.Resource{}, map[[2]string]*wire.Scope{}, map[series]*wire.Metric{}
	for i, s := range all {
		r := resources[s.resource]
		if r == nil {
			r = &wire.Resource{Attributes: &wire.AttributeSet{}}
			r.Attributes.AddString(wire.NewSymbol("service.name"), wire.NewSymbol(s.resource))
			resources[s.resource] = r
		}
		scope := scopes[[2]string{s.resource, s.scope}]
		if scope == nil {
			scope = &wire.Scope{Resource: r, Name: wire.NewSymbol(s.scope)}
			scopes[[2]string{s.resource, s.scope}] = scope
		}
		m := metrics[s]
		if m == nil {
			m = &wire.Metric{Scope: scope, Name: wire.NewSymbol(s.metric), Kind: s.kind, Integer: true}
			metrics[s] = m
		}
		require.Equal(t, wire.Added, p.Append(&wire.Point{Metric: m, Time: now.UnixNano(), StartTime: wire.NoTime, Bits: uint64(first + i)}))
	}
	packet := p.Finish()
	wire.Stamp(packet, &wire.Header{Format: wire.Compact, Points: uint16(len(all))})
	return packet
}

// outline is what a batch looks like: resources, scopes and metrics with their values.
func outline(m pmetric.Metrics) (text string) {
	for _, rm := range m.ResourceMetrics().All() {
		name, _ := rm.Resource().Attributes().Get("service.name")
		text += name.Str() + "{"
		for _, sm := range rm.ScopeMetrics().All() {
			text += sm.Scope().Name() + "("
			for _, metric := range sm.Metrics().All() {
				text += metric.Name()
				for _, p := range numbersOf(metric).All() {
					text += fmt.Sprint(" ", p.IntValue())
				}
				text += ";"
			}
			text += ")"
		}
		text += "}"
	}
	return text
}

// numbersOf returns the points of a gauge or sum.
func numbersOf(m pmetric.Metric) pmetric.NumberDataPointSlice {
	if m.Type() == pmetric.MetricTypeSum {
		return m.Sum().DataPoints()
	}
	return m.Gauge().DataPoints()
}

var kinds = map[pmetric.MetricType]wire.Kind{pmetric.MetricTypeGauge: wire.Gauge, pmetric.MetricTypeSum: wire.Sum}

// TestBatch: a packet goes on where the one before it ended, and nothing else is joined.
func TestBatch(t *testing.T) {
	g, s := wire.Gauge, wire.Sum
	for _, tt := range []struct {
		name    string
		packets [][]series
		want    string
	}{
		{"one packet", [][]series{{{"r", "s", "m", g}, {"r", "s", "m", g}, {"r", "s", "n", g}}}, "r{s(m 0 1;n 2;)}"},
		{"goes on", [][]series{{{"r", "s", "m", g}, {"r", "s", "n", g}}, {{"r", "s", "n", g}, {"r", "s", "o", g}}}, "r{s(m 0;n 1 10;o 11;)}"},
		{"another metric", [][]series{{{"r", "s", "m", g}}, {{"r", "s", "n", g}, {"r", "s", "m", g}}}, "r{s(m 0;n 10;m 11;)}"},
		{"the same name, another kind", [][]series{{{"r", "s", "m", g}}, {{"r", "s", "m", s}}}, "r{s(m 0;m 10;)}"},
		{"another scope", [][]series{{{"r", "s", "m", g}}, {{"r", "t", "m", g}, {"r", "s", "m", g}}}, "r{s(m 0;)t(m 10;)s(m 11;)}"},
		{"another resource", [][]series{{{"r", "s", "m", g}}, {{"q", "s", "m", g}}, {{"r", "s", "m", g}}}, "r{s(m 0;)}q{s(m 10;)}r{s(m 20;)}"},
		{"in turns", [][]series{{{"r", "s", "m", g}, {"q", "s", "m", g}, {"r", "s", "m", g}, {"r", "t", "m", g}, {"q", "s", "n", g}}}, "r{s(m 0 2;)t(m 3;)}q{s(m 1;n 4;)}"},
		{"back to the first, then the second", [][]series{{{"r", "s", "m", g}, {"q", "s", "m", g}, {"r", "t", "m", g}}, {{"q", "s", "m", g}}}, "r{s(m 0;)t(m 2;)}q{s(m 1;)}q{s(m 10;)}"},
		{"back to the first, then the first", [][]series{{{"r", "s", "m", g}, {"q", "s", "m", g}, {"r", "t", "m", g}}, {{"r", "t", "m", g}}}, "r{s(m 0;)t(m 2;)}q{s(m 1;)}r{t(m 10;)}"},
		{"in turns, and goes on", [][]series{{{"r", "s", "m", g}, {"q", "s", "m", g}, {"r", "s", "n", g}}, {{"q", "s", "m", g}, {"r", "s", "n", g}}},
			"r{s(m 0;n 2;)}q{s(m 1 10;)}r{s(n 11;)}"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sink := &consumertest.MetricsSink{}
			h := newTestHandler(t, sink)
			for i, p := range tt.packets {
				give(t, h, pack(t, 10*i, p...), here)
			}
			assert.Empty(t, sink.AllMetrics(), "others may wait")
			h.Flush()
			require.Len(t, sink.AllMetrics(), 1)
			assert.Equal(t, tt.want, outline(sink.AllMetrics()[0]))
			h.Flush()
			assert.Len(t, sink.AllMetrics(), 1)
		})
	}
}

// TestBatchesAreBounded: batches are bounded by points, and over all sources by the memory
// that they take.
func TestBatchesAreBounded(t *testing.T) {
	sink := &consumertest.MetricsSink{}
	h := newTestHandler(t, sink)
	many := make([]series, 1000)
	for i := range many {
		many[i] = series{"r", "s", "m", wire.Gauge}
	}
	packet := pack(t, 0, many...)
	for range 20 {
		give(t, h, packet, here)
	}
	require.Len(t, sink.AllMetrics(), 2)
	assert.Equal(t, 9000, sink.AllMetrics()[0].DataPointCount())
	h.Flush()
	assert.Equal(t, 20_000, sink.DataPointCount())
	sink.Reset()
	sources := 2*maxOpenBytes/(1000*numberSize) + 1
	for i := range sources {
		give(t, h, packet, netip.AddrPortFrom(here.Addr(), uint16(i+1)))
	}
	require.NotEmpty(t, sink.AllMetrics())
	assert.Less(t, h.bytes, maxOpenBytes)
	h.Flush()
	assert.Len(t, sink.AllMetrics(), sources)
	assert.Equal(t, 1000*sources, sink.DataPointCount())
	assert.Zero(t, h.bytes)
}

// TestEmptyPacketsAreBounded: packets without points take memory, too: one batch for each
// source.
func TestEmptyPacketsAreBounded(t *testing.T) {
	sink := &consumertest.MetricsSink{}
	h := newTestHandler(t, sink)
	packet := pack(t, 0)
	most := 0
	for i := range 2 * maxOpenBytes / batchSize {
		source := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		give(t, h, packet, netip.AddrPortFrom(source, 1))
		most = max(most, len(h.open))
	}
	assert.Less(t, most, maxOpenBytes/batchSize)
	assert.Empty(t, sink.AllMetrics(), "there is nothing to hand over")
}

// TestSameMetric: metrics differ in name, unit, description, kind, temporality and
// monotonicity, and in nothing else.
func TestSameMetric(t *testing.T) {
	var views []wire.MetricView
	for _, kind := range []wire.Kind{wire.Gauge, wire.Sum, wire.Histogram, wire.ExponentialHistogram, wire.Summary} {
		views = append(views, wire.MetricView{Kind: kind, Name: []byte("m")})
	}
	views = append(views,
		wire.MetricView{Kind: wire.Sum, Name: []byte("m"), Delta: true}, wire.MetricView{Kind: wire.Sum, Name: []byte("m"), Monotonic: true},
		wire.MetricView{Kind: wire.Histogram, Name: []byte("m"), Delta: true}, wire.MetricView{Kind: wire.ExponentialHistogram, Name: []byte("m"), Delta: true},
		wire.MetricView{Kind: wire.Gauge, Name: []byte("n")}, wire.MetricView{Kind: wire.Gauge, Name: []byte("m"), Unit: []byte("s")},
		wire.MetricView{Kind: wire.Gauge, Name: []byte("m"), Description: []byte("d")},
	)
	for i := range views {
		b := newBatch(here, now)
		scope := b.metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty()
		b.enterMetric(scope, &views[i], true, texts{})
		for j := range views {
			assert.Equal(t, i == j, sameMetric(scope.Metrics().At(0), &views[j], texts{}), "%d and %d", i, j)
			b.enterMetric(scope, &views[i], true, texts{})
		}
		assert.Equal(t, 1, scope.Metrics().Len())
	}
}

// TestBatchKeepsWhatBelongsTogether: whatever packets follow each other, each point is under
// its own resource, scope and metric.
func TestBatchKeepsWhatBelongsTogether(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	pick := func(names string) string { i := r.IntN(len(names)); return names[i : i+1] }
	for range 300 {
		sink := &consumertest.MetricsSink{}
		h := newTestHandler(t, sink)
		want, value := map[string]int{}, 0
		for range 1 + r.IntN(6) {
			all := make([]series, 1+r.IntN(6))
			for i := range all {
				all[i] = series{pick("qr"), pick("st"), pick("mn"), []wire.Kind{wire.Gauge, wire.Sum}[r.IntN(2)]}
				want[fmt.Sprint(all[i].resource, all[i].scope, all[i].metric, value+i, all[i].kind)]++
			}
			give(t, h, pack(t, value, all...), here)
			value += len(all)
		}
		h.Flush()
		got := map[string]int{}
		for _, rm := range sink.AllMetrics()[0].ResourceMetrics().All() {
			name, _ := rm.Resource().Attributes().Get("service.name")
			for _, sm := range rm.ScopeMetrics().All() {
				for _, m := range sm.Metrics().All() {
					for _, p := range numbersOf(m).All() {
						got[fmt.Sprint(name.Str(), sm.Scope().Name(), m.Name(), p.IntValue(), kinds[m.Type()])]++
					}
				}
			}
		}
		require.Equal(t, want, got)
	}
}
