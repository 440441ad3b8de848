package pipeline

import "sync/atomic"

// waker is how callers wake the pump.
type waker struct {
	// asleep is set by the pump before it sleeps with nothing to do; whoever
	// clears it signals wake.
	asleep atomic.Bool
	wake   chan struct{}
}

func (w *waker) rouse() {
	if w.asleep.CompareAndSwap(true, false) {
		signal(w.wake)
	}
}
