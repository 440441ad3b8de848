package pipeline

import (
	"fmt"
	"math"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/internal/randomdata"
	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/statsd"
)

// TestStatsDGrammar: each line of random data is right, whatever is chosen, and a gauge has one
// line, a counter one or none, or each is counted.
func TestStatsDGrammar(t *testing.T) {
	for i, tt := range []struct {
		dialect statsd.Dialect
		options statsd.Options
	}{
		{statsd.StatsD, statsd.Options{}},
		{statsd.StatsD, statsd.Options{Tags: statsd.AfterComma, Histograms: statsd.Distributions, Resource: []string{"*"}, Fractions: true}},
		{statsd.StatsD, statsd.Options{Tags: statsd.Omitted, MaxName: 127}},
		{statsd.DogStatsD, statsd.Options{}},
		{statsd.DogStatsD, statsd.Options{Histograms: statsd.Counters, Resource: []string{"*"}, Scope: true}},
		{statsd.DogStatsD, statsd.Options{Agent: true, Fractions: true, Timestamps: true, Container: "in-1"}},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for seed := range uint64(60) {
					s := &fakeSender{}
					c := testConfig(s)
					c.Session.PacketSize = grammarSize
					c.NewEncoder = func(bytes int, m *account.Budget) (Encoder, error) {
						return statsd.New(tt.dialect, tt.options, bytes, account.NewShares(m, 8))
					}
					p := start(t, c)
					rm := oneOfEachSet(randomdata.New(seed).ResourceMetrics())
					require.NoError(t, p.Export(t.Context(), rm))
					require.NoError(t, p.Flush(t.Context()))
					checkStatsD(t, tt.dialect, tt.options, seed, rm, p, s.lines(t, grammarSize))
					require.NoError(t, p.Export(t.Context(), rm)) // which tells differences
					_ = p.Close(t.Context())                      // which says how many points cannot be said
					parseAll(t, tt.dialect, tt.options, seed, s.lines(t, grammarSize))
					requireClosedBooks(t, p)
				}
			})
		})
	}
}

// oneOfEachSet leaves out points whose attributes another point of their metric has: of two
// series that look the same one is said.
func oneOfEachSet(rm *metricdata.ResourceMetrics) *metricdata.ResourceMetrics {
	for _, sm := range rm.ScopeMetrics {
		for i := range sm.Metrics {
			switch d := sm.Metrics[i].Data.(type) {
			case metricdata.Sum[int64]:
				d.DataPoints = oneOfEach(d.DataPoints, func(p metricdata.DataPoint[int64]) attribute.Set { return p.Attributes })
				sm.Metrics[i].Data = d
			case metricdata.Sum[float64]:
				d.DataPoints = oneOfEach(d.DataPoints, func(p metricdata.DataPoint[float64]) attribute.Set { return p.Attributes })
				sm.Metrics[i].Data = d
			case metricdata.Histogram[int64]:
				d.DataPoints = d.DataPoints[:1]
				sm.Metrics[i].Data = d
			case metricdata.Histogram[float64]:
				d.DataPoints = d.DataPoints[:1]
				sm.Metrics[i].Data = d
			case metricdata.ExponentialHistogram[int64]:
				d.DataPoints = d.DataPoints[:1]
				sm.Metrics[i].Data = d
			case metricdata.ExponentialHistogram[float64]:
				d.DataPoints = d.DataPoints[:1]
				sm.Metrics[i].Data = d
			case metricdata.Summary:
				d.DataPoints = d.DataPoints[:1]
				sm.Metrics[i].Data = d
			}
		}
	}
	return rm
}

func oneOfEach[P any](points []P, set func(P) attribute.Set) (kept []P) {
	seen := map[attribute.Set]bool{}
	for _, p := range points {
		if s := set(p); !seen[s] {
			seen[s], kept = true, append(kept, p)
		}
	}
	return kept
}

// parseAll parses lines, and returns what they say.
func parseAll(t *testing.T, d statsd.Dialect, o statsd.Options, seed uint64, lines []string) (all []parsed) {
	t.Helper()
	before := ""
	for _, l := range lines {
		line, err := parseStatsD(d, o, l, before)
		require.NoError(t, err, "seed %d: %q", seed, l)
		all = append(all, line)
		before = l
	}
	return all
}

// checkStatsD checks what was said of data that was exported once: each gauge has a line, each
// counter with something to say has one, and the points without are counted.
func checkStatsD(t *testing.T, d statsd.Dialect, o statsd.Options, seed uint64, rm *metricdata.ResourceMetrics, p *Pipeline, lines []string) {
	t.Helper()
	var got, want said
	for _, line := range parseAll(t, d, o, seed, lines) {
		switch {
		case partOfPoint.MatchString(line.name):
		case line.kind == "g" && (o.Agent || !math.Signbit(line.values[0])):
			got.gauges++ // a negative one has its zero
		case line.kind == "c":
			got.counters++
		}
	}
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			want.add(m.Data, o.Fractions)
		}
	}
	st := p.Stats()
	got.unsayable = int(st.Dropped[wire.Encode])
	// Histograms and summaries without anything new are counted in the same place.
	got.silent = min(want.silent, int(st.LeftOut.Unchanged+st.LeftOut.Unknown))
	assert.Equal(t, want, got, "seed %d", seed)
	assert.Equal(t, st.Offered, st.Sent+st.Dropped[wire.Encode], "seed %d: %v", seed, st.Dropped)
}

// said is what is to be said of points when they are exported first. silent are the counters
// of which there is nothing to say.
type said struct{ gauges, counters, silent, unsayable int }

func (s *said) add(a metricdata.Aggregation, fractions bool) {
	switch d := a.(type) {
	case metricdata.Gauge[int64]:
		s.gauges += len(d.DataPoints)
	case metricdata.Gauge[float64]:
		for _, p := range d.DataPoints {
			s.gauge(p.Value)
		}
	case metricdata.Sum[int64]:
		for _, p := range d.DataPoints {
			switch {
			case !d.IsMonotonic:
				s.gauges++
			case p.Value < 0:
				s.unsayable++
			default:
				s.counter(p.Value > 0, p.StartTime, d.Temporality)
			}
		}
	case metricdata.Sum[float64]:
		for _, p := range d.DataPoints {
			switch {
			case !d.IsMonotonic:
				s.gauge(p.Value)
			case p.Value < 0 || p.Value-p.Value != 0:
				s.unsayable++
			default:
				s.counter(p.Value >= 1 || fractions && p.Value > 0, p.StartTime, d.Temporality)
			}
		}
	case metricdata.Histogram[float64]:
		for _, p := range d.DataPoints {
			s.sum(p.Sum)
		}
	case metricdata.ExponentialHistogram[float64]:
		for _, p := range d.DataPoints {
			s.sum(p.Sum)
		}
	case metricdata.Summary:
		for _, p := range d.DataPoints {
			s.sum(p.Sum)
		}
	}
}

func (s *said) gauge(v float64) {
	if v-v != 0 {
		s.unsayable++
		return
	}
	s.gauges++
}

func (s *said) sum(v float64) {
	if v-v != 0 {
		s.unsayable++
	}
}

// counter counts one of which something could be said. Who began before the encoder may have
// been told.
func (s *said) counter(grown bool, begin time.Time, t metricdata.Temporality) {
	if grown && (t == metricdata.DeltaTemporality || !begin.Before(time.Now())) {
		s.counters++
		return
	}
	s.silent++
}

// partOfPoint matches the names of lines that are not all of a point. Names of random data
// do not end so.
var partOfPoint = regexp.MustCompile(`[0-9]\.(count|sum|bucket|quantile)([.,]|$)`)
