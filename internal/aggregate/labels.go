package aggregate

import (
	"go.opentelemetry.io/otel/attribute"

	"github.com/otelgram/otelgram/internal/intern"
	"github.com/otelgram/otelgram/wire"
)

// labels are the attributes of a series. The caller that makes a series copies them. The
// collector brings them into wire form when it first sends a point, so that all series
// share equal strings.
type labels struct {
	wire    wire.AttributeSet
	pending *attribute.Set // nil when the attributes are in wire form
}

func own(set attribute.Set) *attribute.Set {
	set = intern.Own(set)
	return &set
}

// compile brings the attributes into wire form, the first time, and reports whether they
// have one. Attributes without a wire form stay as they are.
func (l *labels) compile(i *intern.Identifier) bool {
	if l.pending != nil && i.Compile(&l.wire, *l.pending) {
		l.pending = nil
	}
	return l.pending == nil
}

// attributes returns the wire form, or nil if there are no attributes.
func (l *labels) attributes() *wire.AttributeSet {
	if l.wire.Len() == 0 {
		return nil
	}
	return &l.wire
}

// identify brings the identity of the series into wire form, the first time. It returns the
// reason why its points cannot be sent, or intern.Sendable.
func (e *Series[N]) identify(i *intern.Identifier) wire.DropReason {
	s := &e.stream.base
	if s.metric == nil {
		s.metric, s.reason = i.Metric(&s.config.Scope, s.config.metricKey(isInteger[N]()))
	}
	if !e.labels.compile(i) {
		return wire.Encode
	}
	return s.reason
}
