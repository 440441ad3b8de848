package receiver

// windowSize is how far a packet may come behind the newest one, in packets.
const windowSize = 1 << 16

// ringWords is one more than the window needs, because the word in which its
// end lies must not be the one in which the newest does.
const ringWords = windowSize/64 + 1

// verdict is what a window says about a sequence number.
type verdict uint8

const (
	fresh     verdict = iota
	duplicate         // seen before
	late              // behind the window: nobody knows whether it was seen
)

// window remembers which of the last windowSize sequence numbers were seen, as
// in RFC 6479, section 2: a ring of bits that moves forward with the newest. It
// grows with the session, so that a session of one packet costs one word.
type window struct {
	bits   []uint64
	newest uint64 // the highest number seen, plus one
}

// see marks a number.
func (w *window) see(n uint64) verdict {
	if n+windowSize < w.newest {
		return late
	}
	w.advance(n)
	word, bit := &w.bits[n/64%ringWords], uint64(1)<<(n%64)
	if *word&bit != 0 {
		return duplicate
	}
	*word |= bit
	return fresh
}

// advance moves the window so that it holds n.
func (w *window) advance(n uint64) {
	if n < w.newest {
		return
	}
	first := (w.newest + 63) / 64 // the first word with nothing of the past
	last := n / 64
	if last >= first+ringWords {
		first = last - ringWords + 1
	}
	for i := first; i <= last; i++ {
		if slot := i % ringWords; slot < uint64(len(w.bits)) {
			w.bits[slot] = 0
		} else {
			w.bits = append(w.bits, make([]uint64, slot-uint64(len(w.bits))+1)...)
		}
	}
	w.newest = n + 1
}
