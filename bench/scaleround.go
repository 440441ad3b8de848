package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/internal/allocs"
)

// manySeries is one exporter with many series.
type manySeries struct {
	sink     *child
	series   int // of each instrument
	provider metric.MeterProvider
	exp      *exporter.Exporter // nil if it is another's
	// once collects and exports each series; it returns how much CPU the collection by the
	// SDK took.
	once func() (collecting time.Duration, err error)
	stop func(context.Context) error
}

// scaleRound fills series, has them exported again and again, and looks at what it takes.
func scaleRound(series int, quick bool, open func(*manySeries) error, role string) (c cost, err error) {
	m := &manySeries{series: max(1, series/scaleInstruments)}
	if m.sink, err = startChild(role); err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, m.sink.close()) }()
	empty := int(allocs.Heap())
	if err := open(m); err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, m.stop(context.Background())) }()
	if err := m.fill(); err != nil {
		return c, err
	}
	for range 2 { // what the first makes is used by those after it
		if _, err := m.once(); err != nil {
			return c, err
		}
	}
	c.series = m.series * scaleInstruments
	c.heap = int(allocs.Heap()) - empty
	c.points = c.series * max(2, repeats(quick, scalePoints)/c.series)
	return c, errors.Join(m.measure(&c), m.settle(&c))
}

// measure has as many points exported as c says.
func (m *manySeries) measure(c *cost) error {
	var before exporter.Stats
	if m.exp != nil {
		before = m.exp.Stats()
	}
	cpu, start := cpuTime(), time.Now()
	for done := 0; done < c.points; done += c.series {
		collecting, err := m.once()
		if err != nil {
			return err
		}
		c.collecting += collecting
	}
	c.elapsed, c.used = time.Since(start), cpuTime()-cpu
	if m.exp != nil {
		after := m.exp.Stats()
		c.packets, c.bytes = int(after.Packets-before.Packets), int(after.Bytes-before.Bytes)
	}
	return nil
}

// settle wants all points sent, and counts those that did not arrive.
func (m *manySeries) settle(c *cost) error {
	if m.exp == nil {
		return nil
	}
	s := m.exp.Stats()
	c.dropped = counted(int(s.Dropped.Total()))
	if s.Sent != s.Offered || s.Offered != uint64(c.points+2*c.series) {
		return fmt.Errorf("%d points: %+v", c.points+2*c.series, s)
	}
	a, err := m.sink.wait(s.Sent)
	c.lost = counted(int(s.Sent - a.points))
	return err
}

// fill records once in each series.
func (m *manySeries) fill() error {
	meter := m.provider.Meter(scopeName)
	var counters []metric.Int64Counter
	for i := range scaleInstruments {
		c, err := meter.Int64Counter(fmt.Sprintf("%s.%d", requestCount, i))
		if err != nil {
			return err
		}
		counters = append(counters, c)
	}
	for i := range m.series {
		set := metric.WithAttributeSet(attributesOf(i))
		for _, c := range counters {
			c.Add(context.Background(), 1, set)
		}
	}
	runtime.GC() // what filling has left behind is not the exporter's
	return nil
}

func (m *manySeries) openDirect() (err error) {
	m.exp, err = exporter.New(context.Background(), exporter.WithEndpoint(m.sink.address()),
		exporter.WithFlushInterval(time.Hour), exporter.WithCardinalityLimit(2*m.series))
	if err != nil {
		return err
	}
	m.provider = m.exp.MeterProvider()
	m.once = func() (time.Duration, error) { return 0, m.exp.ForceFlush(context.Background()) }
	m.stop = func(ctx context.Context) error {
		// Shutdown collects once more and has five seconds for it, which is too short for a
		// million series at the default pace. The books have been looked at before.
		_ = m.exp.Shutdown(ctx)
		return nil
	}
	return nil
}

func (m *manySeries) openSDK() (err error) {
	m.exp, err = exporter.New(context.Background(), exporter.WithEndpoint(m.sink.address()))
	if err != nil {
		return err
	}
	m.collectInto(func(ctx context.Context, rm *metricdata.ResourceMetrics) error {
		return errors.Join(m.exp.Export(ctx, rm), m.exp.ForceFlush(ctx))
	})
	m.stop = m.exp.Shutdown
	return nil
}

func (m *manySeries) openOTLP() error {
	exp, err := otlpmetrichttp.New(context.Background(), otlpmetrichttp.WithEndpoint(m.sink.address()),
		otlpmetrichttp.WithInsecure(), otlpmetrichttp.WithTimeout(time.Minute))
	if err != nil {
		return err
	}
	m.collectInto(exp.Export)
	m.stop = exp.Shutdown
	return nil
}

// collectInto has the SDK aggregate, and collect for export.
func (m *manySeries) collectInto(export func(context.Context, *metricdata.ResourceMetrics) error) {
	reader := sdkmetric.NewManualReader()
	m.provider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithCardinalityLimit(0))
	rm := &metricdata.ResourceMetrics{}
	m.once = func() (time.Duration, error) {
		cpu := cpuTime()
		if err := reader.Collect(context.Background(), rm); err != nil {
			return 0, err
		}
		collecting := cpuTime() - cpu
		return collecting, export(context.Background(), rm)
	}
}
