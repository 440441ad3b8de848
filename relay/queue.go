package relay

import (
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// queue holds what waits, and the books, which change with it. No foreign code is called
// under its lock.
type queue struct {
	size, batchSize int   // points
	maxMemory       int64 // bytes
	batchAge        time.Duration
	wake            chan struct{} // holds one token when there may be something to do

	mu        sync.Mutex
	items     []item
	waiting   int   // points in items
	memory    int64 // of items, in bytes
	closed    bool  // takes nothing in any more
	abandoned bool  // gives nothing out any more, and all is counted
	books     Stats
	// in and out are how many points were ever taken in, and ever given out in batches.
	in, out   uint64
	unsettled []*batch // batches in the order in which they were given out, from the first unsettled one on
	flushes   []*flush
}

// item is what one call of Handle gave.
type item struct {
	data   *metricdata.ResourceMetrics
	points int
	bytes  int64 // of memory
	came   time.Time
}

// flush is a call of ForceFlush that waits until the first upTo points are settled.
type flush struct {
	upTo uint64
	done chan struct{}
	err  error // set before done is closed
}

// batch is what was given out at once.
type batch struct {
	first uint64 // points that were given out before this batch
	left  int    // points of this batch that are not settled
}

// offer takes in data with that many points, or counts the points as dropped.
func (q *queue) offer(data *metricdata.ResourceMetrics, points int, bytes int64, now time.Time) {
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
	case q.books.Memory+bytes > q.maxMemory:
		q.books.Dropped.Memory += uint64(points)
		return
	}
	q.items = append(q.items, item{data, points, bytes, now})
	q.waiting += points
	q.memory += bytes
	q.books.Queued += uint64(points)
	q.books.Memory += bytes
	q.in += uint64(points)
	if len(q.items) == 1 || q.full() {
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

// take returns the items of the next batch if a batch is due. Otherwise it returns how long
// to wait, with below 0 for any time; a signal ends the wait. open is false when nothing
// comes any more.
func (q *queue) take(now time.Time) (items []item, b *batch, wait time.Duration, open bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		return nil, nil, -1, !q.closed
	}
	if age := now.Sub(q.items[0].came); !q.due(age) {
		return nil, nil, q.batchAge - age, true
	}
	n, end := 0, q.in // a flush does not wait for what came after it
	if i := slices.IndexFunc(q.flushes, func(f *flush) bool { return f.upTo > q.out }); i >= 0 {
		end = q.flushes[i].upTo
	}
	b = &batch{first: q.out}
	for n < len(q.items) && (n == 0 || b.left+q.items[n].points <= q.batchSize && q.out+uint64(b.left) < end) {
		b.left += q.items[n].points
		q.memory -= q.items[n].bytes
		n++
	}
	items = slices.Clone(q.items[:n])
	clear(q.items[:n])
	q.items = q.items[n:]
	if len(q.items) == 0 {
		q.items = nil // an empty queue does not keep a long array
	}
	q.waiting -= b.left
	q.out += uint64(b.left)
	q.unsettled = append(q.unsettled, b)
	return items, b, 0, true
}

func (q *queue) due(age time.Duration) bool {
	flushed := len(q.flushes) > 0 && q.flushes[len(q.flushes)-1].upTo > q.out
	return q.closed || flushed || q.full() || age >= q.batchAge
}

// full reports whether a batch is due because of its size, in points or in memory. At half
// of the memory some room is left for what comes while the batch is exported.
func (q *queue) full() bool { return q.waiting >= q.batchSize || q.memory >= q.maxMemory/2 }

// request counts a call of Export that is about to be made. It returns false if the call
// must not be made.
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

// settle counts the points of a request, which were exported or, if err is not nil, failed
// for good. It ends the flushes that waited for these points; they return err. It does
// nothing after abandon, which has counted all.
func (q *queue) settle(parts []part, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.abandoned {
		return
	}
	for _, p := range parts {
		q.books.Queued -= uint64(p.points)
		q.books.Memory -= p.bytes
		if err == nil {
			q.books.Relayed += uint64(p.points)
		} else {
			q.books.Failed += uint64(p.points)
		}
		p.batch.left -= p.points
	}
	for len(q.unsettled) > 0 && q.unsettled[0].left == 0 {
		q.unsettled[0] = nil
		q.unsettled = q.unsettled[1:]
	}
	settled := q.settled()
	q.flushes = slices.DeleteFunc(q.flushes, func(f *flush) bool {
		if err != nil {
			f.err = err
		}
		if f.upTo > settled {
			return false
		}
		close(f.done)
		return true
	})
}

// settled returns how many points are settled without a gap, from the first on.
func (q *queue) settled() uint64 {
	if len(q.unsettled) > 0 {
		return q.unsettled[0].first
	}
	q.unsettled = nil // an empty list does not keep a long array
	return q.out
}

// flush makes what is in the queue due at once. It returns nil after close.
func (q *queue) flush() *flush {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil
	}
	f := &flush{upTo: q.in, done: make(chan struct{})}
	if q.settled() == q.in {
		close(f.done)
		return f
	}
	q.flushes = append(q.flushes, f)
	q.signal()
	return f
}

// forget removes a flush whose caller waits no more.
func (q *queue) forget(f *flush) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.flushes = slices.DeleteFunc(q.flushes, func(g *flush) bool { return f == g })
}

// close makes the queue take nothing in any more.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.signal()
}

// closing reports whether the queue takes nothing in any more.
func (q *queue) closing() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed
}

// abandon counts what is left as dropped, and returns how many points that is. Nothing is
// counted after it.
func (q *queue) abandon() (points uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	points = q.books.Queued
	q.books.Dropped.Shutdown += points
	q.books.Queued, q.books.Memory, q.waiting, q.memory = 0, 0, 0, 0
	q.items, q.unsettled = nil, nil
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
