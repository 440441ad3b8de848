package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/internal/allocs"
)

const (
	firstSeries = 1000
	firstTimes  = 40 // more than twice the ring
	// moreSeries is what each of moreInstruments has; the limit is 2,000.
	moreSeries      = 1900
	moreInstruments = 5
	// heapValues is what the values of a histogram stay below.
	heapValues = 10_000
)

// justPast are the counts of series at which tables that double are emptiest.
var justPast = []int{2049, 4097, 8193}

var (
	small = target{valueAtMost, 2}
	each  = target{valueAtMost, 320}
)

// heapExperiment is about what lives on the heap because of an exporter.
var heapExperiment = experiment{
	name:   "heap",
	rounds: 3,
	lines: []line{
		{"live heap, default, 1,000 series", "MB", (*cost).megabytes, 0, alone, small},
		{"live heap, default, a further series", "bytes", (*cost).size, 0, alone, each},
		{"live heap, default, 1,000 series by RecordMetric", "MB", (*cost).megabytes, 1, alone, small},
		{"live heap, default, a further series by RecordMetric, at worst", "bytes", (*cost).size, 1, alone, target{valueAtMost, 512}},
		{"live heap, default, a further explicit histogram series of 16 buckets", "bytes", (*cost).size, 7, alone, target{valueAtMost, 450}},
		{"live heap, default, a further exponential histogram series", "bytes", (*cost).size, 8, alone, none},
		{"live heap, ResourceConstrained, 1,000 series", "MB", (*cost).megabytes, 2, alone, target{valueAtMost, 1}},
		{"live heap, default, 1,000 series, 40 times with options made per call", "MB", (*cost).megabytes, 3, alone, small},
		{"live heap, default, 1,000 counters through Export", "MB", (*cost).megabytes, 4, alone, small},
		{"live heap, default, 1,000 series and 1,000 counters through Export", "MB", (*cost).megabytes, 5, alone, small},
		{"live heap, default, 1,000 series, self-metrics collected", "MB", (*cost).megabytes, 6, alone, small},
	},
	setup: func(bool) (sides []side, err error) {
		rm, reader := counters(firstSeries, 1), sdkmetric.NewManualReader()
		watched := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
		for _, s := range []struct {
			name    string
			fill    func(exp *exporter.Exporter, instrument, series int) error
			opt     exporter.Option
			measure func(*household) (cost, error)
		}{
			{"instruments", fillInstruments, nil, (*household).further},
			{"RecordMetric", fillNames, nil, (*household).furtherAtWorst},
			{"ResourceConstrained", fillInstruments, exporter.WithPreset(exporter.ResourceConstrained), (*household).once},
			{"instruments often", fillInstruments, nil, (*household).often},
			{"Export", fillExport(rm), nil, (*household).once},
			{"both", fillBoth(rm), nil, (*household).once},
			{"self-metrics", fillCollected(reader), exporter.WithMeterProvider(watched), (*household).once},
			{"explicit", fillHistograms, nil, (*household).further},
			{"exponential", fillHistograms, withExponential, (*household).further},
		} {
			at, err := startChild(plainRole)
			if err != nil {
				return sides, err
			}
			h := &household{sink: at, fill: s.fill}
			if s.opt != nil {
				h.opts = append(h.opts, s.opt)
			}
			sides = append(sides, side{s.name, func() (cost, error) { return h.opened(s.measure) }, h.end})
		}
		return sides, nil
	},
}

// household looks at what exporters keep.
type household struct {
	sink sink
	opts []exporter.Option
	// fill hands one point over in each of so many series of the instrument
	// with that number.
	fill func(exp *exporter.Exporter, instrument, series int) error
	sent uint64

	exp   *exporter.Exporter // of this round
	empty int                // bytes on the heap before it
}

// opened makes an exporter, has it measured and stops it.
func (h *household) opened(measure func(*household) (cost, error)) (c cost, err error) {
	h.exp = nil
	h.empty = int(allocs.Heap())
	h.exp, err = exporter.New(context.Background(), append(h.opts, exporter.WithEndpoint(h.sink.address()))...)
	if err != nil {
		return c, err
	}
	c, err = measure(h)
	err = errors.Join(err, h.exp.Shutdown(context.Background()))
	s := h.exp.Stats()
	h.sent += s.Sent
	c.dropped = counted(int(s.Dropped.Total()))
	if c.dropped.n > 0 || s.Offered != s.Sent || s.Offered == 0 {
		err = errors.Join(err, fmt.Errorf("books: %+v", s))
	}
	return c, err
}

// lives is how many bytes live because of the exporter.
func (h *household) lives() int { return int(allocs.Heap()) - h.empty }

// once fills 1,000 series.
func (h *household) once() (c cost, err error) {
	err = h.filled(0, firstSeries)
	c.points, c.heap = firstSeries, h.lives()
	return c, err
}

// often fills 1,000 series again and again.
func (h *household) often() (c cost, err error) {
	for range firstTimes {
		err = errors.Join(err, h.filled(0, firstSeries))
	}
	c.points, c.heap = firstTimes*firstSeries, h.lives()
	return c, err
}

// further fills 1,000 series and then those of some instruments more. The first of those
// does not count, since pools grow with the points of one collection, nor does the queue.
func (h *household) further() (cost, error) {
	c, err := h.once()
	err = errors.Join(err, h.fillQueue(), h.filled(1, moreSeries))
	before := h.lives()
	for i := range moreInstruments {
		err = errors.Join(err, h.filled(i+2, moreSeries))
	}
	c.points, c.bytes = moreSeries*moreInstruments, h.lives()-before
	return c, err
}

// furtherAtWorst fills 1,000 series, the queue, and then more series, and keeps the counts
// at which a further one takes most.
func (h *household) furtherAtWorst() (cost, error) {
	c, err := h.once()
	err = errors.Join(err, h.fillQueue())
	first := h.lives()
	c.points, c.bytes = 1, math.MinInt32
	have := firstSeries
	for i, count := range justPast {
		for n := 0; have < count; n++ {
			more := min(count-have, moreSeries)
			err = errors.Join(err, h.filled(1+10*i+n, more))
			have += more
		}
		further, bytes := count-firstSeries, h.lives()-first
		if bytes*c.points > c.bytes*further {
			c.points, c.bytes = further, bytes
		}
	}
	return c, err
}

// fillQueue has the point queue grow to its full size, which is no matter of series.
func (h *household) fillQueue() error {
	points := metricdata.Gauge[int64]{DataPoints: make([]metricdata.DataPoint[int64], 2*16384)}
	for i := range points.DataPoints {
		points.DataPoints[i].Time = time.Unix(1_790_000_000, 0)
	}
	rm := &metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{{Name: "queue", Data: points}}}}}
	return errors.Join(h.exp.Export(context.Background(), rm), h.exp.ForceFlush(context.Background()))
}

// filled fills, and flushes so that everything has been sent once.
func (h *household) filled(instrument, series int) error {
	if err := h.fill(h.exp, instrument, series); err != nil {
		return err
	}
	return h.exp.ForceFlush(context.Background())
}

func (h *household) end() error { return errors.Join(h.sink.books(h.sent), h.sink.close()) }

// fillInstruments has no series share its attributes with another.
func fillInstruments(exp *exporter.Exporter, instrument, series int) error {
	counter, err := exp.MeterProvider().Meter(scopeName).
		Int64Counter(fmt.Sprintf("%s.%d", requestCount, instrument))
	for i := range series {
		set := attributesOf(instrument*moreSeries + i)
		counter.Add(context.Background(), 1, metric.WithAttributes(set.ToSlice()...))
	}
	return err
}

// fillHistograms records some values in each series, of which none shares its attributes
// with another.
func fillHistograms(exp *exporter.Exporter, instrument, series int) error {
	histogram, err := exp.MeterProvider().Meter(scopeName).
		Float64Histogram(fmt.Sprintf("http.server.request.duration.%d", instrument))
	for i := range series {
		set := attributesOf(instrument*moreSeries + i)
		with := metric.WithAttributes(set.ToSlice()...)
		for v := 1.0; v < heapValues; v *= 2 {
			histogram.Record(context.Background(), v, with)
		}
	}
	return err
}

// fillExport hands over points as a reader does.
func fillExport(rm *metricdata.ResourceMetrics) func(*exporter.Exporter, int, int) error {
	return func(exp *exporter.Exporter, _, _ int) error { return exp.Export(context.Background(), rm) }
}

// fillBoth fills both paths.
func fillBoth(rm *metricdata.ResourceMetrics) func(*exporter.Exporter, int, int) error {
	return func(exp *exporter.Exporter, instrument, series int) error {
		return errors.Join(fillExport(rm)(exp, instrument, series), fillInstruments(exp, instrument, series))
	}
}

// fillCollected has the exporter's own metrics collected, too.
func fillCollected(reader sdkmetric.Reader) func(*exporter.Exporter, int, int) error {
	return func(exp *exporter.Exporter, instrument, series int) error {
		var rm metricdata.ResourceMetrics
		return errors.Join(fillInstruments(exp, instrument, series), reader.Collect(context.Background(), &rm))
	}
}

func fillNames(exp *exporter.Exporter, instrument, series int) error {
	name := fmt.Sprintf("%s.%d", requestCount, instrument)
	for i := range series {
		set := attributesOf(instrument*moreSeries + i)
		var tags [3]exporter.Tag
		for j, kv := range set.ToSlice() {
			tags[j] = exporter.Tag{Key: string(kv.Key), Value: kv.Value.AsString()}
		}
		if !exp.RecordMetric(name, 1, tags[:]...) {
			return fmt.Errorf("series %d of %s: not taken", i, name)
		}
	}
	return nil
}
