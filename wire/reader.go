package wire

import (
	"encoding/binary"
	"math"

	"github.com/otelgram/otelgram/wire/internal/number"
)

// reader walks over hostile bytes. The first failure stays: it moves the reader to the end,
// so that every loop over "bytes left" ends, and later reads return zero.
type reader struct {
	b   []byte
	off int
	// items is how many items were read, see [MaxItems].
	items int
	err   Error // Cause is Accepted while nothing failed
}

func (r *reader) reset(b []byte, off int) {
	r.b, r.off, r.items, r.err = b, off, 0, Error{}
}

// take counts n items, and fails if there are too many.
func (r *reader) take(n int, field string) {
	if r.items += n; r.items > MaxItems {
		r.failAs(OverBudget, field)
	}
}

func (r *reader) fail(field string) { r.failAs(Malformed, field) }

func (r *reader) failAs(cause Cause, field string) {
	if r.err.Cause == Accepted {
		r.err = Error{Cause: cause, Field: field, Offset: r.off}
	}
	r.off = len(r.b)
}

func (r *reader) failed() bool { return r.err.Cause != Accepted }

func (r *reader) left() int { return len(r.b) - r.off }

func (r *reader) byte(field string) byte {
	if r.off >= len(r.b) {
		r.fail(field)
		return 0
	}
	c := r.b[r.off]
	r.off++
	return c
}

func (r *reader) uvarint(field string) uint64 {
	if r.off < len(r.b) {
		if c := r.b[r.off]; c < 0x80 {
			r.off++
			return uint64(c)
		}
	}
	return r.longUvarint(field)
}

// short reads a uvarint of one byte, if one follows, as is usual. Unlike uvarint it is
// small enough to be inlined.
func (r *reader) short() (uint64, bool) {
	if at := uint(r.off); at < uint(len(r.b)) {
		if c := r.b[at]; c < 0x80 {
			r.off++
			return uint64(c), true
		}
	}
	return 0, false
}

func (r *reader) longUvarint(field string) uint64 {
	v, n := number.Uvarint(r.b[r.off:])
	if n <= 0 {
		r.fail(field)
		return 0
	}
	r.off += n
	return v
}

// svarint reads a number that has some bytes more often than one. So it tries those first
// that [number.Few] takes.
func (r *reader) svarint(field string) int64 {
	if at := r.off; len(r.b)-at >= 4 {
		if word := binary.LittleEndian.Uint32(r.b[at:]); !number.Long(word) {
			u, n := number.Few(word)
			r.off = at + n
			return int64(u>>1) ^ -int64(u&1)
		}
	}
	u := r.longUvarint(field)
	return int64(u>>1) ^ -int64(u&1)
}

// count reads the number of items that follow, each at least size bytes long.
func (r *reader) count(field string, size int) int {
	n, ok := r.short()
	if !ok {
		n = r.longUvarint(field)
	}
	if left := uint64(r.left()); n > left || n*uint64(size) > left {
		r.fail(field)
		return 0
	}
	return int(n)
}

// bytes returns the next n bytes, a view on the packet.
func (r *reader) bytes(field string, n int) []byte {
	if n < 0 || n > r.left() {
		r.fail(field)
		return nil
	}
	v := r.b[r.off : r.off+n : r.off+n]
	r.off += n
	return v
}

// text reads a length and that many bytes.
func (r *reader) text(field string) []byte {
	if at := uint(r.off); at < uint(len(r.b)) {
		// As usual, the length takes one byte.
		if n := uint(r.b[at]); n < 0x80 && n < uint(len(r.b))-at {
			r.off = int(at + 1 + n)
			return r.b[at+1 : at+1+n : at+1+n]
		}
	}
	return r.bytes(field, r.count(field, 1))
}

func (r *reader) uint64(field string) uint64 {
	v := r.bytes(field, 8)
	if v == nil {
		return 0
	}
	return binary.BigEndian.Uint64(v)
}

func (r *reader) float64(field string) float64 { return math.Float64frombits(r.uint64(field)) }
