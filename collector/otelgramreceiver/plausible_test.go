package otelgramreceiver

import (
	"math"
	"math/rand/v2"
	"testing"
	"unicode/utf8"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/deltatocumulativeprocessor"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/processor/processortest"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelgram/otelgram/wire"
)

func exponential(delta bool, scale int32, threshold float64, offset int32, counts ...uint64) *wire.PointView {
	v := &wire.PointView{Metric: &wire.MetricView{Kind: wire.ExponentialHistogram, Delta: delta}, Attributes: &wire.AttributesView{}}
	v.Distribution.Scale, v.Distribution.ZeroThreshold = scale, threshold
	v.Distribution.Positive = wire.Buckets{Offset: offset, Counts: counts}
	return v
}

func TestPlausible(t *testing.T) {
	for _, tt := range []struct {
		name string
		v    *wire.PointView
		want bool
	}{
		{"empty", exponential(true, 20, 0, 0), true},
		{"one bucket", exponential(true, 0, 0, 0, 1), true},
		{"the smallest number at the highest scale", exponential(true, 20, 0, -1074<<20-1, 1), true},
		{"the largest", exponential(true, 20, 0, 1024<<20-1, 1), true},
		{"the smallest number at the lowest scale", exponential(true, -10, 0, -2, 1, 1, 1), true},
		{"a zero threshold", exponential(false, 3, 1e-9, 0, 1), true},
		{"a zero threshold of a delta", exponential(true, -1, 1, 0, 1), false},
		{"a negative threshold", exponential(false, 0, -1, 0, 1), false},
		{"no number", exponential(false, 0, math.NaN(), 0, 1), false},
		{"infinite", exponential(false, 0, math.Inf(1), 0, 1), false},
		{"a scale too low", exponential(true, math.MinInt32, 0, 0, 1), false},
		{"a scale too high", exponential(true, 50, 0, 0, 1), false},
		{"numbers too large", exponential(true, 0, 0, math.MaxInt32, 1), false},
		{"numbers too small", exponential(true, 0, 0, math.MinInt32, 0), false},
		{"the last one too large", exponential(true, 0, 0, 1023, 1, 1, 1), false},
		{"an offset without buckets", exponential(true, 0, 0, math.MaxInt32), false},
	} {
		assert.Equal(t, tt.want, plausible(tt.v), tt.name)
		v := *tt.v
		v.Distribution.Positive, v.Distribution.Negative = v.Distribution.Negative, v.Distribution.Positive
		assert.Equal(t, tt.want, plausible(&v), "%s, negative", tt.name)
	}
}

// TestPlausiblePointsDoNoHarm: delta_to_cumulative takes whatever passes, at once and
// without a panic.
func TestPlausiblePointsDoNoHarm(t *testing.T) {
	factory := deltatocumulativeprocessor.NewFactory()
	sink := &consumertest.MetricsSink{}
	p, err := factory.CreateMetrics(t.Context(), processortest.NewNopSettings(factory.Type()), factory.CreateDefaultConfig(), sink)
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))
	r := rand.New(rand.NewPCG(1, 2))
	w := newPointWriter(0)
	at, passed := now, 0
	for range 3000 {
		scale := int32(r.IntN(31) - 10)
		offsets := []int32{bucketOf(minExponent, scale) - 1, bucketOf(maxExponent, scale) - 1, 0, int32(r.IntN(2000) - 1000), -1}
		counts := make([]uint64, r.IntN(4))
		for i := range counts {
			counts[i] = r.Uint64N(3)
		}
		v := exponential(true, scale, 0, offsets[r.IntN(len(offsets))], counts...)
		v.Distribution.Negative = wire.Buckets{Offset: offsets[r.IntN(len(offsets))], Counts: counts}
		at = at.Add(1)
		v.StartTime, v.Time = now.UnixNano(), at.UnixNano()
		if !plausible(v) {
			continue
		}
		passed++
		b := newBatch(here, now)
		metric := b.metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
		place := newPlace(metric, v.Metric)
		w.write(&place, v)
		require.NoError(t, p.ConsumeMetrics(t.Context(), b.metrics))
	}
	assert.Greater(t, passed, 1000)
	assert.Positive(t, sink.DataPointCount())
	require.NoError(t, p.Shutdown(t.Context()))
}

// TestInvalidPointsAreRefused: points that cannot have been measured are counted, and the
// points next to them come.
func TestInvalidPointsAreRefused(t *testing.T) {
	sink := &consumertest.MetricsSink{}
	h := newTestHandler(t, sink)
	packer, err := wire.NewPacker(wire.MaxPacketSize)
	require.NoError(t, err)
	packer.Start(nil)
	m := &wire.Metric{Scope: &wire.Scope{Resource: &wire.Resource{}}, Name: wire.NewSymbol("m"), Kind: wire.ExponentialHistogram, Delta: true}
	for _, scale := range []int32{0, math.MinInt32, 1} {
		point := &wire.Point{Metric: m, Time: now.UnixNano(), Distribution: &wire.Distribution{Scale: scale}}
		require.Equal(t, wire.Added, packer.Append(point))
	}
	packet := packer.Finish()
	wire.Stamp(packet, &wire.Header{Format: wire.Compact, Points: 3})
	give(t, h, packet, here)
	h.Flush()
	assert.Equal(t, 2, sink.DataPointCount())
	assert.Equal(t, int64(2), h.delivery.self.accepted.Load())
	assert.Equal(t, int64(1), h.delivery.self.refusals.Load())
}

// TestTextIsValid: whatever bytes a sender writes, names, keys and values are UTF-8.
func TestTextIsValid(t *testing.T) {
	const bad = "a\xff\xfeb\xc3"
	m := pcommon.NewMap()
	w := newAttributeWriter()
	v := viewOf(t, bad, bad)
	w.attributes(m, v)
	for key, value := range m.All() {
		assert.Equal(t, "a\uFFFDb\uFFFD", key)
		assert.Equal(t, "a\uFFFDb\uFFFD", value.Str())
	}
	sink := &consumertest.MetricsSink{}
	h := newTestHandler(t, sink)
	give(t, h, pack(t, 1, series{bad, bad, bad, wire.Gauge}), here)
	give(t, h, pack(t, 2, series{bad, bad, bad, wire.Gauge}), here)
	h.Flush()
	text := outline(sink.AllMetrics()[0])
	assert.Equal(t, "a\uFFFDb\uFFFD{a\uFFFDb\uFFFD(a\uFFFDb\uFFFD 1 2;)}", text)
	name := nameOf(&wire.ResourceView{Attributes: viewOf(t, "service.name", bad)})
	assert.True(t, utf8.ValidString(name.service))
}
