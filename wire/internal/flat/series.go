package flat

import "github.com/otelgram/otelgram/wire"

// SlotKind says which part of a series a slot is.
type SlotKind uint8

// The parts of a series.
const (
	Number   SlotKind = iota // the value of a sum; the count and sum of a histogram
	Explicit                 // a bucket, or a bound, of an explicit histogram
	Zero                     // the zero bucket of an exponential histogram
	Positive                 // a bucket above the zero bucket
	Negative                 // a bucket below the zero bucket
)

// Slot is a part of a series of which the server is told by itself.
type Slot struct {
	Kind  SlotKind
	Scale int32 // of Positive and Negative
	Index int64
}

// Series is what the server was told about a series.
type Series struct {
	start int64 // of the cumulative values; NoTime: not known
	life  uint32
	// others counts the points in a row that began before start. They are of another series
	// that looks like this one, or of this one after a clock was put back.
	others int
	// pending is how many tellings are in packets that are not settled.
	pending    int
	cumulative bool
	needed     bool  // points are dropped without it
	seen       int64 // when it was used last, in the unit of Table.now
	place      int   // in Text.series
	index      int   // in Table.list
	name, tags *Text
	cost       int64

	// Count is what the server was told of an integer sum, or of the count of a histogram.
	// Value is
	//   - of a cumulative sum or histogram, what the server was told of the sum;
	//   - of an up-down counter of changes, the total;
	//   - of another sum of changes, what is not said yet.
	//
	// Told is what the server was told of the buckets.
	Count uint64
	Value float64
	Told  wire.Distribution
}

// mostOthers is how many points in a row may have an earlier start. After that they are the
// series.
const mostOthers = 2

// Begins compares the start of a point with that of the series. A later start means that
// the series began anew. Begins returns false if the point began earlier: then it is of
// another series that looks the same.
func (s *Series) Begins(start int64) bool {
	switch {
	case start == s.start:
		s.others = 0
		return true
	case start < s.start:
		if s.others++; s.others <= mostOthers {
			return false
		}
	}
	s.start = start
	s.Renew()
	return true
}

// Renew begins another life of the series: what was told before does not count any more.
func (s *Series) Renew() {
	s.others = 0
	s.life++
	s.Count, s.Value = 0, 0
	s.Told = wire.Distribution{BucketCounts: s.Told.BucketCounts[:0]}
}

// tell adds to what was told.
func (s *Series) tell(slot Slot, n uint64, value float64) {
	s.Value += value
	switch slot.Kind {
	case Number:
		s.Count += n
	case Explicit:
		for len(s.Told.BucketCounts) <= int(slot.Index) {
			s.Told.BucketCounts = append(s.Told.BucketCounts, 0)
		}
		s.Told.BucketCounts[slot.Index] += n
	case Zero:
		s.Told.ZeroCount += n
	case Positive:
		add(&s.Told.Positive, slot.Index>>uint(slot.Scale-s.Told.Scale), n)
	case Negative:
		add(&s.Told.Negative, slot.Index>>uint(slot.Scale-s.Told.Scale), n)
	}
}

// add adds n to the bucket with that index, which it makes if there is none. Points with
// buckets too far apart were downscaled before.
func add(b *wire.Buckets, index int64, n uint64) {
	if len(b.Counts) == 0 {
		b.Offset = int32(index)
	}
	first := int64(b.Offset)
	if index-first >= maxSpan || first+int64(len(b.Counts))-index > maxSpan {
		return
	}
	if index < first {
		b.Counts = append(make([]uint64, first-index, int(first-index)+len(b.Counts)), b.Counts...)
		b.Offset, first = int32(index), index
	}
	for int64(len(b.Counts)) <= index-first {
		b.Counts = append(b.Counts, 0)
	}
	b.Counts[index-first] += n
}

// at returns the count of the bucket with that index.
func at(b *wire.Buckets, index int64) uint64 {
	if i := index - int64(b.Offset); i >= 0 && i < int64(len(b.Counts)) {
		return b.Counts[i]
	}
	return 0
}

// size returns what the buckets take, in bytes.
func (s *Series) size() int64 {
	return 8 * int64(cap(s.Told.BucketCounts)+cap(s.Told.Positive.Counts)+cap(s.Told.Negative.Counts))
}

// Learn notes all measurements of buckets, and their sum, as told.
func (s *Series) Learn(list []Bucket, sum float64) {
	for i := range list {
		s.tell(list[i].Slot, list[i].Count, 0)
	}
	s.Value = sum
}

// Tell notes that what was written of the point so far tells n measurements of a slot of a
// series, which together have value.
func (w *Writer) Tell(s *Series, slot Slot, n uint64, value float64) {
	if n != 0 || value != 0 {
		w.journal.add(telling{series: s, slot: slot, n: n, value: value, end: len(w.B)})
	}
}

// Add adds value to a series for good once the point is in a packet: the addition stays
// even if the packet is dropped. If the point does not get into a packet, the addition is
// taken back.
func (w *Writer) Add(s *Series, value float64) {
	w.journal.add(telling{series: s, value: value, kept: true})
}
