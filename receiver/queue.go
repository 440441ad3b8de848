package receiver

import (
	"net/netip"
	"sync"
	"time"

	"github.com/otelgram/otelgram/wire"
)

const (
	// placeSize is how many bytes of a body take one place of a queue.
	placeSize = 2048
	// share bounds what one session may have in a queue: share times the places that are
	// free. One session alone can take 8 of 9 places; ten sessions together leave one place
	// of 81. This is the dynamic threshold of Choudhury and Hahne, "Dynamic queue length
	// thresholds for shared-memory packet switches", IEEE/ACM Transactions on Networking
	// 6(2), 1998.
	share = 8
)

// body is what a packet carries, or what the fragments of one body carry together.
type body struct {
	session *session
	source  netip.AddrPort
	header  wire.Header // of the packet with the points
	packets int
	arrived time.Time // when the last of the packets came
}

func (b *body) tally() tally { return tally{uint64(b.packets), uint64(b.header.Points)} }

// job is a body between the socket and a worker.
type job struct {
	body
	data   []byte
	places int
	fresh  bool // its session had not proven itself when the body came
	next   *job // of the same session
}

// line holds the jobs of one session in a queue, in the order in which they came.
type line struct {
	first, last *job
	places      int
	next        *session // the session whose turn comes after this one's
}

// turns are the sessions that wait for their turn, each with a line that is not empty.
type turns struct{ first, last *session }

func (t *turns) push(s *session) {
	if t.last != nil {
		t.last.line.next = s
	} else {
		t.first = s
	}
	t.last = s
}

func (t *turns) pop() *session {
	s := t.first
	if s == nil {
		return nil
	}
	if t.first = s.line.next; t.first == nil {
		t.last = nil
	}
	s.line.next = nil // it may hold a session that has left the table
	return s
}

// queue holds the jobs that wait for one worker, and the job that the worker has in hand.
// Sessions take turns, a job each. Sessions that have not proven themselves take turns
// apart from the proven ones, and may use half of the places: however many there are, they
// leave half of the worker to the proven ones.
type queue struct {
	size int // in places

	mu      sync.Mutex
	changed sync.Cond
	waits   bool // the worker waits on changed
	closed  bool
	gaveUp  bool // the handler must not be called any more
	used    int  // places
	ofFresh int  // of the used places, by jobs of sessions that had not proven themselves
	jobs    int
	proven  turns
	fresh   turns
	ahead   int // places by which the fresh were served more than the proven, while both wait

	hand     body // what the worker has in hand
	held     bool // hand holds a job that is not counted yet
	handling bool // the handler has the job in hand
}

func newQueue(size int) *queue {
	q := &queue{size: size}
	q.changed.L = &q.mu
	return q
}

// offer queues a body with a copy of data, and reports whether there was a place.
func (q *queue) offer(b *body, data []byte, from *buffers) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.admits(b.session, placesOf(len(data))) {
		return false
	}
	j := from.get(data)
	j.body = *b
	q.push(j)
	if q.waits {
		q.waits = false
		q.changed.Signal()
	}
	return true
}

func placesOf(bytes int) int { return max(1, (bytes+placeSize-1)/placeSize) }

func (q *queue) admits(s *session, places int) bool {
	free := q.size - q.used
	switch {
	case q.closed || free <= 0:
		return false
	case s.line.places > 0 && s.line.places+places > share*free:
		return false
	}
	return s.proven || q.ofFresh < max(1, q.size/2)
}

// push appends a job to its session's line.
func (q *queue) push(j *job) {
	s := j.session
	j.places, j.fresh = placesOf(len(j.data)), !s.proven
	q.used += j.places
	q.jobs++
	if j.fresh {
		q.ofFresh += j.places
	}
	l := &s.line
	l.places += j.places
	if l.first == nil {
		l.first, l.last = j, j
		q.turnsOf(s).push(s)
	} else {
		l.last.next, l.last = j, j
	}
}

// turnsOf returns where a session waits for its turn, by what its next job is.
func (q *queue) turnsOf(s *session) *turns {
	if s.line.first.fresh {
		return &q.fresh
	}
	return &q.proven
}

// poll takes the job whose turn it is. It returns nil when the queue is empty.
func (q *queue) poll() *job {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.next()
}

// pop takes the job whose turn it is, and waits until there is one. It returns nil when the
// queue is closed and empty.
func (q *queue) pop() *job {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.jobs == 0 && !q.closed {
		q.waits = true
		q.changed.Wait()
	}
	return q.next()
}

// next takes the job whose turn it is, and puts it in the worker's hand. It returns nil if
// there is none.
func (q *queue) next() *job {
	if q.jobs == 0 {
		return nil
	}
	j := q.take()
	q.hand, q.held, q.handling = j.body, true, false
	return j
}

// len returns how many packets wait.
func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.jobs
}

// begin says that the handler gets the job in hand. It returns false if the handler must
// not be called any more.
func (q *queue) begin() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.handling = !q.gaveUp
	return q.handling
}

// returned says that the handler has returned, and returns what is in hand, for the worker
// to count; ok is false if giveUp has taken it. The worker keeps it in hand until it calls
// finish.
func (q *queue) returned() (b body, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.handling = false
	return q.hand, q.held
}

// finish says that the job in hand is counted.
func (q *queue) finish() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.hand, q.held = body{}, false
	if q.gaveUp {
		q.changed.Broadcast()
	}
}

// take takes the job whose turn it is out of a queue that is not empty.
func (q *queue) take() *job {
	from, both := &q.proven, q.fresh.first != nil && q.proven.first != nil
	if q.proven.first == nil || both && q.ahead < 0 {
		from = &q.fresh
	}
	s := from.pop()
	l := &s.line
	j := l.first
	switch {
	case !both:
		q.ahead = 0
	case from == &q.fresh:
		q.ahead += j.places
	default:
		q.ahead -= j.places
	}
	l.places -= j.places
	if l.first = j.next; l.first != nil {
		q.turnsOf(s).push(s)
	} else {
		l.last = nil
	}
	j.next = nil
	q.used -= j.places
	q.jobs--
	if j.fresh {
		q.ofFresh -= j.places
	}
	return j
}

// close lets the worker take what is left, and ends pop after that.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.changed.Broadcast()
}

// giveUp takes out all jobs that are left, and the job that the handler has in hand. It
// waits for a worker that decodes or counts, but never for a handler.
func (q *queue) giveUp() (left []*job, hand body, held bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.gaveUp = true
	for q.held && !q.handling {
		q.changed.Wait()
	}
	for q.jobs > 0 {
		left = append(left, q.take())
	}
	hand, held = q.hand, q.held
	q.hand, q.held = body{}, false
	return left, hand, held
}
