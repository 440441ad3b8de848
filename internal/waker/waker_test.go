package waker

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func (w *Waker) woken() bool { return len(w.Woken()) > 0 }

// TestWaker: a pump that sleeps with nothing to do is woken once, a pump that is awake is
// not disturbed, and a signal is never lost.
func TestWaker(t *testing.T) {
	w := New()
	w.Rouse()
	assert.False(t, w.woken(), "it is awake")
	w.SetAsleep(true)
	assert.True(t, w.Asleep())
	w.Rouse()
	assert.True(t, w.woken())
	assert.False(t, w.Asleep(), "others need not wake it, too")
	w.Forget()
	assert.False(t, w.woken())
	w.Rouse()
	assert.False(t, w.woken())
	w.Signal()
	w.Signal()
	assert.True(t, w.woken(), "for its next sleep")
	w.Forget()
	w.Forget()
	assert.False(t, w.woken())
}
