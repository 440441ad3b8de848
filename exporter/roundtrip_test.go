package exporter_test

import (
	"context"
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/internal/randomdata"
	"github.com/otelgram/otelgram/internal/testsize"
	"github.com/otelgram/otelgram/receiver"
)

var (
	seed  = flag.Uint64("seed", 0, "seed of the random data; 0: a new one")
	cases = flag.Int("cases", defaultCases(), "random data sets to send")
)

// defaultCases is less if each case takes ten times as long.
func defaultCases() int {
	if raceEnabled {
		return 1000
	}
	return testsize.Pick(1000, 10_000)
}

// connection is an exporter and a receiver, connected over loopback.
type connection struct {
	exp     *exporter.Exporter
	recv    *receiver.Receiver
	arrived chan *metricdata.ResourceMetrics
}

// never is a flush interval with which a collection happens only when a test asks for one.
// A short interval would not do, since the first collection comes at a random moment of the
// first interval.
const never = 10_000 * time.Hour

func connect(t *testing.T, opts ...exporter.Option) *connection {
	t.Helper()
	c := &connection{arrived: make(chan *metricdata.ResourceMetrics, 4096)}
	var err error
	c.recv, err = receiver.Listen("127.0.0.1:0", func(rm *metricdata.ResourceMetrics) { c.arrived <- rm })
	require.NoError(t, err)
	opts = append([]exporter.Option{exporter.WithEndpoint(c.recv.Addr().String())}, opts...)
	c.exp, err = exporter.New(t.Context(), opts...)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, c.exp.Shutdown(context.Background()))
		require.NoError(t, c.recv.Close())
	})
	return c
}

// send exports rm and returns all that arrives of it.
func (c *connection) send(t *testing.T, rm *metricdata.ResourceMetrics, points int) []*metricdata.ResourceMetrics {
	t.Helper()
	require.NoError(t, c.exp.Export(t.Context(), rm))
	require.NoError(t, c.exp.ForceFlush(t.Context()))
	return c.receive(t, points)
}

// receive returns what arrives, until that many points have arrived.
func (c *connection) receive(t *testing.T, points int) []*metricdata.ResourceMetrics {
	t.Helper()
	var got []*metricdata.ResourceMetrics
	timeout := time.NewTimer(30 * time.Second)
	defer timeout.Stop()
	for points > 0 {
		select {
		case one := <-c.arrived:
			got = append(got, one)
			points -= len(lines(one))
		case <-timeout.C:
			require.FailNow(t, "points missing", "%d; exporter %+v, receiver %+v", points, c.exp.Stats(), c.recv.Stats())
		}
	}
	return got
}

// TestRandomDataArrivesBitByBit is the product in one test: whatever the SDK can hand over
// comes out at the other end, equal in every bit.
func TestRandomDataArrivesBitByBit(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("seed %d", *seed)
	arriveBitByBit(t, *cases)
	arriveBitByBit(t, *cases/10, exporter.WithoutInterning())
}

func arriveBitByBit(t *testing.T, cases int, opts ...exporter.Option) {
	t.Helper()
	c := connect(t, append(opts, exporter.WithPacing(0, 0))...)
	g := randomdata.New(*seed)
	compared := 0
	for i := range cases {
		want := g.ResourceMetrics()
		wantLines := lines(want)
		got := c.send(t, want, len(wantLines))
		require.Equal(t, wantLines, lines(got...), "case %d of seed %d", i, *seed)
		if !g.NaN() {
			compared++
			metricdatatest.AssertEqual(t, *named(want), *joined(got))
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	require.Positive(t, compared)
	s := c.exp.Stats()
	require.Zero(t, s.Dropped.Total(), "every point made fits a packet: %+v", s)
	require.Equal(t, s.Offered, s.Sent)
}

// named returns rm with a resource in place of nil.
func named(rm *metricdata.ResourceMetrics) *metricdata.ResourceMetrics {
	if rm.Resource != nil {
		return rm
	}
	return &metricdata.ResourceMetrics{Resource: resource.Empty(), ScopeMetrics: rm.ScopeMetrics}
}

// joined puts what came in several packets together again.
func joined(parts []*metricdata.ResourceMetrics) *metricdata.ResourceMetrics {
	out := &metricdata.ResourceMetrics{Resource: parts[0].Resource}
	scopes := map[instrumentation.Scope]int{}
	metrics := map[[2]string]int{}
	for _, part := range parts {
		for _, sm := range part.ScopeMetrics {
			s, ok := scopes[sm.Scope]
			if !ok {
				s = len(out.ScopeMetrics)
				scopes[sm.Scope] = s
				out.ScopeMetrics = append(out.ScopeMetrics, metricdata.ScopeMetrics{Scope: sm.Scope})
			}
			to := &out.ScopeMetrics[s]
			for _, m := range sm.Metrics {
				key := [2]string{sm.Scope.Name, m.Name}
				at, ok := metrics[key]
				if !ok {
					metrics[key] = len(to.Metrics)
					to.Metrics = append(to.Metrics, m)
					continue
				}
				to.Metrics[at].Data = joinedData(to.Metrics[at].Data, m.Data)
			}
		}
	}
	return out
}

func joinedData(a, b metricdata.Aggregation) metricdata.Aggregation {
	switch a := a.(type) {
	case metricdata.Gauge[int64]:
		a.DataPoints = append(a.DataPoints, b.(metricdata.Gauge[int64]).DataPoints...)
		return a
	case metricdata.Gauge[float64]:
		a.DataPoints = append(a.DataPoints, b.(metricdata.Gauge[float64]).DataPoints...)
		return a
	case metricdata.Sum[int64]:
		a.DataPoints = append(a.DataPoints, b.(metricdata.Sum[int64]).DataPoints...)
		return a
	case metricdata.Sum[float64]:
		a.DataPoints = append(a.DataPoints, b.(metricdata.Sum[float64]).DataPoints...)
		return a
	case metricdata.Histogram[int64]:
		a.DataPoints = append(a.DataPoints, b.(metricdata.Histogram[int64]).DataPoints...)
		return a
	case metricdata.Histogram[float64]:
		a.DataPoints = append(a.DataPoints, b.(metricdata.Histogram[float64]).DataPoints...)
		return a
	case metricdata.ExponentialHistogram[int64]:
		a.DataPoints = append(a.DataPoints, b.(metricdata.ExponentialHistogram[int64]).DataPoints...)
		return a
	case metricdata.ExponentialHistogram[float64]:
		a.DataPoints = append(a.DataPoints, b.(metricdata.ExponentialHistogram[float64]).DataPoints...)
		return a
	case metricdata.Summary:
		a.DataPoints = append(a.DataPoints, b.(metricdata.Summary).DataPoints...)
		return a
	}
	return a
}
