package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
	for _, tt := range []struct {
		target       target
		value, ratio float64
		lost         int
		want         string
	}{
		{none, 1, 1, 5, "-"},
		{target{ratioAtMost, 0.8}, 100, 0.8, 5, "yes"},
		{target{ratioAtMost, 0.8}, 0, 0.81, 5, "NO"},
		{target{valueAtMost, 60}, 60, 9, 5, "yes"},
		{target{valueAtMost, 60}, 61, 0, 5, "NO"},
		{target{valueAtLeast, 2}, 2, 0, 5, "yes"},
		{target{valueAtLeast, 2}, 1.9, 9, 5, "NO"},
		{target{losslessAtLeast, 2}, 2, 0, 0, "yes"},
		{target{losslessAtLeast, 2}, 9, 0, 1, "NO"},
		{target{losslessAtLeast, 2}, 1, 0, 0, "NO"},
		{target{kind: nothingLost}, 0, 0, 0, "yes"},
		{target{kind: nothingLost}, 0, 0, 1, "NO"},
	} {
		assert.Equal(t, tt.want, tt.target.met(tt.value, tt.ratio, tt.lost), fmt.Sprint(tt.target.text(), tt.value, tt.ratio))
	}
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
	at, err := newTotals()
	require.NoError(t, err)
	m, err := newMeasurer(at)
	require.NoError(t, err)
	record, err := withBound(m.exp)
	require.NoError(t, err)
	_, err = m.produced(5000, record)
	require.NoError(t, err)
	require.NoError(t, m.known())
	m.recorded++
	assert.Error(t, m.known())
	assert.Error(t, m.end())
}

// TestDroppedBites shows that a measurement that is dropped is an error.
func TestDroppedBites(t *testing.T) {
	at, err := newTotals()
	require.NoError(t, err)
	m, err := newMeasurer(at)
	require.NoError(t, err)
	_, err = m.inBursts(1, func(calls int) {
		recordTags(m.exp, calls-1)
		m.exp.RecordMetric("", 1)
	})
	assert.Error(t, err)
	assert.Error(t, m.end(), "it was not recorded, so the total is more")
}

func TestQuantile(t *testing.T) {
	var hundred []int
	for i := range 100 {
		hundred = append(hundred, i+1)
	}
	assert.Equal(t, 50, quantile(hundred, 50))
	assert.Equal(t, 99, quantile(hundred, 99))
	assert.Equal(t, 7, quantile([]int{7}, 99))
	assert.Equal(t, 7, quantile([]int{7}, 0))
}

func BenchmarkRing(b *testing.B) { benchmark(b, &ringExperiment, &ringRunExperiment) }

func BenchmarkExport(b *testing.B) { benchmark(b, &instrumentsExperiment, &seriesExperiment) }

func BenchmarkRefused(b *testing.B) { benchmark(b, &refusedExperiment) }

func BenchmarkWire(b *testing.B) { benchmark(b, &wideExperiment, &sharedExperiment) }

func BenchmarkEndToEnd(b *testing.B) { benchmark(b, &sameProcessExperiment, &otherProcessExperiment) }

func BenchmarkBurst(b *testing.B) { benchmark(b, &burstExperiment, &slowReaderExperiment) }

func BenchmarkAdd(b *testing.B) { benchmark(b, &addExperiment) }

func BenchmarkRecordMetric(b *testing.B) {
	benchmark(b, &recordExperiment, &selfExperiment, &unrecordedExperiment)
}

func BenchmarkFolded(b *testing.B) { benchmark(b, &foldedHereExperiment, &foldedThereExperiment) }

func BenchmarkPresets(b *testing.B) { benchmark(b, &steadyExperiment, &busyExperiment) }

func BenchmarkHeap(b *testing.B) { benchmark(b, &heapExperiment, &flatExperiment) }

// benchmark runs each side of each experiment by itself: good for profiles;
// for comparisons there is the command. An operation is a whole round.
func benchmark(b *testing.B, es ...*experiment) {
	for _, e := range es {
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
