package receiver

import (
	"container/list"
	"time"

	"github.com/otelgram/otelgram/wire"
)

const (
	// reassemblyAge is how long a body waits for another fragment.
	reassemblyAge = 2 * time.Second
	// partialCost is about what a body takes besides its fragments, in bytes: it may keep a
	// session in memory that has left the table. fragmentCost is about what a fragment
	// takes besides its data, in bytes.
	partialCost  = 1536
	fragmentCost = 48
)

// reassembly holds the bodies of which fragments are missing. The bodies that have waited
// longest make room for others. A flood of fragments harms only bodies that take longer to
// arrive than the flood takes to fill the memory.
type reassembly struct {
	partials map[partialKey]*list.Element // of *partial
	waiting  *list.List                   // the body that has waited longest is in front
	max      int                          // bytes that all of them may take
	bytes    int
}

type partialKey struct {
	session *session
	first   uint64 // the sequence number of the first fragment
}

// partial is a body that is not whole.
type partial struct {
	body
	key      partialKey
	assembly wire.Assembly
	bytes    int
	since    time.Time // when the last fragment came
}

func newReassembly(size int) reassembly {
	return reassembly{partials: map[partialKey]*list.Element{}, waiting: list.New(), max: size}
}

// add takes a fragment. It returns the fragment's body if that is whole now, and the bodies
// that made room for it. If the fragment does not go with the others of its body, add keeps
// nothing and ok is false.
func (r *reassembly) add(b *body, f wire.Fragment, now time.Time) (whole *partial, evicted []*partial, ok bool) {
	key := partialKey{b.session, b.header.Sequence - uint64(f.Index)}
	e, known := r.partials[key]
	if !known {
		e = r.waiting.PushBack(&partial{body: body{session: b.session, source: b.source}, key: key, bytes: partialCost})
		r.partials[key] = e
		r.bytes += partialCost
	}
	p := e.Value.(*partial)
	if !p.assembly.Add(f) {
		return nil, nil, false
	}
	p.packets++
	if f.Index == f.Last {
		p.header = b.header
	}
	p.since = now
	p.bytes += fragmentCost + len(f.Data)
	r.bytes += fragmentCost + len(f.Data)
	if p.assembly.Whole() {
		r.remove(e)
		return p, nil, true
	}
	r.waiting.MoveToBack(e)
	for r.bytes > r.max {
		evicted = append(evicted, r.remove(r.waiting.Front()))
	}
	return nil, evicted, true
}

// expire takes out bodies whose last fragment came before a time, at most stride of them.
// The zero time stands for all bodies.
func (r *reassembly) expire(before time.Time) (expired []*partial) {
	for e := r.waiting.Front(); e != nil && len(expired) < stride && (before.IsZero() || e.Value.(*partial).since.Before(before)); e = r.waiting.Front() {
		expired = append(expired, r.remove(e))
	}
	return expired
}

func (r *reassembly) remove(e *list.Element) *partial {
	p := r.waiting.Remove(e).(*partial)
	delete(r.partials, p.key)
	r.bytes -= p.bytes
	return p
}
