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
	size, batchSize int   // points
	maxMemory       int64 // bytes
	batchAge        time.Duration
	wake            chan struct{} // holds one token when there may be something to do

	mu        sync.Mutex
	items     []item
	waiting   int   // points in items
	memory    int64 // that these take
	closed    bool  // nothing more is taken in
	abandoned bool  // nothing more is given out, and all is counted
	books     Stats
	// Points ever taken in, and given out in batches.
	in, out   uint64
	unsettled []*batch // in the order in which they were given out, from the first on that is not settled
	flushes   []*flush
}

// item is what Handle was given at once.
type item struct {
	data   *metricdata.ResourceMetrics
	points int
	bytes  int64 // that it takes in memory
	came   time.Time
}

// flush is a call of ForceFlush that waits until the first so many points are settled.
type flush struct {
	upTo uint64
	done chan struct{}
	err  error // set before done is closed
}

// batch is what is given out together.
type batch struct {
	first uint64 // points that were given out before
	left  int    // points that are not settled
}

// offer takes in data with so many points, or counts them as dropped.
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

// take returns the items of the next batch if it is due. Otherwise it returns how long to
// wait unless there is a signal before, below 0 for any time; open is false when nothing
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
	n, end := 0, q.in // the first flush does not wait for what came after it
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
		q.items = nil // a long queue does not keep its array
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

// full reports whether a batch is due for its size, in points, or for its memory: some room
// is left for what comes while it is exported.
func (q *queue) full() bool { return q.waiting >= q.batchSize || q.memory >= q.maxMemory/2 }

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

// settle counts the points of a request, which were exported or, with an error, failed for
// good, and ends the flushes that waited for them. They return the error. It does nothing
// once all is counted.
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

// settled returns of how many points all that came before them is settled, too.
func (q *queue) settled() uint64 {
	if len(q.unsettled) > 0 {
		return q.unsettled[0].first
	}
	q.unsettled = nil // a long queue does not keep its array
	return q.out
}

// flush has what is in the queue exported at once. It returns nil after close.
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

// closing reports whether nothing more is taken in.
func (q *queue) closing() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed
}

// abandon counts as dropped what is left and returns how many points that were. What
// becomes of them afterwards is not counted.
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
