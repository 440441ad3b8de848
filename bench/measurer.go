package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/otelgram/otelgram/exporter"
)

// directSeries is how many series calls take in turn where nothing else is said.
const directSeries = 16

// measurer is a sender whose direct path aggregates so many series of each instrument.
type measurer struct {
	*sender
	*instruments
	tags     [][]exporter.Tag
	recorded uint64 // counted by counters and histograms
	dropped  uint64 // when it was looked at last
}

// newMeasurer returns one to a child, which sends points when it is told to, and not
// beside that.
func newMeasurer(series int, opts ...exporter.Option) (*measurer, error) {
	at, err := startChild(totalsRole)
	if err != nil {
		return nil, err
	}
	return newMeasurerTo(at, series, append(opts, exporter.WithFlushInterval(time.Hour))...)
}

func newMeasurerTo(at sink, series int, opts ...exporter.Option) (*measurer, error) {
	s, err := newSenderTo(at, opts...)
	if err != nil {
		return nil, err
	}
	i, err := newInstruments(s.exp.MeterProvider(), series)
	if err != nil {
		return nil, errors.Join(err, s.end())
	}
	tags, _ := makeTags(series)
	return &measurer{sender: s, instruments: i, tags: tags}, nil
}

// subject is one way to record, by the name of its side.
func (m *measurer) subject(name string, record func(first, calls int)) subject {
	return subject{name: name, record: record, settled: m.settled, end: nothing}
}

func (m *measurer) recordMetric(first, calls int) {
	for i := range turns(len(m.tags), first, calls) {
		m.exp.RecordMetric(requestCount, 1, m.tags[i]...)
	}
}

// settled has every series sent, and wants no measurement dropped, and each of them in
// what the receiver knows.
func (m *measurer) settled(c *cost) error {
	m.recorded += uint64(c.points)
	_, err := m.flush(c)
	return errors.Join(err, m.undropped(c), m.known())
}

// set is settled for gauges, of which the receiver does not count the measurements.
func (m *measurer) set(c *cost) error {
	_, err := m.flush(c)
	return errors.Join(err, m.undropped(c))
}

// undropped wants nothing to have been dropped since it was called last.
func (m *measurer) undropped(c *cost) error {
	s := m.exp.Stats()
	c.dropped = counted(int(s.Dropped.Total() - m.dropped))
	m.dropped = s.Dropped.Total()
	if c.dropped.n > 0 {
		return fmt.Errorf("%d measurements: %+v", c.points, s)
	}
	return nil
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
		if err = m.exp.ForceFlush(context.Background()); err != nil {
			return err
		}
		if _, err = m.sink.wait(m.exp.Stats().Sent - m.lost); err != nil {
			return err
		}
	}
	return fmt.Errorf("%.0f arrived of %d recorded", total, m.recorded)
}

// end wants the receiver to know every measurement, and the books to close.
func (m *measurer) end() error {
	_, err := m.flush(&cost{})
	return errors.Join(err, m.known(), m.sender.end())
}
