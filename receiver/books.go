package receiver

// Books are the books of one session or of all, in packets (reports included)
// and in points. Once nothing moves and two seconds have passed,
//
//	Sent = Received + Lost        Received = Delivered + Rejected + Overrun
//
// A sender of Plain packets does not say how many points it has sent: those of them that
// were lost are in no term, and the rest of the equations holds.
type Books struct{ Packets, Points Counts }

// Counts are the terms of the books.
type Counts struct {
	Sent      uint64 // by the sender's own account
	Received  uint64 // arrived for the first time and in time
	Lost      uint64 // missing for a second, or up to two, and more
	Delivered uint64 // given to the handler
	Rejected  uint64 // arrived, but could not be decoded, or not without what did not arrive
	Overrun   uint64 // had no place in the queue, or was left there when Shutdown's context ended

	Duplicate uint64 // arrived again; in no other term
	Late      uint64 // arrived too late to tell whether again; in no other term but, perhaps, Lost
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
