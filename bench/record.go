package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/DataDog/datadog-go/v5/statsd"

	"github.com/otelgram/otelgram/exporter"
)

const (
	requestCount = "http.server.request.count"
	// meanOf is how many calls are timed together where single calls count: a
	// reading of the clock costs more than a call.
	meanOf = 16
)

// tagSets are the series that the calls take in turn, for each side.
var tagSets, tagLines = makeTags(directSeries)

func makeTags(n int) (sets [][]exporter.Tag, lines [][]string) {
	for i := range n {
		set := attributesOf(i)
		var tags []exporter.Tag
		var texts []string
		for _, kv := range set.ToSlice() {
			tags = append(tags, exporter.Tag{Key: string(kv.Key), Value: kv.Value.AsString()})
			texts = append(texts, string(kv.Key)+":"+kv.Value.AsString())
		}
		sets, lines = append(sets, tags), append(lines, texts)
	}
	return sets, lines
}

var recordExperiment = experiment{
	name: "RecordMetric",
	lines: []line{
		{"RecordMetric, 3 tags, median of means of 16 calls", "ns", (*cost).p50Nanos, 3, 4, target{ratioAtMost, 0.4}},
		{"RecordMetric, 3 tags, median of means, the other aggregated", "ns", (*cost).p50Nanos, 3, 5, none},
		{"RecordMetric, 3 tags, mean of a burst", "ns", (*cost).nanos, 0, 1, none},
		{"RecordMetric, 3 tags, mean of a burst, the other aggregated", "ns", (*cost).nanos, 0, 2, none},
		{"RecordMetric, 3 tags, all CPU", "ns", (*cost).cpuNanos, 0, 1, none},
		{"RecordMetric, 3 tags, allocations", "allocs", (*cost).allocs, 0, 1, target{valueAtMost, 0.001}},
		{"RecordMetric, 3 tags, p99 of means of 16 calls", "ns", (*cost).p99Nanos, 3, 4, target{ratioAtMost, 0.5}},
		{"RecordMetric, 3 tags, p99 of means, the other aggregated", "ns", (*cost).p99Nanos, 3, 5, none},
	},
	setup: func(quick bool) (sides []side, err error) {
		at, err := startChild(totalsRole)
		if err != nil {
			return nil, err
		}
		m, err := newMeasurer(at)
		if err != nil {
			return nil, err
		}
		sides = append(sides, side{"otelgram", nil, m.end})
		plain, err := newDogStatsD(statsd.WithoutClientSideAggregation())
		if err != nil {
			return sides, err
		}
		sides = append(sides, side{"datadog-go", nil, plain.end})
		aggregated, err := newDogStatsD()
		if err != nil {
			return sides, err
		}
		sides = append(sides, side{"datadog-go aggregated", nil, aggregated.end})
		n := directBursts
		if quick {
			n = 1
		}
		record := func(calls int) { recordTags(m.exp, calls) }
		sides[0].round = func() (cost, error) { return m.inBursts(n, record) }
		sides[1].round = func() (cost, error) { return plain.inBursts(n, plain.record) }
		sides[2].round = func() (cost, error) { return aggregated.inBursts(n, aggregated.record) }
		return append(sides,
			side{"otelgram", sampled(n, record, m.inBursts), nothing},
			side{"datadog-go", sampled(n, plain.record, plain.inBursts), nothing},
			side{"datadog-go aggregated", sampled(n, aggregated.record, aggregated.inBursts), nothing},
		), nil
	},
}

func recordTags(exp *exporter.Exporter, calls int) {
	for i := range calls {
		exp.RecordMetric(requestCount, 1, tagSets[i%directSeries]...)
	}
}

// sampled makes a round of bursts in which some calls at a time are timed.
func sampled(n int, record func(int), inBursts func(int, func(int)) (cost, error)) func() (cost, error) {
	means := make([]time.Duration, 0, n*halfRing/meanOf)
	return func() (cost, error) {
		means = means[:0]
		c, err := inBursts(n, func(calls int) {
			for range calls / meanOf {
				means = append(means, timed(func() { record(meanOf) })/meanOf)
			}
		})
		slices.Sort(means)
		c.p50, c.p99 = quantile(means, 50), quantile(means, 99)
		return c, err
	}
}

// dogStatsD is Datadog's client and a child that takes what it sends.
type dogStatsD struct {
	client   *statsd.Client
	sink     sink
	recorded uint64
	refused  error
}

func newDogStatsD(opts ...statsd.Option) (*dogStatsD, error) {
	c, err := startChild(linesRole)
	if err != nil {
		return nil, err
	}
	client, err := statsd.New(c.address(), append(opts, statsd.WithoutOriginDetection())...)
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return &dogStatsD{client: client, sink: c}, nil
}

func (d *dogStatsD) record(calls int) {
	for i := range calls {
		if err := d.client.Count(requestCount, 1, tagLines[i%directSeries], 1); err != nil {
			d.refused = err
		}
	}
}

func (d *dogStatsD) inBursts(n int, record func(calls int)) (cost, error) {
	c, err := inBursts(n, record, d.client.Flush)
	d.recorded += uint64(c.points)
	t := d.client.GetTelemetry()
	if t.TotalMetricsCount != d.recorded || t.TotalPayloadsDroppedQueueFull > 0 || t.TotalPayloadsDroppedWriter > 0 ||
		t.TotalDroppedOnReceive > 0 {
		err = errors.Join(err, fmt.Errorf("%d calls: %+v", d.recorded, t))
	}
	return c, errors.Join(err, d.refused)
}

func (d *dogStatsD) end() error {
	return errors.Join(d.client.Close(), d.sink.books(d.recorded), d.sink.close())
}

// lines reads StatsD lines and counts those of requestCount; the client sends
// some about itself.
type lines struct {
	*arrivals
	conn    *net.UDPConn
	reading sync.WaitGroup
}

func newLines() (sink, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	l := &lines{arrivals: newArrivals(), conn: conn}
	l.reading.Go(func() {
		packet, name := make([]byte, 65535), []byte(requestCount+":")
		for {
			n, err := l.conn.Read(packet)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			l.add(bytes.Count(packet[:n], name))
		}
	})
	return l, nil
}

func (l *lines) address() string { return l.conn.LocalAddr().String() }

func (l *lines) close() error {
	err := l.conn.Close()
	l.reading.Wait()
	return err
}
