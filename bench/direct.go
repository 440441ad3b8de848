package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/exporter"
)

const (
	directSeries = 16 // that the calls take in turn
	directBursts = 16
)

// measurer is a sender whose direct path counts: each measurement is 1.
type measurer struct {
	*sender
	recorded uint64
}

// newMeasurer returns one that sends points when it is told to, and not beside that.
func newMeasurer(at sink, opts ...exporter.Option) (*measurer, error) {
	s, err := newSenderTo(at, append(opts, exporter.WithFlushInterval(time.Hour))...)
	if err != nil {
		return nil, err
	}
	return &measurer{sender: s}, nil
}

// inBursts has record make half a ring of calls, n times, and waits between
// them until all are folded and their series sent.
func (m *measurer) inBursts(n int, record func(calls int)) (c cost, err error) {
	before := m.exp.Stats()
	if c, err = inBursts(n, record, func() error { return m.exp.ForceFlush(context.Background()) }); err != nil {
		return c, err
	}
	if err = m.folded(&c, before); err == nil {
		_, err = m.flush(&c)
	}
	return c, err
}

// folded wants each measurement since before in a series.
func (m *measurer) folded(c *cost, before exporter.Stats) error {
	after := m.exp.Stats()
	c.dropped = counted(int(after.Dropped.Total() - before.Dropped.Total()))
	if c.dropped.n > 0 || after.Folded-before.Folded != uint64(c.points) {
		return fmt.Errorf("%d measurements: %+v before, %+v after", c.points, before, after)
	}
	m.recorded += uint64(c.points)
	return nil
}

// end wants the receiver to know every measurement, and the books to close.
func (m *measurer) end() error {
	_, err := m.flush(&cost{})
	return errors.Join(err, m.known(), m.sender.end())
}

// flush has every series sent, adds to c what of them is lost, and returns when
// the last of them arrived.
func (m *measurer) flush(c *cost) (time.Time, error) {
	if err := m.exp.ForceFlush(context.Background()); err != nil {
		return time.Time{}, err
	}
	return m.arrived(c)
}

// known wants what was recorded to have arrived. What a lost packet held comes
// with the next.
func (m *measurer) known() error {
	t, ok := m.sink.(totaler)
	if !ok {
		return fmt.Errorf("%T does not add up", m.sink)
	}
	var total float64
	for range 3 {
		var err error
		if total, err = t.total(); err != nil || total == float64(m.recorded) {
			return err
		}
		if _, err = m.flush(&cost{}); err != nil {
			return err
		}
	}
	return fmt.Errorf("%.0f arrived of %d recorded", total, m.recorded)
}

// inBursts has record make half a ring of calls, n times. What it takes to
// rest between them is not timed.
func inBursts(n int, record func(calls int), rest func() error) (c cost, err error) {
	for range n {
		c.elapsed += timed(func() { record(halfRing) })
		c.points += halfRing
		if err := rest(); err != nil {
			return c, err
		}
	}
	return c, nil
}

// bound is what an instrument of the direct path has beside OpenTelemetry's API.
type bound interface {
	Bind(...attribute.KeyValue) metric.Int64Counter
}

// callers are ways to call Add.
type callers struct {
	kept    [][]metric.AddOption
	kvs     [][]attribute.KeyValue
	counter metric.Int64Counter
	bound   []metric.Int64Counter
}

func newCallers(p metric.MeterProvider) (callers, error) {
	var c callers
	var err error
	if c.counter, err = p.Meter("example.com/shop").Int64Counter("http.server.request.count"); err != nil {
		return c, err
	}
	for i := range directSeries {
		set := attributesOf(i)
		c.kvs = append(c.kvs, set.ToSlice())
		c.kept = append(c.kept, []metric.AddOption{metric.WithAttributeSet(set)})
		if b, ok := c.counter.(bound); ok {
			c.bound = append(c.bound, b.Bind(c.kvs[i]...))
		}
	}
	return c, nil
}

func (c *callers) addKept(calls int) {
	ctx := context.Background()
	for i := range calls {
		c.counter.Add(ctx, 1, c.kept[i%directSeries]...)
	}
}

func (c *callers) addMade(calls int) {
	ctx := context.Background()
	for i := range calls {
		c.counter.Add(ctx, 1, metric.WithAttributes(c.kvs[i%directSeries]...))
	}
}

func (c *callers) addBound(calls int) {
	ctx := context.Background()
	for i := range calls {
		c.bound[i%directSeries].Add(ctx, 1)
	}
}

var addExperiment = experiment{
	name: "counter.Add",
	lines: []line{
		{"counter.Add, kept options", "ns", (*cost).nanos, 0, 1, target{ratioAtMost, 0.4}},
		{"counter.Add, kept options, allocations", "allocs", (*cost).allocs, 0, 1, target{valueAtMost, 0.001}},
		{"counter.Add, kept options, the other's made per call", "ns", (*cost).nanos, 0, 2, none},
		{"counter.Add, options made per call", "ns", (*cost).nanos, 4, 2, none},
		{"counter.Add, options made per call, allocations", "allocs", (*cost).allocs, 4, 2, none},
		{"counter.Add, bound", "ns", (*cost).nanos, 3, 1, target{ratioAtMost, 0.25}},
		{"counter.Add, bound, allocations", "allocs", (*cost).allocs, 3, 1, target{valueAtMost, 0.001}},
		{"counter.Add, kept options, all CPU", "ns", (*cost).cpuNanos, 0, 1, none},
		{"counter.Add, bound, all CPU", "ns", (*cost).cpuNanos, 3, 1, none},
	},
	setup: func(quick bool) ([]side, error) {
		at, err := startChild(totalsRole)
		if err != nil {
			return nil, err
		}
		m, err := newMeasurer(at)
		if err != nil {
			return nil, err
		}
		ours, err := newCallers(m.exp.MeterProvider())
		if err != nil {
			return nil, errors.Join(err, m.end())
		}
		other, err := newSDK()
		if err != nil {
			return nil, errors.Join(err, m.end())
		}
		n := directBursts
		if quick {
			n = 1
		}
		return []side{
			{"otelgram", func() (cost, error) { return m.inBursts(n, ours.addKept) }, m.end},
			{"SDK", func() (cost, error) { return other.inBursts(n, other.addKept) }, other.end},
			{"SDK made per call", func() (cost, error) { return other.inBursts(n, other.addMade) }, nothing},
			{"otelgram bound", func() (cost, error) { return m.inBursts(n, ours.addBound) }, nothing},
			{"otelgram made per call", func() (cost, error) { return m.inBursts(n, ours.addMade) }, nothing},
		}, nil
	},
}

// sdk is OpenTelemetry's own way to count.
type sdk struct {
	callers
	provider *sdkmetric.MeterProvider
	reader   *sdkmetric.ManualReader
	recorded int
}

func newSDK() (*sdk, error) {
	s := &sdk{reader: sdkmetric.NewManualReader()}
	s.provider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(s.reader))
	var err error
	s.callers, err = newCallers(s.provider)
	return s, err
}

func (s *sdk) inBursts(n int, add func(calls int)) (cost, error) {
	c, err := inBursts(n, add, nothing)
	s.recorded += c.points
	return c, err
}

// end wants the reader to know every measurement.
func (s *sdk) end() error {
	var rm metricdata.ResourceMetrics
	if err := s.reader.Collect(context.Background(), &rm); err != nil {
		return err
	}
	total := 0
	for i := range rm.ScopeMetrics {
		for j := range rm.ScopeMetrics[i].Metrics {
			for _, p := range pointsOf(&rm.ScopeMetrics[i].Metrics[j]) {
				total += int(p.Value)
			}
		}
	}
	if total != s.recorded {
		return fmt.Errorf("%d collected of %d recorded", total, s.recorded)
	}
	return s.provider.Shutdown(context.Background())
}
