// Package waker wakes the pump when something is handed over.
package waker

import "sync/atomic"

// Waker wakes the pump. Any goroutine may wake it; one goroutine waits.
type Waker struct {
	// asleep is set by the pump before it sleeps with nothing to do. The goroutine that
	// clears it signals.
	asleep atomic.Bool
	wake   chan struct{}
}

// New returns a Waker whose pump is awake.
func New() *Waker { return &Waker{wake: make(chan struct{}, 1)} }

// Woken receives a token after a signal.
func (w *Waker) Woken() <-chan struct{} { return w.wake }

// Signal wakes the pump, now or when it sleeps next.
func (w *Waker) Signal() { Signal(w.wake) }

// Rouse wakes the pump if it sleeps with nothing to do. Otherwise it costs one load.
func (w *Waker) Rouse() {
	if w.asleep.Load() && w.asleep.CompareAndSwap(true, false) {
		w.Signal()
	}
}

// Asleep reports whether the pump sleeps with nothing to do.
func (w *Waker) Asleep() bool { return w.asleep.Load() }

// SetAsleep says whether the pump is about to sleep with nothing to do.
func (w *Waker) SetAsleep(asleep bool) { w.asleep.Store(asleep) }

// Forget takes a token that is left. The pump is about to look at what it was for anyway.
func (w *Waker) Forget() {
	select {
	case <-w.wake:
	default:
	}
}

// Signal wakes the goroutine that receives from c, now or when it receives next.
func Signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
