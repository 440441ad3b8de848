package pipeline

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/drop"
	"github.com/otelgram/otelgram/internal/allocs"
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
			require.True(t, d.Record(&Event{Bound: instrument(d, counterConfig(name)).Unbound(), Bits: 1}))
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
		cost := i.cost(&all[0].wire)
		assert.LessOrEqual(t, taken, cost, fmt.Sprint("size ", size))
		assert.Less(t, cost-int64(seriesCost), 3*max(taken, 512), fmt.Sprint("size ", size))
		runtime.KeepAlive(all)
	}
}

// liveHeap is what is live, in bytes.
func liveHeap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestUnsendable: an instrument whose resource or scope has no wire form sends
// nothing, since less than all of it would be another's, and says so once.
func TestUnsendable(t *testing.T) {
	deep := attribute.IntValue(1)
	for range wire.MaxDepth + 1 {
		deep = attribute.SliceValue(deep)
	}
	bad := []attribute.KeyValue{attribute.String("a", "b"), {Key: "deep", Value: deep}}
	large := []attribute.KeyValue{attribute.String("a", strings.Repeat("x", wire.MaxBody))}
	for _, tt := range []struct {
		name     string
		resource []attribute.KeyValue
		scope    []attribute.KeyValue
		says     string
		reason   wire.DropReason
	}{
		{"resource", bad, nil, "no wire form", wire.Encode},
		{"scope", nil, bad, "no wire form", wire.Encode},
		{"large resource", large, nil, "more than the 65472 that can be sent with each point", wire.Oversize},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &fakeSender{}
				p := start(t, directConfig(s))
				d := p.Direct()
				c := counterConfig("n")
				c.Resource, c.Scope.Attributes = resource.NewSchemaless(tt.resource...), attribute.NewSet(tt.scope...)
				i, _, err := d.Instrument(c)
				require.ErrorContains(t, errors.Join(err, d.CheckResource(c.Resource)), tt.says)
				c.Name = "m"
				_, _, err = d.Instrument(c)
				require.NoError(t, errors.Join(err, d.CheckResource(c.Resource)), "once")
				require.True(t, d.Record(&Event{Bound: i.Unbound(), Bits: 1}))
				require.NoError(t, d.Collect(t.Context()))
				assert.Equal(t, uint64(1), p.Stats().Dropped[tt.reason])
				packets, _ := s.packets(t)
				assert.Empty(t, packets)
				_ = p.Close(t.Context())
				requireDirectBooks(t, p)
			})
		})
	}
}

// TestMixedSeriesAllocate nothing when their points are made in turn.
func TestMixedSeriesAllocate(t *testing.T) {
	explicitOnes, exponentialOnes := counterConfig("e"), counterConfig("x")
	explicitOnes.Fold, explicitOnes.Bounds = FoldExplicit, []float64{1, 2}
	exponentialOnes.Fold, exponentialOnes.MaxSize, exponentialOnes.MaxScale = FoldExponential, 160, 20
	var all []*Series
	for _, c := range []InstrumentConfig{explicitOnes, exponentialOnes} {
		s := &Series{instrument: &Instrument{InstrumentConfig: c}}
		s.instrument.prepare(s)
		for v := range uint64(100) {
			s.fold(&Event{Bits: v + 1})
		}
		all = append(all, s)
	}
	var d wire.Distribution
	assert.Zero(t, allocs.In(1000, func() {
		for _, s := range all {
			s.point(1, &d)
		}
	}))
}

// TestEvictionLosesOne: an event that makes room gets it, whoever else is there.
func TestEvictionLosesOne(t *testing.T) {
	var c counters
	l := newDirectLane(8, drop.Oldest(), &c, &waker{wake: make(chan struct{}, 1)})
	b := &Bound{instrument: &Instrument{InstrumentConfig: counterConfig("n")}}
	for n := range uint64(100) {
		require.True(t, l.record(&Event{Bound: b, Bits: n}))
	}
	assert.Equal(t, uint64(92), c.dropped[wire.Evicted].Load())
	assert.Zero(t, c.dropped[wire.RingFull].Load())
	var e Event
	require.True(t, l.ring.TryPop(&e))
	assert.Equal(t, uint64(92), e.Bits)
	l.ring.Close()
	require.False(t, l.record(&Event{Bound: b}))
	assert.Equal(t, uint64(1), c.dropped[wire.Shutdown].Load())
}
