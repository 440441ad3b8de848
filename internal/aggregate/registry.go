package aggregate

import (
	"hash/maphash"
	"strings"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/internal/table"
)

// Registry holds the streams of a provider. It is safe for concurrent use. Making a stream
// waits for nothing.
type Registry struct {
	books  *account.Books
	memory *account.Budget
	limit  int // of the series of a stream; 0: no limit
	seed   maphash.Seed

	all        table.Table[registered]
	streams    atomic.Int64
	ordinals   atomic.Uint64
	rounds     atomic.Uint32
	overflowed atomic.Bool // a stream has reached the limit
	closed     atomic.Bool
}

// registered is a stream with what tells it from others.
type registered struct {
	key     streamKey
	stream  collected
	ordinal uint64 // numbers the streams in the order in which they were made
}

// streamKey is the identity of a stream: instruments with the same key are one stream
// (opentelemetry-specification, metrics/sdk.md, "Duplicate instrument registration").
type streamKey struct {
	name, version, schemaURL string // of the scope
	attributes               attribute.Distinct
	metric                   string // in lower case, since case makes no difference (metrics/api.md, "Instrument name syntax")
	unit, description        string
	kind                     Kind
	integer, monotonic       bool
	delta, observed, noSum   bool
}

// maxStreams bounds the streams of a registry.
const maxStreams = 8192

var sealedStream registered

// NewRegistry returns an empty registry that allows limit series a stream, or any number if
// limit is 0.
func NewRegistry(b *account.Books, memory *account.Budget, limit int) *Registry {
	r := &Registry{books: b, memory: memory, limit: limit, seed: maphash.MakeSeed()}
	r.all.Init(&sealedStream, func(e *registered) uint64 { return maphash.Comparable(r.seed, e.key) }, func(*registered) bool { return false })
	return r
}

// StreamOf returns the stream that c describes, always the same for the same identity, and
// whether the stream was made for c. It returns nil if there is no room for it.
func StreamOf[N Number](r *Registry, c Config, now int64) (s *Stream[N], made bool) {
	key := keyOf[N](&c)
	slots := r.all.Slots()
	for place := maphash.Comparable(r.seed, key); ; place++ {
		e := slots.At(place)
		if slots.Ends(e) {
			break
		}
		if e.key == key {
			return e.stream.(*Stream[N]), false
		}
	}
	cost := int64(streamCost + len(c.Name) + len(c.Unit) + len(c.Description) + 8*len(c.Bounds))
	if r.streams.Add(1) > maxStreams || !r.memory.Need(cost) {
		r.streams.Add(-1)
		return nil, false
	}
	c.own()
	s = newStream[N](r, c, now)
	e := &registered{key: keyOf[N](&s.config), stream: s, ordinal: r.ordinals.Add(1)}
	in := r.all.Add(e, func(x *registered) bool { return x.key == e.key })
	if in == e {
		return s, true
	}
	r.streams.Add(-1)
	r.memory.Give(cost)
	return in.stream.(*Stream[N]), false
}

func keyOf[N Number](c *Config) streamKey {
	return streamKey{
		c.Scope.Name, c.Scope.Version, c.Scope.SchemaURL, c.Scope.Attributes.Equivalent(),
		strings.ToLower(c.Name), c.Unit, c.Description,
		c.Kind, isInteger[N](), c.Monotonic, c.delta(), c.Observed, c.NoSum,
	}
}

// Overflowed reports whether a stream ever had more attribute sets than it may have.
func (r *Registry) Overflowed() bool { return r.overflowed.Load() }
