package aggregate

import (
	"fmt"
	"math"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/internal/allocs"
	"github.com/otelgram/otelgram/internal/intern"
	"github.com/otelgram/otelgram/wire"
)

// TestBudget: series for which there is no memory are dropped, existing series go on, and a
// forgotten series makes room.
func TestBudget(t *testing.T) {
	weight := seriesCost + intern.SetSize(kSet(0))
	w := openWith(0, streamCost+int64(len("n"))+5*weight, resource.Empty())
	s := streamOf[int64](t, w, deltaConfig("n"))
	for round := range 2 {
		for k := range 9 {
			assert.Equal(t, k < 5, s.Record(kSet(k), 1))
		}
		assert.Len(t, w.lines(), 5)
		assert.Equal(t, 4*(round+1), w.dropped(wire.Memory))
	}
	for range idleCollections {
		w.collect(false)
	}
	for k := 4; k < 9; k++ {
		assert.True(t, s.Record(kSet(k), 1), "the others are forgotten")
	}
	other, made := StreamOf[int64](w.Registry, counterConfig("m"), 1)
	assert.Nil(t, other)
	assert.False(t, made)
}

// TestSeriesStayWithinTheirCost: what is charged for a series covers what it takes, with
// all of its buckets in use.
func TestSeriesStayWithinTheirCost(t *testing.T) {
	for _, size := range []int32{2, 20, 160, 1000} {
		for _, kind := range []Kind{Sum, LastValue, Explicit, Exponential} {
			w := open(0)
			c := histogramConfig("h", kind)
			c.MaxSize, c.Bounds = size, make([]float64, size)
			s := streamOf[float64](t, w, c)
			const series = 200
			before := allocs.Heap()
			budget := w.memory.Left()
			refused := 0
			record := func(set attribute.Set, v float64) {
				if !s.Record(set, v) {
					refused++
				}
			}
			for k := range series {
				set := kSet(k)
				for b := range 2 * size {
					v := math.Exp(float64(b) / 100)
					record(set, v)
					if kind >= Explicit {
						record(set, -v)
					}
				}
			}
			require.Zero(t, refused)
			taken, charged := allocs.Heap()-before, budget-w.memory.Left()
			assert.LessOrEqual(t, taken, charged, "kind %v size %d", kind, size)
			assert.Less(t, charged, 3*taken, "kind %v size %d", kind, size)
			runtime.KeepAlive(s)
		}
	}
}

// TestCallersStringsAreNotKept: series whose strings were cut from large strings keep none
// of these in memory, whichever goroutine made the series.
func TestCallersStringsAreNotKept(t *testing.T) {
	const large, many = 64 << 10, 500
	cut := func(k int) string { return strings.Repeat(fmt.Sprintf("%08d", k), large/8)[:8] }
	for _, delta := range []bool{false, true} {
		w := open(0)
		before := allocs.Heap()
		c := counterConfig(cut(0))
		c.Delta = delta
		c.Unit, c.Description = cut(1), cut(2)
		s := streamOf[int64](t, w, c)
		var kept []*bound[int64]
		for k := range many {
			value := attribute.SliceValue(attribute.StringValue(cut(k)), attribute.MapValue(attribute.String(cut(k), cut(k))))
			sets := []attribute.Set{
				attribute.NewSet(attribute.String(cut(8), cut(k))),
				attribute.NewSet(attribute.StringSlice("list", []string{cut(k)})),
				attribute.NewSet(attribute.KeyValue{Key: "nested", Value: value}),
			}
			for _, set := range sets {
				require.True(t, s.Record(set, 1))
				kept = append(kept, bind(s, set))
			}
		}
		w.collect(false)
		assert.Less(t, allocs.Heap()-before, int64(8<<20), "a string of each series would be %d MB", 3*many*large>>20)
		runtime.KeepAlive(kept)
	}
}

// TestStripesAreFew: the number of goroutines in the middle of a measurement at once bounds
// the memory of a series, and this memory is charged.
func TestStripesAreFew(t *testing.T) {
	const callers, each = 64, 2000
	for _, series := range []int{1, 2000} {
		w := open(0)
		s := streamOf[float64](t, w, histogramConfig("h", Explicit))
		var group sync.WaitGroup
		for range callers {
			group.Go(func() {
				for n := range each {
					s.Record(kSet(n%series), 1)
				}
			})
		}
		group.Wait()
		stripes, most := 0, 0
		s.series.Each(func(e *Series[float64]) {
			n := 0
			for x := &e.state.(*explicit[float64]).first; x != nil; x = x.next.Load() {
				n++
			}
			stripes, most = stripes+n, max(most, n)
		})
		assert.LessOrEqual(t, most, callers)
		sum := uint64(0)
		for _, n := range counts(w.collect(false)) {
			sum += n
		}
		assert.Equal(t, uint64(callers*each), sum)
		t.Logf("%d series: %d stripes, %d at most of one", series, stripes, most)
	}
}

// TestCells: a sum in which callers meet often grows cells, which are in the total and, as
// long as the series lives, on the budget.
func TestCells(t *testing.T) {
	for _, delta := range []bool{false, true} {
		w := open(0)
		c := counterConfig("n")
		c.Delta = delta
		s := streamOf[float64](t, w, c)
		before := w.memory.Left()
		require.True(t, s.Record(attribute.Set{}, 1))
		e := s.find(emptyKey())
		state := e.state.(*sum[float64])
		for range often + 1 {
			state.meet(e, 0.5)
		}
		cells := state.meetings.Load().cells.Load()
		require.NotNil(t, cells)
		for range 1000 {
			require.True(t, s.Record(attribute.Set{}, 1))
		}
		assert.Less(t, math.Float64frombits(state.value.Load()), 100.0, "the rest is in the cells")
		p := w.collect(false)
		assert.Equal(t, 1+0.5*(often+1)+1000, math.Float64frombits(p[0].Bits))
		if delta {
			for range idleCollections {
				assert.Empty(t, w.collect(false))
			}
			assert.Equal(t, before, w.memory.Left())
		}
	}
}

func emptyKey() attribute.Distinct {
	var none attribute.Set
	return none.Equivalent()
}

// TestStripesPastTheBudget: a measurement of an existing series is taken even if all
// stripes are held and no memory is left.
func TestStripesPastTheBudget(t *testing.T) {
	w := open(0)
	s := streamOf[int64](t, w, histogramConfig("h", Explicit))
	var none attribute.Set
	require.True(t, s.Record(none, 1))
	goOn := preempt(s, none)
	require.True(t, w.memory.Take(w.memory.Left()))
	assert.True(t, s.Record(none, 1))
	assert.Negative(t, w.memory.Left())
	assert.False(t, s.Record(kSet(1), 1), "a new series is")
	goOn()
	assert.Equal(t, []uint64{3}, counts(w.collect(false)))
}

// TestDeadSeriesTakeLittle: a handle that refers to a dead series keeps no histogram in
// memory.
func TestDeadSeriesTakeLittle(t *testing.T) {
	w := open(0)
	c := histogramConfig("h", Exponential)
	c.Delta = true
	s := streamOf[float64](t, w, c)
	const series = 500
	before := allocs.Heap()
	var kept []*bound[float64]
	for k := range series {
		b := bind(s, kSet(k))
		for v := 1.0; v < 1e6; v *= 1.1 {
			require.True(t, b.record(v))
		}
		kept = append(kept, b)
	}
	for range idleCollections + 1 {
		w.collect(false)
	}
	assert.Zero(t, s.living.Load())
	assert.Less(t, allocs.Heap()-before, int64(series*700))
	for _, b := range kept {
		require.True(t, b.record(1))
	}
	assert.Len(t, w.collect(false), series)
}
