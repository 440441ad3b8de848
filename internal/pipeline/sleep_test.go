package pipeline

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/internal/waker"
)

// resting returns a pump that nobody runs.
func resting(t *testing.T) *pump {
	t.Helper()
	c := testConfig(&fakeSender{})
	p, err := newPump(&c, newLane(16, waker.New(), account.NewBudget(1<<20)), &counters{}, newNotices(c.Report))
	require.NoError(t, err)
	t.Cleanup(p.link.close)
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
		{"packets wait", func(p *pump) { p.ready = p.ready[:1] }, false},
		{"an open packet", func(p *pump) { p.open, p.openedAt = true, now }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := resting(t)
				now = time.Now()
				tt.given(p)
				in := &inbox{stop: make(chan struct{})}
				asleep := make(chan bool)
				go func() {
					synctest.Wait()
					asleep <- p.lane.waker.Asleep()
					close(in.stop)
				}()
				slept := make(chan struct{})
				go func() { p.sleep(in); close(slept) }()
				assert.Equal(t, tt.want, <-asleep)
				<-slept
				assert.False(t, p.lane.waker.Asleep())
			})
		})
	}
}

// TestSleepForgets: whatever ended the sleep, what was signalled before it is not
// looked at twice.
func TestSleepForgets(t *testing.T) {
	p := resting(t)
	p.lane.open()
	require.True(t, p.lane.points.Load().tryPush(&point{}))
	p.lane.waker.Signal()
	p.sleep(&inbox{}) // the point is due
	assert.Empty(t, p.lane.waker.Woken())
	assert.True(t, p.stalled)

	p = resting(t)
	in := &inbox{stop: make(chan struct{})}
	close(in.stop)
	for range 20 { // either may end it
		p.lane.waker.Signal()
		p.sleep(in)
		assert.Empty(t, p.lane.waker.Woken())
	}
}

// TestOldBatches: points that come to a pump at rest wait for others once, however
// long that may be.
func TestOldBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSender{}
		c := testConfig(s)
		c.MaxBatchAge = 2 * reportIdle
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
