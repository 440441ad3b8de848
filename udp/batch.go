package udp

import "errors"

const (
	// maxBatch is the most packets that go into one system call. Beyond it the
	// cost of the call itself is no longer noticeable.
	maxBatch = 64

	// maxFruitless bounds how often in a row a write that made no progress and
	// gave no reason, or was interrupted by a signal, is tried again.
	maxFruitless = 8
)

// batchWriter writes one batch. It returns how many packets were taken, from the
// front, and may return fewer than given without an error. An error is about the
// first packet that was not taken. A negative count means 0, as sendmmsg has it.
type batchWriter interface {
	writeBatch(packets [][]byte) (int, error)
}

// sendAll writes packets in chunks until all are taken or one is refused. The
// calls to w are bounded: each takes a packet, or is one of maxFruitless+1 in a
// row, or is the last.
//
// The first packet goes alone. Where the other side is on this host, its refusal
// is there when the next call begins, and is reported by that; within a call the
// kernel would take the refusal for an error of the packet at hand, stop, and
// tell nobody why.
func sendAll(w batchWriter, packets [][]byte) (int, Outcome) {
	sent, fruitless := 0, 0
	for sent < len(packets) {
		size := maxBatch
		if sent == 0 {
			size = 1
		}
		chunk := packets[sent:min(sent+size, len(packets))]
		n, err := w.writeBatch(chunk)
		n = min(max(n, 0), len(chunk))
		sent += n
		if n > 0 {
			fruitless = 0
		} else {
			fruitless++
		}
		// A short count hides the error of the packet after it: sendmmsg(2) says
		// so under BUGS. Another call from there brings it to light, if it is
		// about that packet.
		if err == nil && fruitless > maxFruitless {
			return sent, Failed
		}
		if err != nil && (!errors.Is(err, errInterrupted) || fruitless > maxFruitless) {
			return sent, classify(err)
		}
	}
	return sent, Sent
}
