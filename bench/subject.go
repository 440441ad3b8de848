package main

import (
	"iter"
	"slices"
	"sync"
	"time"
)

const (
	// meanOf is how many calls are timed together where single calls count: a
	// reading of the clock costs more than a call.
	meanOf = 16
	// burst is how many calls are made before the subject may rest.
	burst = 8192
	// measurements is how many calls one round makes.
	measurements = 32 * burst
	// coldSeries take coldCalls calls each, coldTimes times in a round, whenever
	// coldBytes have gone through the caches.
	coldSeries = 1000
	coldCalls  = 4
	coldTimes  = 15
	coldBytes  = 64 << 20
	cacheLine  = 64
)

// subject is one way to record.
type subject struct {
	name string
	// record makes so many calls, on its series in turn, beginning with one of them.
	// It may be called concurrently.
	record func(first, calls int)
	// rest is what it takes after a burst, which is not timed.
	rest func() error
	// settled wants the calls of a round to be known to whoever aggregates them.
	settled func(*cost) error
	end     func() error
}

// turns are so many calls on n series in turn, beginning with one of them.
func turns(n, first, calls int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := first % n; calls > 0 && yield(i); calls-- {
			if i++; i == n {
				i = 0
			}
		}
	}
}

// warm is a round of calls by one goroutine.
func (s subject) warm(calls int) side {
	return side{s.name, func() (cost, error) { return s.inBursts(calls, s.record) }, s.end}
}

// sampled is a round in which some calls at a time are timed.
func (s subject) sampled(calls int) side {
	calls = max(1, calls/meanOf) * meanOf
	means := make([]time.Duration, 0, calls/meanOf)
	return side{s.name, func() (cost, error) {
		means = means[:0]
		c, err := s.inBursts(calls, func(first, calls int) { means = s.means(means, first, calls) })
		c.quantiles(means)
		return c, err
	}, s.end}
}

// means times some calls at a time, and appends their means.
func (s subject) means(to []time.Duration, first, calls int) []time.Duration {
	for range calls / meanOf {
		to = append(to, timed(func() { s.record(first, meanOf) })/meanOf)
		first += meanOf
	}
	return to
}

func (s subject) inBursts(calls int, record func(first, calls int)) (c cost, err error) {
	for c.points < calls {
		n := min(burst, calls-c.points)
		c.elapsed += timed(func() { record(c.points, n) })
		c.points += n
		if s.rest == nil {
			continue
		}
		if err := s.rest(); err != nil {
			return c, err
		}
	}
	return c, s.settled(&c)
}

// walked is what goes through the caches: all that was in them is gone afterwards.
var walked = sync.OnceValue(func() []byte { return make([]byte, coldBytes) })

// cold is a round of calls that find nothing in the caches.
func (s subject) cold(times int) side {
	return side{s.name, func() (c cost, err error) {
		for range times {
			memory := walked()
			for i := 0; i < len(memory); i += cacheLine {
				memory[i]++
			}
			c.elapsed += timed(func() { s.record(0, coldCalls*coldSeries) })
			c.points += coldCalls * coldSeries
		}
		return c, s.settled(&c)
	}, s.end}
}

// concurrent is a round of calls by so many goroutines at once, each of which begins with
// another series, and times some calls at a time.
func (s subject) concurrent(goroutines, series, calls int) side {
	each := max(1, calls/goroutines/meanOf) * meanOf
	means := make([][]time.Duration, goroutines)
	for i := range means {
		means[i] = make([]time.Duration, 0, each/meanOf)
	}
	return side{s.name, func() (cost, error) {
		c := cost{points: goroutines * each}
		var recording sync.WaitGroup
		begin := make(chan struct{})
		for i := range goroutines {
			recording.Go(func() {
				<-begin
				means[i] = s.means(means[i][:0], i*series/goroutines, each)
			})
		}
		c.elapsed = timed(func() {
			close(begin)
			recording.Wait()
		})
		c.quantiles(slices.Concat(means...))
		return c, s.settled(&c)
	}, s.end}
}

// quantiles fills c from times, which it sorts.
func (c *cost) quantiles(times []time.Duration) {
	slices.Sort(times)
	c.p50, c.p99, c.p9999 = quantile(times, 50), quantile(times, 99), quantile(times, 99.99)
}
