package clock

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestClock: the clock follows the monotonic clock, and the wall clock once it is set.
func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New()
		for range 1000 {
			assert.Equal(t, time.Now().UnixNano(), c.Now())
			<-time.After(700 * time.Microsecond)
		}
		c.wall.Add(int64(time.Hour)) // the wall clock was stepped back
		assert.Equal(t, time.Now().Add(time.Hour).UnixNano(), c.Now())
		c.Set()
		assert.Equal(t, time.Now().UnixNano(), c.Now())
	})
}

func TestNowAllocatesNothing(t *testing.T) {
	c := New()
	assert.Zero(t, testing.AllocsPerRun(1000, func() { c.Now() }))
}

func BenchmarkNow(b *testing.B) {
	c := New()
	b.Run("clock", func(b *testing.B) {
		for b.Loop() {
			c.Now()
		}
	})
	b.Run("time", func(b *testing.B) {
		for b.Loop() {
			time.Now().UnixNano()
		}
	})
}
