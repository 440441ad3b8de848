package main

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/DataDog/datadog-go/v5/statsd"
)

// dogStatsD is Datadog's client and a child that takes what it sends.
type dogStatsD struct {
	client   *statsd.Client
	sink     sink
	tags     [][]string
	recorded uint64
	refused  atomic.Pointer[error]
}

// newDogStatsD returns one that aggregates, unless it is told not to.
func newDogStatsD(series int, opts ...statsd.Option) (*dogStatsD, error) {
	c, err := startChild(linesRole)
	if err != nil {
		return nil, err
	}
	client, err := statsd.New(c.address(), append(opts, statsd.WithoutOriginDetection())...)
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	_, tags := makeTags(series)
	return &dogStatsD{client: client, sink: c, tags: tags}, nil
}

// subject has it send what it has after each burst: what finds no room in its queue is
// dropped.
func (d *dogStatsD) subject(name string) subject {
	return subject{name: name, record: d.count, rest: d.client.Flush, settled: d.settled, end: nothing}
}

func (d *dogStatsD) count(first, calls int) {
	for i := range turns(len(d.tags), first, calls) {
		if err := d.client.Count(requestCount, 1, d.tags[i], 1); err != nil {
			d.refused.Store(&err)
		}
	}
}

// settled wants every call counted, and nothing dropped.
func (d *dogStatsD) settled(c *cost) error {
	d.recorded += uint64(c.points)
	if err := d.client.Flush(); err != nil {
		return err
	}
	if err := d.refused.Load(); err != nil {
		return *err
	}
	t := d.client.GetTelemetry()
	if t.TotalMetricsCount != d.recorded || t.TotalPayloadsDroppedQueueFull > 0 || t.TotalPayloadsDroppedWriter > 0 ||
		t.TotalDroppedOnReceive > 0 {
		return fmt.Errorf("%d calls: %+v", d.recorded, t)
	}
	return nil
}

func (d *dogStatsD) end() error {
	return errors.Join(d.client.Close(), d.sink.books(d.recorded), d.sink.close())
}
