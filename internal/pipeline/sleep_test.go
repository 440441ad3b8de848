package pipeline

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/drop"
)

// resting returns a pump that nobody runs, with that many events in its lane.
func resting(t *testing.T, events int) *pump {
	t.Helper()
	w := &waker{wake: make(chan struct{}, 1)}
	c := directConfig(&fakeSender{})
	p, err := newPump(&c, newLane(16, w, newBudget(1<<20)), &counters{}, newNotices(c.Report))
	require.NoError(t, err)
	t.Cleanup(p.link.close)
	l := newDirectLane(1024, drop.Newest(), p.counters, w)
	p.folder = &folder{lane: l, counters: p.counters, run: make([]Event, 100)}
	i := &Instrument{InstrumentConfig: InstrumentConfig{Fold: FoldSum, Integer: true}}
	b := &Bound{instrument: i, series: &Series{instrument: i}}
	for range events {
		require.True(t, l.ring.TryPush(&Event{Bound: b, Bits: 1}))
	}
	return p
}

// onePoint puts a point into the SDK lane.
func onePoint(p *pump) {
	p.lane.open()
	p.lane.points.Load().TryPush(&point{})
}

// full leaves no room for another packet.
func full(p *pump) { p.ready = p.ready[:cap(p.ready)-1] }

// TestRousable: callers wake a pump that has nothing else to wake for, and one that
// would be too late for what it folds; but not one that could do nothing.
func TestRousable(t *testing.T) {
	now := time.Now()
	tests := []struct {
		name  string
		given func(*pump)
		until time.Duration
		want  bool
	}{
		{"nothing to do", func(*pump) {}, time.Second, true},
		{"nothing to do, for a moment", func(*pump) {}, time.Millisecond, true},
		{"events gather", func(p *pump) { p.gather = now.Add(time.Nanosecond) }, time.Second, false},
		{"packets wait, for long", full, time.Second, true},
		{"packets wait, for a moment", full, 100 * time.Millisecond, false},
		{"packets wait, and each event is a point", func(p *pump) { p.folder.every = true; full(p) }, time.Second, false},
		{"packets wait, and no direct path", func(p *pump) { p.folder = nil; full(p) }, time.Second, false},
		{"an open packet", func(p *pump) { p.open = true }, 50 * time.Millisecond, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := resting(t, 0)
			tt.given(p)
			assert.Equal(t, tt.want, p.rousable(now, now.Add(tt.until)))
		})
	}
}

// TestDue: what waits in the SDK lane is due, and events are once they have gathered,
// or somebody waits for them.
func TestDue(t *testing.T) {
	now := time.Now()
	tests := []struct {
		name   string
		events int
		given  func(*pump)
		due    bool
	}{
		{"nothing", 0, func(*pump) {}, false},
		{"nothing, though a flush drains", 0, func(p *pump) { p.flushes = []flush{{}} }, false},
		{"nothing, though more was there", 0, func(p *pump) { p.folder.toFold = 1 }, false},
		{"events, gathered", 1, func(p *pump) { p.gather = now }, true},
		{"events", 1, func(*pump) {}, false},
		{"events that were there at the last look", 2, func(p *pump) { p.folder.toFold = 1 }, true},
		{"events, each a point", 1, func(p *pump) { p.folder.every = true }, true},
		{"events, and a flush drains", 1, func(p *pump) { p.flushes = []flush{{step: sending}, {}} }, true},
		{"events, and a flush sends", 1, func(p *pump) { p.flushes = []flush{{step: sending}} }, false},
		{"events, gathered, and no room", 1, func(p *pump) { p.gather = now; full(p) }, true},
		{"events, each a point, and no room", 1, func(p *pump) { p.folder.every = true; full(p) }, false},
		{"a point", 0, onePoint, true},
		{"a point, and no direct path", 0, func(p *pump) { p.folder = nil; onePoint(p) }, true},
		{"a point, and no room", 0, func(p *pump) { onePoint(p); full(p) }, false},
		{"a point and no room, events gathered", 1, func(p *pump) { onePoint(p); full(p); p.gather = now }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := resting(t, tt.events)
			p.gather = now.Add(time.Millisecond)
			tt.given(p)
			assert.Equal(t, tt.due, p.due(now))
		})
	}
}

// TestDrainsWhatWasThere: between two rests the pump folds what it found after the
// first, in whole runs, and looks again before that only under pressure.
func TestDrainsWhatWasThere(t *testing.T) {
	const run = 50
	p := resting(t, 70)
	f := p.folder
	p.measure(true)
	assert.Equal(t, int64(70), p.counters.peak.Load())
	for range 60 { // meanwhile
		var e Event
		require.True(t, f.lane.ring.TryPop(&e))
		require.True(t, f.lane.ring.TryPush(&e))
		require.True(t, f.lane.ring.TryPush(&e))
	}
	came, more := f.drain(run)
	assert.True(t, came)
	assert.True(t, more)
	p.measure(false)
	came, more = f.drain(run)
	assert.True(t, came)
	assert.False(t, more, "that is for after a rest")
	assert.Equal(t, 30, f.lane.ring.Len())
	assert.Equal(t, int64(70), p.counters.peak.Load(), "nobody looked")

	f.lane.pressed.Store(true)
	p.measure(false)
	came, more = f.drain(20)
	assert.True(t, came)
	assert.True(t, more)
	assert.False(t, f.lane.pressed.Load())
	p.measure(true)
	came, more = f.drain(run)
	assert.True(t, came)
	assert.False(t, more)

	f.lane.pressed.Store(true) // by a caller who was held up
	came, more = f.drain(run)
	assert.False(t, came)
	assert.False(t, more)
	assert.False(t, f.lane.pressed.Load())
	f.lane.pressed.Store(true)
	assert.False(t, f.pop())
	assert.False(t, f.lane.pressed.Load())
	assert.Equal(t, uint64(130), p.counters.folded.Load())
}

// TestSleepForgets: whatever ended the sleep, what was signalled before it is not
// looked at twice.
func TestSleepForgets(t *testing.T) {
	p := resting(t, 1)
	signal(p.lane.waker.wake)
	p.sleep(&inbox{}) // the event is due
	assert.Empty(t, p.lane.waker.wake)
	assert.True(t, p.stalled)

	p = resting(t, 0)
	in := &inbox{stop: make(chan struct{})}
	close(in.stop)
	for range 20 { // either may end it
		signal(p.lane.waker.wake)
		p.sleep(in)
		assert.Empty(t, p.lane.waker.wake)
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

// TestWakesWhilePacketsWait: an event is folded in time also while packets are paced,
// or kept back by trouble, for longer than events gather.
func TestWakesWhilePacketsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSender{}
		c := directConfig(s)
		c.PacketsPerSecond, c.Burst = 1, 1
		p := start(t, c)
		require.NoError(t, p.Export(t.Context(), sums(200)))
		d := p.Direct()
		i := instrument(d, counterConfig("n"))
		<-time.After(2 * c.MaxBatchAge)
		synctest.Wait()
		require.Positive(t, p.Stats().Queued, "packets wait")
		for range 2 {
			require.True(t, d.Record(&Event{Bound: i.Unbound(), Bits: 1}))
			<-time.After(c.MaxBatchAge)
			synctest.Wait()
		}
		assert.Equal(t, uint64(2), p.Stats().Folded)
		require.Positive(t, p.Stats().Queued, "packets still wait")
		require.NoError(t, p.Close(t.Context()))
		requireDirectBooks(t, p)
	})
}
