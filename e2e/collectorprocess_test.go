package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/otelgram/otelgram/exporter"
)

// binaries is the directory of the programs that the tests have built; TestMain removes it.
var binaries = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "otelgram-e2e") })

// The Collector with the receiver of otelgram, and the example. Each is built when it is
// first asked for, without what only debuggers need.
var (
	distribution = program("otelcol-otelgram", filepath.Join("..", "collector"), "./cmd/otelcol-otelgram")
	example      = program("example", "..", "./example")
)

// program returns a function that builds a package of the module in a directory, once, and
// returns where the program is.
func program(name, module, pkg string) func() (string, error) {
	return sync.OnceValues(func() (string, error) {
		dir, err := binaries()
		if err != nil {
			return "", err
		}
		file := filepath.Join(dir, name)
		cmd := exec.Command("go", "build", "-buildvcs=false", "-ldflags=-s -w", "-o", file, pkg)
		cmd.Dir = module
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("build %s: %w: %s", pkg, err, out)
		}
		return file, nil
	})
}

// Ports for processes that cannot be given an open socket. They are below those that the
// system gives to outgoing connections, and tests that run at the same time in another
// process begin elsewhere.
const (
	firstPort     = 20000
	ports         = 12000
	portsAProcess = 64
)

var portsGiven atomic.Int64

// freePort returns a port that nobody listens on, neither over TCP nor over UDP.
func freePort(t *testing.T) int {
	t.Helper()
	for range ports {
		n := int64(os.Getpid())*portsAProcess + portsGiven.Add(1)
		port := firstPort + int(n%ports)
		address := net.JoinHostPort("", strconv.Itoa(port))
		stream, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		packet, err := net.ListenPacket("udp", address)
		require.NoError(t, stream.Close())
		if err != nil {
			continue
		}
		require.NoError(t, packet.Close())
		return port
	}
	require.FailNow(t, "no port is free")
	return 0
}

// local returns a free port of this machine, with its address.
func local(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", freePort(t))
}

// newExporter returns one that logs nothing and has no metrics of its own.
func newExporter(ctx context.Context, endpoint string, opts ...exporter.Option) (*exporter.Exporter, error) {
	return exporter.New(ctx, append([]exporter.Option{
		exporter.WithEndpoint(endpoint), exporter.WithMeterProvider(noop.NewMeterProvider()), exporter.WithLogger(slog.New(slog.DiscardHandler)),
	}, opts...)...)
}

// collectorProcess is a Collector that runs.
type collectorProcess struct {
	metrics string // where its own metrics are
	command *exec.Cmd
	log     bytes.Buffer // complete when it has ended
	ended   chan struct{}
	err     error // when it has ended
}

// startCollector starts a Collector with a configuration, which refers to the variables
// given, and returns when it is ready. It is killed at the end of the test if it still runs.
// What it logged is printed if the test has failed.
func startCollector(t *testing.T, config string, variables ...string) *collectorProcess {
	t.Helper()
	binary, err := distribution()
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "collector.yaml")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	health, metrics := local(t), freePort(t)
	c := &collectorProcess{metrics: fmt.Sprintf("http://127.0.0.1:%d/metrics", metrics), ended: make(chan struct{})}
	c.command = exec.Command(binary, "--config", file,
		"--config", "yaml:extensions::health_check::endpoint: "+health,
		"--config", "yaml:service::extensions: [health_check]",
		"--config", fmt.Sprintf("yaml:service::telemetry::metrics::readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: %d}}}}]", metrics))
	c.command.Env = append(os.Environ(), variables...)
	c.command.Stdout, c.command.Stderr = &c.log, &c.log
	require.NoError(t, c.command.Start())
	go func() {
		c.err = c.command.Wait()
		close(c.ended)
	}()
	t.Cleanup(func() {
		_ = c.command.Process.Kill() // unless it has ended
		<-c.ended
		if t.Failed() {
			t.Logf("the Collector's log:\n%s", c.log.String())
		}
	})
	eventually(t, 30*time.Second, func() error {
		select {
		case <-c.ended:
			require.FailNow(t, "the Collector does not start", "%v", c.err)
		default:
		}
		_, err := fetch("http://" + health)
		return err
	})
	return c
}

// terminate ends a Collector as a supervisor does: what it holds goes on its way before.
func (c *collectorProcess) terminate(t *testing.T) {
	t.Helper()
	c.signal(t, syscall.SIGTERM)
	require.NoError(t, c.err)
}

// kill ends a Collector at once: what it holds is gone.
func (c *collectorProcess) kill(t *testing.T) {
	t.Helper()
	c.signal(t, syscall.SIGKILL)
}

func (c *collectorProcess) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	require.NoError(t, c.command.Process.Signal(s))
	select {
	case <-c.ended:
	case <-time.After(30 * time.Second):
		require.FailNow(t, "the Collector does not end", "%v", s)
	}
}

// fetch returns what is served at a URL; another status than 200 is an error.
func fetch(url string) (string, error) {
	answer, err := http.Get(url)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = errors.New(answer.Status)
	}
	return string(body), err
}

// collectorBooks are what a Collector says of one of its receivers, in points.
type collectorBooks struct{ Sent, Received, Lost, Delivered, Rejected, Overrun, Accepted, Refused uint64 }

// allAccepted are the books of a receiver that has lost and refused nothing.
func allAccepted(points uint64) collectorBooks {
	return collectorBooks{Sent: points, Received: points, Delivered: points, Accepted: points}
}

// bookLine is a line of a Collector's own metrics about points.
var bookLine = regexp.MustCompile(`(?m)^otelcol_receiver_otelgram_([a-z]+)_points(?:_total)?\{([^}]*)\} (\S+)$`)

// books returns those of one receiver.
func (c *collectorProcess) books(receiver string) (b collectorBooks, err error) {
	served, err := fetch(c.metrics)
	if err != nil {
		return b, err
	}
	counts := map[string]*uint64{
		"sent": &b.Sent, "received": &b.Received, "lost": &b.Lost, "delivered": &b.Delivered, "rejected": &b.Rejected,
		"overrun": &b.Overrun, "accepted": &b.Accepted, "refused": &b.Refused,
	}
	found := 0
	for _, line := range bookLine.FindAllStringSubmatch(served, -1) {
		count := counts[line[1]]
		if count == nil || !strings.Contains(line[2], fmt.Sprintf("receiver=%q", receiver)) {
			continue
		}
		n, err := strconv.ParseFloat(line[3], 64)
		if err != nil {
			return b, err
		}
		*count += uint64(n)
		found++
	}
	if found == 0 {
		err = fmt.Errorf("no metrics of the receiver %s", receiver)
	}
	return b, err
}

// settle waits until a receiver has so many points and its books close, and returns them.
// Each is a count of its own: sent is what the senders say.
func (c *collectorProcess) settle(t *testing.T, receiver string, received uint64) (b collectorBooks) {
	t.Helper()
	eventually(t, 20*time.Second, func() (err error) {
		b, err = c.books(receiver)
		if err == nil && (b.Received != received || b.Sent != b.Received+b.Lost ||
			b.Received != b.Delivered+b.Rejected+b.Overrun || b.Delivered != b.Accepted+b.Refused) {
			err = fmt.Errorf("%s: want %d received and books that close: %+v", receiver, received, b)
		}
		return err
	})
	return b
}

// receives waits until a receiver has at least so many points.
func (c *collectorProcess) receives(t *testing.T, receiver string, points uint64) {
	t.Helper()
	eventually(t, 20*time.Second, func() error {
		b, err := c.books(receiver)
		if err == nil && b.Received < points {
			err = fmt.Errorf("%s: want %d received: %+v", receiver, points, b)
		}
		return err
	})
}
