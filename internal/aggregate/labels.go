package aggregate

import (
	"go.opentelemetry.io/otel/attribute"

	"github.com/otelgram/otelgram/internal/intern"
	"github.com/otelgram/otelgram/wire"
)

// labels are the attributes of a series. Who makes a series copies them; the collector
// brings them into wire form, when it first sends a point, so that equal strings of all
// series are one.
type labels struct {
	wire    wire.AttributeSet
	pending *attribute.Set // nil once they are in wire form, or are found to have none
}

func own(set attribute.Set) *attribute.Set {
	set = intern.Own(set)
	return &set
}

// compile brings the attributes into wire form, the first time, and reports whether they
// have one. Those that have none stay as they are.
func (l *labels) compile(i *intern.Identifier) bool {
	if l.pending != nil && i.Compile(&l.wire, *l.pending) {
		l.pending = nil
	}
	return l.pending == nil
}

// attributes returns the wire form, nil where there are none.
func (l *labels) attributes() *wire.AttributeSet {
	if l.wire.Len() == 0 {
		return nil
	}
	return &l.wire
}

// identify brings what the series is called into wire form, the first time, and returns the
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
