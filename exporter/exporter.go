package exporter

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/health"
	"github.com/otelgram/otelgram/internal/pipeline"
	"github.com/otelgram/otelgram/internal/session"
	"github.com/otelgram/otelgram/udp"
)

// shutdownTimeout bounds a Shutdown whose context has no deadline.
const shutdownTimeout = 5 * time.Second

// Exporter sends metrics over UDP. It implements the SDK's
// [sdkmetric.Exporter]; all methods are safe for concurrent use.
type Exporter struct {
	config     config
	selected   selected
	resource   *resource.Resource // of the direct path
	pipeline   *pipeline.Pipeline
	directPath directPath

	self    selfMetrics
	monitor *health.Monitor
	seen    latencySeen // belongs to watch
	notices notices     // told by tell

	watching goroutine // watch
	telling  goroutine // tell
	closing  atomic.Bool
	closed   chan struct{} // closed when Shutdown is done
}

// goroutine is one of the exporter's own: stop is closed to end it, done when it has ended.
type goroutine struct{ stop, done chan struct{} }

func newGoroutine() goroutine { return goroutine{make(chan struct{}), make(chan struct{})} }

// end ends the goroutine and waits for it until ctx ends.
func (g *goroutine) end(ctx context.Context) {
	close(g.stop)
	_ = await(ctx, g.done)
}

// await waits until done is closed or ctx ends. If done is closed already, it does not look at
// ctx.
func await(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	default:
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

var _ sdkmetric.Exporter = (*Exporter)(nil)

// New starts an exporter: one socket, and goroutines that send, dial, watch and log. The direct
// path adds two when it is first used. [Exporter.Shutdown] ends them.
//
// A value that is not allowed is an error that names the option and the value. A name that does
// not resolve yet, or cannot be dialled, is no error, see [WithEndpoint]: New waits for a socket
// for a quarter of a second, or until ctx ends. ctx has no other effect: the exporter runs on
// when it ends. New asks the selectors, and puts the resource of the direct path together,
// before it returns.
func New(ctx context.Context, opts ...Option) (*Exporter, error) {
	c, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	// Whatever is not otelgram's own is called here, and not again where somebody
	// records: it may call the exporter.
	e := &Exporter{
		config: c, selected: ask(c.temporality, c.aggregation), resource: directResource(c.resource),
		notices: newNotices(), watching: newGoroutine(), telling: newGoroutine(), closed: make(chan struct{}),
	}
	e.pipeline, err = pipeline.New(ctx, pipeline.Config{
		BufferSize:  c.bufferSize,
		BatchSize:   c.batchSize,
		MaxBatchAge: c.maxBatchAge,
		NewEncoder:  c.newEncoder(),
		Strategy:    c.strategy,
		Memory:      c.memory(),
		NoInterning: c.noInterning,
		Report:      e.report,
		Session:     e.sessionConfig(),
	})
	if err != nil {
		return nil, err
	}
	e.monitor = health.NewMonitor(e.healthConfig())
	e.self.start(e)
	e.observe(time.Now(), false)
	go e.watch()
	go e.tell()
	return e, nil
}

// sessionConfig is what the sending end needs to know.
func (e *Exporter) sessionConfig() session.Config {
	c := &e.config
	var socket []udp.Option
	if c.noSegmentation {
		socket = append(socket, udp.WithoutSegmentationOffload())
	}
	return session.Config{
		PacketSize:       c.maxPacketSize(),
		ServerTakes:      encodings[c.encoding].serverTakes,
		PacketsPerSecond: c.packetsPerSecond,
		Burst:            c.burst,
		Breaker: session.BreakerConfig{
			Disabled: !c.breaker.Enabled, Failures: c.breaker.FailureThreshold, Timeout: c.breaker.Timeout,
		},
		OnCircuit: e.circuitChanged,
		OnDial:    e.dialChanged,
		Resolve:   func(ctx context.Context) ([]udp.Address, error) { return udp.Resolve(ctx, c.endpoint) },
		Dial:      func(_ context.Context, to udp.Address) (session.Socket, error) { return udp.DialAddress(to, socket...) },
	}
}

// Temporality returns the temporality for a kind of instrument: what the selector
// answered in New.
func (e *Exporter) Temporality(k sdkmetric.InstrumentKind) metricdata.Temporality {
	if t, ok := e.selected.temporality[k]; ok {
		return t
	}
	return e.config.temporality(k)
}

// Aggregation returns the aggregation for a kind of instrument: what the selector
// answered in New.
func (e *Exporter) Aggregation(k sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	if a, ok := e.selected.aggregation[k]; ok {
		return a
	}
	return e.config.aggregation(k)
}

// Export hands the points of rm over. It copies what it needs, and waits for room in the point
// queue until ctx ends. The points without room by then are dropped as deadline. ctx bounds the
// waiting alone: if it has ended already, what has room is handed over all the same, and the
// error of ctx is returned.
//
// The error is that of ctx, or [sdkmetric.ErrExporterShutdown], or names data that has no wire
// form, once for each metric: those points are dropped as encode. Points that are lost later are
// no error of Export; [Exporter.Stats] counts them. nil means handed over, not delivered.
func (e *Exporter) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	begin := time.Now()
	err := e.pipeline.Export(ctx, rm)
	e.self.exported(ctx, time.Since(begin), err)
	return err
}

// ForceFlush returns when every point that was handed over before is sent or counted as dropped,
// or when ctx ends, with its error. First it collects a point of every series of the direct
// path. If callbacks do not return in time, that is an error, too, and nothing waits for them.
func (e *Exporter) ForceFlush(ctx context.Context) error {
	return errors.Join(e.directPath.flush(ctx), e.pipeline.Flush(ctx))
}

// Shutdown collects the last points of the direct path, takes no more points, and sends what is
// queued at the usual pace, until ctx ends, or for five seconds if ctx has no deadline. Then it
// tells the receiver goodbye, and releases the socket and the goroutines. It waits for a tenth of
// a second at most for a logger or an alert, and for another tenth at most until the meter
// provider lets go of the self-metrics. If ctx has ended already, what is queued is dropped. A later call
// waits for the first and returns nil, or an error when its own ctx ends, or after five seconds
// if ctx has no deadline. A ForceFlush just before Shutdown has each cumulative series sent
// twice.
//
// The error says
//   - how many points were not sent since the call, by reason;
//   - what keeps the endpoint from being dialled, if there never was a socket and points were
//     lost for that, also before the call;
//   - how often connections were refused since the call, if any point was ever sent: then
//     nobody listened, and what was sent last is lost.
func (e *Exporter) Shutdown(ctx context.Context) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, shutdownTimeout)
		defer cancel()
	}
	if !e.closing.CompareAndSwap(false, true) {
		return await(ctx, e.closed)
	}
	e.self.muted.Store(true)
	e.pipeline.BeginClose()
	e.directPath.close(ctx)         // hands over the last points of its series
	unsent := e.pipeline.Close(ctx) // sends what is queued, says goodbye
	e.watching.end(ctx)             // observes the exporter for the last time
	e.endTelling(ctx)               // logs and alerts what is left to
	e.self.observed.Silence()
	close(e.closed)
	e.self.observed.Stop(ctx) // a callback that holds it up may wait for closed
	return unsent
}

// MarshalLog returns what describes the exporter in OpenTelemetry's logs.
func (e *Exporter) MarshalLog() any {
	return struct {
		Type       string
		Endpoint   string
		Encoding   string
		BufferSize int
		PacketSize int
	}{"otelgram", e.config.endpoint, e.config.encoding.String(), e.config.bufferSize, e.Stats().PacketSize}
}
