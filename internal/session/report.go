package session

import (
	"errors"
	"time"

	"github.com/otelgram/otelgram/udp"
)

const (
	reportActive = time.Second      // between two reports while packets are sent
	reportIdle   = 10 * time.Second // and while none are
	goodbyes     = 3                // times that the goodbye is sent
)

// mayReport reports whether a report may be sent now: fragments of one body follow each
// other.
func (s *Sender) mayReport() bool { return s.session.encoding.Session() && s.session.place == 0 }

// sendReport sends a sender report, and reports whether the kernel took it.
func (s *Sender) sendReport() bool {
	now := time.Now()
	s.report = s.session.stampReport(s.report[:0], s.books.Settled().Dropped, false)
	taken, outcome := s.sendOne(s.report)
	if outcome != udp.Sent {
		s.count(outcome)
		s.noteRefused(now, outcome)
	}
	if taken {
		s.session.sequence++
		s.breaker.took(now)
	}
	return taken
}

// sendGoodbye sends the last report of the session, three times under one sequence number:
// it is the last chance to close the books. An error is held against nobody.
func (s *Sender) sendGoodbye() {
	s.report = s.session.stampReport(s.report[:0], s.books.Settled().Dropped, true)
	for range goodbyes {
		_, outcome := s.sendOne(s.report)
		s.count(outcome)
		if outcome == udp.WouldBlock {
			time.Sleep(blockedPause)
		}
	}
}

// sendOne sends one packet without points, and once more where the first outcome may be
// about an earlier packet. It reports whether the kernel took it, and returns the first
// outcome.
func (s *Sender) sendOne(b []byte) (taken bool, first udp.Outcome) {
	one := s.session.batch.only(b)
	n, first := s.socket.Send(one)
	if mayBeEarlier(first) {
		n, _ = s.socket.Send(one)
	}
	if n > 0 {
		s.counters.packets.Add(1)
		s.counters.bytes.Add(uint64(len(b)))
	}
	return n > 0, first
}

var errFailed = errors.New("failed")

// probe sends a report while the circuit is half-open: a packet is what it takes to be
// refused. That the kernel takes it says nothing yet, since a closed port answers a moment
// later.
func (s *Sender) probe(now time.Time) {
	s.breaker.probed = now
	if !s.sendReport() {
		s.breaker.answered(errFailed)
	}
}

// takeAnswer takes the answer to a probe. None means that the port is open.
func (s *Sender) takeAnswer(now time.Time) {
	var err error
	if o := s.socket.Pending(); o != udp.Sent {
		s.count(o)
		s.noteRefused(now, o)
		err = errFailed
	}
	s.breaker.answered(err)
}
