package exporter

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/otelgram/otelgram/health"
	"github.com/otelgram/otelgram/internal/session"
	"github.com/otelgram/otelgram/wire"
)

// TestAged: an old report says that it is old, and is at best degraded.
func TestAged(t *testing.T) {
	for status := health.Unhealthy; status <= health.Healthy; status++ {
		r := health.Report{Status: status, Healthy: status != health.Unhealthy, Issues: []string{"before"}}
		assert.Equal(t, r, aged(r, staleAfter), "not yet")
		old := aged(r, staleAfter+time.Second)
		assert.Equal(t, min(status, health.Degraded), old.Status)
		assert.Equal(t, old.Status != health.Unhealthy, old.Healthy)
		assert.Equal(t, []string{"before", "the exporter has not looked at itself for 6s: something holds it up"}, old.Issues)
	}
}

// TestDroppedHasAFieldForEachReason: the fields are in the order of the reasons, and named
// like them.
func TestDroppedHasAFieldForEachReason(t *testing.T) {
	fields := reflect.TypeFor[Dropped]()
	require.Equal(t, wire.DropReasons, fields.NumField())
	counters, total := [wire.DropReasons]uint64{}, uint64(0)
	for r := range wire.DropReason(wire.DropReasons) {
		name := strings.ReplaceAll(strings.ToLower(r.String()), "_", "")
		assert.Equal(t, name, strings.ToLower(fields.Field(int(r)).Name))
		counters[r] = 1 << r
		total += 1 << r
	}
	d := droppedBy(counters)
	assert.Equal(t, counters, d.byReason())
	assert.Equal(t, uint64(1)<<wire.Deadline, d.Deadline)
	assert.Equal(t, total, d.Total())
}

// TestReasonsInTheDocuments: the README's table has the rows of package wire, and the alert
// rules and Health agree on which reasons are about data points.
func TestReasonsInTheDocuments(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	want := "| reason | what happened | what to do |\n|---|---|---|\n"
	var leaving []string
	for r := range wire.DropReason(wire.DropReasons) {
		want += fmt.Sprintf("| `%v` | %s | %s |\n", r, r.Meaning(), r.Remedy())
		if r.Stage() == wire.Leaving {
			leaving = append(leaving, r.String())
		}
	}
	_, table, _ := strings.Cut(string(readme), "| reason |")
	table, _, _ = strings.Cut("| reason |"+table, "\n\n")
	assert.Equal(t, want, table+"\n", "README.md has to say what the table in wire/reason.go says")

	rules, err := os.ReadFile("../docs/alerts.yml")
	require.NoError(t, err)
	selected := regexp.MustCompile(`reason=~"([a-z_|]+)"`).FindAllStringSubmatch(string(rules), -1)
	require.NotEmpty(t, selected)
	slices.Sort(leaving)
	for _, s := range selected {
		assert.Equal(t, leaving, slices.Sorted(slices.Values(strings.Split(s[1], "|"))), "docs/alerts.yml has to select the reasons of stage Leaving in wire/reason.go: %s", s[0])
	}
}

// TestSample: the monitor gets the exports that were settled, and for each reason what to
// do about it, as text and not as Markdown.
func TestSample(t *testing.T) {
	e, err := New(t.Context(), WithEndpoint("127.0.0.1:1"), WithLogger(slog.New(slog.DiscardHandler)), WithFlushInterval(time.Hour))
	require.NoError(t, err)
	for n := uint64(1); n <= 3; n++ {
		e.RecordMetric("n", 1)
		require.NoError(t, e.ForceFlush(t.Context()))
		require.Eventually(t, func() bool { return e.sample(time.Now(), health.Latency{}).Exports == n }, 30*time.Second, time.Millisecond)
	}
	s := e.sample(time.Now(), health.Latency{})
	require.Len(t, s.Dropped, wire.DropReasons)
	for i, d := range s.Dropped {
		r := wire.DropReason(i)
		assert.Equal(t, health.Dropped{Reason: r.String(), Points: d.Points, Leaving: r.Stage() == wire.Leaving, Remedy: strings.ReplaceAll(r.Remedy(), "`", "")}, d)
		assert.NotEmpty(t, d.Remedy)
		assert.NotContains(t, d.Remedy, "`")
	}
	require.Eventually(t, func() bool { return len(e.HealthHistory().Rows) > 1 }, 30*time.Second, 10*time.Millisecond)
	_ = e.Shutdown(t.Context()) // no receiver listens there
}

// TestLastObservationIsTold: what the last observation has to tell is told, also if the context of
// Shutdown has ended.
func TestLastObservationIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &Exporter{notices: newNotices(), watching: newGoroutine(), telling: newGoroutine()}
		go e.tell()
		told := false
		go func() {
			defer close(e.watching.done)
			<-e.watching.stop
			<-time.After(lastNotices / 2)
			e.notify(func() { told = true })
		}()
		over, cancel := context.WithCancel(t.Context())
		cancel()
		e.watching.end(over)
		e.endTelling(over)
		assert.True(t, told)
	})
}

// TestShutdownAgain: a later call waits for the first until its context ends, and for five seconds
// without a deadline. It does not wait for what is done.
func TestShutdownAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &Exporter{closed: make(chan struct{})}
		e.closing.Store(true)
		begin := time.Now()
		require.ErrorIs(t, e.Shutdown(t.Context()), context.DeadlineExceeded)
		assert.Equal(t, 5*time.Second, time.Since(begin))
		over, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, e.Shutdown(over), context.Canceled)
		close(e.closed)
		for range 100 {
			require.NoError(t, e.Shutdown(over))
		}
	})
}

// letting is a provider whose Unregister notes whether a later Shutdown would wait for it.
type letting struct {
	noop.MeterProvider
	noop.Registration
	exporter *Exporter
	closed   chan bool // has room for one
}

func (l *letting) Meter(string, ...metric.MeterOption) metric.Meter { return lettingMeter{letting: l} }

type lettingMeter struct {
	noop.Meter
	letting *letting
}

func (m lettingMeter) RegisterCallback(metric.Callback, ...metric.Observable) (metric.Registration, error) {
	return m.letting, nil
}

func (l *letting) Unregister() error {
	select {
	case <-l.exporter.closed:
		l.closed <- true
	default:
		l.closed <- false
	}
	return nil
}

// TestNobodyWaitsForTheProvider but the first Shutdown: a callback that holds up the provider may
// call a later one.
func TestNobodyWaitsForTheProvider(t *testing.T) {
	l := &letting{closed: make(chan bool, 1)}
	e, err := New(t.Context(), WithEndpoint("127.0.0.1:1"), WithMeterProvider(l))
	require.NoError(t, err)
	l.exporter = e
	require.NoError(t, e.Shutdown(t.Context()))
	assert.True(t, <-l.closed)
}

// TestProbesAreDebug: an outage is two lines in the log, however long it lasts.
func TestProbesAreDebug(t *testing.T) {
	for from, tos := range map[session.Circuit]map[session.Circuit]string{
		session.CircuitClosed:   {session.CircuitOpen: "WARN"},
		session.CircuitOpen:     {session.CircuitHalfOpen: "DEBUG"},
		session.CircuitHalfOpen: {session.CircuitOpen: "DEBUG", session.CircuitClosed: "INFO"},
	} {
		for to, want := range tos {
			var log bytes.Buffer // only tell writes to it, and has ended when it is read
			e, err := New(t.Context(), WithEndpoint("127.0.0.1:1"), WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
			require.NoError(t, err)
			e.circuitChanged(from, to)
			_ = e.Shutdown(t.Context())
			<-e.telling.done
			assert.Regexp(t, "(?m)^.*level="+want+" msg=\"otelgram: circuit breaker "+to.String()+"\" was="+from.String()+" ", log.String())
		}
	}
}
