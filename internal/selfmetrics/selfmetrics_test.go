package selfmetrics

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
)

type view struct{ n int64 }

func options(kvs ...attribute.KeyValue) metric.ObserveOption {
	return metric.WithAttributeSet(attribute.NewSet(kvs...))
}

var list = []Instrument[view]{
	{Name: "counter", Unit: "{x}", Description: "d", Value: func(v *view) int64 { return v.n }},
	{Name: "gauge", Kind: Gauge, Value: func(v *view) int64 { return -v.n }},
	{Name: "updown", Kind: UpDownCounter, Value: func(v *view) int64 { return 2 * v.n }},
	{Name: "ratio", Kind: Ratio, Ratio: func(v *view) float64 { return float64(v.n) / 2 }},
	{Name: "each", Each: func(v *view, observe Observe) {
		observe(v.n, options(attribute.Bool("k", true)))
		observe(v.n+1, options(attribute.Bool("k", false)))
	}},
}

// TestInstruments: each is what its kind says, reads the view of the collection, and is gone
// after Stop.
func TestInstruments(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	n := int64(0)
	own := attribute.NewSet(attribute.String("own", "yes"))
	s := Start(Meter(mp, "scope"), list, metric.WithAttributeSet(own), func() view { n++; return view{n} })
	var rm metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &rm))
	require.Len(t, rm.ScopeMetrics, 1)
	const cumulative = metricdata.CumulativeTemporality
	point := func(v int64, set attribute.Set) metricdata.DataPoint[int64] {
		return metricdata.DataPoint[int64]{Value: v, Attributes: set}
	}
	want := []metricdata.Metrics{
		{Name: "counter", Unit: "{x}", Description: "d", Data: metricdata.Sum[int64]{IsMonotonic: true, Temporality: cumulative, DataPoints: []metricdata.DataPoint[int64]{point(1, own)}}},
		{Name: "gauge", Data: metricdata.Gauge[int64]{DataPoints: []metricdata.DataPoint[int64]{point(-1, own)}}},
		{Name: "updown", Data: metricdata.Sum[int64]{Temporality: cumulative, DataPoints: []metricdata.DataPoint[int64]{point(2, own)}}},
		{Name: "ratio", Data: metricdata.Gauge[float64]{DataPoints: []metricdata.DataPoint[float64]{{Value: 0.5, Attributes: own}}}},
		{Name: "each", Data: metricdata.Sum[int64]{IsMonotonic: true, Temporality: cumulative, DataPoints: []metricdata.DataPoint[int64]{
			point(1, attribute.NewSet(attribute.Bool("k", true))), point(2, attribute.NewSet(attribute.Bool("k", false))),
		}}},
	}
	require.Len(t, rm.ScopeMetrics[0].Metrics, len(want))
	for i := range want {
		metricdatatest.AssertEqual(t, want[i], rm.ScopeMetrics[0].Metrics[i], metricdatatest.IgnoreTimestamp())
	}
	s.Silence()
	require.NoError(t, reader.Collect(t.Context(), &rm))
	assert.Equal(t, int64(1), n, "not asked any more")
	s.Stop(t.Context())
	s.Stop(t.Context())
	require.NoError(t, mp.Shutdown(t.Context()))
}

// odd is a meter that refuses instruments, or keeps a registration for long.
type odd struct {
	noop.Meter
	refuses bool
	held    chan struct{}
}

func (o odd) Int64ObservableCounter(string, ...metric.Int64ObservableCounterOption) (metric.Int64ObservableCounter, error) {
	if o.refuses {
		return nil, errors.New("refused")
	}
	return noop.Int64ObservableCounter{}, nil
}

func (o odd) RegisterCallback(metric.Callback, ...metric.Observable) (metric.Registration, error) {
	if o.refuses {
		return nil, errors.New("not registered")
	}
	return registration{held: o.held}, nil
}

type registration struct {
	noop.Registration
	held chan struct{}
}

func (r registration) Unregister() error { <-r.held; return errors.New("not there") }

// TestOddProviders: what a provider refuses is reported, and one that holds a registration is
// waited for a tenth of a second.
func TestOddProviders(t *testing.T) {
	var said []string
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { said = append(said, err.Error()) }))
	synctest.Test(t, func(t *testing.T) {
		s := Start(odd{refuses: true}, list[:1], options(), func() view { return view{} })
		assert.Equal(t, []string{"otelgram: self-metrics: refused\nnot registered"}, said)
		s.Stop(t.Context())

		said = nil
		o := odd{held: make(chan struct{})}
		s = Start(o, list[:1], options(), func() view { return view{} })
		begin := time.Now()
		s.Stop(t.Context())
		assert.Equal(t, stopTimeout, time.Since(begin))
		s.Stop(t.Context())
		assert.Equal(t, stopTimeout, time.Since(begin), "only once")
		over, cancel := context.WithCancel(t.Context())
		cancel()
		begin = time.Now()
		other := odd{held: make(chan struct{})}
		again := Start(other, list[:1], options(), func() view { return view{} })
		again.Stop(over)
		assert.Zero(t, time.Since(begin), "its context has ended")
		close(o.held)
		synctest.Wait()
		close(other.held)
		synctest.Wait()
		assert.Equal(t, []string{"otelgram: self-metrics: not there", "otelgram: self-metrics: not there"}, said)
	})
}
