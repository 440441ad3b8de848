package udp

import "errors"

const (
	// maxBatch is the most packets that go into one system call. With more, the cost of the
	// call itself is no longer noticeable.
	maxBatch = 64

	// maxFruitless is how often in a row a write is tried again that made no progress
	// without a reason, or because a signal interrupted it.
	maxFruitless = 8
)

// batchWriter writes one batch, in runs if runs is set. It returns how many packets were
// taken, from the front. That may be fewer than given even without an error. An error is
// about the first packet that was not taken or, with runs, about its run, see
// [segmentation.refused]. A negative count means 0, as with sendmmsg.
type batchWriter interface {
	writeBatch(packets [][]byte, runs bool) (int, error)
}

// sendAll writes packets in chunks until all are taken or there is an error. The number of
// calls to w is bounded: each call takes a packet, or is one of maxFruitless+1 in a row, or
// refuses a run, or is the last.
//
// The first packet, or the first run, goes alone. If the other side is on this host, the
// answer of a closed port is there when the next call begins, and that call reports it.
// Within one call the kernel would take that answer for an error of the packet at hand, stop,
// and tell nobody why.
func sendAll(w batchWriter, s *segmentation, packets [][]byte) (int, Outcome) {
	sent, fruitless := 0, 0
	single := 0 // packets before this one go one by one, since their run was refused
	for sent < len(packets) {
		runs := s.active() && sent >= single
		chunk := packets[sent:min(sent+maxBatch, len(packets))]
		if sent < single {
			chunk = chunk[:min(len(chunk), single-sent)]
		}
		first := 1 // packets of the first message
		if runs {
			first = runLength(chunk)
		}
		if sent == 0 {
			chunk = chunk[:first]
		}
		n, err := w.writeBatch(chunk, runs)
		n = min(max(n, 0), len(chunk))
		sent += n
		if n > 0 {
			fruitless = 0
		} else {
			fruitless++
		}
		switch {
		case runs:
			s.took(chunk[:n])
		case n > 0 && sent == single:
			s.strike()
		}
		if err != nil && runs && n < len(chunk) {
			if run := runLength(chunk[n:]); run > 1 {
				switch s.refused(err) {
				case runSplits:
					single = sent + run
					continue
				case runGone:
					sent += run
					continue
				}
			}
		}
		// A short count hides the error of the packet after it: sendmmsg(2) says so under
		// BUGS. Another call from there shows the error, if it is about that packet.
		if err == nil && fruitless > maxFruitless {
			return sent, Failed
		}
		if err != nil && (!errors.Is(err, errInterrupted) || fruitless > maxFruitless) {
			return sent, classify(err)
		}
	}
	return sent, Sent
}
