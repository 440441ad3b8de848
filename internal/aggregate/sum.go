package aggregate

import (
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/cpu"

	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/wire"
)

// sum adds measurements up in one word. If callers often meet in that word, it grows cells,
// and each caller adds to one of them.
type sum[N Number] struct {
	oneWord
	value    atomic.Uint64
	meetings atomic.Pointer[meetings] // nil before the first
}

// meetings counts how often callers met in one word, and holds the cells that avoid it.
type meetings struct {
	number  atomic.Uint32
	charged atomic.Uint32 // what the cells take of the memory budget, in bytes
	cells   atomic.Pointer[[]cell]
}

// cell has a cache line of its own.
type cell struct {
	value atomic.Uint64
	_     cpu.CacheLinePad
}

const (
	// often is how many meetings make cells, so that a sum that is seldom contended does
	// not pay for them.
	often    = 64
	maxCells = 64
	cellCost = int(unsafe.Sizeof(cell{}))
)

func (s *sum[N]) record(e *Series[N], v N) result {
	if m := s.meetings.Load(); m != nil {
		if cells := m.cells.Load(); cells != nil {
			add(&(*cells)[rand.Uint32()&uint32(len(*cells)-1)].value, v)
			return taken
		}
	}
	old := s.value.Load()
	if !s.value.CompareAndSwap(old, bitsOf(numberOf[N](old)+v)) {
		s.meet(e, v)
	}
	return taken
}

// meet adds v after another caller has changed the word.
func (s *sum[N]) meet(e *Series[N], v N) {
	add(&s.value, v)
	m := s.meetings.Load()
	if m == nil {
		s.meetings.CompareAndSwap(nil, &meetings{})
		return
	}
	if m.number.Add(1) == often {
		m.grow(e.stream.registry.memory)
		if e.isDead() {
			e.stream.registry.memory.Give(m.refund()) // the collector may have refunded before
		}
	}
}

// grow makes cells, if there is memory for them.
func (m *meetings) grow(memory *account.Budget) {
	n := 2
	for n < runtime.GOMAXPROCS(0) && n < maxCells {
		n *= 2
	}
	if !memory.Take(int64(n * cellCost)) {
		return
	}
	cells := make([]cell, n)
	m.charged.Store(uint32(n * cellCost))
	m.cells.Store(&cells)
}

// refund returns what the cells take of the memory budget, and sets that to nothing.
func (m *meetings) refund() int64 { return int64(m.charged.Swap(0)) }

func add[N Number](to *atomic.Uint64, v N) {
	if isInteger[N]() {
		to.Add(bitsOf(v))
		return
	}
	for {
		old := to.Load()
		if to.CompareAndSwap(old, bitsOf(numberOf[N](old)+v)) {
			return
		}
	}
}

// total returns what there is, and leaves nothing if take is set.
func (s *sum[N]) total(take bool) N {
	read := (*atomic.Uint64).Load
	if take {
		read = func(v *atomic.Uint64) uint64 { return v.Swap(0) }
	}
	total := numberOf[N](read(&s.value))
	if m := s.meetings.Load(); m != nil {
		if cells := m.cells.Load(); cells != nil {
			for i := range *cells {
				total += numberOf[N](read(&(*cells)[i].value))
			}
		}
	}
	return total
}

func (s *sum[N]) drop() int64 {
	if m := s.meetings.Load(); m != nil {
		return m.refund()
	}
	return 0
}

func (s *sum[N]) takeBack(N) (left N, some bool) {
	left = s.total(true)
	return left, left != 0
}

func (s *sum[N]) collect(_ *Config, r *reading, p *wire.Point) outcome {
	v := s.total(r.take)
	if r.dying != nil {
		// Callers take back what they find once the series is dead. So the total is taken
		// before the series is marked as dead, and what came meanwhile is taken after.
		r.kill()
		v += s.total(true)
	}
	p.Bits = bitsOf(v)
	if v == 0 {
		return nothing
	}
	return found
}
