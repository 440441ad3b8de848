package pipeline

import "sync/atomic"

// waker is how callers wake the pump.
type waker struct {
	// asleep is set by the pump before it sleeps with nothing to do; whoever
	// clears it signals wake.
	asleep atomic.Bool
	wake   chan struct{}
}

// forget takes back what was signalled to a pump that looks at everything now.
func (w *waker) forget() {
	select {
	case <-w.wake:
	default:
	}
}

func (w *waker) rouse() {
	if w.asleep.CompareAndSwap(true, false) {
		signal(w.wake)
	}
}
