package aggregate

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"

	"github.com/otelgram/otelgram/wire"
)

// TestNothingIsLost: callers record during collections, and series die and come again. Each
// measurement is in one collection, and in no second one.
func TestNothingIsLost(t *testing.T) {
	for _, delta := range []bool{false, true} {
		for _, kind := range []Kind{Sum, Explicit, Exponential} {
			t.Run(fmt.Sprintf("kind %v, delta %v", kind, delta), func(t *testing.T) {
				c := histogramConfig("n", kind)
				c.Delta = delta
				nothingIsLost[int64](t, c, 1)
				nothingIsLost(t, c, 0.25)
			})
		}
	}
}

func nothingIsLost[N Number](t *testing.T, c Config, unit N) {
	const callers, each = 8, 30_000
	w := open(0)
	s := streamOf[N](t, w, c)
	var group sync.WaitGroup
	for g := range callers {
		group.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(g)))
			b := bind(s, kSet(g%3))
			for i := range each {
				switch i % 3 {
				case 0:
					assert.True(t, b.record(unit))
				case 1:
					assert.True(t, s.Record(kSet(1), unit))
				case 2:
					assert.True(t, s.Record(attribute.NewSet(attribute.Int("z", g+8*r.IntN(8))), unit))
				}
				if r.IntN(2000) == 0 {
					<-time.After(time.Millisecond) // meanwhile series die
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { group.Wait(); close(done) }()
	var sum, count float64
	add := func(all []wire.Point) {
		if !c.Delta {
			sum, count = 0, 0
		}
		for _, p := range all {
			sum += float64(numberOf[N](p.Bits))
			if p.Distribution != nil {
				count += float64(p.Distribution.Count)
				assert.Equal(t, p.Distribution.Count, inBuckets(p.Distribution), "torn")
			}
		}
	}
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		add(w.collect(false))
	}
	add(w.collect(true))
	assert.Equal(t, float64(callers*each)*float64(unit), sum)
	if c.Kind != Sum {
		assert.Equal(t, float64(callers*each), count)
	}
	assert.False(t, s.Record(attribute.Set{}, unit), "it is closed")
	assert.Equal(t, 1, w.dropped(wire.Shutdown))
}

// inBuckets returns how many measurements the buckets of d have.
func inBuckets(d *wire.Distribution) uint64 {
	n := d.ZeroCount
	for _, of := range [][]uint64{d.BucketCounts, d.Positive.Counts, d.Negative.Counts} {
		for _, count := range of {
			n += count
		}
	}
	return n
}

// TestGaugeOrder: a collection does not report a value if its call had returned before
// another call began and ended. The last value is reported in the end.
func TestGaugeOrder(t *testing.T) {
	for _, delta := range []bool{false, true} {
		w := open(0)
		s := streamOf[int64](t, w, Config{Scope: scope("s"), Name: "g", Kind: LastValue, Delta: delta})
		b := bind(s, attribute.Set{})
		var returned atomic.Int64
		done := make(chan struct{})
		const last = 200_000
		go func() {
			defer close(done)
			for v := int64(1); v <= last; v++ {
				assert.True(t, b.record(v))
				returned.Store(v)
			}
		}()
		reported := int64(0)
		check := func(all []wire.Point, least int64) {
			for _, p := range all {
				assert.GreaterOrEqual(t, int64(p.Bits), max(least, reported))
				reported = int64(p.Bits)
			}
		}
		for running := true; running; {
			select {
			case <-done:
				running = false
			default:
			}
			least := returned.Load()
			check(w.collect(false), least)
		}
		check(w.collect(false), last)
		assert.Equal(t, int64(last), reported)
	}
}

// TestSeriesOfOneSetAreOne: callers that measure an attribute set for the first time at the
// same time make one series of it.
func TestSeriesOfOneSetAreOne(t *testing.T) {
	for range 200 {
		w := open(0)
		s := streamOf[int64](t, w, counterConfig("n"))
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				for k := range 8 {
					assert.True(t, s.Record(kSet(k), 1))
				}
			})
		}
		group.Wait()
		all := w.collect(false)
		require.Len(t, all, 8)
		for _, p := range all {
			assert.Equal(t, uint64(8), p.Bits)
		}
		assert.Equal(t, int64(8), s.admitted.Load())
		assert.Equal(t, int64(8), s.living.Load())
	}
}

func BenchmarkRecord(b *testing.B) {
	w := open(2000)
	set := attribute.NewSet(attribute.String("method", "GET"), attribute.String("route", "/api/v1/users"), attribute.Int("status", 200))
	for _, k := range []struct {
		name string
		kind Kind
	}{{"sum", Sum}, {"last value", LastValue}, {"explicit", Explicit}, {"exponential", Exponential}} {
		c := histogramConfig(k.name, k.kind)
		c.Bounds = []float64{0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000}
		s := streamOf[int64](b, w, c)
		bound := bind(s, set)
		b.Run(k.name+"/kept", func(b *testing.B) {
			for b.Loop() {
				s.Record(set, 7)
			}
		})
		b.Run(k.name+"/bound", func(b *testing.B) {
			for b.Loop() {
				bound.record(7)
			}
		})
	}
}
