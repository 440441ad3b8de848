package main

import (
	"fmt"
	"sync/atomic"
	"time"
)

// quiet is how long nothing arrives when no more is to come.
const quiet = 200 * time.Millisecond

// sink is where points go, in this process or in another.
type sink interface {
	// address is the host:port of its socket.
	address() string
	// wait returns once so many points have arrived since the beginning, or
	// nothing more comes.
	wait(points uint64) (arrival, error)
	// books says what does not add up, given what was sent.
	books(sent uint64) error
	close() error
}

// totaler is a sink that adds up the counters it gets.
type totaler interface{ total() (float64, error) }

// timer is a sink that knows how long what it gets was on its way.
type timer interface {
	quantiles() (p50, p99 time.Duration, err error)
}

// arrival is what has arrived since the beginning, and when the last of it did.
type arrival struct {
	packets, points uint64
	last            time.Time
}

// arrivals counts what arrives. One goroutine at a time may wait.
type arrivals struct {
	packets, points atomic.Uint64
	last            atomic.Int64 // Unix nanoseconds
	target          atomic.Uint64
	reached         chan struct{}
}

func newArrivals() *arrivals {
	return &arrivals{reached: make(chan struct{}, 1)}
}

// add counts a packet.
func (a *arrivals) add(points int) {
	a.packets.Add(1)
	a.last.Store(time.Now().UnixNano())
	if target := a.target.Load(); a.points.Add(uint64(points)) >= target && target > 0 {
		select {
		case a.reached <- struct{}{}:
		default:
		}
	}
}

func (a *arrivals) now() arrival {
	return arrival{a.packets.Load(), a.points.Load(), time.Unix(0, a.last.Load())}
}

func (a *arrivals) wait(points uint64) (arrival, error) {
	a.target.Store(points)
	defer a.target.Store(0)
	seen := a.points.Load()
	for seen < points {
		select {
		case <-a.reached:
			seen = a.points.Load()
		case <-time.After(quiet):
			now := a.points.Load()
			if now == seen {
				return a.now(), nil
			}
			seen = now
		}
	}
	return a.now(), nil
}

// books wants no more to have arrived than was sent.
func (a *arrivals) books(sent uint64) error {
	if points := a.points.Load(); points > sent {
		return fmt.Errorf("%d points arrived of %d sent", points, sent)
	}
	return nil
}
