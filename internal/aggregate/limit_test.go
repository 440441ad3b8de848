package aggregate

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
)

const testLimit = 100

// overflowLine is the line of the overflow series; its attribute is no text.
func overflowLine(sum int) string { return fmt.Sprint("n otel.metric.overflow=: ", sum) }

func boundTo(s *Stream[int64], from, to int) (all []*bound[int64]) {
	for k := from; k < to; k++ {
		all = append(all, bind(s, kSet(k)))
	}
	return all
}

func recordAll(t *testing.T, all []*bound[int64]) {
	t.Helper()
	for _, b := range all {
		require.True(t, b.record(1))
	}
}

// TestBoundKeepsItsAttributes: under delta the series of a bound instrument is forgotten
// when it is idle, and may meet the overflow. After that the instrument has its attributes
// again.
func TestBoundKeepsItsAttributes(t *testing.T) {
	w := open(testLimit)
	s := streamOf[int64](t, w, deltaConfig("n"))
	bound := boundTo(s, 0, 1)
	for range 3 {
		recordAll(t, bound)
		assert.Equal(t, []string{"n k=0: 1"}, w.lines())
		for range idleCollections + 1 {
			assert.Empty(t, w.lines())
		}
		set := kSet(0)
		assert.Nil(t, s.find(set.Equivalent()), "it is forgotten")
		recordAll(t, boundTo(s, 1, testLimit))
		recordAll(t, bound)
		got := w.lines()
		assert.Len(t, got, testLimit)
		assert.NotContains(t, got, "n k=0: 1")
		assert.Contains(t, got, overflowLine(1))
	}
}

// TestBoundsMeetTheLimit: bound instruments meet the limit in every interval anew, and only
// the late ones.
func TestBoundsMeetTheLimit(t *testing.T) {
	w := open(testLimit)
	s := streamOf[int64](t, w, deltaConfig("n"))
	all := boundTo(s, 0, 3*testLimit)
	for part := range 3 { // each series becomes known, within the limit
		recordAll(t, all[part*(testLimit-1):(part+1)*(testLimit-1)])
		assert.Len(t, w.lines(), testLimit-1)
		assert.False(t, w.Overflowed())
	}
	for range 2 {
		recordAll(t, all)
		got := w.lines()
		assert.Len(t, got, testLimit)
		assert.Contains(t, got, overflowLine(2*testLimit+1))
		assert.True(t, w.Overflowed())
	}
	recordAll(t, all[len(all)-1:])
	assert.Equal(t, []string{fmt.Sprintf("n k=%d: 1", len(all)-1)}, w.lines(), "there is room again")
}

// TestLimits: a stream has as many series as the limit says, the overflow series included.
// Without a limit it has as many as there are sets.
func TestLimits(t *testing.T) {
	for _, tt := range []struct{ limit, sets, series int }{
		{0, 5000, 5000}, {1, 3, 1}, {2, 1, 1}, {2, 2, 2}, {2, 3, 2}, {2000, 1999, 1999}, {2000, 2500, 2000},
	} {
		for _, c := range []Config{counterConfig("n"), deltaConfig("n")} {
			w := open(tt.limit)
			s := streamOf[int64](t, w, c)
			for range 3 {
				for k := range tt.sets {
					require.True(t, s.Record(kSet(k), 1))
				}
				all := w.collect(false)
				sum := uint64(0)
				for _, p := range all {
					sum += p.Bits
				}
				assert.Zero(t, sum%uint64(tt.sets), "%+v", tt)
				assert.Len(t, all, tt.series, "%+v", tt)
			}
		}
	}
}

// TestTheLastOfTheLimit: several callers measure the last set for which there is room at
// the same time, for the first time. A measurement may overflow, and none is lost or
// counted twice.
func TestTheLastOfTheLimit(t *testing.T) {
	for _, c := range []Config{counterConfig("n"), deltaConfig("n")} {
		for range 300 {
			w := open(3)
			s := streamOf[int64](t, w, c)
			require.True(t, s.Record(kSet(0), 1))
			recorded := uint64(1)
			for range 2 {
				var group sync.WaitGroup
				for range 8 {
					group.Go(func() { assert.True(t, s.Record(kSet(1), 1)) })
				}
				group.Wait()
				all, sum := w.collect(false), uint64(0)
				for _, p := range all {
					sum += p.Bits
				}
				recorded += 8
				require.Equal(t, recorded, sum)
				require.LessOrEqual(t, len(all), 3)
				if c.Delta {
					recorded = 0
				}
			}
		}
	}
}

// TestEmptySetsAreOne: an empty set of attributes has two forms, and names one scope, one
// stream and one series.
func TestEmptySetsAreOne(t *testing.T) {
	w := open(0)
	var first *Stream[int64]
	for _, set := range []attribute.Set{{}, attribute.NewSet(), *attribute.EmptySet()} {
		c := counterConfig("n")
		c.Scope = instrumentation.Scope{Name: "s", Attributes: set}
		s := streamOf[int64](t, w, c)
		if first == nil {
			first = s
		}
		assert.Same(t, first, s)
		assert.True(t, s.Record(set, 1))
	}
	assert.Equal(t, []string{"n: 3"}, w.lines())
}

// TestNamesIgnoreCase: as in the SDK, an instrument is found whatever the case of its name,
// and sent under the first spelling.
func TestNamesIgnoreCase(t *testing.T) {
	w := open(0)
	for _, name := range []string{"Requests", "requests", "REQUESTS"} {
		require.True(t, streamOf[int64](t, w, counterConfig(name)).Record(attribute.Set{}, 1))
	}
	assert.Equal(t, []string{"Requests: 3"}, w.lines())
}

// TestOrder: the points of streams come in the order in which the streams were made.
func TestOrder(t *testing.T) {
	w := open(0)
	var want []string
	for n := range 100 {
		name := fmt.Sprint("n", 997*n%100)
		require.True(t, streamOf[int64](t, w, counterConfig(name)).Record(attribute.Set{}, 1))
		want = append(want, name)
	}
	for range 2 {
		var got []string
		for _, p := range w.collect(false) {
			got = append(got, p.Metric.Name.Text())
		}
		assert.Equal(t, want, got)
	}
}

// TestStreams: what the SDK tells apart has streams of its own.
func TestStreams(t *testing.T) {
	changes := map[string]func(*Config){
		"scope":            func(c *Config) { c.Scope.Name = "other" },
		"scope version":    func(c *Config) { c.Scope.Version = "1" },
		"scope schema":     func(c *Config) { c.Scope.SchemaURL = "https://example.com/1" },
		"scope attributes": func(c *Config) { c.Scope.Attributes = kSet(1) },
		"name":             func(c *Config) { c.Name = "m" },
		"unit":             func(c *Config) { c.Unit = "s" },
		"description":      func(c *Config) { c.Description = "d" },
		"kind":             func(c *Config) { c.Kind = LastValue },
		"monotonic":        func(c *Config) { c.Monotonic = false },
		"temporality":      func(c *Config) { c.Delta = true },
	}
	w := open(0)
	first := streamOf[int64](t, w, counterConfig("n"))
	for name, change := range changes {
		c := counterConfig("n")
		change(&c)
		s := streamOf[int64](t, w, c)
		assert.NotSame(t, first, s, name)
		assert.Same(t, s, streamOf[int64](t, w, c), name)
	}
	again, made := StreamOf[int64](w.Registry, counterConfig("n"), 1)
	assert.Same(t, first, again)
	assert.False(t, made)
	_, made = StreamOf[float64](w.Registry, counterConfig("n"), 1)
	assert.True(t, made, "the type of its numbers tells it apart, too")
}
