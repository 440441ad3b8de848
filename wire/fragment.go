package wire

// fragmentHeader is the length of what comes before the data of a fragment, in bytes.
const fragmentHeader = 2

// fragmentData returns how many bytes of a body a packet of limit bytes carries.
func fragmentData(limit int) int { return max(1, limit-HeaderSize-fragmentHeader-TrailerSize) }

// Fragment is a part of a body that is larger than a packet. The fragments of a body have
// consecutive sequence numbers, so the first has the number of any other less its Index.
type Fragment struct {
	// Index is the number of this part, and Last the number of the last part, both from 0.
	Index, Last int
	// Data is the part of the body, a view on the packet.
	Data []byte
}

// Fragments returns how many packets of at most limit bytes it takes to send a packet that
// Finish has returned: 1 if the packet fits. With a limit of MinPacketSize or more there
// are never more than 256, which a fragment can count.
func Fragments(packet []byte, limit int) int {
	if len(packet) <= limit {
		return 1
	}
	n := fragmentData(limit)
	return (len(packet) - HeaderSize - TrailerSize + n - 1) / n
}

// AppendFragment appends to b the fragment with the given index, from 0, of a packet that
// Finish has returned and that takes several packets of at most limit bytes. [Stamp]
// completes it, with FragmentFormat and, in the last fragment alone, the number of points.
func AppendFragment(b, packet []byte, limit, index int) []byte {
	n := fragmentData(limit)
	data := packet[HeaderSize : len(packet)-TrailerSize]
	last := (len(data) - 1) / n
	data = data[index*n : min((index+1)*n, len(data))]
	var header [HeaderSize]byte
	header[0] = version<<4 | byte(FragmentFormat)
	b = append(append(b, header[:]...), byte(index), byte(last))
	return append(append(b, data...), 0, 0, 0, 0)
}

// ReadFragment reads a packet of FragmentFormat whose header [CheckHeader] has accepted. It
// returns false if the fragment is malformed. It does not allocate.
func ReadFragment(packet []byte, h *Header) (Fragment, bool) {
	if len(packet) < HeaderSize+fragmentHeader+1+TrailerSize {
		return Fragment{}, false
	}
	f := Fragment{
		Index: int(packet[HeaderSize]), Last: int(packet[HeaderSize+1]),
		Data: packet[HeaderSize+fragmentHeader : len(packet)-TrailerSize],
	}
	final := f.Index == f.Last
	if f.Last == 0 || f.Index > f.Last || uint64(f.Index) > h.Sequence || final != (h.Points > 0) {
		return Fragment{}, false
	}
	return f, true
}

// Assembly puts the fragments of one body together, in whatever order they come. Its zero
// value has no fragment. Its memory is in proportion to the data that it took.
type Assembly struct {
	parts []part
	last  int
	size  int
	seen  [4]uint64 // a bit for each index
}

type part struct {
	index uint8
	data  []byte
}

// Add takes a fragment and copies its data. If the fragment does not go with the others,
// Add takes nothing and returns false: it has another number of fragments, is there
// already, or has more data than a body may have.
func (a *Assembly) Add(f Fragment) bool {
	word, bit := &a.seen[f.Index/64], uint64(1)<<(f.Index%64)
	if len(a.parts) > 0 && f.Last != a.last || *word&bit != 0 || a.size+len(f.Data) > MaxBody {
		return false
	}
	*word |= bit
	a.last = f.Last
	a.parts = append(a.parts, part{uint8(f.Index), append([]byte(nil), f.Data...)})
	a.size += len(f.Data)
	return true
}

// Whole reports whether all fragments are there.
func (a *Assembly) Whole() bool { return len(a.parts) > 0 && len(a.parts) == a.last+1 }

// AppendBody appends the body, which must be whole, to b; see [Decoder.ResetBody].
func (a *Assembly) AppendBody(b []byte) []byte {
	var order [256][]byte
	for i := range a.parts {
		order[a.parts[i].index] = a.parts[i].data
	}
	for _, data := range order[:len(a.parts)] {
		b = append(b, data...)
	}
	return b
}
