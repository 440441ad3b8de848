package clock

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New()
		start := time.Now().UnixNano()
		assert.Equal(t, start, c.Now(), "exact after a rest")
		synctest.Wait()
		for range 1000 {
			<-time.After(700 * time.Microsecond)
			synctest.Wait()
			behind := time.Now().UnixNano() - c.Now()
			assert.GreaterOrEqual(t, behind, int64(0))
			assert.Less(t, behind, int64(Resolution))
		}
		assert.NotZero(t, c.now.Load())
		<-time.After((restAfter + 2) * Resolution)
		synctest.Wait()
		assert.Zero(t, c.now.Load(), "at rest when nobody reads")
		assert.Equal(t, time.Now().UnixNano(), c.Now())
		synctest.Wait()
		assert.NotZero(t, c.now.Load(), "ticking again")
		c.Stop()
		assert.Equal(t, time.Now().UnixNano(), c.Now(), "exact after Stop")
	})
}

func TestNowAllocatesNothing(t *testing.T) {
	c := New()
	defer c.Stop()
	assert.Zero(t, testing.AllocsPerRun(1000, func() { c.Now() }))
}

func BenchmarkNow(b *testing.B) {
	c := New()
	defer c.Stop()
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
