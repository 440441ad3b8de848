package flat

import (
	"sync/atomic"

	"github.com/otelgram/otelgram/wire"
)

// Writer takes the entries of one point.
type Writer struct {
	// B is what was written so far. A dialect appends an entry to it and calls End.
	B []byte

	begin   int // of the entry being written
	room    int // bytes that an entry may have
	longest int
	long    bool // an entry does not fit a datagram, or all entries do not fit a packet
	left    int  // bytes of room in the open packet

	parts   bool // something has no form
	unknown bool // what the server was told about the series is not known
	journal journal
	leftOut leftOut
}

// maxScratch is how many bytes of scratch memory are kept.
const maxScratch = 2 * wire.MaxBody

// leftOut counts what was not said about points that are in packets.
type leftOut struct{ exemplars, parts, unchanged, unknown, shortened, collisions atomic.Uint64 }

func (l *leftOut) load() wire.LeftOut {
	return wire.LeftOut{
		Exemplars: l.exemplars.Load(), Parts: l.parts.Load(), Unchanged: l.unchanged.Load(), Unknown: l.unknown.Load(),
		Shortened: l.shortened.Load(), Collisions: l.collisions.Load(),
	}
}

func (w *Writer) reset(room, left int) {
	w.B = Reuse(w.B, maxScratch)
	w.begin, w.room, w.left, w.longest, w.long = 0, room, left, 0, false
	w.parts, w.unknown = false, false
	w.journal.mark()
}

// Reuse returns list without elements, or nil if it has memory for more than most of them.
func Reuse[T any](list []T, most int) []T {
	if cap(list) > most {
		return nil
	}
	return list[:0]
}

// Room returns how many bytes an entry may have.
func (w *Writer) Room() int { return w.room }

// End ends an entry.
func (w *Writer) End() {
	n := len(w.B) - w.begin
	w.longest = max(w.longest, n)
	if n > w.room || len(w.B) > wire.MaxBody {
		w.longest = max(w.longest, len(w.B))
		w.long = true
		w.B = w.B[:0]
	}
	w.begin = len(w.B)
}

// Full reports whether the point does not fit: what was written of it will be discarded.
func (w *Writer) Full() bool { return w.long || len(w.B) > w.left }

// LeavePart notes that a part of the point is not said, since there is no form for it.
func (w *Writer) LeavePart() { w.parts = true }

// LeaveUnknown notes that nothing is said about the point, since it is not known what the
// server was told about its series.
func (w *Writer) LeaveUnknown() { w.unknown = true }

// undo forgets what the point would have told.
func (w *Writer) undo() { w.journal.rollBack() }

// commit counts what was left out of a point that is in a packet, at offset at.
func (w *Writer) commit(pt *wire.Point, at int) {
	count := func(c *atomic.Uint64, it bool) {
		if it {
			c.Add(1)
		}
	}
	count(&w.leftOut.exemplars, len(pt.Exemplars) > 0)
	count(&w.leftOut.parts, w.parts)
	count(&w.leftOut.unknown, w.unknown)
	count(&w.leftOut.unchanged, len(w.B) == 0 && !w.unknown)
	w.journal.commit(at, len(w.B))
}
