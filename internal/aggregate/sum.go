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

// sum adds measurements up in one word. Where callers meet in that word it grows cells,
// and each caller adds to one of them.
type sum[N Number] struct {
	value atomic.Uint64
	cells atomic.Pointer[[]cell]
	met   atomic.Uint32 // how often callers met

	memory *account.Budget // that cells are charged to
}

// cell has a cache line of its own.
type cell struct {
	value atomic.Uint64
	_     cpu.CacheLinePad
}

const (
	// meetings is how often callers meet before a sum grows cells: what is seldom
	// contended need not pay for it.
	meetings = 64
	maxCells = 64
	cellCost = int(unsafe.Sizeof(cell{}))
)

func (s *sum[N]) record(flags *atomic.Uint32, v N) result {
	if cells := s.cells.Load(); cells != nil {
		add(&(*cells)[rand.Uint32()&uint32(len(*cells)-1)].value, v)
		return taken
	}
	old := s.value.Load()
	if !s.value.CompareAndSwap(old, bitsOf(numberOf[N](old)+v)) {
		s.meet(flags, v)
	}
	return taken
}

// meet adds what has met another caller's.
func (s *sum[N]) meet(flags *atomic.Uint32, v N) {
	add(&s.value, v)
	if s.met.Add(1) != meetings || flags.Load()&dead != 0 {
		return
	}
	n := 2
	for n < runtime.GOMAXPROCS(0) && n < maxCells {
		n *= 2
	}
	if !s.memory.Take(int64(n * cellCost)) {
		return
	}
	cells := make([]cell, n)
	s.cells.Store(&cells)
}

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

// total returns what there is, and leaves nothing of it if take is set.
func (s *sum[N]) total(take bool) N {
	read := (*atomic.Uint64).Load
	if take {
		read = func(v *atomic.Uint64) uint64 { return v.Swap(0) }
	}
	total := numberOf[N](read(&s.value))
	if cells := s.cells.Load(); cells != nil {
		for i := range *cells {
			total += numberOf[N](read(&(*cells)[i].value))
		}
	}
	return total
}

func (s *sum[N]) extra() int64 {
	if cells := s.cells.Load(); cells != nil {
		return int64(len(*cells) * cellCost)
	}
	return 0
}

func (s *sum[N]) takeBack(N) (left N, some bool) {
	left = s.total(true)
	return left, left != 0
}

func (s *sum[N]) collect(r *reading, p *wire.Point) outcome {
	v := s.total(r.take)
	if r.dying != nil {
		// Callers take back what they find once the series is dead. So the total leaves
		// before, and what came meanwhile afterwards.
		r.kill()
		v += s.total(true)
	}
	p.Bits = bitsOf(v)
	if v == 0 {
		return nothing
	}
	return found
}
