package aggregate

import (
	"math"

	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/internal/intern"
	"github.com/otelgram/otelgram/wire"
)

// Identifier brings what streams and series are called into wire form. It belongs to one
// goroutine: that which makes their points.
type Identifier struct {
	resource *resource.Resource
	ids      *intern.Identities
	sets     *intern.AttributeSets
	report   func(error) bool
}

// maxInterned bounds the strings that series share.
const maxInterned = 16384

// NewIdentifier returns one for series of the resource. It charges the strings that they
// share to memory. Report says something to whoever runs the service, and must not wait.
func NewIdentifier(of *resource.Resource, memory *account.Budget, report func(error) bool) *Identifier {
	return &Identifier{
		resource: of, report: report,
		ids: intern.NewIdentities(math.MaxInt64), sets: intern.NewAttributeSets(maxInterned, memory),
	}
}

// CheckResource returns an error if nothing of the resource can be sent, once.
func (i *Identifier) CheckResource() error {
	of := i.ids.Resource(i.resource)
	if err := of.CheckAttributes(); err != nil {
		return err
	}
	return of.CheckSize()
}

// sendable is no reason to drop a point.
const sendable = wire.DropReason(wire.DropReasons)

// identify finds out what the points of a series are of, and why none of them can be
// sent, if so.
func (i *Identifier) identify(s *base, integer bool, l *labels) wire.DropReason {
	if s.metric == nil {
		of := i.ids.Resource(i.resource)
		scope := i.ids.Scope(of, &s.config.Scope)
		s.metric = i.ids.MetricOf(scope, s.config.metricKey(integer))
		s.reason = sendable
		switch {
		case of.Invalid || scope.Invalid:
			s.reason = wire.Encode
		case !of.Fits():
			s.reason = wire.Oversize
		}
		if err := scope.CheckAttributes(); err != nil {
			i.report(err)
		}
	}
	if !l.compile(i.sets) {
		return wire.Encode
	}
	return s.reason
}
