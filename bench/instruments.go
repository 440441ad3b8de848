package main

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

const (
	scopeName = "example.com/shop"
	// samples is how many values histograms take in turn.
	samples = 256
)

// bound is what an instrument of the direct path has beside OpenTelemetry's API.
type bound interface {
	Bind(...attribute.KeyValue) metric.Int64Counter
}

// instruments are a counter, a histogram and a gauge of OpenTelemetry's API, and what
// is kept to record in so many series of each.
type instruments struct {
	counter   metric.Int64Counter
	histogram metric.Float64Histogram
	gauge     metric.Float64Gauge

	attributes [][]attribute.KeyValue
	adds       [][]metric.AddOption
	records    [][]metric.RecordOption
	bound      []metric.Int64Counter // none where the counter cannot be bound
	values     [samples]float64
}

func newInstruments(p metric.MeterProvider, series int) (*instruments, error) {
	m := p.Meter(scopeName)
	var i instruments
	var failed [3]error
	i.counter, failed[0] = m.Int64Counter(requestCount)
	i.histogram, failed[1] = m.Float64Histogram("http.server.request.duration")
	i.gauge, failed[2] = m.Float64Gauge("http.server.queue.length")
	binder, binds := i.counter.(bound)
	for n := range series {
		set := attributesOf(n)
		i.attributes = append(i.attributes, set.ToSlice())
		i.adds = append(i.adds, []metric.AddOption{metric.WithAttributeSet(set)})
		i.records = append(i.records, []metric.RecordOption{metric.WithAttributeSet(set)})
		if binds {
			i.bound = append(i.bound, binder.Bind(i.attributes[n]...))
		}
	}
	for n := range i.values {
		i.values[n] = float64((n*n*37)%9000) + 0.5 // nearly all buckets, most in the lower ones
	}
	return &i, errors.Join(failed[:]...)
}

func (i *instruments) addKept(first, calls int) {
	ctx := context.Background()
	for n := range turns(len(i.adds), first, calls) {
		i.counter.Add(ctx, 1, i.adds[n]...)
	}
}

func (i *instruments) addMade(first, calls int) {
	ctx := context.Background()
	for n := range turns(len(i.attributes), first, calls) {
		i.counter.Add(ctx, 1, metric.WithAttributes(i.attributes[n]...))
	}
}

func (i *instruments) addBound(first, calls int) {
	ctx := context.Background()
	for n := range turns(len(i.bound), first, calls) {
		i.bound[n].Add(ctx, 1)
	}
}

func (i *instruments) recordKept(first, calls int) {
	ctx, k := context.Background(), uint8(first)
	for n := range turns(len(i.records), first, calls) {
		i.histogram.Record(ctx, i.values[k], i.records[n]...)
		k++
	}
}

func (i *instruments) setKept(first, calls int) {
	ctx := context.Background()
	for n := range turns(len(i.records), first, calls) {
		i.gauge.Record(ctx, 1, i.records[n]...)
	}
}
