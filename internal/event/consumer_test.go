package event

import (
	"context"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/drop"
	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/internal/aggregate"
	"github.com/otelgram/otelgram/internal/intern"
	"github.com/otelgram/otelgram/wire"
)

func streamOf[N aggregate.Number](t *testing.T, w *world, c aggregate.Config) *aggregate.Stream[N] {
	t.Helper()
	c.Events = w.push
	r := aggregate.NewRegistry(&w.books, account.NewBudget(math.MaxInt32), 0)
	s, _ := aggregate.StreamOf[N](r, c, time.Now().UnixNano())
	require.NotNil(t, s)
	return s
}

// takeAll takes all events out, as "name: value".
func (w *world) takeAll() (out []string) {
	for w.Fill() {
		for {
			pt, _, ok := w.Take()
			if !ok {
				break
			}
			out = append(out, fmt.Sprint(pt.Metric.Name.Text(), ": ", pt.Bits))
			w.books.Send(1)
		}
	}
	return out
}

// weighing is a strategy whose events stand for several.
type weighing uint32

func (w weighing) Decide(drop.Load, drop.Priority) drop.Verdict {
	return drop.Verdict{Action: drop.Accept, Weight: uint32(w)}
}

// TestEveryEventIsAPoint: counters are deltas, up-down counters are running totals, and an
// event that stands for several counts as many times.
func TestEveryEventIsAPoint(t *testing.T) {
	w := open(64, weighing(4))
	w.pressure.Store(true) // otherwise the strategy is not asked
	delta := streamOf[int64](t, w, aggregate.Config{Name: "delta", Kind: aggregate.Sum, Monotonic: true, Delta: true})
	total := streamOf[int64](t, w, aggregate.Config{Name: "total", Kind: aggregate.Sum})
	last := streamOf[int64](t, w, aggregate.Config{Name: "last", Kind: aggregate.LastValue})
	var none attribute.Set
	for n := range int64(3) {
		require.True(t, delta.Record(none, n+1))
		require.True(t, total.Record(none, n+1))
		require.True(t, last.Record(none, n+1))
	}
	assert.Equal(t, []string{
		"delta: 4", "total: 4", "last: 1", "delta: 8", "total: 12", "last: 2", "delta: 12", "total: 24", "last: 3",
	}, w.takeAll())
	assert.Equal(t, uint64(9), w.Pushed())
	assert.Equal(t, uint64(9), w.books.Settled().Sent)
	assert.Zero(t, w.books.InPump())
}

// TestEventsOfHistograms: each event is a histogram of one measurement, or of as many as it
// stands for, in the bucket of the aggregation.
func TestEventsOfHistograms(t *testing.T) {
	for _, tt := range []struct {
		kind  aggregate.Kind
		value float64
		want  wire.Distribution
	}{
		{aggregate.Explicit, 5, wire.Distribution{Bounds: []float64{1, 5}, BucketCounts: []uint64{0, 3, 0}}},
		{aggregate.Explicit, 6, wire.Distribution{Bounds: []float64{1, 5}, BucketCounts: []uint64{0, 0, 3}}},
		{aggregate.Exponential, 0, wire.Distribution{Scale: 20, ZeroCount: 3}},
		{aggregate.Exponential, 2, wire.Distribution{Scale: 20, Positive: wire.Buckets{Offset: 1<<20 - 1, Counts: []uint64{3}}}},
		{aggregate.Exponential, -2, wire.Distribution{Scale: 20, Negative: wire.Buckets{Offset: 1<<20 - 1, Counts: []uint64{3}}}},
	} {
		w := open(64, weighing(3))
		w.pressure.Store(true)
		c := aggregate.Config{Name: "h", Kind: tt.kind, Delta: true, Bounds: []float64{1, 5}, MaxSize: 160, MaxScale: 20}
		require.True(t, streamOf[float64](t, w, c).Record(attribute.Set{}, tt.value))
		require.True(t, w.Fill())
		pt, _, ok := w.Take()
		require.True(t, ok)
		got := *pt.Distribution
		assert.Equal(t, uint64(3), got.Count)
		assert.Equal(t, math.Float64bits(3*tt.value), pt.Bits)
		assert.Equal(t, wire.Extremum{Bits: math.Float64bits(tt.value), Defined: true}, got.Min)
		assert.Equal(t, got.Min, got.Max)
		assert.Equal(t, tt.want.Bounds, got.Bounds)
		assert.ElementsMatch(t, tt.want.BucketCounts, got.BucketCounts)
		assert.Equal(t, [2]any{tt.want.Scale, tt.want.ZeroCount}, [2]any{got.Scale, got.ZeroCount})
		assert.Equal(t, fmt.Sprint(tt.want.Positive, tt.want.Negative), fmt.Sprint(got.Positive, got.Negative))
	}
}

// TestOwnEventsAreNotTimed: the latency of the exporter's own metrics would in turn be a
// measurement.
func TestOwnEventsAreNotTimed(t *testing.T) {
	for _, own := range []bool{false, true} {
		w := open(64, drop.Newest())
		s := streamOf[int64](t, w, aggregate.Config{Name: "n", Kind: aggregate.Sum, Delta: true, Own: own})
		require.True(t, s.Record(attribute.Set{}, 1))
		require.True(t, w.Fill())
		_, recorded, ok := w.Take()
		require.True(t, ok)
		assert.Equal(t, own, recorded == 0)
	}
}

// TestTimes: an event has the time of its measurement. That time follows the steps of the
// wall clock when the pump comes.
func TestTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(64, drop.Newest())
		s := streamOf[int64](t, w, aggregate.Config{Name: "n", Kind: aggregate.Sum, Delta: true})
		start := time.Now().UnixNano()
		for range 5 {
			<-time.After(700 * time.Millisecond)
			at := time.Now().UnixNano()
			require.True(t, s.Record(attribute.Set{}, 1))
			<-time.After(time.Second)
			require.True(t, w.Fill())
			pt, recorded, ok := w.Take()
			require.True(t, ok)
			assert.Equal(t, [2]int64{start, at}, [2]int64{pt.StartTime, pt.Time})
			assert.Equal(t, at, recorded)
			start = at
		}
	})
}

// TestRuns: the pump takes one run at a time, of twice the length under pressure.
func TestRuns(t *testing.T) {
	w := open(256, drop.Newest())
	for range 127 {
		require.True(t, w.Push(named{}, 1))
	}
	require.True(t, w.Fill())
	assert.Equal(t, 50, w.Pending())
	assert.True(t, w.Fill(), "some are left")
	assert.Equal(t, 50, w.Pending())
	w.next = 50
	w.pressure.Store(true)
	require.True(t, w.Fill())
	assert.Equal(t, 77, w.Pending())
	assert.Equal(t, uint64(127), w.books.InPump())
	assert.False(t, w.pressure.Load())
	w.Close()
	w.Discard()
	assert.Equal(t, uint64(77), w.dropped(wire.Shutdown))
}

// TestIdleSeriesGo: in event mode a series that is not measured any more makes room for
// others, except the running total of an up-down counter.
func TestIdleSeriesGo(t *testing.T) {
	for _, tt := range []struct {
		kind  aggregate.Kind
		delta bool
		goes  bool
	}{{aggregate.Sum, true, true}, {aggregate.LastValue, false, true}, {aggregate.Explicit, true, true}, {aggregate.Sum, false, false}} {
		w := open(64, drop.Newest())
		memory := account.NewBudget(math.MaxInt32)
		r := aggregate.NewRegistry(&w.books, memory, 2)
		report := func(error) bool { return true }
		c := aggregate.NewCollector(r, intern.NewIdentifier(resource.Empty(), memory, report), report)
		s, _ := aggregate.StreamOf[int64](r, aggregate.Config{Name: "n", Kind: tt.kind, Delta: tt.delta, Events: w.push}, 1)
		before := memory.Left()
		require.True(t, s.Record(attribute.Set{}, 1))
		for range 20 {
			c.Collect(t.Context(), nowhere{}, time.Now(), false)
		}
		assert.Equal(t, tt.goes, memory.Left() == before, "%+v", tt)
	}
}

// nowhere is a sink of collections that have no points.
type nowhere struct{}

func (nowhere) Await(context.Context, bool) bool { return true }
func (nowhere) Push(*wire.Point)                 { panic("a point") }
func (nowhere) Refuse(wire.DropReason)           { panic("a point") }
func (nowhere) Release()                         {}
func (nowhere) Done()                            {}

// TestUnsendableEvents: they are counted once each, and nothing else is lost.
func TestUnsendableEvents(t *testing.T) {
	w := open(64, drop.Newest())
	s := streamOf[int64](t, w, aggregate.Config{Name: "n", Kind: aggregate.Sum, Delta: true})
	deep := attribute.IntValue(1)
	for range wire.MaxDepth + 1 {
		deep = attribute.SliceValue(deep)
	}
	require.True(t, s.Record(attribute.NewSet(attribute.KeyValue{Key: "deep", Value: deep}), 1))
	require.True(t, s.Record(attribute.Set{}, 2))
	assert.Equal(t, []string{"n: 2"}, w.takeAll())
	assert.Equal(t, uint64(1), w.dropped(wire.Encode))
	assert.Zero(t, w.books.InPump())
}
