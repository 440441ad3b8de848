package pipeline

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/drop"
	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/internal/event"
	"github.com/otelgram/otelgram/internal/handoff"
	"github.com/otelgram/otelgram/internal/intern"
	"github.com/otelgram/otelgram/internal/notice"
	"github.com/otelgram/otelgram/internal/session"
	"github.com/otelgram/otelgram/internal/waker"
)

// Config is what a Pipeline needs to know. The caller has validated it.
type Config struct {
	BufferSize  int           // points that each queue has room for, a power of two
	BatchSize   int           // points that the pump takes out at once
	MaxBatchAge time.Duration // after which a packet leaves that is not full
	NewEncoder  NewEncoder    // nil: NewCompact
	Strategy    drop.Strategy // of the event queue
	Memory      int64         // bytes, besides the fixed ones, see FixedMemory
	// NoInterning has the attribute sets of Export forgotten with every packet.
	NoInterning bool
	// Report says something to whoever runs the service, and reports whether it will. It is
	// called by whoever moves points: it must not wait.
	Report  func(error) bool
	Session session.Config
}

// Pipeline carries points to the network. Its methods are safe for concurrent use.
type Pipeline struct {
	config   Config
	books    account.Books
	counters counters
	memory   *account.Budget
	waker    *waker.Waker
	encoder  Encoder // the pump's, but for LeftOut

	points  *handoff.Queue
	pump    *pump
	session *session.Sender
	dialer  *session.Dialer

	eventsMu     sync.Mutex
	events       atomic.Pointer[event.Queue] // nil until it is asked for
	eventsClosed bool

	began  sync.Once
	before Stats // when BeginClose was called
}

// firstDial is how long New waits for the first attempt to dial, so that in the usual case the
// first points meet a socket.
const firstDial = 250 * time.Millisecond

// New starts a pipeline: a pump and a dialer. Close ends them. New waits for the first
// attempt to make a socket, until ctx ends, and a quarter of a second at most.
func New(ctx context.Context, c Config) (*Pipeline, error) {
	p, err := assemble(c)
	if err != nil {
		return nil, err
	}
	go p.pump.run()
	p.dialer = session.StartDialer(p.session)
	wait := time.NewTimer(firstDial)
	defer wait.Stop()
	select {
	case <-p.dialer.Tried():
	case <-wait.C:
	case <-ctx.Done():
	}
	return p, nil
}

// assemble makes the parts of a pipeline and wires them together. Nothing runs yet.
func assemble(c Config) (*Pipeline, error) {
	if c.NewEncoder == nil {
		c.NewEncoder = NewCompact
	}
	p := &Pipeline{config: c, memory: account.NewBudget(c.Memory), waker: waker.New()}
	notices := notice.New(c.Report)
	p.points = handoff.New(handoff.Config{
		Capacity: c.BufferSize, Run: c.BatchSize, NoInterning: c.NoInterning,
		Books: &p.books, Memory: p.memory, Waker: p.waker, Notices: notices,
	})
	size := c.Session.PacketSize
	if size == 0 {
		size = session.UsualSize
	}
	var err error
	if p.encoder, err = c.NewEncoder(size, p.memory); err != nil {
		return nil, err
	}
	p.session = session.New(&p.config.Session, &p.books, p.encoder)
	points := p.points.Reader()
	p.pump = &pump{
		config: &p.config, books: &p.books, counters: &p.counters, notices: notices, waker: p.waker,
		encoder: p.encoder, session: p.session,
		queue: p.points, points: points, sources: []source{points}, packets: newPackets(p.encoder, &p.books, p.memory),
		timer:      time.NewTimer(time.Hour),
		newFlushes: make(chan flush), newEvents: make(chan *event.Queue), stop: make(chan struct{}), done: make(chan struct{}),
	}
	return p, nil
}

// Export hands the points of rm over, see [handoff.Queue.Export].
func (p *Pipeline) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	return p.points.Export(ctx, rm)
}

// Sink returns a new way for collections to hand points over, see [handoff.Sink].
func (p *Pipeline) Sink() *handoff.Sink { return p.points.Sink() }

// Books returns the books, in which others count, too.
func (p *Pipeline) Books() *account.Books { return &p.books }

// Memory returns the budget, from which others take, too.
func (p *Pipeline) Memory() *account.Budget { return p.memory }

// Latencies returns those of all packets sent.
func (p *Pipeline) Latencies() *session.Latencies { return p.session.Latencies() }

// stringShare is the part of the budget, one of so many, that is set aside for strings that
// the series of events share: those of series that are forgotten stay for a while.
const stringShare = 8

// Events returns the event queue, always the same, and makes it when it is first asked for.
// Its series are of the resource.
func (p *Pipeline) Events(of *resource.Resource) *event.Queue {
	p.eventsMu.Lock()
	defer p.eventsMu.Unlock()
	if q := p.events.Load(); q != nil {
		return q
	}
	i := intern.NewIdentifier(of, account.NewBudget(p.memory.Split(stringShare)), p.config.Report)
	q := event.New(p.config.BufferSize, p.config.BatchSize, p.config.Strategy, &p.books, p.waker, i)
	p.events.Store(q)
	if p.eventsClosed {
		q.Close()
		return q
	}
	p.pump.newEvents <- q // the pump runs until eventsClosed is set
	return q
}

// Flush returns when every point handed over before it is sent or counted as dropped, or when
// ctx ends.
func (p *Pipeline) Flush(ctx context.Context) error {
	f := flush{done: make(chan struct{})}
	select {
	case p.pump.newFlushes <- f:
	case <-p.pump.done:
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
