package aggregate

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"

	"github.com/otelgram/otelgram/internal/allocs"
	"github.com/otelgram/otelgram/wire"
)

// preempt makes a caller stop in the middle of a measurement of a histogram, as if it were
// preempted. It returns a function that makes the caller go on.
func preempt(s *Stream[int64], set attribute.Set) (goOn func()) {
	h := s.find(set.Equivalent()).state.(*explicit[int64])
	first := &h.first
	if !first.tryHold() {
		panic("somebody holds it")
	}
	return func() {
		first.state.counts[0]++
		first.state.add(1)
		first.release()
	}
}

func counts(all []wire.Point) (n []uint64) {
	for _, p := range all {
		n = append(n, p.Distribution.Count)
	}
	return n
}

// TestPreemptedCaller: a caller that does not run for long holds up no caller that records,
// holds up the collection for a second at most, and loses nothing.
func TestPreemptedCaller(t *testing.T) {
	for _, delta := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := open(0)
			c := histogramConfig("h", Explicit)
			c.Delta = delta
			s := streamOf[int64](t, w, c)
			var none attribute.Set
			require.True(t, s.Record(none, 1))
			require.True(t, s.Record(kSet(1), 1))
			goOn := preempt(s, none)
			require.True(t, s.Record(none, 1), "another stripe takes it")
			begin := time.Now()
			assert.Equal(t, []uint64{1}, counts(w.collect(false)), "of the other series")
			assert.InDelta(t, maxHold, time.Since(begin), float64(2*lastPause))
			require.True(t, s.Record(none, 1))
			goOn()
			begin = time.Now()
			got := counts(w.collect(false))
			assert.Zero(t, time.Since(begin))
			if delta {
				assert.Equal(t, []uint64{4}, got)
			} else {
				assert.ElementsMatch(t, []uint64{1, 4}, got)
			}
		})
	}
}

// TestPreemptedForAMoment: the collection waits for all callers at once, and takes what
// they measured.
func TestPreemptedForAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(0)
		s := streamOf[int64](t, w, histogramConfig("h", Explicit))
		for k := range 10 {
			require.True(t, s.Record(kSet(k), 1))
			goOn := preempt(s, kSet(k))
			go func() {
				<-time.After(100 * time.Millisecond)
				goOn()
			}()
		}
		begin := time.Now()
		got := counts(w.collect(false))
		assert.Less(t, time.Since(begin), 200*time.Millisecond)
		assert.Len(t, got, 10)
		for _, n := range got {
			assert.Equal(t, uint64(2), n)
		}
	})
}

// TestPreemptedAtTheEnd: what a caller holds when the last collection ends is counted once,
// and what it measures after that is dropped.
func TestPreemptedAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(0)
		s := streamOf[int64](t, w, histogramConfig("h", Explicit))
		var none attribute.Set
		require.True(t, s.Record(none, 1))
		goOn := preempt(s, none)
		assert.Empty(t, w.collect(true))
		assert.Equal(t, 1, w.dropped(wire.Deadline))
		goOn()
		assert.False(t, s.Record(none, 1))
		assert.Equal(t, 1, w.dropped(wire.Shutdown))
		assert.Equal(t, uint64(2), w.books.Offered())
	})
}

// TestPreemptedInASeriesThatDies: what a caller measured in a series that dies is in the
// next collection.
func TestPreemptedInASeriesThatDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(0)
		c := histogramConfig("h", Explicit)
		c.Delta = true
		s := streamOf[int64](t, w, c)
		var none attribute.Set
		require.True(t, s.Record(none, 1))
		assert.Equal(t, []uint64{1}, counts(w.collect(false)))
		goOn := preempt(s, none)
		for range idleCollections {
			assert.Empty(t, w.collect(false))
		}
		assert.Nil(t, s.find(none.Equivalent()), "it is dead")
		require.True(t, s.Record(none, 1), "a new one takes it")
		goOn()
		assert.ElementsMatch(t, []uint64{1, 1}, counts(w.collect(false)))
		assert.Empty(t, w.collect(false))
	})
}

// TestLeftIsReadOnce has a caller hold a stripe of a dead series until the end of a
// collection. The next one reads the series once, though it is in the table, too.
func TestLeftIsReadOnce(t *testing.T) {
	w := open(0)
	c := histogramConfig("h", Explicit)
	c.Delta = true
	before := w.memory.Left()
	s := streamOf[float64](t, w, c)
	stream := before - w.memory.Left()
	for k := range 3 {
		require.True(t, s.Record(kSet(k), 1))
	}
	w.collect(false)
	set := kSet(0)
	e := s.find(set.Equivalent())
	h := e.state.(*explicit[float64])
	for range idleCollections - 1 {
		for k := range 2 {
			require.True(t, s.Record(kSet(k+1), 1))
		}
		w.collect(false)
	}
	require.True(t, h.first.tryHold())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	w.Collect(ctx, &w.sink, time.Now(), false)
	require.NotZero(t, e.flags.Load()&dead)
	h.first.release()
	living := s.living.Load()
	w.collect(false)
	assert.Equal(t, living-1, s.living.Load(), "living")
	for range idleCollections + 1 {
		w.collect(false)
	}
	assert.Zero(t, s.living.Load())
	assert.Equal(t, before-stream, w.memory.Left(), "memory")
}

// TestLastPointWithoutRoom: a caller is between its measurement and the flag while the last
// collection finds no room for the point.
func TestLastPointWithoutRoom(t *testing.T) {
	w := open(0)
	c := histogramConfig("h", Explicit)
	c.Delta = true
	s := streamOf[float64](t, w, c)
	e, _ := s.admit(kSet(0))
	require.Equal(t, taken, e.state.record(e, 1))
	w.sink.room = 0
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	w.Collect(ctx, &w.sink, time.Now(), true)
	_, r := e.settle(1, taken)
	assert.Equal(t, taken, r)
	assert.Equal(t, 1, w.dropped(wire.Deadline)+w.dropped(wire.Shutdown))
}

// TestPreemptedInAFurtherStripe: free stripes are collected at once, and the stripe that
// the caller holds the next time.
func TestPreemptedInAFurtherStripe(t *testing.T) {
	for _, delta := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := open(0)
			c := histogramConfig("h", Explicit)
			c.Delta = delta
			s := streamOf[int64](t, w, c)
			var none attribute.Set
			require.True(t, s.Record(none, 1))
			goOn := preempt(s, none)
			require.True(t, s.Record(none, 1))
			second := s.find(none.Equivalent()).state.(*explicit[int64]).first.next.Load()
			require.True(t, second.tryHold())
			goOn()
			assert.Equal(t, []uint64{2}, counts(w.collect(false)))
			second.release()
			want := []uint64{3}
			if delta {
				want = []uint64{1}
			}
			assert.Equal(t, want, counts(w.collect(false)))
		})
	}
}

// TestLeftWithoutRoom: what a caller held when its series died waits for room, and arrives
// then.
func TestLeftWithoutRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(0)
		c := histogramConfig("h", Explicit)
		c.Delta = true
		s := streamOf[int64](t, w, c)
		var none attribute.Set
		before := w.memory.Left()
		require.True(t, s.Record(none, 1))
		w.collect(false)
		goOn := preempt(s, none)
		for range idleCollections {
			assert.Empty(t, w.collect(false))
		}
		goOn()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		w.sink.room = 0
		for range 3 {
			w.Collect(ctx, &w.sink, time.Now(), false)
			assert.Empty(t, w.sink.all)
		}
		w.sink.room = 10
		assert.Equal(t, []uint64{1}, counts(w.collect(false)))
		assert.Equal(t, before, w.memory.Left())
		assert.Zero(t, w.books.Offered())
	})
}

// TestNoRoom: if there is no room in time, a cumulative point is lost, and a delta is left
// for the next collection. After the last collection both are counted.
func TestNoRoom(t *testing.T) {
	for _, delta := range []bool{false, true} {
		for _, kind := range []Kind{Sum, LastValue, Explicit, Exponential} {
			w := open(0)
			c := histogramConfig("n", kind)
			c.Delta = delta
			s := streamOf[int64](t, w, c)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			collect := func(room int, last bool) []wire.Point {
				w.sink = points{room: room, books: &w.books}
				w.Collect(ctx, &w.sink, time.Now(), last)
				return w.sink.all
			}
			for k := range 5 {
				require.True(t, s.Record(kSet(k), 1))
			}
			lost := 0
			if !delta {
				lost = 3
			}
			assert.Len(t, collect(2, false), 2)
			assert.Equal(t, lost, w.dropped(wire.Deadline))
			all := collect(10, false)
			if delta {
				assert.Len(t, all, 3, "the others")
			} else {
				assert.Len(t, all, 5)
			}
			for k := range 5 {
				require.True(t, s.Record(kSet(k), 1))
			}
			assert.Len(t, collect(1, true), 1)
			assert.Equal(t, lost+4, w.dropped(wire.Deadline))
			assert.False(t, s.Record(kSet(1), 1))
			assert.Equal(t, 1, w.dropped(wire.Shutdown))
		}
	}
}

// TestObservedWithoutRoom: the point of an observation for which there is no room is lost,
// and is not sent later as if it had been observed again.
func TestObservedWithoutRoom(t *testing.T) {
	w := open(0)
	s := streamOf[int64](t, w, observedConfig("o", false))
	w.observe(t, s, map[int]int64{1: 42})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.sink.room = 0
	w.Collect(ctx, &w.sink, time.Now(), false)
	assert.Equal(t, 1, w.dropped(wire.Deadline))
	w.sink.room = 10
	assert.Empty(t, w.lines())
	w.observe(t, s, map[int]int64{1: 43})
	assert.Equal(t, []string{"o k=1: 43"}, w.lines())
}

// TestNothingIsWantedForLong: if there is no room for a series for which the collector
// waits, callers get its stripe back.
func TestNothingIsWantedForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(0)
		c := histogramConfig("h", Explicit)
		c.Delta = true
		s := streamOf[int64](t, w, c)
		var none attribute.Set
		require.True(t, s.Record(none, 1))
		goOn := preempt(s, none)
		w.Collect(t.Context(), &fillingUp{}, time.Now(), false)
		goOn()
		h := s.find(none.Equivalent()).state.(*explicit[int64])
		assert.Equal(t, free, h.first.lock.Load())
		require.True(t, s.Record(none, 1))
		assert.Nil(t, h.first.next.Load())
		assert.Equal(t, []uint64{3}, counts(w.collect(false)))
	})
}

// fillingUp is a sink that has room only the first time it is asked.
type fillingUp struct{ asked bool }

func (f *fillingUp) Await(context.Context, bool) bool {
	before := f.asked
	f.asked = true
	return !before
}
func (*fillingUp) Push(*wire.Point)       {}
func (*fillingUp) Refuse(wire.DropReason) {}
func (*fillingUp) Release()               {}
func (*fillingUp) Done()                  {}

// TestHandlesGoOn: a handle allocates nothing after a collection, as long as the limit has
// room for its series.
func TestHandlesGoOn(t *testing.T) {
	for _, delta := range []bool{false, true} {
		w := open(2000)
		c := counterConfig("n")
		c.Delta = delta
		b := bind(streamOf[int64](t, w, c), kSet(1))
		require.True(t, b.record(1))
		sink := &counting{}
		again := 0
		assert.Zero(t, allocs.In(1000, func() {
			w.Collect(context.Background(), sink, time.Unix(1, 0), false)
			if _, anew, _ := b.Record(1); anew {
				again++
			}
		}))
		assert.Zero(t, again)
	}
}

// TestAllocations: once the series exist, neither a measurement nor a collection allocates.
func TestAllocations(t *testing.T) {
	for _, delta := range []bool{false, true} {
		for _, kind := range []Kind{Sum, LastValue, Explicit, Exponential} {
			w := open(0)
			c := histogramConfig("n", kind)
			c.Delta = delta
			s := streamOf[float64](t, w, c)
			set := kSet(1)
			b := bind(s, set)
			n := 0.0
			record := func() {
				n++
				s.Record(set, n)
				b.record(n)
			}
			for range 1000 {
				record()
			}
			assert.Zero(t, allocs.In(1000, record), "%v", kind)
			sink := &counting{}
			collect := func() {
				record()
				w.Collect(context.Background(), sink, time.Unix(1, 0), false)
			}
			collect()
			assert.Zero(t, allocs.In(1000, collect), "%v", kind)
			assert.Positive(t, sink.n)
		}
	}
}

// counting is a sink that counts.
type counting struct{ n int }

func (*counting) Await(context.Context, bool) bool { return true }
func (c *counting) Push(*wire.Point)               { c.n++ }
func (*counting) Refuse(wire.DropReason)           {}
func (*counting) Release()                         {}
func (*counting) Done()                            {}
