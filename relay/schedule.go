package relay

import (
	"container/heap"
	"hash/maphash"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
)

// downAfter is how many different requests fail in a row before the target counts as
// down. It is more than one, so that it is not one resource's data that it refuses.
const downAfter = 3

// schedule says which request is tried next. It belongs to the goroutine that exports.
//
// A request is fresh until it is tried, and waits for its own next attempt after it has
// failed; the others go on. That is all while the target is up. It is down once several
// different requests have failed in a row. Then there is one attempt at a time, with
// pauses that grow, of another request each time, until one succeeds.
type schedule struct {
	retry     RetryConfig
	batchSize int
	seed      maphash.Seed

	requests map[uint64]*request // by the key of the resource
	fresh    []*request          // in the order in which they came
	failed   byDue

	row       uint64    // number of the row of failures
	failures  int       // different requests in it
	probes    int       // attempts since the target is down
	nextProbe time.Time // while the target is down there is no attempt before
}

func newSchedule(c *config) *schedule {
	return &schedule{retry: c.retry, batchSize: c.batchSize, seed: maphash.MakeSeed(), requests: map[uint64]*request{}, row: 1}
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
	s.fresh = append(s.fresh, r)
}

// keyOf returns the key of a resource. Other than its own hash it has a seed: nobody can
// make a resource that has the key of another one, and hold that up with bad data. A
// resource with a NaN in a list, which does not equal itself, has another key each time.
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

func (s *schedule) down() bool { return s.failures >= downAfter }

// next returns the request to try now, which has left the schedule, or nil and how long
// to wait for one, below 0 for any time.
//
// While the target is up it is the one that is due first. While it is down fresh ones go
// first: what was not refused yet tells more about the target.
func (s *schedule) next(now time.Time) (r *request, wait time.Duration) {
	if s.down() && now.Before(s.nextProbe) {
		return nil, s.nextProbe.Sub(now)
	}
	if len(s.fresh) > 0 && (s.down() || len(s.failed) == 0 || !s.failed[0].due.Before(s.fresh[0].due)) {
		r = s.fresh[0]
		s.fresh[0] = nil
		if s.fresh = s.fresh[1:]; len(s.fresh) == 0 {
			s.fresh = nil // a long list does not keep its array
		}
	} else if len(s.failed) == 0 {
		return nil, -1
	} else if wait = s.failed[0].due.Sub(now); wait > 0 {
		return nil, wait
	} else {
		r = heap.Pop(&s.failed).(*request)
	}
	if r.attempts++; r.attempts == 1 {
		r.prepare(s.batchSize, now)
	}
	return r, 0
}

// succeeded notes that a request was exported, and returns the parts that are settled.
func (s *schedule) succeeded(r *request, now time.Time) []part {
	if s.down() { // the target is back: what failed need not wait any longer
		for _, f := range s.failed {
			f.due = now
		}
	}
	s.answered()
	return s.settle(r, now)
}

// answered notes that the target is up: the row of failures is over.
func (s *schedule) answered() {
	s.row++
	s.failures, s.probes = 0, 0
}

// fail notes that a request was not exported, with an error that is worth another try
// or not. It returns the parts that have failed for good, if there must be no other
// attempt.
func (s *schedule) fail(r *request, retryable bool, now time.Time) []part {
	if !retryable {
		s.answered()
		return s.settle(r, now)
	}
	if r.row != s.row {
		r.row = s.row
		s.failures++
	}
	if s.down() {
		s.probes++
		s.nextProbe = now.Add(s.retry.pause(s.probes))
	}
	pause, again := s.retry.next(r.attempts, now.Sub(r.begin))
	if !again {
		return s.settle(r, now)
	}
	r.due = now.Add(pause)
	heap.Push(&s.failed, r)
	return nil
}

// settle ends a request, or begins the next one of its resource.
func (s *schedule) settle(r *request, now time.Time) []part {
	settled := r.done()
	if len(r.parts) > 0 {
		s.refresh(r, now)
		return settled
	}
	if delete(s.requests, r.key); len(s.requests) == 0 {
		s.requests = map[uint64]*request{} // one that was large stays so
	}
	return settled
}

// empty reports whether there is nothing left to export.
func (s *schedule) empty() bool { return len(s.requests) == 0 }
