// Package window remembers which of the last sequence numbers of a session were seen. A
// Window is not safe for concurrent use: it belongs to the goroutine that keeps the books
// of the session.
package window

// Min and Max are how many sequence numbers a window remembers at least and at most. In
// between, its size follows what came in two seconds.
const (
	Min = 1 << 10
	Max = 1 << 16
)

// Verdict is what a window says about a sequence number.
type Verdict uint8

// The verdicts.
const (
	Fresh     Verdict = iota // not seen before
	Duplicate                // seen before
	Late                     // behind the window: nobody knows whether it was seen
)

// Window remembers which of the last sequence numbers were seen, as in RFC 6479, section 2:
// a ring of bits that moves forward with the newest number. It grows with the numbers, up
// to a limit that the caller names, so that a session of a few packets costs a few words.
type Window struct {
	bits   []uint64 // their number is a power of two
	low    uint64   // the lowest number remembered, a multiple of 64
	newest uint64   // the highest number seen, plus one
}

// StartAt makes an empty window remember the numbers from a little before n on.
func (w *Window) StartAt(n uint64) {
	w.low = (n - min(n, Min)) &^ 63
	w.newest = w.low
}

// Low returns the lowest number that is remembered.
func (w *Window) Low() uint64 { return w.low }

// See marks a number, and says whether it was seen before. If the number is ahead of all
// others, the window moves forward. It then remembers limit numbers or more, if there are
// as many.
func (w *Window) See(n uint64, limit int) Verdict {
	if n < w.low {
		return Late
	}
	if n >= w.newest {
		w.advance(n, limit)
	}
	word, bit := &w.bits[n/64&uint64(len(w.bits)-1)], uint64(1)<<(n%64)
	if *word&bit != 0 {
		return Duplicate
	}
	*word |= bit
	return Fresh
}

// advance moves the window so that it holds n, which is ahead of all others.
func (w *Window) advance(n uint64, limit int) {
	words := n/64 - w.low/64 + 1 // all numbers from low to n are in these words
	size := max(len(w.bits), 1)
	for uint64(size) < words && size*64 < 2*limit { // one word is used only in part
		size *= 2
	}
	if size > len(w.bits) {
		w.resize(size)
	}
	first := (w.newest + 63) / 64 // the first word that holds no number seen so far
	if words > uint64(size) {
		w.low = (n/64 - uint64(size) + 1) * 64
		first = max(first, w.low/64)
	}
	for i := first; i <= n/64; i++ {
		w.bits[i&uint64(size-1)] = 0
	}
	w.newest = n + 1
}

// Shrink gives back memory that a window of limit numbers does not need.
func (w *Window) Shrink(limit int) {
	size := len(w.bits)
	for size*64 > 8*limit {
		size /= 2
	}
	if size < len(w.bits) {
		w.low = max(w.low, (w.newest/64+1-min(w.newest/64+1, uint64(size)))*64)
		w.resize(size)
	}
}

// resize keeps the words from low to newest. There are at most size of them.
func (w *Window) resize(size int) {
	bits := make([]uint64, size)
	if w.newest > w.low {
		for i := w.low / 64; i <= (w.newest-1)/64; i++ {
			bits[i&uint64(size-1)] = w.bits[i&uint64(len(w.bits)-1)]
		}
	}
	w.bits = bits
}

// LimitFor returns how many numbers to remember if that many packets came in two seconds.
// It is twice as many, for half of the packets may be lost.
func LimitFor(packets uint64) int {
	return int(min(max(2*packets, Min), Max))
}
