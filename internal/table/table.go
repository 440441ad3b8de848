// Package table is a hash table for many readers and writers that never wait for each
// other.
package table

import "sync/atomic"

// Table is a hash table that callers read and add to without waiting for each other.
// Whatever a preempted caller was doing, another caller finishes in a bounded number of
// steps of its own. Nothing is removed in place. A search passes a dead entry by, and
// building the table anew leaves it out.
//
// It is a slice of slots with linear probing. A slot goes from empty to an entry, or from
// empty to sealed, and never changes again. A caller that finds the slots too full seals
// all empty ones, copies the entries into a larger slice, and publishes that by a
// compare-and-swap. Sealed slots take no entry, so no entry is lost between the two. A
// caller that meets a sealed slot builds the new slice, too, and the first slice that is
// published counts.
type Table[E any] struct {
	current atomic.Pointer[Slots[E]]
	sealed  *E
	hash    func(*E) uint64
	dead    func(*E) bool
}

// Slots are the slots of a table at some time, which can be searched.
type Slots[E any] struct {
	at     []atomic.Pointer[E]
	sealed *E // what a sealed slot holds
	used   atomic.Int64
}

const (
	firstSlots = 4
	// maxProbes bounds a search. Hashes are seeded at random, so that nobody can choose
	// keys that meet. If so many meet all the same, the table grows, until it has sparse
	// slots for each entry.
	maxProbes = 64
	sparse    = 64
)

// Init makes t an empty table. sealed is an entry that is never added. hash always returns
// the same for one entry. Once dead has returned true for an entry, it does so for ever.
func (t *Table[E]) Init(sealed *E, hash func(*E) uint64, dead func(*E) bool) {
	t.sealed, t.hash, t.dead = sealed, hash, dead
	t.current.Store(t.slots(firstSlots))
}

func (t *Table[E]) slots(n int) *Slots[E] {
	return &Slots[E]{at: make([]atomic.Pointer[E], n), sealed: t.sealed}
}

// Slots returns the slots as of now.
func (t *Table[E]) Slots() *Slots[E] { return t.current.Load() }

// probes returns how many places a search may look at if that many entries are in use.
func (s *Slots[E]) probes(used int) int {
	if len(s.at) >= sparse*used {
		return len(s.at)
	}
	return min(maxProbes, len(s.at))
}

// At returns what is at a place: an entry, or what Ends knows. An entry with a hash is
// found at one of the places hash, hash+1 and so on.
func (s *Slots[E]) At(place uint64) *E { return s.at[place&uint64(len(s.at)-1)].Load() }

// Ends reports whether a search that finds e at a place ends there without success. What is
// searched for must not equal the sealed entry.
func (s *Slots[E]) Ends(e *E) bool { return e == nil || e == s.sealed }

// Add enters e, unless there is a living entry for which same returns true. It returns that
// entry, or else e.
func (t *Table[E]) Add(e *E, same func(*E) bool) *E {
	for {
		s := t.current.Load()
		if in := t.addTo(s, e, same); in != nil {
			return in
		}
		least := firstSlots
		if 2*s.used.Load() < int64(len(s.at)) {
			least = 2 * len(s.at) // too many entries have met
		}
		t.rebuild(s, least)
	}
}

// addTo returns nil if s has no room.
func (t *Table[E]) addTo(s *Slots[E], e *E, same func(*E) bool) *E {
	mask := uint64(len(s.at) - 1)
	most := s.probes(int(s.used.Load()))
	for i, probes := t.hash(e)&mask, 0; probes < most; {
		x := s.at[i].Load()
		switch {
		case x == nil:
			// Counted before the slot is used, so that half of the slots stay empty however
			// many callers come at once. Otherwise a search for what is not there would not
			// end.
			if 2*s.used.Add(1) > int64(len(s.at)) {
				s.used.Add(-1)
				return nil
			}
			if s.at[i].CompareAndSwap(nil, e) {
				return e
			}
			s.used.Add(-1)
			continue // look at what is in the slot now
		case x == s.sealed:
			return nil
		case !t.dead(x) && same(x):
			return x
		}
		i, probes = (i+1)&mask, probes+1
	}
	return nil
}

// Rebuild replaces old, unless another caller has done so, by slots without the dead
// entries of old.
func (t *Table[E]) Rebuild(old *Slots[E]) { t.rebuild(old, firstSlots) }

// rebuild makes at least that many slots.
func (t *Table[E]) rebuild(old *Slots[E], least int) {
	living := make([]*E, 0, len(old.at))
	for i := range old.at {
		old.at[i].CompareAndSwap(nil, old.sealed)
		if e := old.at[i].Load(); e != old.sealed && !t.dead(e) {
			living = append(living, e)
		}
	}
	n := least
	for n < 4*len(living) {
		n *= 2
	}
	for t.current.Load() == old {
		s := t.slots(n)
		if t.fill(s, living) {
			t.current.CompareAndSwap(old, s)
			return
		}
		n *= 2
	}
}

// fill enters entries that differ, before others see s. It returns false if a search would
// take too long.
func (t *Table[E]) fill(s *Slots[E], entries []*E) bool {
	mask := uint64(len(s.at) - 1)
	for _, e := range entries {
		i, probes := t.hash(e)&mask, 1
		for s.at[i].Load() != nil {
			i, probes = (i+1)&mask, probes+1
		}
		if probes > s.probes(len(entries)) {
			return false
		}
		s.at[i].Store(e)
	}
	s.used.Store(int64(len(entries)))
	return true
}

// Each calls f for each entry that is in the table at the moment, dead ones included.
func (t *Table[E]) Each(f func(*E)) {
	s := t.current.Load()
	for i := range s.at {
		if e := s.at[i].Load(); e != nil && e != s.sealed {
			f(e)
		}
	}
}
