package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/goleak"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/health"
	"github.com/otelgram/otelgram/internal/faultproxy"
	"github.com/otelgram/otelgram/internal/testsize"
	"github.com/otelgram/otelgram/receiver"
)

func TestMain(m *testing.M) {
	testsize.WaitTogether(8)
	// The HTTP client of the load keeps connections, which end with the server.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"))
}

var lastLine = regexp.MustCompile(`\nsent (\d+) received (\d+) lost 0 dropped 0\n$`)

func TestBooksCloseWithReceiverHere(t *testing.T) {
	t.Parallel()
	t.Run("SDK", func(t *testing.T) {
		t.Parallel()
		booksClose(t, settings{interval: 200 * time.Millisecond, verbose: true})
	})
	t.Run("direct", func(t *testing.T) {
		t.Parallel()
		booksClose(t, settings{interval: 200 * time.Millisecond, direct: true, verbose: true})
	})
}

func booksClose(t *testing.T, s settings) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	var out bytes.Buffer
	s.http = "127.0.0.1:0"
	w := &pageVisitor{t: t, out: &out}
	require.NoError(t, run(ctx, s, w))
	assert.Equal(t, "healthy", w.status, "the page was served while it ran")
	m := lastLine.FindStringSubmatch(out.String())
	require.NotNil(t, m, out.String())
	assert.Equal(t, m[1], m[2])
	n, err := strconv.Atoi(m[1])
	require.NoError(t, err)
	assert.Greater(t, n, 50)
	for _, name := range []string{
		"http.server.request.count", "http.server.active_requests", "http.server.request.duration ",
		preciseName, "go.memory.used", "go.goroutine.count", "http.route=/users",
	} {
		assert.Contains(t, out.String(), name)
	}
}

// pageVisitor asks for the health that the example says it serves, once.
type pageVisitor struct {
	t      *testing.T
	out    *bytes.Buffer
	status string
}

func (v *pageVisitor) Write(b []byte) (int, error) {
	if v.status == "" && strings.HasPrefix(string(b), "\nafter") {
		_, address, _ := strings.Cut(v.out.String(), "health of the telemetry: ")
		address, _, _ = strings.Cut(address, "\n")
		answer, err := http.Get(address)
		require.NoError(v.t, err)
		var r health.Report
		require.NoError(v.t, json.NewDecoder(answer.Body).Decode(&r))
		require.NoError(v.t, answer.Body.Close())
		v.status = r.Status.String()
	}
	return v.out.Write(b)
}

func TestReceiverElsewhere(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{}, 1000)
	r, err := receiver.Listen("127.0.0.1:0", func(*metricdata.ResourceMetrics) { arrived <- struct{}{} })
	require.NoError(t, err)
	// It ends while the reader exports, which is to lose nothing.
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	var out bytes.Buffer
	s := settings{interval: 100 * time.Millisecond, http: "127.0.0.1:0", endpoint: r.Addr().String()}
	require.NoError(t, run(ctx, s, &out))
	<-arrived
	assert.Regexp(t, `\nsent \d+ dropped 0: received and lost are in the books of the receiver\n$`, out.String())
	assert.Contains(t, out.String(), "sending to "+r.Addr().String()+": ")
	assert.Contains(t, out.String(), "http://localhost:9464/metrics")
	assert.Contains(t, out.String(), "\nhealth    healthy, circuit closed\n")
	assert.NotContains(t, out.String(), "receiver  ")
	require.NoError(t, r.Close())
}

// TestNobodyElsewhere: where nobody listens the example says so.
func TestNobodyElsewhere(t *testing.T) {
	t.Parallel()
	free, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, free.Close())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out bytes.Buffer
	w := writerFunc(func(b []byte) (int, error) {
		if bytes.Contains(b, []byte("health    unhealthy, circuit open\n")) {
			cancel()
		}
		return out.Write(b)
	})
	_ = run(ctx, settings{interval: 200 * time.Millisecond, http: "127.0.0.1:0", endpoint: free.LocalAddr().String()}, w) // it says what was lost last
	assert.Regexp(t, `\nhealth    unhealthy, circuit open\n {10}\S.*`, out.String())
}

// writerFunc is a function that is a writer.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// TestLoss: the receiver names exactly the points that were lost on purpose.
func TestLoss(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	var out bytes.Buffer
	require.NoError(t, run(ctx, settings{interval: 50 * time.Millisecond, http: "127.0.0.1:0", loss: 30, seed: 1}, &out))
	m := regexp.MustCompile(`\nnetwork .* lost (\d+) points in \d+ packets\n.*\nsent (\d+) received (\d+) lost (\d+) dropped 0\n$`).FindStringSubmatch(out.String())
	require.NotNil(t, m, out.String())
	assert.Equal(t, m[1], m[4])
	assert.NotEqual(t, "0", m[4])
	assert.Regexp(t, `\nafter .*\nexporter .*\nnetwork .*\nreceiver .*\n  go\.goroutine\.count `, out.String(), "the books come first")
	assert.NotRegexp(t, `\nafter .*\nexporter .*=`, out.String(), "books in motion may not add up")
	assert.Regexp(t, `\nthe books at the end\nexporter  offered \d+ = sent .*\nnetwork .*\nreceiver  sent \d+ = received `, out.String())
	assert.Regexp(t, `\n  http\.server\.request\.count .*\n  http\.server\.request\.duration .*\n.*\n  and \d+ more series of these metrics: -v shows all\n`, out.String(), "one series of each metric")
	for _, s := range []settings{{loss: -1}, {loss: 101}, {loss: 5, endpoint: "localhost:4319"}} {
		require.ErrorContains(t, run(ctx, s, &out), "-loss")
	}
}

// TestEncodings: each encoding reaches a server elsewhere, and Plain one in this process.
func TestEncodings(t *testing.T) {
	t.Parallel()
	rows := map[exporter.Encoding]string{
		exporter.StatsD:    "http.server.request.count.http_request_method.",
		exporter.DogStatsD: "|c|#http.request.method:",
		exporter.Influx:    "http.server.request.count,http.request.method=",
	}
	_, names, _ := strings.Cut(encodings(), "; with -endpoint also ")
	require.Len(t, rows, len(strings.Split(names, ", ")), "each of %s needs a row here", names)
	for encoding, want := range rows {
		t.Run(encoding.String(), func(t *testing.T) {
			t.Parallel()
			require.ErrorContains(t, run(t.Context(), settings{encoding: encoding}, nil), "-endpoint")
			require.ErrorContains(t, run(t.Context(), settings{encoding: encoding, endpoint: "localhost:1", loss: 1}, nil), "-loss")
			server, err := net.ListenPacket("udp", "127.0.0.1:0")
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			var out bytes.Buffer
			s := settings{interval: 100 * time.Millisecond, http: "127.0.0.1:0", endpoint: server.LocalAddr().String(), encoding: encoding}
			require.NoError(t, run(ctx, s, &out))
			cancel()
			assert.Contains(t, out.String(), "as "+encoding.String())
			buf := make([]byte, 1<<16)
			require.NoError(t, server.SetReadDeadline(time.Now().Add(30*time.Second)))
			text := ""
			for !strings.Contains(text, want) {
				n, _, err := server.ReadFrom(buf)
				require.NoError(t, err, text)
				text += string(buf[:n])
			}
			require.NoError(t, server.Close())
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	var out bytes.Buffer
	require.NoError(t, run(ctx, settings{interval: 100 * time.Millisecond, http: "127.0.0.1:0", encoding: exporter.Plain}, &out))
	assert.Contains(t, out.String(), "http.server.request.duration.count")
}

// TestHelpNamesEncodings: the help of -encoding follows the exporter's list.
func TestHelpNamesEncodings(t *testing.T) {
	assert.Equal(t, "compact, plain; with -endpoint also statsd, dogstatsd, influx", encodings())
}

func TestBadEndpoint(t *testing.T) {
	require.ErrorContains(t, run(t.Context(), settings{endpoint: "nowhere"}, nil), `want "nowhere:4319"`)
}

func TestClosed(t *testing.T) {
	good := exporter.Stats{Offered: 5, Sent: 4, Dropped: exporter.Dropped{Oversize: 1}}
	ok := receiver.Counts{Sent: 4, Received: 3, Lost: 1, Delivered: 1, Rejected: 1, Overrun: 1}
	require.NoError(t, closed(good, &ok, nil))
	require.NoError(t, closed(good, nil, nil))
	require.NoError(t, closed(good, &ok, &faultproxy.Books{Lost: faultproxy.Count{Points: 1}}))
	require.Error(t, closed(good, &ok, &faultproxy.Books{}), "nobody lost what is missing")
	queued := good
	queued.Queued = 1
	require.Error(t, closed(queued, nil, nil))
	miscounted := good
	miscounted.Offered = 6
	require.Error(t, closed(miscounted, &ok, nil))
	for _, bad := range []receiver.Counts{
		{Sent: 5, Received: 4, Lost: 1, Delivered: 4}, {Sent: 4, Received: 4, Lost: 1, Delivered: 4}, {Sent: 4, Received: 4, Delivered: 3},
	} {
		require.Error(t, closed(good, &bad, nil))
	}
}
