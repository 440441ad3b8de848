package intern

import (
	"math"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/wire"
)

// Identifier brings the identities of the series of one resource into wire form: metrics
// and attribute sets. It belongs to the goroutine that makes their points.
type Identifier struct {
	resource *resource.Resource
	ids      *Identities
	sets     *AttributeSets
	report   func(error) bool
}

// maxShared bounds the strings that series share.
const maxShared = 16384

// NewIdentifier returns an Identifier for series of the resource. It charges the strings
// that they share to memory. It tells report what has no wire form. report must not wait.
func NewIdentifier(of *resource.Resource, memory *account.Budget, report func(error) bool) *Identifier {
	return &Identifier{
		resource: of, report: report,
		ids: NewIdentities(math.MaxInt64), sets: NewAttributeSets(maxShared, memory),
	}
}

// CheckResource returns an error, the first time, if no point of the resource can be sent.
func (i *Identifier) CheckResource() error {
	of := i.ids.Resource(i.resource)
	if err := of.CheckAttributes(); err != nil {
		return err
	}
	return of.CheckSize()
}

// Sendable takes the place of a drop reason for a point that can be sent.
const Sendable = wire.DropReason(wire.DropReasons)

// Metric returns the metric of a scope that key describes, and the reason why none of its
// points can be sent, or Sendable. An error of the scope is reported once.
func (i *Identifier) Metric(of *instrumentation.Scope, key MetricKey) (*wire.Metric, wire.DropReason) {
	r := i.ids.Resource(i.resource)
	scope := i.ids.Scope(r, of)
	if err := scope.CheckAttributes(); err != nil {
		i.report(err)
	}
	reason := Sendable
	switch {
	case r.Invalid || scope.Invalid:
		reason = wire.Encode
	case !r.Fits():
		reason = wire.Oversize
	}
	return i.ids.MetricOf(scope, key), reason
}

// Compile makes to the wire form of an attribute set, and reports whether it has one, see
// [AttributeSets.Compile].
func (i *Identifier) Compile(to *wire.AttributeSet, set attribute.Set) bool {
	return i.sets.Compile(to, set)
}
