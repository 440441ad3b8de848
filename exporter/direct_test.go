package exporter_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/internal/allocs"
)

// dist is a point of a histogram.
type dist struct {
	Count   uint64
	Sum     any
	Buckets string
}

// values returns what came for the series of the given name and attributes, in
// the order in which it came: numbers as they are, distributions as dist.
func values(parts []*metricdata.ResourceMetrics, name string, kvs ...attribute.KeyValue) (out []any) {
	set := attribute.NewSet(kvs...)
	for _, rm := range parts {
		for _, sm := range rm.ScopeMetrics {
			for _, m := range sm.Metrics {
				if m.Name != name {
					continue
				}
				switch d := m.Data.(type) {
				case metricdata.Sum[int64]:
					out = append(out, numbersWith(d.DataPoints, set)...)
				case metricdata.Sum[float64]:
					out = append(out, numbersWith(d.DataPoints, set)...)
				case metricdata.Gauge[int64]:
					out = append(out, numbersWith(d.DataPoints, set)...)
				case metricdata.Gauge[float64]:
					out = append(out, numbersWith(d.DataPoints, set)...)
				case metricdata.Histogram[int64]:
					out = append(out, histogramsWith(d.DataPoints, set)...)
				case metricdata.Histogram[float64]:
					out = append(out, histogramsWith(d.DataPoints, set)...)
				}
			}
		}
	}
	return out
}

func numbersWith[N int64 | float64](points []metricdata.DataPoint[N], set attribute.Set) (out []any) {
	for _, p := range points {
		if p.Attributes == set {
			out = append(out, p.Value)
		}
	}
	return out
}

func histogramsWith[N int64 | float64](points []metricdata.HistogramDataPoint[N], set attribute.Set) (out []any) {
	for _, p := range points {
		if p.Attributes == set {
			out = append(out, dist{p.Count, p.Sum, fmt.Sprint(p.Bounds, p.BucketCounts)})
		}
	}
	return out
}

// flush makes the direct path collect and send its points, and returns what arrives.
func (c *connection) flush(t *testing.T) []*metricdata.ResourceMetrics {
	t.Helper()
	before := c.exp.Stats().Sent
	require.NoError(t, c.exp.ForceFlush(context.Background()))
	return c.receive(t, int(c.exp.Stats().Sent-before))
}

// requireBooks asserts the identity for an exporter at rest.
func requireBooks(t *testing.T, exp *exporter.Exporter) exporter.Stats {
	t.Helper()
	s := exp.Stats()
	require.Equal(t, s.Offered, s.Sent+s.Dropped.Total()+s.Queued, "%+v", s)
	return s
}

// instrument is one of the eight synchronous kinds in one shape.
type instrument struct {
	name    string
	record  func(context.Context, float64, ...metric.MeasurementOption)
	bind    func(...attribute.KeyValue) instrument
	enabled func(context.Context) bool
}

func adds[N int64 | float64, I interface {
	Add(context.Context, N, ...metric.AddOption)
	Enabled(context.Context) bool
}](name string, i I, err error) instrument {
	if err != nil {
		panic(err)
	}
	return instrument{
		name: name,
		record: func(ctx context.Context, v float64, opts ...metric.MeasurementOption) {
			add := make([]metric.AddOption, len(opts))
			for i, o := range opts {
				add[i] = o
			}
			i.Add(ctx, N(v), add...)
		},
		bind: func(kvs ...attribute.KeyValue) instrument {
			return adds[N](name, bind(i, kvs), nil)
		},
		enabled: i.Enabled,
	}
}

func records[N int64 | float64, I interface {
	Record(context.Context, N, ...metric.RecordOption)
	Enabled(context.Context) bool
}](name string, i I, err error) instrument {
	if err != nil {
		panic(err)
	}
	return instrument{
		name: name,
		record: func(ctx context.Context, v float64, opts ...metric.MeasurementOption) {
			record := make([]metric.RecordOption, len(opts))
			for i, o := range opts {
				record[i] = o
			}
			i.Record(ctx, N(v), record...)
		},
		bind: func(kvs ...attribute.KeyValue) instrument {
			return records[N](name, bind(i, kvs), nil)
		},
		enabled: i.Enabled,
	}
}

// eight makes the eight synchronous instruments.
func eight(m metric.Meter) []instrument {
	ic, e1 := m.Int64Counter("ic")
	fc, e2 := m.Float64Counter("fc")
	iu, e3 := m.Int64UpDownCounter("iu")
	fu, e4 := m.Float64UpDownCounter("fu")
	ih, e5 := m.Int64Histogram("ih", metric.WithExplicitBucketBoundaries(1, 4))
	fh, e6 := m.Float64Histogram("fh", metric.WithExplicitBucketBoundaries(1, 4))
	ig, e7 := m.Int64Gauge("ig")
	fg, e8 := m.Float64Gauge("fg")
	return []instrument{
		adds[int64]("ic", ic, e1), adds[float64]("fc", fc, e2),
		adds[int64]("iu", iu, e3), adds[float64]("fu", fu, e4),
		records[int64]("ih", ih, e5), records[float64]("fh", fh, e6),
		records[int64]("ig", ig, e7), records[float64]("fg", fg, e8),
	}
}

// aggregated is what each of the eight makes of the measurements 3 and 2.
var aggregated = map[string]any{
	"ic": int64(5), "fc": 5.0, "iu": int64(5), "fu": 5.0, "ig": int64(2), "fg": 2.0,
	"ih": dist{2, int64(5), "[1 4] [0 2 0]"}, "fh": dist{2, 5.0, "[1 4] [0 2 0]"},
}

// TestDirectInstruments records on all eight, with attributes given in every
// way there is, and bound.
func TestDirectInstruments(t *testing.T) {
	a, b, z := attribute.String("a", "x"), attribute.Int("b", 1), attribute.String("a", "z")
	ways := []struct {
		name   string
		record func(instrument, float64)
		want   []attribute.KeyValue
	}{
		{"none", func(i instrument, v float64) { i.record(t.Context(), v) }, nil},
		{"attributes", func(i instrument, v float64) { i.record(t.Context(), v, metric.WithAttributes(b, a)) }, []attribute.KeyValue{a, b}},
		{"a set", func(i instrument, v float64) {
			i.record(t.Context(), v, metric.WithAttributeSet(attribute.NewSet(a, b)))
		}, []attribute.KeyValue{a, b}},
		{"merged", func(i instrument, v float64) {
			i.record(t.Context(), v, metric.WithAttributes(a), metric.WithAttributes(b), metric.WithAttributeSet(attribute.NewSet(z)))
		}, []attribute.KeyValue{z, b}},
		{"raw wins", func(i instrument, v float64) {
			i.record(t.Context(), v, rawAttributes(z), metric.WithAttributes(a, b))
		}, []attribute.KeyValue{z, b}},
		{"last raw wins", func(i instrument, v float64) {
			i.record(t.Context(), v, rawAttributes(b, z),
				rawAttributes(a))
		}, []attribute.KeyValue{a, b}},
		{"bound", func(i instrument, v float64) { i.bind(b, a).record(t.Context(), v) }, []attribute.KeyValue{a, b}},
		{"bound to nothing", func(i instrument, v float64) { i.bind().record(t.Context(), v) }, nil},
		{"bound and more", func(i instrument, v float64) { i.bind(a).record(t.Context(), v, metric.WithAttributes(b)) }, []attribute.KeyValue{a, b}},
		{"bound and others", func(i instrument, v float64) { i.bind(a, b).record(t.Context(), v, metric.WithAttributes(z)) }, []attribute.KeyValue{z, b}},
		{"bound twice", func(i instrument, v float64) { i.bind(a).bind(b, z).record(t.Context(), v) }, []attribute.KeyValue{z, b}},
		{"bound slice reused", func(i instrument, v float64) {
			kvs := []attribute.KeyValue{b, a}
			bound := i.bind(kvs...)
			kvs[0], kvs[1] = z, z
			bound.record(t.Context(), v)
		}, []attribute.KeyValue{a, b}},
	}
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			r := resource.NewSchemaless(attribute.String("service.name", "direct"))
			c := connect(t, exporter.WithResource(r), exporter.WithFlushInterval(never))
			all := eight(c.exp.MeterProvider().Meter("m", metric.WithInstrumentationVersion("v1")))
			for _, i := range all {
				assert.True(t, i.enabled(t.Context()))
				way.record(i, 3)
				way.record(i, 2)
			}
			got := c.flush(t)
			for _, i := range all {
				assert.Equal(t, []any{aggregated[i.name]}, values(got, i.name, way.want...), i.name)
			}
			for _, rm := range got {
				assert.Equal(t, r.String(), rm.Resource.String())
				assert.Equal(t, "v1", rm.ScopeMetrics[0].Scope.Version)
			}
			s := requireBooks(t, c.exp)
			assert.Equal(t, [2]uint64{8, 0}, [2]uint64{s.Sent, s.Dropped.Total()})
		})
	}
}

// raw is an option as the experimental module for the API makes them.
type raw struct {
	metric.MeasurementOption
	kvs []attribute.KeyValue
}

func (r *raw) RawAttributes() []attribute.KeyValue { return r.kvs }
func (*raw) Experimental()                         {}

func rawAttributes(kvs ...attribute.KeyValue) metric.MeasurementOption { return &raw{kvs: kvs} }

// allowed is an option for instruments, as the experimental module makes them.
type allowed struct {
	metric.InstrumentOption
	keys []attribute.Key
}

func (a allowed) AllowedKeys() []attribute.Key { return a.keys }
func (allowed) Experimental()                  {}

// TestAllowedKeys: an instrument that was given keys keeps no others, however they come.
func TestAllowedKeys(t *testing.T) {
	a, b, extra := attribute.String("a", "x"), attribute.String("b", "y"), attribute.String("c", "z")
	keys := func(keys ...attribute.Key) allowed { return allowed{keys: keys} }
	c := connect(t, exporter.WithFlushInterval(never))
	m := c.exp.MeterProvider().Meter("m")
	n, err := m.Int64Counter("n", keys("a"), keys("b"))
	require.NoError(t, err)
	i := adds[int64]("n", n, nil)
	i.record(t.Context(), 1, metric.WithAttributes(a, b, extra))
	i.record(t.Context(), 1, metric.WithAttributes(a), rawAttributes(b, extra))
	i.bind(a, extra).record(t.Context(), 1, metric.WithAttributes(b, extra))
	i.bind(a, b, extra).record(t.Context(), 1)
	i.bind(extra).record(t.Context(), 1)
	i.record(t.Context(), 1)
	none, err := m.Float64Histogram("none", keys())
	require.NoError(t, err)
	none.Record(t.Context(), 1, metric.WithAttributes(a))
	_, err = m.Int64ObservableCounter("o", keys("a"), metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(1, metric.WithAttributes(a, b))
		o.Observe(2, metric.WithAttributes(b), rawAttributes(extra))
		o.Observe(3, metric.WithAttributes(a), rawAttributes(attribute.Int("a", 1)))
		return nil
	}))
	require.NoError(t, err)
	got := c.flush(t)
	assert.Equal(t, []any{int64(4)}, values(got, "n", a, b))
	assert.Equal(t, []any{int64(2)}, values(got, "n"))
	assert.Len(t, values(got, "none"), 1)
	assert.Equal(t, []any{int64(1)}, values(got, "o", a))
	assert.Equal(t, []any{int64(2)}, values(got, "o"))
	assert.Equal(t, []any{int64(3)}, values(got, "o", attribute.Int("a", 1)))
	assert.Equal(t, uint64(6), requireBooks(t, c.exp).Sent)
}

// TestObservables: all six, by callbacks of their own and registered ones.
func TestObservables(t *testing.T) {
	c := connect(t, exporter.WithFlushInterval(never))
	m := c.exp.MeterProvider().Meter("m")
	integer := metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error { o.Observe(-7); return nil })
	float := metric.WithFloat64Callback(func(_ context.Context, o metric.Float64Observer) error { o.Observe(-0.5); return nil })
	ioc, e1 := m.Int64ObservableCounter("ioc", integer)
	iou, e2 := m.Int64ObservableUpDownCounter("iou", integer)
	iog, e3 := m.Int64ObservableGauge("iog", integer)
	foc, e4 := m.Float64ObservableCounter("foc", float)
	fou, e5 := m.Float64ObservableUpDownCounter("fou", float)
	fog, e6 := m.Float64ObservableGauge("fog", float)
	two := attribute.Int("registered", 2)
	_, e7 := m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		for _, i := range []metric.Int64Observable{ioc, iou, iog} {
			o.ObserveInt64(i, 3, metric.WithAttributes(two))
		}
		for _, i := range []metric.Float64Observable{foc, fou, fog} {
			o.ObserveFloat64(i, 1.5, metric.WithAttributes(two))
		}
		return nil
	}, ioc, iou, iog, foc, fou, fog)
	for _, err := range []error{e1, e2, e3, e4, e5, e6, e7} {
		require.NoError(t, err)
	}
	for range 2 {
		got := c.flush(t)
		for _, name := range []string{"ioc", "iou", "iog"} {
			assert.Equal(t, []any{int64(-7)}, values(got, name), name)
			assert.Equal(t, []any{int64(3)}, values(got, name, two), name)
		}
		for _, name := range []string{"foc", "fou", "fog"} {
			assert.Equal(t, []any{-0.5}, values(got, name), name)
			assert.Equal(t, []any{1.5}, values(got, name, two), name)
		}
	}
	assert.Equal(t, uint64(24), requireBooks(t, c.exp).Sent)
}

// TestRecordByName: counters, gauges and histograms without an instrument.
func TestRecordByName(t *testing.T) {
	c := connect(t, exporter.WithFlushInterval(never))
	tags := []exporter.Tag{{Key: "k", Value: "v"}, {Key: "k", Value: "last"}, {Key: "", Value: ""}}
	for range 2 {
		assert.True(t, c.exp.RecordMetric("n", 1.5))
		assert.True(t, c.exp.RecordMetric("n", 2, tags...))
		assert.True(t, c.exp.RecordMetric("n", 0, tags[1:]...), "other tags, same attributes")
		assert.True(t, c.exp.RecordGauge("n", math.Inf(-1), tags...))
		assert.True(t, c.exp.RecordSample("n", -3, tags...))
		assert.True(t, c.exp.RecordMetric(strings.Repeat("n", 255), 1))
	}
	got := c.flush(t)
	kvs := []attribute.KeyValue{attribute.String("k", "last"), attribute.String("", "")}
	assert.Equal(t, []any{3.0}, values(got, "n"))
	assert.ElementsMatch(t, []any{4.0, math.Inf(-1), dist{2, -6.0, fmt.Sprint(defaultBounds, " [2 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0]")}},
		values(got, "n", kvs...))
	assert.Equal(t, []any{2.0}, values(got, strings.Repeat("n", 255)))
	assert.Equal(t, "otelgram", got[0].ScopeMetrics[0].Scope.Name)
	assert.Equal(t, exporter.Dropped{}, requireBooks(t, c.exp).Dropped)
}

var defaultBounds = []float64{0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000}

// TestInvalidMeasurements: each has one outcome, and costs nothing else.
func TestInvalidMeasurements(t *testing.T) {
	nan, payload := math.NaN(), math.Float64frombits(0x7FF8000000001234)
	inf := math.Inf(1)
	tests := []struct {
		name    string
		refused []float64 // by all that are not named otherwise
		taken   []float64
	}{
		{"ic", []float64{-1, -1e15}, []float64{0}},
		{"fc", []float64{nan, inf, -inf, -1, -1e-300}, []float64{0, math.Copysign(0, -1), 1e-300}},
		{"iu", nil, []float64{-1}},
		{"fu", []float64{nan, inf, -inf}, []float64{-1, math.MaxFloat64}},
		{"ih", nil, []float64{-1}},
		{"fh", []float64{nan, inf, -inf}, []float64{-1}},
		{"ig", nil, []float64{-1}},
		{"fg", nil, []float64{inf, -inf, payload}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := connect(t, exporter.WithFlushInterval(never))
			for _, i := range eight(c.exp.MeterProvider().Meter("m")) {
				i.record(t.Context(), 3)
				if i.name == tt.name {
					for _, v := range tt.refused {
						i.record(t.Context(), v)
						i.record(t.Context(), v, metric.WithAttributes(attribute.Int("a", 1)))
						i.bind(attribute.Int("b", 1)).record(t.Context(), v)
					}
					for j, v := range tt.taken {
						i.record(t.Context(), v, metric.WithAttributes(attribute.Int("j", j)))
					}
				}
				i.record(t.Context(), 2)
			}
			got := c.flush(t)
			for name, want := range aggregated {
				assert.Equal(t, []any{want}, values(got, name), name)
			}
			for j, v := range tt.taken {
				one := values(got, tt.name, attribute.Int("j", j))
				require.Len(t, one, 1)
				if f, ok := one[0].(float64); ok {
					want := math.Float64bits(v)
					if tt.name != "fg" {
						want = math.Float64bits(0 + v) // a sum begins at +0
					}
					assert.Equal(t, want, math.Float64bits(f))
				}
			}
			s := requireBooks(t, c.exp)
			assert.Equal(t, exporter.Dropped{Invalid: uint64(3 * len(tt.refused))}, s.Dropped)
			assert.Equal(t, uint64(8+len(tt.taken)), s.Sent)
		})
	}
}

// TestInvalidRecords: RecordMetric returns false and counts, for names and values that are
// invalid.
func TestInvalidRecords(t *testing.T) {
	c := connect(t, exporter.WithFlushInterval(never))
	long := strings.Repeat("n", 256)
	refused := []bool{
		c.exp.RecordMetric("", 1), c.exp.RecordGauge("", 1), c.exp.RecordSample("", 1),
		c.exp.RecordMetric(long, 1), c.exp.RecordGauge(long, 1), c.exp.RecordSample(long, 1),
		c.exp.RecordMetric("n", math.NaN()), c.exp.RecordMetric("n", math.Inf(1)), c.exp.RecordMetric("n", math.Inf(-1)),
		c.exp.RecordMetric("n", -1), c.exp.RecordSample("n", math.NaN()), c.exp.RecordSample("n", math.Inf(-1)),
	}
	for i, taken := range refused {
		assert.False(t, taken, i)
	}
	assert.True(t, c.exp.RecordMetric("n", 1))
	assert.True(t, c.exp.RecordMetric("1 bad name", 1), "it breaks the rules for names and can be sent")
	got := c.flush(t)
	assert.Equal(t, []any{1.0}, values(got, "n"))
	assert.Equal(t, []any{1.0}, values(got, "1 bad name"))
	assert.Equal(t, exporter.Dropped{Invalid: uint64(len(refused))}, requireBooks(t, c.exp).Dropped)
}

// TestUnknownAttributes: attributes without a wire form cost their measurements, which are
// counted, and the others arrive.
func TestUnknownAttributes(t *testing.T) {
	c := connect(t, exporter.WithFlushInterval(never))
	deep := attribute.KeyValue{Key: "k", Value: nestedMap(17)}
	for _, i := range eight(c.exp.MeterProvider().Meter("m")) {
		i.record(t.Context(), 3)
		i.record(t.Context(), 3, metric.WithAttributes(deep))
		i.bind(deep).record(t.Context(), 3)
		i.record(t.Context(), 2)
	}
	large := attribute.String("k", strings.Repeat("v", 70_000))
	n, err := c.exp.MeterProvider().Meter("m").Int64Counter("large")
	require.NoError(t, err)
	n.Add(t.Context(), 1, metric.WithAttributes(large))
	got := c.flush(t)
	for name, want := range aggregated {
		assert.Equal(t, []any{want}, values(got, name), name)
	}
	s := requireBooks(t, c.exp)
	assert.Equal(t, exporter.Dropped{Encode: 8, Oversize: 1}, s.Dropped, "a point each")
	require.ErrorContains(t, c.exp.Shutdown(t.Context()), "oversize 1", "a series that fits no body is tried each time")
}

// TestDirectAllocations: recording costs no memory, once a series is known.
func TestDirectAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	// Its own metrics go to a real provider and are collected between the runs, and
	// cost a recording caller nothing.
	reader := sdkmetric.NewManualReader()
	own := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	exp, err := exporter.New(t.Context(), exporter.WithEndpoint(silent(t)), exporter.WithFlushInterval(never), exporter.WithMeterProvider(own))
	require.NoError(t, err)
	m := exp.MeterProvider().Meter("m")
	ctx := context.Background()
	zero := func(name string, f func()) {
		t.Helper()
		// Go remembers the outcome of a type assertion to an interface, which an
		// option needs, in one of a thousand calls, and allocates for it.
		for range 20 {
			for range 500 {
				f()
			}
			require.NoError(t, exp.ForceFlush(ctx))
		}
		assert.Positive(t, collectOwn(t, reader).values["stats.events.received"])
		assert.Zero(t, allocs.In(500, f), name)
		require.NoError(t, exp.ForceFlush(ctx))
	}
	kvs := []attribute.KeyValue{attribute.String("method", "GET"), attribute.Int("status", 200)}
	ic, _ := m.Int64Counter("ic")
	iu, _ := m.Int64UpDownCounter("iu")
	ih, _ := m.Int64Histogram("ih")
	ig, _ := m.Int64Gauge("ig")
	fc, _ := m.Float64Counter("fc")
	fu, _ := m.Float64UpDownCounter("fu")
	fh, _ := m.Float64Histogram("fh")
	fg, _ := m.Float64Gauge("fg")
	bic, biu, bih, big := bind(ic, kvs), bind(iu, kvs), bind(ih, kvs), bind(ig, kvs)
	bfc, bfu, bfh, bfg := bind(fc, kvs), bind(fu, kvs), bind(fh, kvs), bind(fg, kvs)
	zero("bound", func() {
		bic.Add(ctx, 1)
		biu.Add(ctx, -1)
		bih.Record(ctx, 1)
		big.Record(ctx, 1)
		bfc.Add(ctx, 1)
		bfu.Add(ctx, -1)
		bfh.Record(ctx, 1)
		bfg.Record(ctx, 1)
	})
	zero("without options", func() {
		ic.Add(ctx, 1)
		iu.Add(ctx, -1)
		ih.Record(ctx, 1)
		ig.Record(ctx, 1)
		fc.Add(ctx, 1)
		fu.Add(ctx, -1)
		fh.Record(ctx, 1)
		fg.Record(ctx, 1)
	})
	addOptions := []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(kvs...))}
	recordOptions := []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(kvs...))}
	zero("kept options", func() {
		ic.Add(ctx, 1, addOptions...)
		fu.Add(ctx, 1, addOptions...)
		fh.Record(ctx, 1, recordOptions...)
		ig.Record(ctx, 1, recordOptions...)
	})
	zero("by name", func() {
		exp.RecordMetric("n", 1, exporter.Tag{Key: "a", Value: "1"}, exporter.Tag{Key: "b", Value: "2"}, exporter.Tag{Key: "c", Value: "3"})
		exp.RecordGauge("n", 1, exporter.Tag{Key: "a", Value: "1"}, exporter.Tag{Key: "b", Value: "2"}, exporter.Tag{Key: "c", Value: "3"})
		exp.RecordSample("n", 1, exporter.Tag{Key: "a", Value: "1"}, exporter.Tag{Key: "b", Value: "2"}, exporter.Tag{Key: "c", Value: "3"})
	})
	assert.Zero(t, exp.Stats().Dropped.Total(), "only what is taken counts")
	require.NoError(t, exp.Shutdown(ctx))
	assert.Zero(t, allocs.In(1000, func() { bic.Add(ctx, 1) }), "after Shutdown")
}

// bind binds i as the experimental module says. No-op instruments cannot be bound.
func bind[I any](i I, kvs []attribute.KeyValue) I {
	if b, ok := any(i).(interface{ Bind(...attribute.KeyValue) I }); ok {
		return b.Bind(kvs...)
	}
	return i
}

func BenchmarkDirect(b *testing.B) {
	exp, err := exporter.New(b.Context(), exporter.WithEndpoint("127.0.0.1:9"))
	require.NoError(b, err)
	defer func() { _ = exp.Shutdown(context.Background()) }()
	n, err := exp.MeterProvider().Meter("m").Int64Counter("n")
	require.NoError(b, err)
	set := attribute.NewSet(attribute.String("method", "GET"), attribute.String("route", "/api/v1/users"), attribute.Int("status", 200))
	opts := []metric.AddOption{metric.WithAttributeSet(set)}
	bound := bind(n, set.ToSlice())
	ctx := context.Background()
	b.Run("kept", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			n.Add(ctx, 1, opts...)
		}
	})
	b.Run("bound", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			bound.Add(ctx, 1)
		}
	})
	b.Run("record", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			exp.RecordMetric("http.requests", 1, exporter.Tag{Key: "method", Value: "GET"},
				exporter.Tag{Key: "route", Value: "/api/v1/users"}, exporter.Tag{Key: "status", Value: "200"})
		}
	})
}
