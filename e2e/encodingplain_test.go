package e2e

import (
	"context"
	"fmt"
	"maps"
	"math"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/internal/faultproxy"
	"github.com/otelgram/otelgram/receiver"
)

// plainServer takes Plain packets, and keeps the last value of each series, with what the packet
// says of its kind and time.
type plainServer struct {
	*server
	mu     sync.Mutex
	values values
	kinds  map[string]string
	// points is how many came. books are those of what came through a source address: packets
	// received and lost.
	points int
	books  func() (received, lost uint64, err error)
}

// plainForm is how Plain names what was measured.
var plainForm = form{
	option: exporter.WithEncoding(exporter.Plain), attributes: "plain", histogram: fieldsOf, digits: exact, asSaid: true,
	series: func(kind byte, name, suffix string, t tags, bound ...string) string {
		if kind == 'h' {
			suffix = "." + suffix[1:]
		}
		return plainSeries(kind, name, suffix, t, bound...)
	},
}

func newPlainServer(address string) *plainServer {
	s := &plainServer{values: values{}, kinds: map[string]string{}}
	s.server = &server{address: address, read: func() (values, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return maps.Clone(s.values), nil
	}}
	return s
}

// take keeps a point.
func (s *plainServer) take(kind, name string, set map[string]string, value float64, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	series := seriesName(name, set)
	s.values[series] = value
	s.kinds[series] = fmt.Sprint(kind, " ", value, " at ", at.UnixNano())
	s.points++
}

// kindOf says what a point is: a gauge, or a sum with its properties.
func kindOf(sum, integer, monotonic, delta bool) string {
	kind := "gauge"
	if sum {
		kind = "cumulative sum"
		if delta {
			kind = "delta sum"
		}
	}
	if monotonic {
		kind = "monotonic " + kind
	}
	if integer {
		kind += " int64"
	}
	return kind
}

func takeAll[N integerOrFloat](s *plainServer, name string, points []metricdata.DataPoint[N], sum, monotonic, delta bool) {
	_, integer := any(N(0)).(int64)
	for _, p := range points {
		set := map[string]string{}
		for _, kv := range p.Attributes.ToSlice() {
			set[string(kv.Key)] = kv.Value.AsString()
		}
		s.take(kindOf(sum, integer, monotonic, delta), name, set, float64(p.Value), p.Time)
	}
}

// handle takes what a receiver of this process hands over.
func (s *plainServer) handle(rm *metricdata.ResourceMetrics) {
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			switch a := m.Data.(type) {
			case metricdata.Gauge[int64]:
				takeAll(s, m.Name, a.DataPoints, false, false, false)
			case metricdata.Gauge[float64]:
				takeAll(s, m.Name, a.DataPoints, false, false, false)
			case metricdata.Sum[int64]:
				takeAll(s, m.Name, a.DataPoints, true, a.IsMonotonic, a.Temporality == delta)
			case metricdata.Sum[float64]:
				takeAll(s, m.Name, a.DataPoints, true, a.IsMonotonic, a.Temporality == delta)
			default:
				panic(fmt.Sprintf("%s: Plain has no %T", m.Name, a))
			}
		}
	}
}

// note takes what a Collector passes on.
func (s *plainServer) note(md pmetric.Metrics) {
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				var points pmetric.NumberDataPointSlice
				sum, monotonic, changes := m.Type() == pmetric.MetricTypeSum, false, false
				if sum {
					points, monotonic = m.Sum().DataPoints(), m.Sum().IsMonotonic()
					changes = m.Sum().AggregationTemporality() == pmetric.AggregationTemporalityDelta
				} else {
					points = m.Gauge().DataPoints() // it panics if it is none
				}
				for _, p := range points.All() {
					integer := p.ValueType() == pmetric.NumberDataPointValueTypeInt
					value := p.DoubleValue()
					if integer {
						value = float64(p.IntValue())
					}
					s.take(kindOf(sum, integer, monotonic, changes), m.Name(), stringAttributes(p.Attributes()), value, p.Timestamp().AsTime())
				}
			}
		}
	}
}

// startPlainReceiver starts a receiver in this process.
func startPlainReceiver(t *testing.T) *plainServer {
	t.Helper()
	s := newPlainServer("")
	r, err := receiver.Listen("127.0.0.1:0", s.handle)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	s.address = r.Addr().String()
	s.books = func() (received, lost uint64, err error) {
		b := r.Stats().Books
		if b.Packets.Sent != b.Packets.Received+b.Packets.Lost || b.Packets.Received != b.Packets.Delivered || b.Points.Sent != b.Points.Received || b.Points.Lost != 0 {
			err = fmt.Errorf("the books: %+v", b)
		}
		return b.Packets.Received, b.Packets.Lost, err
	}
	return s
}

// startPlainCollector starts a Collector.
func startPlainCollector(t *testing.T) *plainServer {
	t.Helper()
	need(t, "go")
	s := newPlainServer(local(t))
	e, err := newEndpoint(t.Context(), s.note)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Shutdown(context.Background())) })
	c := startCollector(t, pairConfig, "TRANSPORT=udp", "ADDRESS="+s.address, "TARGET="+e.address)
	packets := regexp.MustCompile(`(?m)^otelcol_receiver_otelgram_(received|lost)_packets(?:_total)?\{[^}]*\} (\S+)$`)
	s.books = func() (received, lost uint64, err error) {
		served, err := fetch(c.metrics)
		if err != nil {
			return 0, 0, err
		}
		counts := map[string]float64{}
		for _, line := range packets.FindAllStringSubmatch(served, -1) {
			if counts[line[1]], err = strconv.ParseFloat(line[2], 64); err != nil {
				return 0, 0, err
			}
		}
		return uint64(counts["received"]), uint64(counts["lost"]), nil
	}
	return s
}

// TestPlain sends what an exporter makes of measurements as Plain, to the receiver and to a
// Collector, and compares what comes out with what was measured.
func TestPlain(t *testing.T) {
	for name, start := range map[string]func(*testing.T) *plainServer{"receiver": startPlainReceiver, "Collector": startPlainCollector} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			t.Run("kinds", func(t *testing.T) { testKinds(t, &plainForm, s.server) })
			t.Run("distributions", func(t *testing.T) { testDistributions(t, &plainForm, s.server) })
			t.Run("points", func(t *testing.T) { testPlainPoints(t, s) })
			t.Run("losses", func(t *testing.T) { testPlainLosses(t, s) })
		})
	}
}

// testPlainPoints: what a point is, its value to the last bit, also one that is no number, its
// time, and its attributes, whatever bytes they have.
func testPlainPoints(t *testing.T, s *plainServer) {
	exp := newTextExporter(t, &plainForm, s.address)
	start := time.Now().Add(-time.Minute)
	now := start.Add(time.Minute + 123)
	scope, want := metricdata.ScopeMetrics{}, map[string]string{}
	add := func(name string, data metricdata.Aggregation) {
		scope.Metrics = append(scope.Metrics, metricdata.Metrics{Name: "points." + name, Data: at(data, now)})
	}
	one := func(kind string, value float64, name string, more ...map[string]string) {
		want[seriesName("points."+name, append(more, map[string]string{"service.name": "e2e"})...)] = fmt.Sprint(kind, " ", value, " at ", now.UnixNano())
	}
	number := func(name, kind string, data []metricdata.Aggregation) {
		add(name, data[0])
		one(kind, numberOf(data[0]), name)
	}
	number("a", "monotonic cumulative sum int64", sums(cumulative, true, start, int64(1<<62)))
	number("b", "monotonic delta sum int64", sums(delta, true, start, int64(3)))
	number("c", "monotonic cumulative sum", sums(cumulative, true, start, 1e15+0.5))
	number("d", "monotonic delta sum", sums(delta, true, start, 0.1))
	number("e", "cumulative sum int64", sums(cumulative, false, start, int64(-3)))
	number("f", "delta sum", sums(delta, false, start, -1e-9))
	number("g", "gauge int64", gauges(int64(math.MinInt64)))
	number("h", "gauge", gauges(-0.25))
	number("i", "gauge", gauges(nan))
	number("j", "gauge", gauges(-inf))
	number("k", "monotonic cumulative sum", sums(cumulative, true, start, inf))

	add("l", histogramOf(delta, start, true, []float64{1, 5}, []float64{0.5, 1, 7}))
	one("monotonic delta sum int64", 3, "l.count")
	one("delta sum", 8.5, "l.sum")
	one("gauge", 0.5, "l.min")
	one("gauge", 7, "l.max")
	for le, n := range map[string]float64{"1": 2, "5": 2, "+Inf": 3} {
		one("monotonic delta sum int64", n, "l.bucket", map[string]string{"le": le})
	}
	add("m", exponentialOf(start, 1, []float64{1, 2, 3}))
	one("monotonic cumulative sum int64", 3, "m.count")
	one("cumulative sum", 6, "m.sum")
	for le, n := range map[string]float64{"0.707107": 0, "1": 1, "1.41421": 1, "2": 2, "2.82843": 2, "4": 3, "+Inf": 3} {
		one("monotonic cumulative sum int64", n, "m.bucket", map[string]string{"le": le})
	}
	add("n", metricdata.Summary{DataPoints: []metricdata.SummaryDataPoint{{StartTime: start, Count: 2, Sum: 3,
		QuantileValues: []metricdata.QuantileValue{{Quantile: 0.5, Value: nan}}}}})
	one("monotonic cumulative sum int64", 2, "n.count")
	one("cumulative sum", 3, "n.sum")
	one("gauge", nan, "n.quantile", map[string]string{"quantile": "0.5"})

	texts := tags{"é": "日本\x00\n", "empty": "", "a,b|c=d": separators, "__name__": "x"}
	set := []attribute.KeyValue{pair("", "1"), pair("le", "2"), pair("quantile", "3"), attribute.BoolSlice("flags", []bool{true, false})}
	for k, v := range texts {
		set = append(set, pair(k, v))
	}
	scope.Metrics = append(scope.Metrics, metricdata.Metrics{Name: "points.o", Data: metricdata.Gauge[float64]{
		DataPoints: []metricdata.DataPoint[float64]{{Attributes: attribute.NewSet(set...), Time: now, Value: 1}}}})
	one("gauge", 1, "o", texts, map[string]string{"_": "1", "le_": "2", "quantile_": "3", "flags": "[true,false]"})

	exports(t, exp, &metricdata.ResourceMetrics{Resource: textResource, ScopeMetrics: []metricdata.ScopeMetrics{scope}})
	assert.EventuallyWithT(t, func(c *assert.CollectT) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for series, kind := range want {
			assert.Equal(c, kind, s.kinds[series], series)
		}
	}, 30*time.Second, 20*time.Millisecond)
	assert.Equal(t, exporter.Dropped{}, exp.Stats().Dropped)
}

// testPlainLosses: the receiver's books tell how many packets were lost on the network, and what
// comes through is right.
func testPlainLosses(t *testing.T, s *plainServer) {
	before, lostBefore, err := s.books()
	require.NoError(t, err)
	proxy, err := faultproxy.Listen(s.address, 1, faultproxy.Faults{})
	require.NoError(t, err)
	t.Cleanup(proxy.Close)
	exp := newTextExporter(t, &plainForm, proxy.Addr())
	start := time.Now()
	const all = 30
	for n := range all {
		exports(t, exp, &metricdata.ResourceMetrics{Resource: textResource, ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{
			{Name: "losses.jobs", Data: at(sums(cumulative, true, start, int64(n))[0], time.Now())},
		}}}})
		if n == 0 || n == all-2 {
			// The first and the last come through: the books are of what is between them.
			eventually(t, 10*time.Second, func() error {
				if b := proxy.Books(); b.Received.Packets != exp.Stats().Packets {
					return fmt.Errorf("on the way: %+v", b)
				}
				return nil
			})
			faults := faultproxy.Faults{Lose: 1, Of: 3}
			if n > 0 {
				faults = faultproxy.Faults{}
			}
			proxy.Set(faults)
		}
	}
	eventually(t, 20*time.Second, func() error {
		received, lost, err := s.books()
		b := proxy.Books()
		if err == nil && (received-before != b.Forwarded.Packets || lost-lostBefore != b.Lost.Packets || b.Received.Packets != all || b.Lost.Packets < all/4) {
			err = fmt.Errorf("%d received, %d lost, of the proxy's %+v", received-before, lost-lostBefore, b)
		}
		return err
	})
	plainForm.has(t, s.server, "losses", []fact{{kind: 'c', name: "losses.jobs", said: all - 1}})
	assert.Equal(t, uint64(all), exp.Stats().Sent)
}
