package main

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/internal/workload"
)

// TestMain is also the child that the tests start of themselves.
func TestMain(m *testing.M) {
	if role, ok := roleOf(os.Args); ok {
		if err := serve(role, os.Stdin, os.Stdout); err != nil {
			fatal(err)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestQuick runs every row: no point may go unaccounted for.
func TestQuick(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(settings{rows: regexp.MustCompile(""), quick: true}, &out))
	t.Log("\n" + out.String())
	for i := range experiments {
		for _, l := range experiments[i].lines {
			assert.Contains(t, out.String(), l.name)
		}
	}
}

// TestRowsHaveNames that tell them apart, so that -row can pick one.
func TestRowsHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for i := range experiments {
		for _, l := range experiments[i].lines {
			assert.False(t, seen[l.name], l.name)
			seen[l.name] = true
		}
	}
}

// TestPicksRows prints the rows that match and no others.
func TestPicksRows(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(settings{rows: regexp.MustCompile("^ring push.pop, channel$"), quick: true}, &out))
	assert.Contains(t, out.String(), "ring push+pop, channel")
	assert.Equal(t, 1, strings.Count(out.String(), "ring push"), out.String())
}

func TestSummary(t *testing.T) {
	for _, tt := range []struct {
		points []int
		want   summary
	}{
		{[]int{3}, summary{3, 3, 3}},
		{[]int{3, 1, 2}, summary{2, 1, 3}},
		{[]int{4, 1, 2, 9}, summary{3, 1, 9}},
	} {
		var r result
		for _, n := range tt.points {
			r.costs = append(r.costs, cost{points: n})
		}
		assert.Equal(t, tt.want, summarize(&r, func(c *cost) float64 { return float64(c.points) }))
	}
}

func TestTargets(t *testing.T) {
	unknown := tally{}
	for _, tt := range []struct {
		target       target
		value, ratio float64
		lost         tally // and dropped
		want         string
	}{
		{none, 1, 1, counted(5), "-"},
		{target{ratioAtMost, 0.8}, 100, 0.8, counted(5), "yes"},
		{target{ratioAtMost, 0.8}, 0, 0.81, counted(5), "NO"},
		{target{ratioAtMost, 0.8}, 0, math.NaN(), counted(0), "NO"},
		{target{valueAtMost, 60}, 60, 9, counted(5), "yes"},
		{target{valueAtMost, 60}, 61, 0, counted(5), "NO"},
		{target{valueAtMost, 60}, math.NaN(), 0, counted(5), "NO"},
		{target{valueAtLeast, 2}, 2, 0, counted(5), "yes"},
		{target{valueAtLeast, 2}, 1.9, 9, counted(5), "NO"},
		{target{losslessAtLeast, 2}, 2, 0, counted(0), "yes"},
		{target{losslessAtLeast, 2}, 9, 0, counted(1), "NO"},
		{target{losslessAtLeast, 2}, 9, 0, unknown, "NO"},
		{target{losslessAtLeast, 2}, 1, 0, counted(0), "NO"},
		{target{kind: nothingLost}, 0, 0, counted(0), "yes"},
		{target{kind: nothingLost}, 0, 0, counted(1), "NO"},
		{target{kind: nothingLost}, 0, 0, unknown, "NO"},
		{target{kind: nothingDropped}, 9, 0, counted(0), "yes"},
		{target{kind: nothingDropped}, 0, 0, counted(1), "NO"},
		{target{kind: nothingDropped}, 0, 0, unknown, "NO"},
		{target{within, 5}, 105, 0, unknown, "yes"},
		{target{within, 5}, 94, 0, unknown, "NO"},
		{target{within, 5}, 106, 0, unknown, "NO"},
	} {
		assert.Equal(t, tt.want, tt.target.met(tt.value, tt.ratio, tt.lost, tt.lost), fmt.Sprint(tt.target.text(), tt.value, tt.ratio, tt.lost))
	}
}

// made is an experiment with rounds that are given.
func made(name string, rounds func() (cost, error), lines ...line) experiment {
	return experiment{name: name, lines: lines, setup: func(bool) ([]side, error) {
		return []side{{"ours", rounds, nothing}, {"nothing", func() (cost, error) { return cost{}, nil }, nothing}}, nil
	}}
}

// printed runs experiments of the test's own.
func printed(t *testing.T, of ...experiment) (string, error) {
	t.Helper()
	saved := experiments
	defer func() { experiments = saved }()
	experiments = of
	var out bytes.Buffer
	err := run(settings{rows: regexp.MustCompile(""), rounds: 2}, &out)
	return out.String(), err
}

func points(c *cost) float64 { return float64(c.points) }

// TestFailures: what fails is an error, and what comes before and after it is
// printed all the same.
func TestFailures(t *testing.T) {
	good := func() (cost, error) { return cost{points: 1}, nil }
	bad := func() (cost, error) { return cost{}, errors.New("a point is missing") }
	out, err := printed(t,
		made("1", good, line{"first", "", points, 0, alone, none}), made("2", bad, line{"second", "", points, 0, alone, none}),
		made("3", good, line{"third", "", points, 0, alone, none}), made("4", bad, line{"fourth", "", points, 0, alone, none}))
	assert.ErrorContains(t, err, "2: ours: a point is missing")
	assert.ErrorContains(t, err, "4: ours: a point is missing")
	assert.Regexp(t, `(?s)first.*2: FAILED.*third.*4: FAILED`, out)
}

// TestVerdicts: a ratio to nothing is not met, what nobody counted is no zero,
// what the first round lost is lost, and who fell short has measured nothing.
func TestVerdicts(t *testing.T) {
	rounds := 0
	lossy := func() (cost, error) {
		rounds++
		c := cost{points: 7, lost: counted(0)}
		if rounds == 1 {
			c.lost = counted(3)
		}
		return c, nil
	}
	short := func() (cost, error) { return cost{points: 7, short: true}, nil }
	out, err := printed(t,
		made("1", lossy, line{"lossy", "", points, 0, alone, target{losslessAtLeast, 1}}, line{"ratio", "", points, 0, 1, target{ratioAtMost, 9}}),
		made("2", short, line{"short", "", points, 0, alone, target{valueAtLeast, 1}}))
	require.NoError(t, err)
	assert.Regexp(t, `(?m)^lossy .* NO +- +3$`, out)
	assert.Regexp(t, `(?m)^ratio .* nothing 0 \(0\.\.0\) +- +ratio <= 9 +NO +- +3$`, out)
	assert.Regexp(t, `(?m)^short .* not measured +- +-$`, out)
}

// TestSidesAlternate: who goes first in one round goes last in the next.
func TestSidesAlternate(t *testing.T) {
	order := ""
	turn := func(name string) side {
		return side{name, func() (cost, error) { order += name; return cost{}, nil }, nothing}
	}
	e := experiment{setup: func(bool) ([]side, error) { return []side{turn("a"), turn("b")}, nil }}
	_, err := e.measure(3, false)
	require.NoError(t, err)
	assert.Equal(t, "baabbaab", order)
}

// TestDensities are those that the tests of package wire state: the benchmarks
// measure the same points.
func TestDensities(t *testing.T) {
	for _, tt := range []struct {
		points []workload.Counter
		want   float64
	}{
		{workload.Points(workload.W2, workload.Sets), 53},
		{workload.Points(workload.W3, sharedPoints), 100},
	} {
		w, err := newCodec(tt.points)
		require.NoError(t, err)
		c, err := w.encode(packedPasses)
		require.NoError(t, err)
		assert.InDelta(t, tt.want, c.density(), 1)
	}
}

// TestAllocationTargets: they do not depend on the machine, so one that is
// missed is an error. The rounds are whole ones: what a child is asked, beside
// the calls, does not weigh.
func TestAllocationTargets(t *testing.T) {
	seen := 0
	for i := range experiments {
		e := &experiments[i]
		if e.long || !e.matches(regexp.MustCompile("(?i)allocations")) {
			continue
		}
		results, err := e.measure(3, false)
		require.NoError(t, err, e.name)
		for _, l := range e.lines {
			if l.kind != valueAtMost || !strings.Contains(l.unit, "allocs") {
				continue
			}
			seen++
			median := summarize(&results[l.ours], l.value).Median
			assert.Equal(t, "yes", l.met(median, math.NaN(), results[l.ours].dropped, results[l.ours].lost), "%s: %v, target %s", l.name, median, l.text())
		}
	}
	assert.GreaterOrEqual(t, seen, 44)
}

// TestBooksBite shows that a point that is missing in the books is an error.
func TestBooksBite(t *testing.T) {
	s, err := newSender(decoderRole)
	require.NoError(t, err)
	_, err = s.exported(counters(10, 10), 1)
	require.NoError(t, err)
	assert.NoError(t, s.sink.books(100))
	assert.Error(t, s.sink.books(101), "the child ends")
	assert.Error(t, s.end())
}

// TestTotalsBite shows that a measurement that the receiver does not know is an
// error.
func TestTotalsBite(t *testing.T) {
	m, err := newMeasurer(10)
	require.NoError(t, err)
	_, err = m.produced(5000, m.addBound)
	require.NoError(t, err)
	require.NoError(t, m.known())
	m.recorded++
	assert.Error(t, m.known())
	assert.Error(t, m.end())
}

// TestDroppedBites shows that a measurement that is dropped is an error.
func TestDroppedBites(t *testing.T) {
	m, err := newMeasurer(10)
	require.NoError(t, err)
	s := m.subject("with an empty name", func(first, calls int) {
		m.recordMetric(first, calls-1)
		m.exp.RecordMetric("", 1)
	})
	_, err = s.warm(100).round()
	assert.Error(t, err)
	assert.Error(t, m.end(), "it was not recorded, so the total is less")
}

// TestEveryWayIsKnown: what each way to record counts is what the receiver counts.
func TestEveryWayIsKnown(t *testing.T) {
	m, err := newMeasurer(10)
	require.NoError(t, err)
	for _, record := range []func(first, calls int){m.addKept, m.addMade, m.addBound, m.recordKept, m.recordMetric} {
		_, err = m.subject("", record).concurrent(3, 10, 960).round()
		require.NoError(t, err)
		total, err := m.sink.(totaler).total()
		require.NoError(t, err)
		assert.EqualValues(t, m.recorded, total)
	}
	assert.EqualValues(t, 5*960, m.recorded)
	require.NoError(t, m.end())
}

// TestSaysWhy: a shutdown that only says that it failed does not explain itself.
func TestSaysWhy(t *testing.T) {
	assert.True(t, saysWhy(errors.New("otelgram: shutdown: 3 points not sent: breaker_open 3")))
	assert.True(t, saysWhy(errors.New("0 points not sent, and of those sent the other side refused packets 73 times")))
	assert.False(t, saysWhy(errors.New("otelgram: failed")))
	assert.False(t, saysWhy(nil))
}

func TestQuantile(t *testing.T) {
	var hundred []int
	for i := range 100 {
		hundred = append(hundred, i+1)
	}
	assert.Equal(t, 50, quantile(hundred, 50))
	assert.Equal(t, 99, quantile(hundred, 99))
	assert.Equal(t, 7, quantile([]int{7}, 99))
	assert.Equal(t, 100, quantile(hundred, 99.99))
	assert.Equal(t, 7, quantile([]int{7}, 0))
}

// BenchmarkRows runs each side of each experiment by itself: good for profiles;
// for comparisons there is the command. An operation is a whole round.
func BenchmarkRows(b *testing.B) {
	for i := range experiments {
		e := &experiments[i]
		if e.long {
			continue
		}
		b.Run(e.name, func(b *testing.B) {
			sides, err := e.setup(false)
			require.NoError(b, err)
			for _, s := range sides {
				b.Run(s.name, func(b *testing.B) { s.benchmark(b) })
			}
			for _, s := range sides { // some share what they use
				assert.NoError(b, s.end())
			}
		})
	}
}

func (s *side) benchmark(b *testing.B) {
	_, err := s.run() // what the first round allocates does not count
	require.NoError(b, err)
	var sum cost
	for b.Loop() {
		c, err := s.run()
		require.NoError(b, err)
		sum.points += c.points
		sum.elapsed += c.elapsed
		sum.cpu += c.cpu
		sum.mallocs += c.mallocs
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(sum.nanos(), "ns/point")
	b.ReportMetric(sum.cpuNanos(), "cpu-ns/point")
	b.ReportMetric(sum.allocs(), "allocs/point")
}
