package aggregate

import (
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelgram/otelgram/internal/intern"
	"github.com/otelgram/otelgram/wire"
)

// Bound is a stream and an attribute set, bound once so that recording does not look the
// series up. It is safe for concurrent use, and must not be copied.
type Bound[N Number] struct {
	stream *Stream[N]
	set    attribute.Set
	series atomic.Pointer[Series[N]]
}

// Bind binds a set to the stream. It keeps nothing of set. The series is made by the
// first measurement.
func (s *Stream[N]) Bind(set attribute.Set) *Bound[N] {
	set, _ = intern.Dedup(set)
	return s.BindOwn(intern.Own(set))
}

// BindOwn is Bind for a set that it may keep, and that has no maps.
func (s *Stream[N]) BindOwn(set attribute.Set) *Bound[N] { return &Bound[N]{stream: s, set: set} }

// Set returns what it is bound to.
func (b *Bound[N]) Set() attribute.Set { return b.set }

// Record is Record of the stream, for the set.
func (b *Bound[N]) Record(v N) bool {
	e := b.series.Load()
	if e == nil || e.flags.Load() != current {
		return b.recordAnew(v)
	}
	left, r := e.record(v)
	switch r {
	case taken:
		return true
	case late:
		return b.recordAnew(left)
	case noRoom:
		return b.stream.lose(wire.Memory)
	}
	return false // and counted
}

// recordAnew looks the series up. That of the overflow is b's for this time only.
func (b *Bound[N]) recordAnew(v N) bool {
	e, ok := b.stream.record(nil, b.set, v)
	if ok && e.key == b.set.Equivalent() {
		b.series.Store(e)
	}
	return ok
}
