package relay

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/internal/selfmetrics"
)

// shutdownTimeout is how long Shutdown may take if its context has no deadline.
const shutdownTimeout = 5 * time.Second

var errShutdown = errors.New("otelgram: the relay is shut down")

// Relay takes metric data from many goroutines and hands it to an exporter, in batches. Its
// methods are safe for concurrent use.
type Relay struct {
	config config
	next   sdkmetric.Exporter
	queue  queue
	self   *selfmetrics.Set
	// failing and outage are what the goroutine that exports has logged: that something
	// fails, and that the target is down.
	failing, outage condition

	drain  context.Context // ends when Shutdown gives up
	giveUp context.CancelFunc
	ended  chan struct{} // closed when there is nothing more to export

	flushing chan struct{} // holds a token while next.ForceFlush is under way
	shutting atomic.Bool   // Shutdown was called
	shut     chan struct{} // closed when Shutdown is done, but for the meter provider
	shutErr  error         // set before shut is closed
}

// New starts a relay to next, which the relay owns from then on. The relay calls Export
// from its own goroutine, never concurrently, and Shutdown shuts next down. next must not
// keep or change the data after Export has returned. If next retries by itself, turn that
// off, see the package documentation. A nil exporter, a nil option or a bad value is an
// error that says so; then next is still the caller's. [Relay.Shutdown] ends the goroutine.
func New(next sdkmetric.Exporter, opts ...Option) (*Relay, error) {
	c, err := newConfig(next, opts)
	if err != nil {
		return nil, err
	}
	r := &Relay{
		config: c, next: next,
		queue: queue{
			size: c.queueSize, maxMemory: c.maxMemory, batchSize: c.batchSize, batchAge: c.batchAge, wake: make(chan struct{}, 1),
		},
		flushing: make(chan struct{}, 1), ended: make(chan struct{}), shut: make(chan struct{}),
	}
	r.drain, r.giveUp = context.WithCancel(context.Background())
	r.self = r.startSelfMetrics()
	go r.run(newSchedule(&r.config))
	return r, nil
}

// Handle queues rm, which is the relay's from then on. It is meant as the handler of
// receiver.Listen. It never waits for the exporter: what finds no room in the queue is
// dropped as a whole, and so is everything after Shutdown; [Stats] counts it. Metrics
// without points, and data of a type that OpenTelemetry's metricdata does not have, are
// left out. A nil rm is ignored.
func (r *Relay) Handle(rm *metricdata.ResourceMetrics) {
	if rm == nil {
		return
	}
	if points := strip(rm); points > 0 {
		r.queue.offer(rm, points, sizeOfData(rm), time.Now())
	}
}

// Stats returns the books as of now.
func (r *Relay) Stats() Stats { return r.queue.stats() }

// ForceFlush exports what is queued at the time of the call, without waiting for the age of
// a batch, and then flushes next. It returns when the points are exported, have failed for
// good or are dropped by Shutdown, or when ctx ends; then the relay goes on with them.
// Requests that have failed keep their pauses. One call at a time flushes next, and others
// wait for it. The error is the last error of an Export meanwhile, joined with the error of
// next or of ctx. After Shutdown ForceFlush returns an error.
func (r *Relay) ForceFlush(ctx context.Context) error {
	f := r.queue.flush()
	if f == nil {
		return errShutdown
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		r.queue.forget(f)
		return ctx.Err()
	}
	if errors.Is(f.err, errShutdown) {
		return f.err
	}
	select {
	case r.flushing <- struct{}{}:
	case <-ctx.Done():
		return errors.Join(f.err, ctx.Err())
	}
	return errors.Join(f.err, until(ctx, func(ctx context.Context) error {
		defer func() { <-r.flushing }()
		return r.next.ForceFlush(ctx)
	}))
}

// Shutdown takes nothing in any more, exports what is queued, with retries, counts the rest
// as dropped, and shuts next down. It exports until ctx ends or, if ctx has no deadline,
// for five seconds. Requests that wait for a retry are tried at once, one time. Shutdown
// returns when ctx ends, even if next does not return. It waits for a tenth of a second at most
// until the meter provider lets go of the self-metrics.
//
// The error says how many points were not relayed since the call, and why; an error of next
// is joined to it. Close the receiver first, so that what it still holds is relayed. Later
// calls wait for the first and return the same error, or the error of their ctx if that
// ends before. If next or the logger calls Shutdown, it waits for itself until ctx ends.
func (r *Relay) Shutdown(ctx context.Context) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, shutdownTimeout)
		defer cancel()
	}
	if r.shutting.CompareAndSwap(false, true) {
		r.shutErr = r.shutdown(ctx)
		r.self.Silence()
		close(r.shut)
		r.self.Stop(ctx) // a callback that holds it up may wait for shut
		return r.shutErr
	}
	select {
	case <-r.shut: // done: ctx does not matter any more
		return r.shutErr
	default:
	}
	select {
	case <-r.shut:
		return r.shutErr
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *Relay) shutdown(ctx context.Context) error {
	before := r.queue.stats().Failed
	r.queue.close()
	select {
	case <-r.ended:
	case <-ctx.Done():
	}
	r.giveUp()
	var err error
	if left := r.queue.abandon(); left > 0 {
		if err = fmt.Errorf("otelgram: relay: %d points were not exported", left); ctx.Err() != nil {
			err = fmt.Errorf("%w in time: %w", err, context.Cause(ctx))
		}
	}
	if s := r.queue.stats(); s.Failed > before {
		err = errors.Join(err, fmt.Errorf("otelgram: relay: %d points failed: %s", s.Failed-before, s.LastError))
	}
	if e := until(ctx, r.next.Shutdown); e != nil {
		err = errors.Join(err, fmt.Errorf("otelgram: relay: Shutdown of the exporter: %w", e))
	}
	return err
}

// until calls f, which is foreign code and may not heed ctx. It returns the error of f, or
// the error of ctx if that ends before.
func until(ctx context.Context, f func(context.Context) error) error {
	result := make(chan error, 1)
	go func() {
		err := errExited
		defer func() { result <- err }()
		err = f(ctx)
	}()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
