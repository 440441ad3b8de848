package receiver

const (
	// minWindow and maxWindow are how many sequence numbers a window remembers at
	// least and at most. In between it is as large as what came in two seconds asks.
	minWindow = 1 << 10
	maxWindow = 1 << 16
)

// verdict is what a window says about a sequence number.
type verdict uint8

const (
	fresh     verdict = iota
	duplicate         // seen before
	late              // behind the window: nobody knows whether it was seen
)

// window remembers which of the last sequence numbers were seen, as in RFC 6479,
// section 2: a ring of bits that moves forward with the newest number. It grows with
// the numbers up to a limit that its caller names, so that a session of a few packets
// costs a few words.
type window struct {
	bits   []uint64 // their number is a power of two
	low    uint64   // the lowest number remembered, a multiple of 64
	newest uint64   // the highest number seen, plus one
}

// startAt makes an empty window remember the numbers from a little before n on.
func (w *window) startAt(n uint64) {
	w.low = (n - min(n, minWindow)) &^ 63
	w.newest = w.low
}

// see marks a number. Where the number is ahead of all others the window moves
// forward. It then remembers limit numbers or more, if there are as many.
func (w *window) see(n uint64, limit int) verdict {
	if n < w.low {
		return late
	}
	if n >= w.newest {
		w.advance(n, limit)
	}
	word, bit := &w.bits[n/64&uint64(len(w.bits)-1)], uint64(1)<<(n%64)
	if *word&bit != 0 {
		return duplicate
	}
	*word |= bit
	return fresh
}

// advance moves the window so that it holds n, which is ahead of all others.
func (w *window) advance(n uint64, limit int) {
	words := n/64 - w.low/64 + 1 // that hold all numbers from low to n
	size := max(len(w.bits), 1)
	for uint64(size) < words && size*64 < 2*limit { // one word is only partly of use
		size *= 2
	}
	if size > len(w.bits) {
		w.resize(size)
	}
	first := (w.newest + 63) / 64 // the first word with nothing of the past
	if words > uint64(size) {
		w.low = (n/64 - uint64(size) + 1) * 64
		first = max(first, w.low/64)
	}
	for i := first; i <= n/64; i++ {
		w.bits[i&uint64(size-1)] = 0
	}
	w.newest = n + 1
}

// shrink gives back memory that a window of limit numbers does not need.
func (w *window) shrink(limit int) {
	size := len(w.bits)
	for size*64 > 8*limit {
		size /= 2
	}
	if size < len(w.bits) {
		w.low = max(w.low, (w.newest/64+1-min(w.newest/64+1, uint64(size)))*64)
		w.resize(size)
	}
}

// resize keeps the words from low to newest, of which there are no more than size.
func (w *window) resize(size int) {
	bits := make([]uint64, size)
	if w.newest > w.low {
		for i := w.low / 64; i <= (w.newest-1)/64; i++ {
			bits[i&uint64(size-1)] = w.bits[i&uint64(len(w.bits)-1)]
		}
	}
	w.bits = bits
}

// windowLimit is how many numbers to remember where so many packets came in two
// seconds. Twice as many numbers belong to them where half of the packets are lost.
func windowLimit(packets uint64) int {
	return int(min(max(2*packets, minWindow), maxWindow))
}
