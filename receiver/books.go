package receiver

// Books are the books of one session or of all sessions, in packets (reports included) and
// in points. When nothing moves and two seconds have passed,
//
//	Sent = Received + Lost        Received = Delivered + Rejected + Overrun
//
// A sender of Plain packets does not say how many points it has sent. Its lost points are
// in no term, and the equations hold for the others.
type Books struct{ Packets, Points Counts }

// Counts are the terms of the books.
type Counts struct {
	Sent      uint64 // as the sender says
	Received  uint64 // arrived for the first time and in time
	Lost      uint64 // more than a second late; a packet counts between one and two seconds after it was due
	Delivered uint64 // given to the handler
	Rejected  uint64 // arrived, but could not be decoded, or not without a fragment that did not arrive
	Overrun   uint64 // found no place in the queue, or was left in it when Shutdown's context ended

	Duplicate uint64 // arrived again; in no other term
	Late      uint64 // arrived too late to tell whether again; in no other term except, perhaps, Lost
}

func newBooks(a account, duplicates, lates, overruns, delivered, rejected tally) Books {
	return Books{
		Packets: Counts{
			Sent: a.sent.packets, Received: a.received.packets, Lost: a.lost.packets,
			Delivered: delivered.packets, Rejected: rejected.packets, Overrun: overruns.packets,
			Duplicate: duplicates.packets, Late: lates.packets,
		},
		Points: Counts{
			Sent: a.sent.points, Received: a.received.points, Lost: a.lost.points,
			Delivered: delivered.points, Rejected: rejected.points, Overrun: overruns.points,
			Duplicate: duplicates.points, Late: lates.points,
		},
	}
}
