package main

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/metric"

	"github.com/otelgram/otelgram/exporter"
)

const (
	firstSeries = 1000
	firstTimes  = 40 // more than twice the ring
	// moreSeries is what each of moreInstruments has; the limit is 2,000.
	moreSeries      = 1900
	moreInstruments = 5
	moreNames       = 10 // metrics by name, to stay below what is interned

	flatFirst = 1_000_000 // events before the first look at the heap
	flatMore  = 10_000_000
	flatLong  = 100_000_000
)

// heapExperiment is about what lives on the heap because of an exporter.
var heapExperiment = experiment{
	name:   "heap",
	rounds: 3,
	lines: []line{
		{"live heap, default, 1,000 series", "MB", (*cost).megabytes, 0, alone, target{valueAtMost, 2}},
		{"live heap, default, a further series", "bytes", (*cost).size, 0, alone, target{valueAtMost, 512}},
		{"live heap, default, 1,000 series by RecordMetric", "MB", (*cost).megabytes, 1, alone, target{valueAtMost, 2}},
		{"live heap, default, a further series by RecordMetric", "bytes", (*cost).size, 1, alone, target{valueAtMost, 512}},
		{"live heap, ResourceConstrained, 1,000 series", "MB", (*cost).megabytes, 2, alone, target{valueAtMost, 1}},
		{"live heap, default, 1,000 series, 40 times with options made per call", "MB", (*cost).megabytes, 3, alone, target{valueAtMost, 2}},
	},
	setup: func(bool) (sides []side, err error) {
		for _, s := range []struct {
			name        string
			fill        func(*exporter.Exporter, int, int) error
			opts        []exporter.Option
			times, more int
		}{
			{"instruments", fillInstruments, nil, 1, moreInstruments},
			{"RecordMetric", fillNames, nil, 1, moreInstruments},
			{"ResourceConstrained", fillInstruments, []exporter.Option{exporter.WithPreset(exporter.ResourceConstrained)}, 1, 0},
			{"instruments often", fillInstruments, nil, firstTimes, 0},
		} {
			at, err := startChild(plainRole)
			if err != nil {
				return sides, err
			}
			h := &household{sink: at, fill: s.fill, opts: s.opts}
			sides = append(sides, side{s.name, func() (cost, error) { return h.measure(s.times, s.more) }, h.end})
		}
		return sides, nil
	},
}

// household looks at what exporters keep.
type household struct {
	sink sink
	opts []exporter.Option
	// fill records one measurement in each of so many series of the instrument
	// with that number.
	fill func(exp *exporter.Exporter, instrument, series int) error
	sent uint64
}

// open starts an exporter and says how much was on the heap before.
func (h *household) open() (*exporter.Exporter, int, error) {
	empty := liveHeap()
	exp, err := exporter.New(context.Background(), append(h.opts, exporter.WithEndpoint(h.sink.address()))...)
	return exp, empty, err
}

// closed stops the exporter and wants so many measurements to have been folded.
func (h *household) closed(exp *exporter.Exporter, events uint64) error {
	err := exp.Shutdown(context.Background())
	s := exp.Stats()
	h.sent += s.Sent
	if s.Folded != events || s.Dropped.Total() > 0 || s.Offered != s.Folded+s.Sent {
		err = errors.Join(err, fmt.Errorf("%d measurements: %+v", events, s))
	}
	return err
}

// measure looks at the heap with 1,000 series, recorded so many times, and then
// with those of so many instruments more.
func (h *household) measure(times, more int) (c cost, err error) {
	exp, empty, err := h.open()
	if err != nil {
		return c, err
	}
	events := uint64(0)
	defer func() { err = errors.Join(err, h.closed(exp, events)) }()
	for range times {
		if err := h.filled(exp, 0, firstSeries); err != nil {
			return c, err
		}
		events += firstSeries
	}
	c.heap = liveHeap() - empty
	for i := range more {
		if err := h.filled(exp, i+1, moreSeries); err != nil {
			return c, err
		}
		events += moreSeries
	}
	c.points = moreSeries * more
	c.bytes = liveHeap() - empty - c.heap
	return c, nil
}

// filled fills, and flushes so that everything has been sent once.
func (h *household) filled(exp *exporter.Exporter, instrument, series int) error {
	if err := h.fill(exp, instrument, series); err != nil {
		return err
	}
	return exp.ForceFlush(context.Background())
}

func (h *household) end() error { return errors.Join(h.sink.books(h.sent), h.sink.close()) }

// fillInstruments has no series share its attributes with another.
func fillInstruments(exp *exporter.Exporter, instrument, series int) error {
	counter, err := exp.MeterProvider().Meter("example.com/shop").
		Int64Counter(fmt.Sprintf("%s.%d", requestCount, instrument))
	for i := range series {
		set := attributesOf(instrument*moreSeries + i)
		counter.Add(context.Background(), 1, metric.WithAttributes(set.ToSlice()...))
	}
	return err
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

var (
	flatExperiment        = flatExperimentFor("10 M", flatMore, false)
	flatForeverExperiment = flatExperimentFor("100 M", flatLong, true)
)

// flatExperimentFor is about a heap that does not grow with the events.
func flatExperimentFor(what string, events int, long bool) experiment {
	return experiment{
		name: "heap after " + what, rounds: 1, long: long,
		lines: []line{{
			"live heap, default, 1,000 series, after " + what + " events", "% of that after 1 M",
			(*cost).heapPercent, 0, alone, target{valueAtMost, 105},
		}},
		setup: func(quick bool) ([]side, error) {
			first := flatFirst
			if quick {
				first, events = flatFirst/10, flatFirst
			}
			return []side{{"otelgram", func() (cost, error) { return flat(first, events) }, nothing}}, nil
		},
	}
}

// flat looks at the heap after the first events and after all of them.
func flat(first, events int) (c cost, err error) {
	at, err := startChild(totalsRole)
	if err != nil {
		return c, err
	}
	kept := keptOptions(foldedSeries)
	empty := liveHeap()
	m, err := newMeasurer(at)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, m.end()) }()
	record, err := adding(m.exp, kept)
	if err != nil {
		return c, err
	}
	if _, err := m.produced(first, record); err != nil {
		return c, err
	}
	before := liveHeap() - empty
	c, err = m.produced(events-first, record)
	c.heapBefore = before
	c.heap = liveHeap() - empty
	return c, err
}
