package pipeline

import (
	"fmt"
	"math"
	"regexp"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
					c.PacketSize = grammarSize
					c.NewEncoder = func(bytes int, m *account.Budget) (Encoder, error) {
						return statsd.New(tt.dialect, tt.options, bytes, m)
					}
					p := start(t, c)
					rm := randomdata.New(seed).ResourceMetrics()
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

// checkStatsD checks what was said of data that was exported once.
func checkStatsD(t *testing.T, d statsd.Dialect, o statsd.Options, seed uint64, rm *metricdata.ResourceMetrics, p *Pipeline, lines []string) {
	t.Helper()
	gauges, counters := 0, 0
	for _, line := range parseAll(t, d, o, seed, lines) {
		switch {
		case partOfPoint.MatchString(line.name):
		case line.kind == "g" && (o.Agent || !math.Signbit(line.values[0])):
			gauges++ // a negative one has its zero
		case line.kind == "c":
			counters++
		}
	}
	wantGauges, sums := gaugesOf(rm)
	assert.Equal(t, wantGauges, gauges, "seed %d", seed)
	assert.LessOrEqual(t, counters, sums, "seed %d", seed)
	st := p.Stats()
	assert.LessOrEqual(t, uint64(gauges+counters), st.Sent-st.LeftOut.Unchanged, "seed %d", seed)
	assert.Equal(t, st.Offered, st.Sent+st.Dropped[wire.Encode], "seed %d: %v", seed, st.Dropped)
}

// partOfPoint matches the names of lines that are not all of a point. Names of random data
// do not end so.
var partOfPoint = regexp.MustCompile(`[0-9]\.(count|sum|bucket|quantile)([.,]|$)`)

// gaugesOf returns how many points of data are gauges, or up-down counters, which are gauges
// for a server, and how many are monotonic sums.
func gaugesOf(rm *metricdata.ResourceMetrics) (gauges, monotonic int) {
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			var e expected
			switch d := m.Data.(type) {
			case metricdata.Gauge[int64], metricdata.Gauge[float64]:
				e.add(d)
				gauges += e.numbers
			case metricdata.Sum[int64]:
				e.add(d)
				if d.IsMonotonic {
					monotonic += e.numbers
					continue
				}
				gauges += e.numbers
			case metricdata.Sum[float64]:
				e.add(d)
				if d.IsMonotonic {
					monotonic += e.numbers
					continue
				}
				gauges += e.numbers
			}
		}
	}
	return gauges, monotonic
}
