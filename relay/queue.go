package relay

import (
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// queue holds what waits, and the books, which change with it. Nothing is called under
// its lock.
type queue struct {
	size, batchSize int // points
	batchAge        time.Duration
	wake            chan struct{} // holds one token when there may be something to do

	mu        sync.Mutex
	items     []item
	waiting   int  // points in items
	closed    bool // nothing more is taken in
	abandoned bool // nothing more is given out, and all is counted
	books     Stats
	// Points ever taken in, given out in batches, and settled with their batch: a flush
	// is over when what came before it is settled.
	in, out, settled uint64
	flushes          []*flush
}

// item is what Handle was given at once.
type item struct {
	data   *metricdata.ResourceMetrics
	points int
	came   time.Time
}

// flush is a call of ForceFlush that waits until so many points are settled.
type flush struct {
	upTo uint64
	done chan struct{}
	err  error // set before done is closed
}

// batch is what is exported together.
type batch struct {
	data   []*metricdata.ResourceMetrics
	points int
}

// offer takes in data with so many points, or counts them as dropped.
func (q *queue) offer(data *metricdata.ResourceMetrics, points int, now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.books.Offered += uint64(points)
	switch {
	case q.closed:
		q.books.Dropped.Shutdown += uint64(points)
		return
	case int(q.books.Queued)+points > q.size:
		q.books.Dropped.QueueFull += uint64(points)
		return
	}
	q.items = append(q.items, item{data, points, now})
	q.waiting += points
	q.books.Queued += uint64(points)
	q.in += uint64(points)
	if len(q.items) == 1 || q.waiting >= q.batchSize {
		q.signal()
	}
}

// signal wakes the goroutine that takes batches, without waiting for it.
func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take returns the next batch if it is due. Otherwise it returns how long to wait unless
// there is a signal before, below 0 for any time; open is false when nothing comes any
// more.
func (q *queue) take(now time.Time) (b batch, wait time.Duration, open bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		return batch{}, -1, !q.closed
	}
	if age := now.Sub(q.items[0].came); !q.due(age) {
		return batch{}, q.batchAge - age, true
	}
	n := 0
	for n < len(q.items) && (n == 0 || b.points+q.items[n].points <= q.batchSize) {
		b.points += q.items[n].points
		b.data = append(b.data, q.items[n].data)
		n++
	}
	clear(q.items[:n])
	q.items = q.items[n:]
	if len(q.items) == 0 {
		q.items = nil // a long queue does not keep its array
	}
	q.waiting -= b.points
	q.out += uint64(b.points)
	return b, 0, true
}

func (q *queue) due(age time.Duration) bool {
	flushed := len(q.flushes) > 0 && q.flushes[len(q.flushes)-1].upTo > q.out
	return q.closed || flushed || q.waiting >= q.batchSize || age >= q.batchAge
}

// request counts a call of Export that is about to be made, and reports whether it may.
func (q *queue) request(again bool) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.abandoned {
		return false
	}
	q.books.Requests++
	if again {
		q.books.Retries++
	}
	return true
}

// failed notes an error of Export.
func (q *queue) failed(text string, now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.books.LastError, q.books.LastErrorTime = text, now
}

// settle counts points that were exported, or failed for good. It does nothing once all
// is counted.
func (q *queue) settle(points int, relayed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.abandoned {
		return
	}
	q.books.Queued -= uint64(points)
	if relayed {
		q.books.Relayed += uint64(points)
	} else {
		q.books.Failed += uint64(points)
	}
}

// finish ends the flushes that waited for a batch, the last of its points being settled.
// They return its error.
func (q *queue) finish(b batch, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.settled += uint64(b.points)
	q.flushes = slices.DeleteFunc(q.flushes, func(f *flush) bool {
		if err != nil {
			f.err = err
		}
		if f.upTo > q.settled {
			return false
		}
		close(f.done)
		return true
	})
}

// flush has what is in the queue exported at once. It returns nil after close.
func (q *queue) flush() *flush {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil
	}
	f := &flush{upTo: q.in, done: make(chan struct{})}
	if q.settled == q.in {
		close(f.done)
		return f
	}
	q.flushes = append(q.flushes, f)
	q.signal()
	return f
}

// forget ends the wait of a flush.
func (q *queue) forget(f *flush) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.flushes = slices.DeleteFunc(q.flushes, func(g *flush) bool { return f == g })
}

// close takes in nothing more.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.signal()
}

// abandon counts as dropped what is left and returns how many points that were. What
// becomes of them afterwards is not counted.
func (q *queue) abandon() (points uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	points = q.books.Queued
	q.books.Dropped.Shutdown += points
	q.books.Queued, q.waiting, q.items = 0, 0, nil
	q.abandoned = true
	for _, f := range q.flushes {
		f.err = errShutdown
		close(f.done)
	}
	q.flushes = nil
	return points
}

func (q *queue) stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.books
}
