package main

import (
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/receiver"
	"github.com/otelgram/otelgram/wire"
)

// totals is otelgram's receiver with a handler that keeps what each series
// has counted last, as cumulative points want it.
type totals struct {
	decoder
	mu     sync.Mutex
	series map[series]float64
}

type series struct {
	scope, name string
	set         attribute.Distinct
}

func newTotals() (sink, error) {
	t := &totals{decoder: decoder{arrivals: newArrivals()}, series: map[series]float64{}}
	var err error
	t.receiver, err = receiver.Listen("127.0.0.1:0", t.handle)
	return t, err
}

func (t *totals) handle(rm *metricdata.ResourceMetrics) {
	t.mu.Lock()
	points := keepAll(t.series, rm)
	t.mu.Unlock()
	t.add(points)
}

// keepAll keeps what series have counted: the value of a counter, and how many values a
// histogram has taken. It returns how many points there are, those of gauges included.
func keepAll(to map[series]float64, rm *metricdata.ResourceMetrics) (points int) {
	for i := range rm.ScopeMetrics {
		scope := rm.ScopeMetrics[i].Scope.Name
		for _, m := range rm.ScopeMetrics[i].Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				points += keep(to, scope, m.Name, data.DataPoints)
			case metricdata.Sum[float64]:
				points += keep(to, scope, m.Name, data.DataPoints)
			case metricdata.Histogram[float64]:
				points += len(data.DataPoints)
				for _, p := range data.DataPoints {
					to[series{scope, m.Name, p.Attributes.Equivalent()}] = float64(p.Count)
				}
			case metricdata.ExponentialHistogram[float64]:
				points += len(data.DataPoints)
				for _, p := range data.DataPoints {
					to[series{scope, m.Name, p.Attributes.Equivalent()}] = float64(p.Count)
				}
			case metricdata.Gauge[float64]:
				points += len(data.DataPoints)
			}
		}
	}
	return points
}

func keep[N int64 | float64](to map[series]float64, scope, name string, points []metricdata.DataPoint[N]) int {
	for i := range points {
		to[series{scope, name, points[i].Attributes.Equivalent()}] = float64(points[i].Value)
	}
	return len(points)
}

// total is the sum over all series.
func (t *totals) total() (float64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return sum(t.series), nil
}

func sum(of map[series]float64) (total float64) {
	for _, v := range of {
		total += v
	}
	return total
}

// latencies reads a socket and compares the time when it has a packet with the
// values in it, which are the times of their recording.
type latencies struct {
	*arrivals
	conn    *net.UDPConn
	reading sync.WaitGroup
	bad     error // of the reading goroutine

	mu  sync.Mutex
	all []time.Duration // since the last question
}

// readBuffer is enough for what comes while the reader is not scheduled.
const readBuffer = 4 << 20

func newLatencies() (sink, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	l := &latencies{arrivals: newArrivals(), conn: conn}
	if err := conn.SetReadBuffer(readBuffer); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	l.reading.Go(l.read)
	return l, nil
}

func (l *latencies) read() {
	var d wire.Decoder
	packet := make([]byte, 65535)
	for {
		n, _, err := l.conn.ReadFromUDPAddrPort(packet)
		now := time.Now().UnixNano()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				l.bad = err
			}
			return
		}
		h, cause := wire.CheckHeader(packet[:n])
		if cause != wire.Accepted || h.Format != wire.Compact {
			continue // a report; what is lost shows in the count of points
		}
		if err := d.Reset(packet[:n]); err != nil {
			l.bad = err
			continue
		}
		l.mu.Lock()
		for d.Next() {
			recorded := int64(math.Float64frombits(d.Point().Bits))
			l.all = append(l.all, time.Duration(now-recorded))
		}
		l.mu.Unlock()
		l.add(int(h.Points))
	}
}

func (l *latencies) address() string { return l.conn.LocalAddr().String() }

func (l *latencies) close() error {
	err := l.conn.Close()
	l.reading.Wait()
	return errors.Join(err, l.bad)
}

// quantiles returns the median and the 99th percentile of what has come since
// the last call.
func (l *latencies) quantiles() (p50, p99 time.Duration, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.all) == 0 {
		return 0, 0, fmt.Errorf("nothing arrived")
	}
	slices.Sort(l.all)
	p50, p99 = quantile(l.all, 50), quantile(l.all, 99)
	l.all = l.all[:0]
	return p50, p99, nil
}

// quantile returns the value that so many percent of sorted do not exceed.
func quantile[T any](sorted []T, percent float64) T {
	return sorted[max(0, int(math.Ceil(float64(len(sorted))*percent/100))-1)]
}
