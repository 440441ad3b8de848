package ringbuf_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/ringbuf"
)

// event is wide enough for a torn copy to show: all its words depend on one another.
type event struct {
	producer, n, sum uint64
	copies           [5]uint64
}

func makeEvent(producer, n int) event {
	e := event{producer: uint64(producer), n: uint64(n)}
	e.sum = e.producer ^ e.n
	for i := range e.copies {
		e.copies[i] = e.sum
	}
	return e
}

func (e *event) intact() bool {
	ok := e.sum == e.producer^e.n
	for _, c := range e.copies {
		ok = ok && c == e.sum
	}
	return ok
}

// produce pushes events 0..count-1, and tries again if the ring is full.
func produce(r *ringbuf.Ring[event], producer, count int) {
	for n := range count {
		for e := makeEvent(producer, n); !r.TryPush(&e); {
			runtime.Gosched()
		}
	}
}

// consume gives each popped event to see until the ring is closed and drained. It pops one
// by one if batch is 0, and up to batch at once otherwise.
func consume(r *ringbuf.Ring[event], batch int, see func(*event)) {
	dst := make([]event, max(batch, 1))
	for {
		n := 0
		if batch > 0 {
			n = r.TryPopBatch(dst)
		} else if r.TryPop(&dst[0]) {
			n = 1
		}
		for i := range dst[:n] {
			see(&dst[i])
		}
		if n > 0 {
			continue
		}
		if r.Closed() && r.Popped() == r.Pushed() {
			return
		}
		runtime.Gosched()
	}
}

func TestExactlyOnceConcurrentSafe(t *testing.T) {
	const producers, each = 4, 6_000
	for name, start := range starts {
		for _, capacity := range []int{2, 8, 256} {
			r := newAt[event](t, capacity, start)
			var seen [producers][each]atomic.Uint32
			var torn atomic.Uint32
			see := func(e *event) {
				if !e.intact() {
					torn.Add(1)
					return
				}
				seen[e.producer][e.n].Add(1)
			}
			var producing, consuming sync.WaitGroup
			for p := range producers {
				producing.Go(func() { produce(r, p, each) })
			}
			for _, batch := range []int{0, 1, 3, 64} {
				consuming.Go(func() { consume(r, batch, see) })
			}
			producing.Wait()
			r.Close()
			consuming.Wait()

			assert.Zero(t, torn.Load(), "%s, capacity %d", name, capacity)
			for p := range seen {
				for n := range seen[p] {
					if got := seen[p][n].Load(); got != 1 {
						t.Fatalf("%s, capacity %d: producer %d event %d seen %d times", name, capacity, p, n, got)
					}
				}
			}
			assert.Equal(t, capacity, r.Free(), "every slot came back")
		}
	}
}

func TestOrderPerProducerConcurrentSafe(t *testing.T) {
	const producers, each = 4, 6_000
	for name, start := range starts {
		for _, batch := range []int{0, 5, 32} {
			r := newAt[event](t, 64, start)
			var producing sync.WaitGroup
			for p := range producers {
				producing.Go(func() { produce(r, p, each) })
			}
			go func() {
				producing.Wait()
				r.Close()
			}()
			var next [producers]uint64
			disorder := 0
			consume(r, batch, func(e *event) {
				if e.n != next[e.producer] {
					disorder++
				}
				next[e.producer]++
			})
			assert.Zero(t, disorder, "%s, batch %d", name, batch)
			assert.Equal(t, [producers]uint64{each, each, each, each}, next, "%s, batch %d", name, batch)
		}
	}
}

// TestCloseRacesPushConcurrentSafe: what pushes reported as accepted comes out, whenever
// Close is called.
func TestCloseRacesPushConcurrentSafe(t *testing.T) {
	const producers, rounds = 4, 300
	for round := range rounds {
		r := newAt[event](t, 1024, ringbuf.PositionMask-uint64(round))
		var accepted, popped, late atomic.Int64
		var wg sync.WaitGroup
		for p := range producers {
			wg.Go(func() {
				for n := range 200 {
					closed := r.Closed()
					e := makeEvent(p, n)
					if !r.TryPush(&e) {
						continue
					}
					accepted.Add(1)
					if closed {
						late.Add(1)
					}
				}
			})
		}
		for range 2 {
			wg.Go(func() { consume(r, 7, func(*event) { popped.Add(1) }) })
		}
		for r.Pushed() == ringbuf.PositionMask-uint64(round) {
			runtime.Gosched()
		}
		r.Close()
		wg.Wait()
		require.Zero(t, late.Load(), "a push succeeded after Close")
		require.Equal(t, accepted.Load(), popped.Load())
	}
}

// crowd runs the test on more threads than the machine has processors, so that goroutines
// are often stopped in the middle of an operation.
func crowd(t *testing.T) {
	before := runtime.GOMAXPROCS(8 * runtime.NumCPU())
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// TestPushNeverLosesARaceConcurrentSafe: each producer holds a token for a free slot, so no
// push may return false, however many compete.
func TestPushNeverLosesARaceConcurrentSafe(t *testing.T) {
	crowd(t)
	const capacity, producers, each = 4, 4, 8_000
	r := newAt[event](t, capacity, ringbuf.PositionMask-1000)
	free := make(chan struct{}, capacity)
	for range capacity {
		free <- struct{}{}
	}
	var refused atomic.Int64
	var producing sync.WaitGroup
	for p := range producers {
		producing.Go(func() {
			for n := range each {
				<-free
				for e := makeEvent(p, n); !r.TryPush(&e); {
					refused.Add(1)
				}
			}
		})
	}
	go func() {
		producing.Wait()
		r.Close()
	}()
	consume(r, 0, func(*event) { free <- struct{}{} })
	assert.Zero(t, refused.Load())
}

// TestPopNeverLosesARaceConcurrentSafe: each consumer holds a token for a published value,
// so no pop may come back empty, however many compete.
func TestPopNeverLosesARaceConcurrentSafe(t *testing.T) {
	crowd(t)
	const capacity, consumers, total = 4, 4, 32_000
	r := newAt[event](t, capacity, ringbuf.PositionMask-1000)
	published := make(chan struct{}, capacity)
	var refused atomic.Int64
	var consuming sync.WaitGroup
	for range consumers {
		consuming.Go(func() {
			var e event
			for range published {
				for !r.TryPop(&e) {
					refused.Add(1)
				}
			}
		})
	}
	for n := range total {
		for e := makeEvent(0, n); !r.TryPush(&e); {
			runtime.Gosched()
		}
		published <- struct{}{}
	}
	close(published)
	consuming.Wait()
	assert.Zero(t, refused.Load())
}

// TestLenStaysInBoundsConcurrentSafe reads the counters while others move them.
func TestLenStaysInBoundsConcurrentSafe(t *testing.T) {
	r := newAt[event](t, 8, ringbuf.PositionMask-5_000)
	var wg sync.WaitGroup
	wg.Go(func() {
		produce(r, 0, 10_000)
		r.Close()
	})
	wg.Go(func() { consume(r, 3, func(*event) {}) })
	for last := r.Popped(); !r.Closed(); {
		n := r.Len()
		require.True(t, n >= 0 && n <= r.Cap(), "Len() = %d", n)
		popped := r.Popped()
		require.Less(t, (popped-last)&ringbuf.PositionMask, uint64(20_000), "Popped went back")
		require.Less(t, (r.Pushed()-popped)&ringbuf.PositionMask, uint64(20_000), "more popped than pushed")
		last = popped
	}
	wg.Wait()
}
