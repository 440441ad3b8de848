package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/receiver"
	"github.com/otelgram/otelgram/relay"
)

// roleVariable names what a process is that runs this test binary: one of roles.
const roleVariable = "OTELGRAM_E2E_ROLE"

// roles are the processes of the chain. Each calls ready when it is up, with where it is
// reached, works until its input ends, and returns its books.
var roles = map[string]func(argument string, ready func(address string)) (report, error){
	"endpoint": runEndpoint, "relay": runRelay, "service": runService,
}

// report is what a process says when it ends.
type report struct {
	CPU      time.Duration // user and system time since it was up
	Points   uint64        // of the endpoint, or of a service that exports OTLP: taken, exported
	Exporter exporter.Stats
	Receiver receiver.Stats
	Relay    relay.Stats
}

func TestMain(m *testing.M) {
	role, is := roles[os.Getenv(roleVariable)]
	if !is {
		os.Exit(runTests(m))
	}
	var before time.Duration
	r, err := role(os.Args[1], func(address string) {
		before = cpu()
		fmt.Println(address)
	})
	r.CPU = cpu() - before
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(r)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// runTests runs the tests, with the names that they use, and removes what they have built.
func runTests(m *testing.M) int {
	net.DefaultResolver = resolver
	code := m.Run()
	if dir, err := binaries(); err == nil {
		_ = os.RemoveAll(dir) // it is in the directory for temporary files
	}
	return code
}

// cpu is what this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// inputEnds waits for the end of the standard input.
func inputEnds() { _, _ = io.Copy(io.Discard, os.Stdin) }

func runEndpoint(_ string, ready func(string)) (report, error) {
	e, err := newEndpoint(context.Background())
	if err != nil {
		return report{}, err
	}
	ready(e.address)
	inputEnds()
	return report{Points: e.points.Load()}, e.Shutdown(context.Background())
}

func runRelay(url string, ready func(string)) (report, error) {
	ctx := context.Background()
	next, err := newOTLPRelay(ctx, url)
	if err != nil {
		return report{}, err
	}
	r, err := receiver.Listen("127.0.0.1:0", next.Handle, receiver.WithMeterProvider(noop.NewMeterProvider()))
	if err != nil {
		return report{}, err
	}
	ready(r.Addr().String())
	inputEnds()
	// What the services sent, their goodbyes included, may still be in the socket.
	known := func(s receiver.Stats) bool {
		open := slices.ContainsFunc(s.Sessions, func(s receiver.Session) bool { return !s.Closed })
		return !open && s.Points.Received+s.Points.Lost == s.Points.Sent
	}
	for end := time.Now().Add(10 * time.Second); !known(r.Stats()) && time.Now().Before(end); {
		<-time.After(10 * time.Millisecond)
	}
	if err := r.Close(); err != nil {
		return report{}, err
	}
	err = next.Shutdown(ctx)
	return report{Receiver: r.Stats(), Relay: next.Stats()}, err
}

// workload is what a service does, once a second: so many counters, each with a hundred
// series, which it then exports to one of the two.
type workload struct {
	Otelgram, OTLP string
	Counters       int
}

func runService(argument string, ready func(string)) (report, error) {
	var w workload
	if err := json.Unmarshal([]byte(argument), &w); err != nil {
		return report{}, err
	}
	ctx := context.Background()
	next, stats, err := w.exporter(ctx)
	if err != nil {
		return report{}, err
	}
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(next, sdkmetric.WithInterval(time.Second))))
	counters := make([]metric.Int64Counter, w.Counters)
	for i := range counters {
		if counters[i], err = mp.Meter("e2e").Int64Counter(fmt.Sprint("requests.", i)); err != nil {
			return report{}, err
		}
	}
	var sets []metric.MeasurementOption
	for i := range 100 {
		sets = append(sets, metric.WithAttributeSet(attribute.NewSet(attribute.Int("route", i), attribute.String("method", "GET"))))
	}
	over := make(chan struct{})
	go func() {
		inputEnds()
		close(over)
	}()
	ready("")
	for tick := time.NewTicker(time.Second); ; {
		for _, c := range counters {
			for _, set := range sets {
				c.Add(ctx, 1, set)
			}
		}
		select {
		case <-tick.C:
		case <-over:
			err := mp.Shutdown(ctx)
			return stats(), err
		}
	}
}

// exporter returns the exporter of a workload and what it reports.
func (w *workload) exporter(ctx context.Context) (sdkmetric.Exporter, func() report, error) {
	if w.OTLP != "" {
		next, err := newOTLP(ctx, w.OTLP)
		c := &counting{Exporter: next}
		return c, func() report { return report{Points: c.points} }, err
	}
	// Packets are as large as over Ethernet.
	exp, err := exporter.New(ctx, exporter.WithEndpoint(w.Otelgram), exporter.WithMaxPacketSize(1472),
		exporter.WithMeterProvider(noop.NewMeterProvider()), exporter.WithLogger(slog.New(slog.DiscardHandler)))
	return exp, func() report { return report{Exporter: exp.Stats()} }, err
}

// child is a process of the chain.
type child struct {
	address string
	in      io.Closer
	out     *bufio.Scanner
	command *exec.Cmd
}

func start(t *testing.T, role, argument string) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0], argument)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	c := &child{in: in, out: bufio.NewScanner(out), command: cmd}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // unless it has ended
		_ = cmd.Wait()
	})
	require.True(t, c.out.Scan(), "%s does not start", role)
	c.address = c.out.Text()
	return c
}

// end closes the input of a process and returns its books.
func (c *child) end(t *testing.T) report {
	t.Helper()
	require.NoError(t, c.in.Close())
	require.True(t, c.out.Scan(), "no books")
	var r report
	require.NoError(t, json.Unmarshal(c.out.Bytes(), &r))
	require.NoError(t, c.command.Wait())
	return r
}
