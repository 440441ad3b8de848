package pipeline

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/wire"
)

// resting returns the pump of a pipeline that nothing runs.
func resting(t *testing.T) *Pipeline {
	t.Helper()
	p, err := assemble(testConfig(&fakeSender{}))
	require.NoError(t, err)
	return p
}

// TestAsleep: callers wake a pump that has nothing to wake for by itself, and no other.
func TestAsleep(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		name  string
		given func(*pump)
		want  bool
	}{
		{"nothing to do", func(*pump) {}, true},
		{"events gather", func(p *pump) { p.gather = now.Add(time.Hour) }, false},
		{"events have gathered", func(p *pump) { p.gather = now }, true},
		{"packets wait", func(p *pump) { p.packets.ready = p.packets.ready[:1] }, false},
		{"an open packet", func(p *pump) { p.packets.open, p.packets.openedAt = true, now }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := resting(t).pump
				now = time.Now()
				tt.given(p)
				asleep := make(chan bool)
				go func() {
					synctest.Wait()
					asleep <- p.waker.Asleep()
					close(p.stop)
				}()
				slept := make(chan struct{})
				go func() { p.sleep(); close(slept) }()
				assert.Equal(t, tt.want, <-asleep)
				<-slept
				assert.False(t, p.waker.Asleep())
			})
		})
	}
}

// TestSleepForgets: whatever ended the sleep, what was signalled before it is not
// looked at twice.
func TestSleepForgets(t *testing.T) {
	resting := resting(t)
	require.NoError(t, resting.Export(t.Context(), sums(1)))
	p := resting.pump
	p.waker.Signal()
	p.sleep() // the point is due
	assert.Empty(t, p.waker.Woken())
	assert.True(t, p.stalled)
	assert.Positive(t, p.packTurn())

	close(p.stop)
	for range 20 { // either may end it
		p.waker.Signal()
		p.sleep()
		assert.Empty(t, p.waker.Woken())
	}
}

// TestOldBatches: points that come to a pump at rest wait for others once, however
// long that may be.
func TestOldBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSender{}
		c := testConfig(s)
		c.MaxBatchAge = 20 * time.Second
		p := start(t, c)
		<-time.After(time.Second)
		require.NoError(t, p.Export(t.Context(), sums(1)))
		<-time.After(c.MaxBatchAge + time.Millisecond)
		synctest.Wait()
		assert.Equal(t, uint64(1), p.Stats().Sent)
		require.NoError(t, p.Close(t.Context()))
		requireClosedBooks(t, p)
	})
}

// endless is a queue that is never empty, of points that have no form in any encoding.
type endless struct {
	source
	run, left int
	taken     uint64
}

func (e *endless) Fill() bool {
	if e.left == 0 {
		e.left = e.run
	}
	return true
}

func (e *endless) Take() (*wire.Point, int64, bool) {
	e.taken += uint64(e.left) // all of the run are dropped, as by handoff.Reader
	e.left = 0
	return nil, 0, false
}

func (e *endless) Pending() int { return e.left }

// TestPackingEnds: however much comes, and however little there is to be said of it, the pump
// stops packing after a bounded number of points, and looks at what else there is to do.
func TestPackingEnds(t *testing.T) {
	for _, run := range []int{1, 50, 3 * enoughPoints} {
		p := resting(t).pump
		e := &endless{run: run}
		p.sources = []source{e}
		assert.True(t, p.packTurns())
		assert.GreaterOrEqual(t, e.taken, uint64(enoughPoints))
		assert.Less(t, e.taken, uint64(enoughPoints+run))
		assert.True(t, p.restless)
	}
}
