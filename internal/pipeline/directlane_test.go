package pipeline

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/drop"
)

// TestLook: a caller that finds a quarter of the ring in use wakes the pump, one that
// finds half of it so also asks the strategy from then on. Not each looks, but one that
// others have overtaken meanwhile does.
func TestLook(t *testing.T) {
	tests := []struct {
		name           string
		before         int // pushes of others
		wakes, presses bool
	}{
		{"less than a quarter", 192, false, false},
		{"a quarter", 255, true, false},
		{"a quarter, when others have pushed", 255 + lookers - 1, true, false},
		{"a quarter, when it was somebody else's to look", 255 + lookers, false, false},
		{"half", 511, true, true},
		{"half, when others have pushed", 511 + lookers - 1, true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := &waker{wake: make(chan struct{}, 1)}
			l := newDirectLane(1024, drop.Newest(), &counters{}, w)
			b := &Bound{instrument: &Instrument{}}
			for range tt.before {
				require.True(t, l.ring.TryPush(&Event{Bound: b}))
			}
			require.True(t, l.record(&Event{Bound: b}))
			assert.Equal(t, tt.wakes, len(w.wake) == 1)
			assert.Equal(t, tt.presses, l.pressed.Load())
		})
	}
}

// TestRelieve: the pump ends the pressure once less than half of the ring is in use.
func TestRelieve(t *testing.T) {
	l := newDirectLane(16, drop.Newest(), &counters{}, &waker{wake: make(chan struct{}, 1)})
	b := &Bound{instrument: &Instrument{}}
	for range 8 {
		require.True(t, l.record(&Event{Bound: b}))
	}
	l.relieve()
	assert.True(t, l.pressed.Load())
	require.True(t, l.ring.TryPop(&Event{}))
	l.relieve()
	assert.False(t, l.pressed.Load())
}

// meanwhile is a strategy that has something happen while it decides.
type meanwhile func()

func (m meanwhile) Decide(drop.Load, drop.Priority) drop.Verdict {
	m()
	return drop.Verdict{}
}

// TestPressedWakesAfterwards: a pump that comes before the event has been pushed
// comes again, whether it finds pressure or not.
func TestPressedWakesAfterwards(t *testing.T) {
	w := &waker{wake: make(chan struct{}, 1)}
	l := newDirectLane(16, meanwhile(w.forget), &counters{}, w)
	l.pressed.Store(true)
	require.True(t, l.record(&Event{Bound: &Bound{instrument: &Instrument{}}}))
	assert.Len(t, w.wake, 1)
	assert.Equal(t, 1, l.ring.Len())
}
