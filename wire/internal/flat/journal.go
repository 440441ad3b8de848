package flat

// journal remembers what each packet on its way tells of which series. A packet that is
// dropped has told nothing: what it was to tell is said with the next point of the series.
type journal struct {
	entries []telling // those from head on are of packets that are not settled
	head    int
	packets []int // how many entries each of them has, from first on
	first   int
	open    int // entries of the open packet
	marked  int // len(entries) when the point at hand began
}

// telling is that a series is told n measurements, of value together, in a slot.
type telling struct {
	series *Series
	life   uint32 // of the series
	slot   Slot
	n      uint64
	value  float64
}

func (j *journal) mark() { j.marked = len(j.entries) }

// add enters a telling, and has the series remember it.
func (j *journal) add(s *Series, slot Slot, n uint64, value float64) {
	s.tell(slot, n, value)
	s.pending++
	j.entries = append(j.entries, telling{s, s.life, slot, n, value})
	j.open++
}

// rollBack takes back what was told since mark.
func (j *journal) rollBack() {
	j.open -= len(j.entries) - j.marked
	undo(j.entries[j.marked:])
	j.entries = j.entries[:j.marked]
}

// end ends the open packet.
func (j *journal) end() {
	j.packets = append(j.packets, j.open)
	j.open = 0
}

// settle ends the way of the oldest packet.
func (j *journal) settle(told bool) {
	if j.first == len(j.packets) {
		return
	}
	settled := j.entries[j.head : j.head+j.packets[j.first]]
	j.first++
	j.head += len(settled)
	if told {
		for i := range settled {
			settled[i].series.pending--
		}
		clear(settled)
	} else {
		undo(settled)
	}
	j.entries, j.head = compact(j.entries, j.head)
	j.packets, j.first = compact(j.packets, j.first)
}

// undo takes back what entries told, in the life of a series in which they did, and clears
// them.
func undo(entries []telling) {
	for i := range entries {
		t := &entries[i]
		t.series.pending--
		if t.life == t.series.life {
			t.series.tell(t.slot, -t.n, -t.value)
		}
	}
	clear(entries)
}

// compact moves what is left from head on to the begin, once it is less than what is gone.
func compact[T any](list []T, head int) ([]T, int) {
	if 2*head < len(list) {
		return list, head
	}
	n := copy(list, list[head:])
	clear(list[n:])
	return list[:n], 0
}
