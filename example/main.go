// Command example is a small HTTP service, instrumented through the plain
// OpenTelemetry meter API, that puts load on itself, sends its metrics over UDP
// to a receiver in the same process (or elsewhere, with -endpoint) and prints once
// a second the books of both ends and, of each metric that arrives, one series; with -v
// all series. It ends by itself after 15 seconds, or after the time that -for says.
//
//	go run ./example
//	go run ./example -v
//	go run ./example -direct
//	go run ./example -loss 5
//	go run ./example -for 0 -endpoint localhost:4319
//	go run ./example -encoding statsd -endpoint localhost:8125
//
// With -endpoint it says where to look at what arrives, which it cannot see itself. To
// have a Collector there, in another terminal:
//
//	cd collector && go run ./cmd/otelcol-otelgram --config config/try.yaml
//
// It ends with exit status 0 only if the books close: every point offered was
// sent or counted as dropped, every point sent arrived or is known to be lost.
// With -loss it loses packets on the way itself, and demands that the receiver
// knows exactly which points they held.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/health"
	"github.com/otelgram/otelgram/internal/faultproxy"
	"github.com/otelgram/otelgram/receiver"
)

type settings struct {
	direct   bool
	duration time.Duration
	interval time.Duration
	endpoint string
	encoding exporter.Encoding
	http     string  // host:port of the service
	loss     float64 // percent
	seed     uint64
	verbose  bool
}

func main() {
	var s settings
	flag.DurationVar(&s.duration, "for", 15*time.Second, "how long to run; 0: until interrupted")
	flag.DurationVar(&s.interval, "interval", time.Second, "how often to export and to print")
	flag.BoolVar(&s.direct, "direct", false, "record on the direct path instead of through the SDK")
	flag.StringVar(&s.endpoint, "endpoint", "", "host:port of a receiver elsewhere; empty: one in this process")
	flag.TextVar(&s.encoding, "encoding", exporter.Compact, "what to send: "+encodings())
	flag.StringVar(&s.http, "http", "localhost:0", "host:port of the service itself, with its /health page")
	flag.Float64Var(&s.loss, "loss", 0, "percent of the packets to lose on the way to the receiver in this process")
	flag.Uint64Var(&s.seed, "seed", 1, "what decides which packets are lost")
	flag.BoolVar(&s.verbose, "v", false, "print all series that arrive, not one of each metric")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if s.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.duration)
		defer cancel()
	}
	if err := run(ctx, s, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "example:", err)
		os.Exit(1)
	}
}

// elsewhere says what happens where the receiver is not in this process.
const elsewhere = `sending to %s: http.server.request.count, http.server.request.duration and
others, of service.name otelgram-example. What arrives is not seen from here. If a Collector
listens there that runs collector/config/try.yaml, look at
  http://localhost:9464/metrics  for the points, as Prometheus reads them: http_server_...
  http://localhost:8888/metrics  for its books: otelcol_receiver_otelgram_...
  its log                        for a line with each batch
`

// otherServer says what happens where the server is not ours.
const otherServer = `sending to %s as %s: http.server.request.count, http.server.request.duration and
others, of service.name otelgram-example. What arrives is not seen from here.
`

// ends are what the example looks at: the exporter, and what is in this process
// of what comes behind it.
type ends struct {
	encoding exporter.Encoding
	exporter *exporter.Exporter
	proxy    *faultproxy.Proxy  // nil: nothing is lost on purpose
	receiver *receiver.Receiver // nil: it is elsewhere
}

// run starts receiver, exporter and service, prints until ctx ends, and closes
// the books.
func run(ctx context.Context, s settings, out io.Writer) error {
	if s.encoding == 0 {
		s.encoding = exporter.Compact
	}
	if err := s.validate(); err != nil {
		return err
	}
	seen := newArrivals()
	e := ends{encoding: s.encoding}
	if s.endpoint == "" {
		r, err := receiver.Listen("localhost:0", seen.add)
		if err != nil {
			return err
		}
		defer func() { _ = r.Close() }() // the process ends
		e.receiver, s.endpoint = r, r.Addr().String()
	}
	if s.loss > 0 {
		// Reports are spared: without the goodbye nobody would know when the
		// books are complete.
		p, err := faultproxy.Listen(s.endpoint, s.seed, faultproxy.Faults{Loss: s.loss / 100, SpareReports: true})
		if err != nil {
			return err
		}
		defer p.Close()
		e.proxy, s.endpoint = p, p.Addr()
	}
	exp, err := exporter.New(ctx, exporter.WithEndpoint(s.endpoint), exporter.WithFlushInterval(s.interval), exporter.WithEncoding(s.encoding))
	if err != nil {
		return err
	}
	e.exporter = exp
	provider := throughSDK
	if s.direct {
		provider = direct
	}
	mp, shutdown := provider(exp, s.interval)
	service, err := newService(mp.Meter("github.com/otelgram/otelgram/example"))
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", s.http)
	if err != nil {
		return errors.Join(err, shutdown(ctx))
	}
	fmt.Fprintf(out, "health of the telemetry: http://%s/health\n", listener.Addr())
	switch {
	case s.lines():
		fmt.Fprintf(out, otherServer, s.endpoint, s.encoding)
	case e.receiver == nil:
		fmt.Fprintf(out, elsewhere, s.endpoint)
	}
	served := make(chan error, 1)
	go func() {
		served <- service.run(ctx, listener, health.Handler(exp, health.WithTitle("otelgram example")))
	}()
	show(ctx, s, out, func() {
		e.printMoving(out)
		seen.print(out, s.verbose)
	})
	if err := <-served; err != nil {
		return err
	}
	// ctx has ended; Shutdown bounds itself.
	if err := shutdown(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	return e.closeBooks(out)
}

// lines reports whether what is sent is for a server that is not ours.
func (s *settings) lines() bool { return s.encoding > exporter.Plain }

// encodings returns the names of all encodings: first those that a receiver in this process
// takes, then the others.
func encodings() string {
	var here, elsewhere []string
	for e := exporter.Compact; new(exporter.Encoding).UnmarshalText([]byte(e.String())) == nil; e++ {
		if s := (settings{encoding: e}); s.lines() {
			elsewhere = append(elsewhere, e.String())
		} else {
			here = append(here, e.String())
		}
	}
	return strings.Join(here, ", ") + "; with -endpoint also " + strings.Join(elsewhere, ", ")
}

// validate names the first flag with a value that is not allowed.
func (s *settings) validate() error {
	switch {
	case s.loss < 0 || s.loss > 100 || s.loss > 0 && s.endpoint != "":
		return fmt.Errorf("-loss %v: must be from 0 to 100, and not with -endpoint, where the receiver is elsewhere", s.loss)
	case s.loss > 0 && s.encoding != exporter.Compact:
		return fmt.Errorf("-loss %v: in the encoding %s nobody knows which points were lost", s.loss, s.encoding)
	case s.lines() && s.endpoint == "":
		return fmt.Errorf("-encoding %s: there is no server for it in this process: say where one is with -endpoint", s.encoding)
	}
	return nil
}

// throughSDK returns the SDK's meter provider with exp registered, and what
// shuts both down.
func throughSDK(exp *exporter.Exporter, interval time.Duration) (metric.MeterProvider, func(context.Context) error) {
	mp := sdkmetric.NewMeterProvider(
		sdkmetric.WithReader(sdkmetric.NewPeriodicReader(exp, sdkmetric.WithInterval(interval))),
		sdkmetric.WithResource(resource.NewSchemaless(attribute.String("service.name", "otelgram-example"))),
		sdkmetric.WithView(base2View),
	)
	return mp, mp.Shutdown
}

// direct returns the exporter's own meter provider: all that differs.
func direct(exp *exporter.Exporter, _ time.Duration) (metric.MeterProvider, func(context.Context) error) {
	return exp.MeterProvider(), exp.Shutdown
}

// show prints once an interval until ctx ends.
func show(ctx context.Context, s settings, out io.Writer, print func()) {
	start := time.Now()
	tick := time.NewTicker(s.interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			fmt.Fprintf(out, "\nafter %v, to %s\n", time.Since(start).Round(time.Second), s.endpoint)
			print()
		case <-ctx.Done():
			return
		}
	}
}
