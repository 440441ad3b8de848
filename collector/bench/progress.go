package main

import (
	"encoding/binary"
	"io"
	"sync/atomic"
	"time"
)

// quiet is how long a child tells nothing when no more is to come.
const quiet = time.Second

// progress is how many points a child has taken, as far as it has told.
type progress struct {
	from  io.ReadCloser
	told  atomic.Uint64 // since the start
	moved chan struct{} // told has
	done  chan struct{} // the child has ended

	base uint64 // what it had taken when the round began
}

func newProgress(from io.ReadCloser) *progress {
	p := &progress{from: from, moved: make(chan struct{}, 1), done: make(chan struct{})}
	go p.follow()
	return p
}

// follow reads what the child tells, until it ends.
func (p *progress) follow() {
	defer close(p.done)
	var number [8]byte
	for {
		if _, err := io.ReadFull(p.from, number[:]); err != nil {
			return
		}
		p.told.Store(max(p.told.Load(), binary.BigEndian.Uint64(number[:])))
		select {
		case p.moved <- struct{}{}:
		default:
		}
	}
}

// begin says what the child had taken when the round began.
func (p *progress) begin(points uint64) { p.base = points }

// taken is how many points of the round the child has told of.
func (p *progress) taken() uint64 { return max(p.told.Load(), p.base) - p.base }

// wait waits until the child has taken so many points of the round. It returns false
// when nothing moves any more.
func (p *progress) wait(points uint64) bool {
	for p.taken() < points {
		late := time.NewTimer(quiet)
		select {
		case <-p.moved:
			late.Stop()
		case <-p.done:
			late.Stop()
			return false
		case <-late.C:
			return p.taken() >= points
		}
	}
	return true
}

// room waits until no more than window points of those sent are on their way, more of
// which are to be sent. It returns false when nothing moves any more.
func (p *progress) room(sent, more, window uint64) bool {
	if sent+more <= window {
		return true
	}
	return p.wait(min(sent, sent+more-window))
}

func (p *progress) close() error {
	<-p.done
	return p.from.Close()
}
