package aggregate

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"

	"github.com/otelgram/otelgram/wire"
)

func observedConfig(name string, delta bool) Config {
	return Config{Scope: scope("s"), Name: name, Kind: Precomputed, Monotonic: true, Observed: true, Delta: delta}
}

// observe runs a round of one callback, which observes values[k] for k.
func (w *world) observe(t *testing.T, s *Stream[int64], values map[int]int64) {
	t.Helper()
	r := w.Round(t.Context())
	defer r.End()
	for k, v := range values {
		Observe(r, s, kSet(k), v)
	}
	require.True(t, r.Whole())
}

// TestRoundsAddAndReplace: what one round observes for a series is added up. What the next
// round observes takes its place, whether there was a collection in between or not.
func TestRoundsAddAndReplace(t *testing.T) {
	for _, delta := range []bool{false, true} {
		w := open(0)
		s := streamOf[int64](t, w, observedConfig("o", delta))
		last := int64(0)
		for _, parts := range [][]int64{{5, 7}, {6, 8, 1}, {20}, {30, 1}} {
			sum := int64(0)
			for _, v := range parts {
				sum += v
			}
			for range 2 { // no collection follows the first of these rounds
				r := w.Round(t.Context())
				for _, v := range parts {
					Observe(r, s, attribute.Set{}, v)
				}
				require.True(t, r.Whole())
				r.End()
			}
			assert.Equal(t, []string{fmt.Sprint("o: ", sum-last)}, w.lines())
			if delta {
				last = sum
			}
		}
	}
}

// TestObservedOverflow: the overflow series is the sum of what it stands for.
func TestObservedOverflow(t *testing.T) {
	w := open(testLimit)
	s := streamOf[int64](t, w, observedConfig("o", false))
	for range 3 {
		values := map[int]int64{}
		for k := range testLimit + 99 {
			values[k] = 3
		}
		w.observe(t, s, values)
		got := w.lines()
		assert.Len(t, got, testLimit)
		assert.Contains(t, got, "o otel.metric.overflow=: 300")
	}
}

// TestPartialObservations: a series that was not observed is neither sent nor forgotten,
// and a sum of which a part may be missing is not sent.
func TestPartialObservations(t *testing.T) {
	for _, delta := range []bool{false, true} {
		w := open(0)
		s := streamOf[int64](t, w, observedConfig("o", delta))
		collect := func(partial bool) []string {
			s.SetPartial(partial)
			return w.lines()
		}
		either := func(ifDelta, ifCumulative string) string {
			if delta {
				return ifDelta
			}
			return ifCumulative
		}
		r := w.Round(t.Context())
		Observe(r, s, kSet(1), 1000)
		Observe(r, s, kSet(2), 1000)
		Observe(r, s, kSet(2), 1000)
		r.End()
		assert.Equal(t, []string{"o k=1: 1000", "o k=2: 2000"}, collect(false))
		for range 2 * idleCollections {
			assert.Empty(t, collect(true))
		}
		w.observe(t, s, map[int]int64{1: 1001, 2: 1001})
		r = w.Round(t.Context())
		Observe(r, s, kSet(1), 1001)
		Observe(r, s, kSet(2), 1000)
		Observe(r, s, kSet(2), 1)
		r.End()
		assert.Equal(t, []string{either("o k=1: 1", "o k=1: 1001")}, collect(true), "a third part may be missing of 2")
		w.observe(t, s, map[int]int64{1: 1003, 2: 2005})
		assert.Equal(t, []string{either("o k=1: 2", "o k=1: 1003"), either("o k=2: 5", "o k=2: 2005")}, collect(false))
		assert.Empty(t, collect(false), "now both are gone")
		w.observe(t, s, map[int]int64{1: 1004})
		assert.Equal(t, []string{"o k=1: 1004"}, collect(false), "and begin anew, as in the SDK")
	}
}

// TestPartialSeriesAreBounded: however long observations are missing, the number of series
// is bounded.
func TestPartialSeriesAreBounded(t *testing.T) {
	w := open(testLimit)
	s := streamOf[int64](t, w, observedConfig("o", true))
	s.SetPartial(true)
	for round := range 20 {
		values := map[int]int64{}
		for k := range testLimit * 3 / 4 {
			values[round*testLimit+k] = 1
		}
		w.observe(t, s, values)
		w.collect(false)
		living := 0
		s.series.Each(func(e *Series[int64]) {
			if !e.isDead() {
				living++
			}
		})
		assert.LessOrEqual(t, living, 2*testLimit)
	}
}

// TestObservationsTooLate: late observations are counted once each, by what they were too
// late for.
func TestObservationsTooLate(t *testing.T) {
	w := open(0)
	s := streamOf[int64](t, w, observedConfig("o", false))
	ctx, cancel := context.WithCancel(t.Context())
	ended, canceled, closed := w.Round(t.Context()), w.Round(ctx), w.Round(t.Context())
	observe := func(r *Round, n int) {
		for range n {
			Observe(r, s, attribute.Set{}, 1)
		}
	}
	observe(ended, 1)
	ended.End()
	observe(ended, 2)
	observe(canceled, 3)
	assert.True(t, canceled.Whole())
	cancel()
	observe(canceled, 4)
	assert.False(t, canceled.Whole())
	observe(closed, 5)
	w.collect(true)
	observe(closed, 6)
	assert.False(t, closed.Whole())
	assert.Equal(t, [2]int{2 + 4, 6}, [2]int{w.dropped(wire.Deadline), w.dropped(wire.Shutdown)})
	assert.Equal(t, uint64(2+4+6), w.books.Offered())
}

// TestNegativeZero: as in the SDK an observed sum is never -0.
func TestNegativeZero(t *testing.T) {
	w := open(0)
	s := streamOf[float64](t, w, observedConfig("o", false))
	r := w.Round(t.Context())
	Observe(r, s, attribute.Set{}, math.Copysign(0, -1))
	r.End()
	assert.Zero(t, w.collect(false)[0].Bits)
}
