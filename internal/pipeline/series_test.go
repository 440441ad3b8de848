package pipeline

import (
	"fmt"
	"math"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/wire"
)

// TestEmptySetsAreOne: an empty set of attributes has two forms, and names one
// scope, resource and instrument.
func TestEmptySetsAreOne(t *testing.T) {
	r := newRegistry(directConfig(nil).Priorities, &budget{})
	r.memory.give(math.MaxInt32)
	var first *Instrument
	for _, set := range []attribute.Set{{}, attribute.NewSet(), *attribute.EmptySet()} {
		c := counterConfig("n")
		c.Scope = instrumentation.Scope{Name: "s", Attributes: set}
		c.Resource = resource.NewSchemaless(set.ToSlice()...)
		i, _, _ := r.instrument(c, 0)
		if first == nil {
			first = i
		}
		assert.Same(t, first, i)
	}
	all, _ := r.snapshot()
	assert.Len(t, all, 1)
}

// TestNamesFoldCase: as in the SDK an instrument is found in whatever case, and
// sent under the name it came with first.
func TestNamesFoldCase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSender{}
		p := start(t, directConfig(s))
		d := p.Direct()
		for _, name := range []string{"Requests", "requests", "REQUESTS"} {
			require.True(t, d.Record(&Event{Instrument: instrument(d, counterConfig(name)), Bits: 1}))
		}
		require.NoError(t, d.Collect(t.Context()))
		assert.Equal(t, []string{"Requests: 3"}, decoded(t, s))
		require.NoError(t, p.Close(t.Context()))
	})
}

// TestExtremaOfIntegers are exact where floats are not.
func TestExtremaOfIntegers(t *testing.T) {
	const large = 1 << 53 // the next integer is no float
	for _, order := range [][]int64{{large, large + 1, -large, -large - 1}, {-large - 1, -large, large + 1, large}} {
		i := &Instrument{InstrumentConfig: InstrumentConfig{Fold: FoldExplicit, Integer: true}}
		s := &Series{instrument: i}
		i.prepare(s)
		for _, v := range order {
			s.fold(&Event{Bits: uint64(v)})
		}
		var d wire.Distribution
		s.point(0, &d)
		assert.Equal(t, int64(-large-1), int64(d.Min.Bits))
		assert.Equal(t, int64(large+1), int64(d.Max.Bits))
	}
}

// TestHistogramsStayWithinTheirCost: what is charged for a series covers what its
// histogram takes when all of its buckets are in use and their counters as wide
// as they become.
func TestHistogramsStayWithinTheirCost(t *testing.T) {
	for _, size := range []int32{2, 20, 160, 1000} {
		i := &Instrument{InstrumentConfig: InstrumentConfig{Fold: FoldExponential, MaxSize: size, MaxScale: 20}}
		const series = 50
		all := make([]*Series, series)
		before := liveHeap()
		for n := range all {
			s := &Series{instrument: i}
			i.prepare(s)
			for b := range 2 * size {
				v := math.Exp(float64(b) / 100)
				s.fold(&Event{Bits: math.Float64bits(v), Weight: math.MaxUint32})
				s.fold(&Event{Bits: math.Float64bits(-v), Weight: math.MaxUint32})
			}
			all[n] = s
		}
		taken := int64(liveHeap()-before) / series
		cost := i.cost(all[0])
		assert.LessOrEqual(t, taken, cost, fmt.Sprint("size ", size))
		assert.Less(t, cost-int64(seriesCost), 3*max(taken, 512), fmt.Sprint("size ", size))
		runtime.KeepAlive(all)
	}
}

func liveHeap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
