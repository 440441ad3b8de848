package flat

// journal remembers, for each packet that is not settled yet, what the packet tells the
// server, and where its points end. What was in a part that did not leave is said with the
// next point of the series.
type journal struct {
	entries fifo[telling]
	points  fifo[int]   // where each point ends in its packet
	packets fifo[sizes] // of packets that are finished and not settled
	open    sizes       // of the open packet
	marked  int         // number of entries when the point at hand began
}

// sizes is how many entries and points a packet has.
type sizes struct{ entries, points int }

// telling says that a packet, in the bytes before end, tells n measurements of one slot of
// a series, which together have value.
type telling struct {
	series *Series
	life   uint32 // of the series
	slot   Slot
	n      uint64
	value  float64
	end    int
	// kept says that the telling stays if the packet is dropped: what the server is told is
	// no difference, and the next point says it again.
	kept bool
}

func (j *journal) mark() { j.marked = len(j.entries.list) }

// add enters a telling, and makes the series remember it.
func (j *journal) add(t telling) {
	t.life = t.series.life
	t.series.tell(t.slot, t.n, t.value)
	t.series.pending++
	j.entries.push(t)
	j.open.entries++
}

// rollBack takes back what was told since mark.
func (j *journal) rollBack() {
	since := j.entries.list[j.marked:]
	j.open.entries -= len(since)
	for i := range since {
		since[i].undo()
	}
	j.entries.cut(j.marked)
}

// commit adds the point at hand to the packet. In the packet it begins at begin and has
// size bytes. A point without bytes ends at 0, and what it tells is kept, since dropping
// the packet takes nothing from it.
func (j *journal) commit(begin, size int) {
	end := begin + size
	if size == 0 {
		end = 0
	}
	since := j.entries.list[j.marked:]
	for i := range since {
		since[i].end += begin
		since[i].kept = since[i].kept || size == 0
	}
	j.points.push(end)
	j.open.points++
}

// end ends the open packet.
func (j *journal) end() {
	j.packets.push(j.open)
	j.open = sizes{}
}

// forget ends the open packet, which has no bytes. What its points tell is kept.
func (j *journal) forget() {
	first := len(j.entries.list) - j.open.entries
	for i := range j.entries.list[first:] {
		j.entries.list[first+i].series.pending--
	}
	j.entries.cut(first)
	j.points.cut(len(j.points.list) - j.open.points)
	j.open = sizes{}
}

// settle ends the oldest packet. left is how many of its bytes have left. It returns how many
// of its points have left as a whole.
func (j *journal) settle(left int) (points int) {
	if j.packets.len() == 0 {
		return 0
	}
	n := j.packets.pop(1)[0]
	entries := j.entries.pop(n.entries)
	for i := range entries {
		if t := &entries[i]; t.end <= left || t.kept {
			t.series.pending--
		} else {
			t.undo()
		}
	}
	clear(entries) // they refer to series
	for _, end := range j.points.pop(n.points) {
		if end <= left {
			points++
		}
	}
	j.entries.compact()
	j.points.compact()
	j.packets.compact()
	return points
}

// undo takes back what was told, if the series has not begun anew since.
func (t *telling) undo() {
	t.series.pending--
	if t.life == t.series.life {
		t.series.tell(t.slot, -t.n, -t.value)
	}
}

// fifo is a list from which elements are taken in front.
type fifo[T any] struct {
	list []T
	head int
}

// maxKept is how many elements a list may have for its memory to be kept.
const maxKept = 1 << 13

func (f *fifo[T]) len() int { return len(f.list) - f.head }
func (f *fifo[T]) push(v T) { f.list = append(f.list, v) }

// cut takes off all elements from the n-th on.
func (f *fifo[T]) cut(n int) {
	clear(f.list[n:])
	f.list = f.list[:n]
}

// pop takes n elements off, which are valid until compact.
func (f *fifo[T]) pop(n int) []T {
	f.head += n
	return f.list[f.head-n : f.head]
}

// compact moves what is left to the begin, if it is not more than what is gone.
func (f *fifo[T]) compact() {
	if 2*f.head < len(f.list) {
		return
	}
	n := copy(f.list, f.list[f.head:])
	clear(f.list[n:])
	f.list, f.head = f.list[:n], 0
	if n == 0 && cap(f.list) > maxKept {
		f.list = nil
	}
}
