package relay

import (
	"container/heap"
	"hash/maphash"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
)

// downAfter is how many different resources must fail in a row before the target counts as
// down. If only one fails, the target may be refusing the data of that resource.
const downAfter = 3

// maxKnown is how many resources are remembered whose data the target took.
const maxKnown = 8192

// schedule says which request is tried next. It belongs to the goroutine that exports.
//
// A request is fresh until it is tried. After it has failed it waits for its own next
// attempt, and the others go on. That is all while the target is up. The target is down
// when requests of several resources have failed in a row. Then there is one attempt at a
// time, with pauses that grow, until one succeeds. A stranger may send data that is refused
// in the name of ever new resources. So requests of resources whose last request was taken
// go first, and then fresh and failed ones take turns.
type schedule struct {
	retry     RetryConfig
	batchSize int
	seed      maphash.Seed

	requests map[uint64]*request // by the key of the resource
	fresh    []*request          // in the order in which they came
	proven   []*request          // like fresh, of resources that are known
	failed   byDue               // requests of resources whose last attempt failed
	known    map[uint64]struct{} // keys of resources whose last attempt succeeded
	trying   *request            // returned by next, and not settled or failed yet

	row       []uint64  // keys of the resources that failed since the last answer, at most downAfter
	probes    int       // attempts since the target went down
	nextProbe time.Time // while the target is down, the time of the next attempt
	turn      bool      // the last request tried that was not proven was fresh
	hurried   bool
	final     int // how many attempts are made at once, even if the target is down
}

func newSchedule(c *config) *schedule {
	return &schedule{retry: c.retry, batchSize: c.batchSize, seed: maphash.MakeSeed(), requests: map[uint64]*request{}, known: map[uint64]struct{}{}}
}

// add takes in the parts of a batch.
func (s *schedule) add(parts []part, b *batch, now time.Time) {
	for _, p := range parts {
		p.batch = b
		key := s.keyOf(p.data.Resource)
		r := s.requests[key]
		if r == nil {
			r = &request{key: key}
			s.requests[key] = r
			s.refresh(r, now)
		}
		r.parts = append(r.parts, p)
	}
}

func (s *schedule) refresh(r *request, now time.Time) {
	r.due = now
	if _, known := s.known[r.key]; known {
		s.proven = append(s.proven, r)
	} else {
		s.fresh = append(s.fresh, r)
	}
}

// keyOf returns the key of a resource. Unlike the resource's own hash it depends on a seed:
// nobody can make a resource with the key of another one, and hold that up with bad data. A
// resource with a NaN in a list does not equal itself, and has another key each time.
func (s *schedule) keyOf(r *resource.Resource) uint64 {
	set := r.Set()
	if set.Len() == 0 {
		set = attribute.EmptySet()
	}
	return maphash.Comparable(s.seed, seededKey{r.SchemaURL(), *set})
}

// seededKey is what tells a resource from others.
type seededKey struct {
	schemaURL  string
	attributes attribute.Set
}

func (s *schedule) down() bool { return len(s.row) >= downAfter }

// next returns the request to try now, which leaves the schedule. If there is none, it
// returns nil and how long to wait for one, with below 0 for any time.
func (s *schedule) next(now time.Time) (r *request, wait time.Duration) {
	if s.down() && s.final == 0 && now.Before(s.nextProbe) {
		return nil, s.nextProbe.Sub(now)
	}
	if list := s.first(now); list != nil {
		s.turn = s.turn || list == &s.fresh
		r = (*list)[0]
		(*list)[0] = nil
		if *list = (*list)[1:]; len(*list) == 0 {
			*list = nil // an empty list does not keep a long array
		}
	} else if len(s.failed) == 0 {
		return nil, -1
	} else if wait = s.failed[0].due.Sub(now); wait > 0 {
		return nil, wait
	} else {
		r = heap.Pop(&s.failed).(*request)
		s.turn = false
	}
	if r.attempts++; r.attempts == 1 {
		r.prepare(s.batchSize, now)
	}
	s.final = max(0, s.final-1)
	s.trying = r
	return r, 0
}

// first returns the list whose first request is next, or nil if a failed request is next.
// Usually the request that is due first is next. But while the target is down, proven
// requests go first. And fresh and failed ones take turns, so that many of one kind do not
// hold up the other.
func (s *schedule) first(now time.Time) *[]*request {
	down := s.down() && s.final == 0
	list := &s.fresh
	if len(s.proven) > 0 && (down || len(s.fresh) == 0 || !s.fresh[0].due.Before(s.proven[0].due)) {
		list = &s.proven
	}
	var failed bool
	switch {
	case len(*list) == 0 || len(s.failed) == 0:
		failed = len(*list) == 0
	case s.final > 0 || !s.down() && list == &s.proven:
		failed = s.failed[0].due.Before((*list)[0].due)
	default:
		failed = list == &s.fresh && s.turn && !s.failed[0].due.After(now)
	}
	if failed {
		return nil
	}
	return list
}

// tried reports whether all that was added was tried once.
func (s *schedule) tried() bool { return len(s.fresh)+len(s.proven) == 0 }

// hurry makes each request due at once, one time, since little time is left. Later calls do
// nothing.
func (s *schedule) hurry(now time.Time) {
	if !s.hurried {
		s.hurried, s.final = true, len(s.requests)
		s.failedDue(now)
	}
}

// failedDue makes failed requests due now, if they were due later.
func (s *schedule) failedDue(now time.Time) {
	for _, f := range s.failed {
		if f.due.After(now) {
			f.due = now // this keeps the heap's order
		}
	}
}

// succeeded notes that a request was exported, and returns the parts that are settled.
func (s *schedule) succeeded(r *request, now time.Time) []part {
	if s.down() { // the target is back
		s.failedDue(now)
	}
	s.answered()
	if len(s.known) >= maxKnown {
		clear(s.known)
	}
	s.known[r.key] = struct{}{}
	return s.settle(r, now)
}

// answered notes that the target is up, which ends the row of failures.
func (s *schedule) answered() {
	s.row, s.probes = s.row[:0], 0
}

// fail notes that a request was not exported, and whether the error is worth a retry. It
// returns the parts that have failed for good, if there must be no other attempt.
func (s *schedule) fail(r *request, retryable bool, now time.Time) []part {
	delete(s.known, r.key)
	if !retryable {
		s.answered()
		return s.settle(r, now)
	}
	if !s.down() && !slices.Contains(s.row, r.key) {
		s.row = append(s.row, r.key)
	}
	if s.down() {
		s.probes++
		s.nextProbe = now.Add(s.retry.pause(s.probes))
	}
	pause, again := s.retry.next(r.attempts, now.Sub(r.begin))
	if again {
		r.due = now.Add(pause)
		s.trying = nil
		heap.Push(&s.failed, r)
		return nil
	}
	return s.settle(r, now)
}

// settle ends a request, or begins the next one of its resource. It returns the settled
// parts.
func (s *schedule) settle(r *request, now time.Time) []part {
	s.trying = nil
	settled := r.done()
	_, known := s.known[r.key]
	switch {
	case len(r.parts) == 0:
		if delete(s.requests, r.key); len(s.requests) == 0 {
			s.requests = map[uint64]*request{} // a map that was large keeps its memory
		}
	case known:
		s.refresh(r, now)
	default:
		r.due = now
		heap.Push(&s.failed, r)
	}
	return settled
}

// empty reports whether there is nothing left to export.
func (s *schedule) empty() bool { return len(s.requests) == 0 }
