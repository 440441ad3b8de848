package randomdata

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/plain"
)

// PlainTypes are some types of Plain events.
var PlainTypes = []plain.Type{
	plain.Gauge, plain.Gauge | plain.Integer, plain.Sum, plain.Sum | plain.Integer, plain.Sum | plain.Integer | plain.Monotonic,
	plain.Sum | plain.Delta | plain.Monotonic, plain.Sum | plain.Delta | plain.Integer,
}

// PlainEvents returns n random events of Plain, of few names and many tags, some of which repeat.
func PlainEvents(r *rand.Rand, n int) []plain.Event {
	events := make([]plain.Event, n)
	for i := range events {
		e := &events[i]
		*e = plain.Event{Type: PlainTypes[r.IntN(len(PlainTypes))], Name: fmt.Sprint("n", r.IntN(4))[:r.IntN(3)], Bits: r.Uint64(), Time: int64(r.Uint64())}
		if r.IntN(4) == 0 {
			e.Time = wire.NoTime
		}
		if e.Type&plain.Integer == 0 {
			e.Bits = math.Float64bits(r.NormFloat64())
		}
		if i > 0 && r.IntN(3) == 0 {
			e.Tags, e.Time = events[i-1].Tags, events[i-1].Time
			continue
		}
		for range r.IntN(1 + r.IntN(40)) {
			value := fmt.Sprint(r.IntN(10))[:r.IntN(2)]
			if r.IntN(50) == 0 {
				value = strings.Repeat("long", 100)
			}
			e.Tags = append(e.Tags, plain.Tag{Key: fmt.Sprint("k", r.IntN(50)), Value: value})
		}
	}
	return events
}

// PlainPacket returns a Plain packet of these events, which must be within its limits.
func PlainPacket(sequence uint64, events ...plain.Event) []byte {
	b := plain.AppendHeader(nil)
	for i := range events {
		var ok bool
		b, ok = plain.AppendEvent(b, &events[i])
		if !ok {
			panic("randomdata: an event that Plain does not take")
		}
	}
	b = plain.AppendTrailer(b)
	plain.Stamp(b, sequence, time.Now().UnixNano())
	return b
}
