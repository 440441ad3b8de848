package drop

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestDecisions(t *testing.T) {
	const capacity = 100
	tests := []struct {
		strategy Strategy
		priority Priority
		used     int
		want     Action
	}{
		{Newest(), Low, 99, Accept}, {Newest(), High, 100, RefuseRingFull}, {Newest(), Normal, 100, RefuseRingFull},
		{Oldest(), Low, 99, Accept}, {Oldest(), Low, 100, Evict}, {Oldest(), High, 101, Evict},
		{ByPriority(), Low, 49, Accept}, {ByPriority(), Low, 50, RefusePriority}, {ByPriority(), Low, 100, RefuseRingFull},
		{ByPriority(), Normal, 74, Accept}, {ByPriority(), Normal, 75, RefusePriority}, {ByPriority(), Normal, 100, RefuseRingFull},
		{ByPriority(), High, 99, Accept}, {ByPriority(), High, 100, RefuseRingFull},
		{Sampled(), High, 49, Accept}, {Sampled(), High, 100, RefuseRingFull},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%T %d at %d", tt.strategy, tt.priority, tt.used), func(t *testing.T) {
			v := tt.strategy.Decide(Load{tt.used, capacity}, tt.priority)
			assert.Equal(t, tt.want, v.Action)
			assert.Zero(t, v.Weight)
		})
	}
}

// TestSampledIsUnbiased: at every load the weights of what is kept add up to what came,
// within five standard deviations, and the interval only grows.
func TestSampledIsUnbiased(t *testing.T) {
	const capacity, events = 1 << 14, 1 << 17
	last := uint32(1)
	for used := capacity / 2; used < capacity; used += capacity / 32 {
		weight, interval := 0.0, uint32(0)
		for range events {
			v := Sampled().Decide(Load{used, capacity}, Normal)
			switch v.Action {
			case Accept:
				weight += float64(v.Weight)
				interval = v.Weight
			case RefuseSampled:
				assert.Zero(t, v.Weight)
			default:
				t.Fatalf("%v at %d", v.Action, used)
			}
		}
		assert.GreaterOrEqual(t, interval, last)
		assert.Equal(t, interval&(interval-1), uint32(0), "a power of two")
		last = interval
		// The number kept is binomial, its deviation about sqrt(events/interval).
		deviation := float64(interval) * 5 * math.Sqrt(float64(events)/float64(interval))
		assert.InDelta(t, events, weight, deviation, "at %d of %d", used, capacity)
	}
	assert.GreaterOrEqual(t, last, uint32(1024))
}

func TestPriorities(t *testing.T) {
	var p Priorities
	assert.Equal(t, Normal, p.Of("anything"))
	p = p.With("*", Low)
	p = p.With("http.*.errors", High)
	p = p.With("http.debug.*", Low)
	p = p.With("exact", High)
	p = p.With("*a*b*", Normal)
	tests := map[string]Priority{
		"": Low, "x": Low, "http.server.errors": High, "http..errors": High, "http.errors": Low,
		"http.debug.errors": Low, "exact": High, "exactly": Low, "xaxxbx": Normal, "ab": Normal, "ba": Low,
	}
	for name, want := range tests {
		assert.Equal(t, want, p.Of(name), name)
	}
}

func TestActionNames(t *testing.T) {
	for a, name := range map[Action]string{Accept: "accept", Evict: "evict", RefuseRingFull: "ring_full", RefusePriority: "priority", RefuseSampled: "sampled", 9: "unknown"} {
		assert.Equal(t, name, a.String())
	}
}

func TestDecideAllocatesNothing(t *testing.T) {
	for _, s := range []Strategy{Newest(), Oldest(), ByPriority(), Sampled()} {
		assert.Zero(t, testing.AllocsPerRun(1000, func() { s.Decide(Load{90, 100}, Low) }), "%T", s)
	}
}
