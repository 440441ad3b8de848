package pipeline

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/drop"
	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/internal/event"
	"github.com/otelgram/otelgram/internal/intern"
	"github.com/otelgram/otelgram/internal/waker"
	"github.com/otelgram/otelgram/wire"
)

// maxSeries bounds the attribute sets that are kept in wire form.
const maxSeries = 16384

// Config is what a Pipeline needs to know, validated by the caller.
type Config struct {
	BufferSize       int           // points in the lane, a power of two
	BatchSize        int           // points the pump takes at once
	MaxBatchAge      time.Duration // after which a packet leaves that is not full
	PacketSize       int           // bytes; 0: what suits the path
	ServerTakes      int           // bytes of a packet where PacketSize is 0; 0: as many as the path
	NewEncoder       NewEncoder    // nil: NewCompact
	PacketsPerSecond int           // 0: no pacing
	Burst            int           // packets
	Strategy         drop.Strategy // of the event queue
	Memory           int64         // bytes, beside the fixed ones, see FixedMemory
	NoInterning      bool          // attribute sets of Export are forgotten with every packet
	Breaker          BreakerConfig
	// OnCircuit is told of each change of the breaker's state, by the pump: it
	// must not wait for anything.
	OnCircuit func(from, to Circuit)
	// Report says something to whoever runs the service, and reports whether it
	// will. It is called by whoever moves points: it must not wait for anything.
	Report func(error) bool
	// OnDial is told of each change of what keeps the endpoint from being resolved
	// or dialled, by the dialer: it must not wait for anything. The empty string is
	// for nothing. If it returns false it did not take the cause, and is told again
	// after the next attempt. It may be nil.
	OnDial func(cause string) bool
	// Resolve finds the addresses of the endpoint, in the order in which to try
	// them, and Dial makes a socket to one. They are called off the data path,
	// again and again.
	Resolve func(ctx context.Context) ([]string, error)
	Dial    func(ctx context.Context, address string) (Sender, error)
}

// Pipeline carries points from Export to the network.
type Pipeline struct {
	config    Config
	counters  counters
	memory    *account.Budget
	lane      *lane
	reported  map[intern.MetricKey]struct{} // by the holder of the lane
	notices   *notices
	cancelled cancelled
	waker     *waker.Waker
	inbox     inbox

	eventsMu     sync.Mutex
	events       atomic.Pointer[event.Queue] // nil until it is asked for
	eventsClosed bool

	ending  sync.Once
	end     Stats // when BeginClose was called
	closing atomic.Bool
	closed  chan struct{} // closed when Close is done

	encoder    Encoder // the pump's, but for LeftOut
	latencies  *Latencies
	dialer     *dialer
	cancelDial context.CancelFunc
}

// inbox is how others speak to the pump.
type inbox struct {
	flushes chan flush
	senders chan dialled
	events  chan *event.Queue
	stop    chan struct{} // closed when the pump should stop
	stopped chan struct{} // closed when it has
}

const (
	// firstDial is how long New waits for the first attempt to dial, so that in
	// the usual case the first points meet a socket.
	firstDial = 250 * time.Millisecond
	// closeTimeout bounds a Close whose context has no deadline.
	closeTimeout = 5 * time.Second
)

// New starts a pipeline. Close ends it.
func New(ctx context.Context, c Config) (*Pipeline, error) {
	p := &Pipeline{
		config:   c,
		reported: map[intern.MetricKey]struct{}{},
		inbox: inbox{
			flushes: make(chan flush), senders: make(chan dialled), events: make(chan *event.Queue),
			stop: make(chan struct{}), stopped: make(chan struct{}),
		},
		waker:  waker.New(),
		closed: make(chan struct{}),
	}
	p.memory = account.NewBudget(c.Memory)
	p.notices = newNotices(c.Report)
	p.lane = newLane(c.BufferSize, p.waker, p.memory)
	pump, err := newPump(&p.config, p.lane, &p.counters, p.notices)
	if err != nil {
		return nil, err
	}
	p.encoder, p.latencies = pump.encoder, pump.link.latencies
	go pump.loop(&p.inbox)
	dialCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p.cancelDial = cancel
	p.dialer = newDialer(&p.config, &p.counters, pump.link.redial, p.inbox.senders)
	go p.dialer.run(dialCtx)
	wait := time.NewTimer(firstDial)
	defer wait.Stop()
	select {
	case <-p.dialer.tried:
	case <-wait.C:
	case <-ctx.Done():
	}
	return p, nil
}

// Flush returns when every point handed over before it is sent or counted as
// dropped, or when ctx ends.
func (p *Pipeline) Flush(ctx context.Context) error {
	f := flush{done: make(chan struct{})}
	select {
	case p.inbox.flushes <- f:
	case <-p.inbox.stopped:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// BeginClose says that Close follows: its error tells of what is lost from here on. Points
// are still taken. Without it the error tells of what is lost since Close was called.
func (p *Pipeline) BeginClose() {
	p.ending.Do(func() { p.end = p.counters.snapshot(p.pushed) })
}

// Close takes no more points, sends what it holds at the usual pace until ctx
// ends (five seconds if it has no deadline), says goodbye and releases the
// socket. Its error says how many points were not sent since BeginClose, and
// why; and what keeps the endpoint from being dialled, if there never was a socket
// and points were lost for that, be it before the call. Later calls wait for the
// first and return nil.
func (p *Pipeline) Close(ctx context.Context) error {
	if p.closing.CompareAndSwap(false, true) {
		defer close(p.closed)
		return p.close(ctx)
	}
	select {
	case <-p.closed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Closed is closed when Close is done.
func (p *Pipeline) Closed() <-chan struct{} { return p.closed }

func (p *Pipeline) close(ctx context.Context) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, closeTimeout)
		defer cancel()
	}
	p.BeginClose()
	close(p.lane.closing)
	<-p.lane.hold // callers leave at once now
	p.closeEvents()
	cause := p.Flush(ctx)
	p.cancelDial()
	<-p.dialer.ended
	close(p.inbox.stop)
	<-p.inbox.stopped
	return unsent(p.end, p.Stats(), p.cancelled.justNow(), cause)
}

// Books returns the books, in which others count, too.
func (p *Pipeline) Books() *account.Books { return &p.counters.Books }

// Memory returns the budget, from which others take, too.
func (p *Pipeline) Memory() *account.Budget { return p.memory }

// stringShare is the part of the budget that is set aside for strings that the series of
// events share: those of series that were forgotten stay for a while.
const stringShare = 8

// Events returns the event queue, always the same, and makes it when it is first asked
// for. Its series are of the resource.
func (p *Pipeline) Events(of *resource.Resource) *event.Queue {
	p.eventsMu.Lock()
	defer p.eventsMu.Unlock()
	if q := p.events.Load(); q != nil {
		return q
	}
	i := intern.NewIdentifier(of, account.NewBudget(p.memory.Split(stringShare)), p.config.Report)
	q := event.New(p.config.BufferSize, p.config.BatchSize, p.config.Strategy, &p.counters.Books, p.waker, i)
	p.events.Store(q)
	if p.eventsClosed {
		q.Close()
		return q
	}
	p.inbox.events <- q // the pump runs until eventsClosed is set
	return q
}

func (p *Pipeline) closeEvents() {
	p.eventsMu.Lock()
	defer p.eventsMu.Unlock()
	p.eventsClosed = true
	if q := p.events.Load(); q != nil {
		q.Close()
	}
}

// unsent makes the error of Close from what was dropped, and refused by the
// other side, between two snapshots, from the points that a cancelled Export
// lost before, and from those that were lost because there never was a socket.
func unsent(before, after Stats, cancelled int, cause error) error {
	var reasons []string
	total := uint64(0)
	for i := range after.Dropped {
		if n := after.Dropped[i] - before.Dropped[i]; n > 0 {
			reasons = append(reasons, fmt.Sprintf("%s %d", wire.DropReason(i), n))
			total += n
		}
	}
	var parts []string
	if total > 0 {
		parts = append(parts, fmt.Sprintf("%d points not sent (%s)", total, strings.Join(reasons, ", ")))
	}
	if cancelled > 0 {
		parts = append(parts, fmt.Sprintf("%d points not handed over: their Export was cancelled (%s)", cancelled, wire.Deadline))
	}
	if after.DialError != "" && after.Sessions == 0 && after.Dropped[wire.Unresolved] > 0 {
		parts = append(parts, "the endpoint cannot be dialled: "+after.DialError)
	}
	// Who never sent a point has lost none, whoever is there.
	if refused := after.ClosedPort - before.ClosedPort; refused > 0 && after.Sent > 0 {
		parts = append(parts, fmt.Sprintf("the other side refused packets %d times (no open port at %s): what was sent last is lost", refused, after.Address))
	}
	if len(parts) == 0 {
		return nil
	}
	text := strings.Join(parts, "; ")
	if cause != nil {
		return fmt.Errorf("otelgram: shutdown: %s: %w", text, cause)
	}
	return fmt.Errorf("otelgram: shutdown: %s", text)
}

// Stats returns a snapshot of the counters.
func (p *Pipeline) Stats() Stats {
	s := p.counters.snapshot(p.pushed)
	s.InFlight = uint64(p.lane.len()) + p.counters.InPump()
	s.Queued = s.InFlight
	if p.lane.points.Load() != nil {
		s.Waiting, s.Capacity = p.lane.len(), p.lane.capacity
		s.Use = float64(s.Waiting) / float64(s.Capacity)
	}
	if l := p.events.Load(); l != nil {
		n := l.Len()
		s.Queued += uint64(n)
		s.Waiting, s.Capacity = s.Waiting+n, s.Capacity+l.Cap()
		s.EventUse = float64(n) / float64(l.Cap())
	}
	if a := p.dialer.address.Load(); a != nil {
		s.Address = *a
	}
	if cause := p.dialer.cause.Load(); cause != nil {
		s.DialError = *cause
	}
	s.BudgetReached = p.memory.Reached()
	s.LeftOut = p.encoder.LeftOut()
	return s
}

// pushed counts the events that went into the event queue.
func (p *Pipeline) pushed() uint64 {
	if l := p.events.Load(); l != nil {
		return l.Pushed()
	}
	return 0
}
