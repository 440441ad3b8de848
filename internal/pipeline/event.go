package pipeline

import "go.opentelemetry.io/otel/attribute"

// Event is one measurement on its way to the fold. With the word that the ring has
// beside it, it is a slot of the direct lane, one cache line long.
type Event struct {
	// Bound says what was measured: an instrument and, where it is
	// [Instrument.Unbound], Attributes.
	Bound      *Bound
	Attributes attribute.Set
	// Bits is an int64 or the bits of a float64, as the instrument has it.
	Bits uint64
	Time int64 // Unix nanoseconds
	// Weight is how many measurements this one stands for; zero means one.
	Weight uint32
	// Round is the number of an observation's round; zero for a measurement.
	Round uint32
}

func (e *Event) weight() uint64 { return uint64(max(1, e.Weight)) }

// Bound is an instrument and attributes, bound once so that recording needs
// neither to look them up nor to compare them.
type Bound struct {
	instrument *Instrument
	// Both are the pump's after the first measurement, and nil where each measurement
	// has attributes of its own. series is what was made of set, and is never that of
	// the overflow; once it is known, set is not kept.
	set    *attribute.Set
	series *Series
}
