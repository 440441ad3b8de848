package aggregate

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/wire"
)

// TestNoSum: the sum of a histogram is left out, and only the sum.
func TestNoSum(t *testing.T) {
	noSum[int64](t)
	noSum[float64](t)
}

func noSum[N Number](t *testing.T) {
	for _, kind := range []Kind{Explicit, Exponential} {
		for _, without := range []bool{false, true} {
			w := open(0)
			c := histogramConfig("h", kind)
			c.NoSum = without
			s := streamOf[N](t, w, c)
			require.True(t, s.Record(attribute.Set{}, 7))
			require.True(t, s.Record(attribute.Set{}, -2))
			p := w.collect(false)[0]
			want := bitsOf[N](5)
			if without {
				want = 0
			}
			assert.Equal(t, want, p.Bits)
			assert.Equal(t, uint64(2), p.Distribution.Count)
			assert.Equal(t, bitsOf[N](-2), p.Distribution.Min.Bits)
		}
	}
}

// TestExtremaOfIntegers: the extrema of integers are integers, whatever a float makes of them.
func TestExtremaOfIntegers(t *testing.T) {
	const large = 1 << 53 // the next integer is no float
	for _, order := range [][]int64{{large, large + 1, -large, -large - 1}, {-large - 1, -large, large + 1, large}} {
		w := open(0)
		s := streamOf[int64](t, w, histogramConfig("h", Explicit))
		for _, v := range order {
			require.True(t, s.Record(attribute.Set{}, v))
		}
		d := w.collect(false)[0].Distribution
		assert.Equal(t, int64(-large-1), int64(d.Min.Bits))
		assert.Equal(t, int64(large+1), int64(d.Max.Bits))
	}
}

// TestDeltaStarts: under delta the points of a collection begin where the collection before
// ended, even for a series that was idle then or is new. No point begins before its stream.
func TestDeltaStarts(t *testing.T) {
	begin := time.Now()
	w := open(0)
	stream := func(name string, after int) *Stream[int64] {
		s, _ := StreamOf[int64](w.Registry, deltaConfig(name), begin.Add(time.Duration(after)*time.Second).UnixNano())
		return s
	}
	old := stream("old", 0)
	starts := func(second int, of map[*Stream[int64]][]int) (out []string) {
		for s, ks := range of {
			for _, k := range ks {
				require.True(t, s.Record(kSet(k), 1))
			}
		}
		for _, p := range w.collectAt(begin.Add(time.Duration(second)*time.Second), false) {
			out = append(out, fmt.Sprint(w.label(&p), ": ", time.Unix(0, p.StartTime).Sub(begin).Seconds(), " ", time.Unix(0, p.Time).Sub(begin).Seconds()))
		}
		slices.Sort(out)
		return out
	}
	assert.Equal(t, []string{"old k=1: 0 10", "old k=2: 0 10"}, starts(10, map[*Stream[int64]][]int{old: {1, 2}}))
	assert.Equal(t, []string{"old k=1: 10 20"}, starts(20, map[*Stream[int64]][]int{old: {1}}))
	assert.Equal(t, []string{"old k=2: 20 30", "old k=3: 20 30"}, starts(30, map[*Stream[int64]][]int{old: {2, 3}}), "idle before, and new")
	late := stream("late", 35)
	assert.Equal(t, []string{"late k=1: 35 40", "old k=1: 30 40"}, starts(40, map[*Stream[int64]][]int{old: {1}, late: {1}}))
}

// TestClockStepsBack: the start of cumulative points stays as it was, whatever the clock
// does. Another start would be read as a reset.
func TestClockStepsBack(t *testing.T) {
	w := open(0)
	begin := time.Now()
	s := streamOf[int64](t, w, counterConfig("n"))
	var starts []int64
	for _, at := range []time.Duration{time.Second, -time.Hour, -time.Minute, time.Minute} {
		require.True(t, s.Record(attribute.Set{}, 1))
		require.True(t, s.Record(kSet(len(starts)), 1))
		for _, p := range w.collectAt(begin.Add(at), false) {
			starts = append(starts, p.StartTime)
		}
	}
	for _, start := range starts {
		assert.Equal(t, starts[0], start)
	}
	assert.Len(t, starts, 2+3+4+5)
}

// TestUnsendable: a stream whose resource or scope has no wire form, or leaves no room,
// sends nothing, since with less it would be another stream. That is reported once.
func TestUnsendable(t *testing.T) {
	deep := attribute.IntValue(1)
	for range wire.MaxDepth + 1 {
		deep = attribute.SliceValue(deep)
	}
	bad := attribute.KeyValue{Key: "deep", Value: deep}
	large := attribute.String("a", strings.Repeat("x", wire.MaxBody))
	for _, tt := range []struct {
		name             string
		resource, scope  []attribute.KeyValue
		series           []attribute.KeyValue
		says, ofResource string
		reason           wire.DropReason
	}{
		{name: "resource", resource: []attribute.KeyValue{bad}, ofResource: "no wire form", reason: wire.Encode},
		{name: "large resource", resource: []attribute.KeyValue{large}, ofResource: "more than the 65472 that can be sent with each point", reason: wire.Oversize},
		{name: "scope", scope: []attribute.KeyValue{bad}, says: "no wire form", reason: wire.Encode},
		{name: "series", series: []attribute.KeyValue{bad}, reason: wire.Encode},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := openWith(0, 1<<20, resource.NewSchemaless(tt.resource...))
			if err := w.CheckResource(); tt.ofResource == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tt.ofResource)
			}
			for _, name := range []string{"n", "m"} {
				c := deltaConfig(name)
				c.Scope.Attributes = attribute.NewSet(tt.scope...)
				require.True(t, streamOf[int64](t, w, c).Record(attribute.NewSet(tt.series...), 1))
			}
			assert.Empty(t, w.collect(false))
			assert.Equal(t, 2, w.dropped(tt.reason), "a point of each")
			assert.Empty(t, w.collect(false))
			assert.Equal(t, 2, w.dropped(tt.reason), "nothing since")
			if tt.says == "" {
				assert.Empty(t, w.said)
			} else {
				require.Len(t, w.said, 1)
				assert.ErrorContains(t, w.said[0], tt.says)
			}
			require.NoError(t, w.CheckResource(), "once")
		})
	}
}
