package pipeline

import (
	"time"

	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/internal/session"
	"github.com/otelgram/otelgram/wire"
)

// packets are the pump's packets and their buffers. A buffer goes from spare to the open
// packet, to ready, and back. A packet whose body is larger than a packet has a buffer of
// large instead.
type packets struct {
	encoder Encoder
	books   *account.Books
	memory  *account.Budget

	spare, large [][]byte

	open     bool
	wide     bool // the open packet has a buffer of large
	openedAt time.Time
	recorded int64 // when the first timed point of the open packet was handed over

	ready      []session.Packet // finished, oldest first
	readyBytes int              // of their buffers, which may be larger than the packets
	finished   uint64           // packets ever finished
	settled    uint64           // packets ever sent or dropped
}

const (
	// maxReady and maxReadyBytes bound the packets that wait to be sent, and the bytes of
	// their buffers: another is begun below both.
	maxReady      = 32
	maxReadyBytes = 64 << 10
	// maxLarge is how many buffers there are for bodies larger than a packet: one waits to be
	// sent, one is open.
	maxLarge = 2
)

func newPackets(e Encoder, books *account.Books, memory *account.Budget) packets {
	return packets{
		encoder: e, books: books, memory: memory,
		large: make([][]byte, maxLarge), // made when first needed
		ready: make([]session.Packet, 0, maxReady),
	}
}

// room reports whether there are buffers for one more packet than the open one, so that one
// more point is sure to find a place, whatever its size.
func (s *packets) room() bool {
	return len(s.ready)+1 < maxReady && s.readyBytes < maxReadyBytes && len(s.large) > 0
}

// begin opens a packet of at most limit bytes.
func (s *packets) begin(limit int) {
	s.encoder.SetLimit(limit)
	if len(s.spare) == 0 {
		s.stock()
	}
	last := len(s.spare) - 1
	s.encoder.Start(s.spare[last])
	s.spare = s.spare[:last]
	s.open, s.wide, s.openedAt, s.recorded = true, false, time.Now(), 0
}

// stock makes as many buffers as are packed before they are sent. So memory does not depend on
// when more than one packet came together for the first time.
func (s *packets) stock() {
	size := s.encoder.BufferSize()
	for range 2 + enoughBytes/size { // one of them is open, and the last one is more than enough
		s.spare = append(s.spare, make([]byte, 0, size))
	}
}

// enlarge gives the open packet, which is empty, a buffer for the largest body.
func (s *packets) enlarge() {
	last := len(s.large) - 1
	if s.large[last] == nil {
		// The buffer is made whether or not the budget has enough left, since without it
		// the point would never be sent. Half of the session's scratch is charged with it.
		s.memory.Take(wire.LargeBufferSize + session.MaxScratch/maxLarge)
	}
	s.keep(s.encoder.Enlarge(s.large[last]), false)
	s.large = s.large[:last]
	s.wide = true
}

// note notes when a point of the open packet was handed over; the first one that is timed
// counts.
func (s *packets) note(handedAt int64) {
	if s.recorded == 0 {
		s.recorded = handedAt
	}
}

// finish closes the open packet, if there is one. An empty one gives its buffer back: there
// is nothing to be said of its points.
func (s *packets) finish() {
	if !s.open {
		return
	}
	points := s.encoder.Points()
	b := s.encoder.Finish()
	s.open = false
	if points == 0 || len(b) == 0 {
		s.books.Send(points)
		s.keep(b, s.wide)
		return
	}
	s.ready = append(s.ready, session.Packet{Bytes: b, Points: points, Large: s.wide, Recorded: s.recorded, OpenedAt: s.openedAt})
	s.readyBytes += cap(b)
	s.finished++
}

// settle takes back the buffers of the first n ready packets, which are sent or dropped.
func (s *packets) settle(n int) {
	for i := range s.ready[:n] {
		s.readyBytes -= cap(s.ready[i].Bytes)
		s.keep(s.ready[i].Bytes, s.ready[i].Large)
	}
	s.ready = s.ready[:copy(s.ready, s.ready[n:])]
	s.settled += uint64(n)
}

// keep takes back the buffer of a packet.
func (s *packets) keep(b []byte, large bool) {
	switch {
	case large:
		s.large = append(s.large, b[:0])
	case cap(b) >= s.encoder.BufferSize(): // one that is too small by now is not kept
		s.spare = append(s.spare, b[:0])
	}
}
