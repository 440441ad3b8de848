package pipeline

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
)

func deltaConfig(name string) InstrumentConfig {
	c := counterConfig(name)
	c.Delta = true
	return c
}

// recordAll records one with each of bounds, and makes room in the lane now and
// then.
func recordAll(t *testing.T, p *Pipeline, bounds []Bound) {
	t.Helper()
	for k := range bounds {
		require.True(t, p.Direct().Record(&Event{Bound: &bounds[k], Bits: 1}))
		if k%200 == 0 {
			require.NoError(t, p.Flush(t.Context()))
		}
	}
}

func manyBounds(d *Direct, i *Instrument, from, to int) []Bound {
	var bounds []Bound
	for k := from; k < to; k++ {
		bounds = append(bounds, d.Bind(i, attribute.NewSet(attribute.String("k", fmt.Sprint(k)))))
	}
	return bounds
}

// overflowed is the line of the overflow series; its value is no text.
func overflowed(sum int) string { return fmt.Sprint("n otel.metric.overflow=: ", sum) }

// TestBoundKeepsItsAttributes: under delta its series is forgotten when it is
// idle, and it may meet the overflow; after that it is what it was.
func TestBoundKeepsItsAttributes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSender{}
		p := start(t, directConfig(s))
		d := p.Direct()
		i := instrument(d, deltaConfig("n"))
		bound := manyBounds(d, i, 0, 1)
		collected := func() []string {
			before := len(decoded(t, s))
			require.NoError(t, d.Collect(t.Context()))
			return decoded(t, s)[before:]
		}
		for range 3 {
			recordAll(t, p, bound)
			assert.Equal(t, []string{"n k=0: 1"}, collected())
			for range idleCollections + 1 {
				assert.Empty(t, collected())
			}
			recordAll(t, p, manyBounds(d, i, 1, cardinalityLimit))
			recordAll(t, p, bound)
			got := collected()
			assert.Len(t, got, cardinalityLimit)
			assert.NotContains(t, got, "n k=0: 1")
			assert.Contains(t, got, overflowed(1))
		}
		require.NoError(t, p.Close(t.Context()))
		requireDirectBooks(t, p)
	})
}

// TestBoundsMeetTheLimit, in every interval anew, and only the ones that come
// late in it.
func TestBoundsMeetTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSender{}
		p := start(t, directConfig(s))
		d := p.Direct()
		i := instrument(d, deltaConfig("n"))
		bounds := manyBounds(d, i, 0, 3*cardinalityLimit)
		seen := 0
		for part := range 3 { // each series becomes known, within the limit
			recordAll(t, p, bounds[part*(cardinalityLimit-1):(part+1)*(cardinalityLimit-1)])
			require.NoError(t, d.Collect(t.Context()))
			seen += cardinalityLimit - 1
			assert.Len(t, decoded(t, s), seen)
			assert.False(t, p.Stats().Overflow)
		}
		for range 2 {
			recordAll(t, p, bounds)
			require.NoError(t, d.Collect(t.Context()))
			seen += cardinalityLimit
			got := decoded(t, s)
			require.Len(t, got, seen)
			assert.Contains(t, got[seen-cardinalityLimit:], overflowed(2*cardinalityLimit+1))
			assert.True(t, p.Stats().Overflow)
		}
		recordAll(t, p, bounds[len(bounds)-1:])
		require.NoError(t, d.Collect(t.Context()))
		assert.Equal(t, fmt.Sprintf("n k=%d: 1", len(bounds)-1), decoded(t, s)[seen], "there is room again")
		require.NoError(t, p.Close(t.Context()))
		requireDirectBooks(t, p)
	})
}
