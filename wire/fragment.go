package wire

// fragmentHeader is what a fragment has in front of its data, in bytes.
const fragmentHeader = 2

// fragmentData is how many bytes of a body a packet of so many bytes carries.
func fragmentData(limit int) int { return max(1, limit-HeaderSize-fragmentHeader-TrailerSize) }

// Fragment is a part of a body that is larger than a packet. The fragments of a
// body have sequence numbers one after the other: that of the first is the
// packet's less Index.
type Fragment struct {
	// Index is which part it is, Last which the last one is, both from 0.
	Index, Last int
	// Data is its part of the body: a view on the packet.
	Data []byte
}

// Fragments returns how many packets of at most limit bytes it takes to send a
// packet that Finish has returned: 1 where it fits as it is. A limit of MinPacketSize
// or more never makes more of them than a fragment can count, which are 256.
func Fragments(packet []byte, limit int) int {
	if len(packet) <= limit {
		return 1
	}
	n := fragmentData(limit)
	return (len(packet) - HeaderSize - TrailerSize + n - 1) / n
}

// AppendFragment appends to b the fragment with the given index, from 0, of a
// packet that Finish has returned and that takes more than one, for packets of at
// most limit bytes. It is to be completed by [Stamp], with FragmentFormat and, in
// the last one alone, the number of points.
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

// ReadFragment reads a packet of FragmentFormat whose header [CheckHeader] has
// accepted. It reports false for one that is malformed. It does not allocate.
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

// Assembly puts the fragments of one body together, in whatever order they come.
// Its zero value has seen none. Its memory is in proportion to the data it took.
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

// Add takes a fragment, whose data it copies. It reports false, and takes nothing,
// for one that does not go with the others: of another number of fragments, one
// that is there already, or more data than a body has.
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

// AppendBody appends the body to b, once it is whole; see [Decoder.ResetBody].
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
