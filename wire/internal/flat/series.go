package flat

import (
	"time"

	"github.com/otelgram/otelgram/wire"
)

// SlotKind says which part of a series a slot is.
type SlotKind uint8

// The parts of a series.
const (
	Number   SlotKind = iota // the value of a sum, the sum of a histogram
	Explicit                 // a bucket of an explicit histogram
	Zero                     // the zero bucket of an exponential histogram
	Positive                 // a bucket above it
	Negative                 // a bucket below it
)

// Slot is a part of a series that is told on its own.
type Slot struct {
	Kind  SlotKind
	Scale int32 // of Positive and Negative
	Index int64
}

// Series is what the server was told of a series.
type Series struct {
	start int64 // of the cumulative values; NoTime: not known
	life  uint32
	// pending is how many tellings are on their way.
	pending int
	seen    time.Time // when the round began in which it was used last
	place   int       // in Text.series
	cost    int64

	// Count is what was told of an integer sum, Value of another one or of the sum of a
	// histogram, Told of the buckets.
	Count uint64
	Value float64
	Told  wire.Distribution
}

// Renew begins another life of the series, if it does not have that start already: what was
// told before is of no importance. force says that it began anew whatever its start is.
func (s *Series) Renew(start int64, force bool) {
	if start == s.start && !force {
		return
	}
	s.start = start
	s.life++
	s.Count, s.Value = 0, 0
	s.Told = wire.Distribution{BucketCounts: s.Told.BucketCounts[:0], Bounds: s.Told.Bounds}
}

// tell adds to what was told.
func (s *Series) tell(slot Slot, n uint64, value float64) {
	s.Value += value
	switch slot.Kind {
	case Number:
		s.Count += n
	case Explicit:
		s.Told.BucketCounts = grown(s.Told.BucketCounts, int(slot.Index)+1)
		s.Told.BucketCounts[slot.Index] += n
	case Zero:
		s.Told.ZeroCount += n
	case Positive:
		add(&s.Told.Positive, slot.Index>>uint(slot.Scale-s.Told.Scale), n)
	case Negative:
		add(&s.Told.Negative, slot.Index>>uint(slot.Scale-s.Told.Scale), n)
	}
}

// maxSpan bounds how far apart the buckets are that a series remembers.
const maxSpan = 1 << 16

// add adds n to the bucket with an index, which is made where there is none. Where that is
// too far away from the others, they are forgotten.
func add(b *wire.Buckets, index int64, n uint64) {
	first := int64(b.Offset)
	if end := first + int64(len(b.Counts)); len(b.Counts) == 0 || end-index > maxSpan || index-first > maxSpan {
		b.Offset, b.Counts, first = int32(index), b.Counts[:0], index
	}
	if index < first {
		b.Counts = append(make([]uint64, first-index, int(first-index)+len(b.Counts)), b.Counts...)
		b.Offset, first = int32(index), index
	}
	b.Counts = grown(b.Counts, int(index-first)+1)
	b.Counts[index-first] += n
}

// grown returns list with n elements at least.
func grown(list []uint64, n int) []uint64 {
	for len(list) < n {
		list = append(list, 0)
	}
	return list
}

// at returns the count of the bucket with an index.
func at(b *wire.Buckets, index int64) uint64 {
	if i := index - int64(b.Offset); i >= 0 && i < int64(len(b.Counts)) {
		return b.Counts[i]
	}
	return 0
}

// Tell notes that the entry at hand, or the point, tells n measurements, of value together,
// in a slot of a series.
func (w *Writer) Tell(s *Series, slot Slot, n uint64, value float64) {
	if n == 0 && value == 0 {
		return
	}
	w.journal.add(s, slot, n, value)
}

// Learn notes all measurements of buckets, and their sum, as told.
func (s *Series) Learn(list []Bucket, sum float64) {
	for i := range list {
		s.tell(list[i].Slot, list[i].Count, 0)
	}
	s.Value = sum
}
