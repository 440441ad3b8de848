package relay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// refuses returns a function that refuses all data until a time, and after that only data
// of services with this prefix.
func refuses(prefix string, until time.Time) func(*metricdata.ResourceMetrics) error {
	return func(rm *metricdata.ResourceMetrics) error {
		if time.Now().Before(until) || strings.HasPrefix(service(rm), prefix) {
			return errTarget
		}
		return nil
	}
}

// TestRecovers: after an outage the points of good services arrive at their pace, although
// a stranger all the time sends data that the target refuses, in the name of ever new
// services.
func TestRecovers(t *testing.T) {
	const good = 5
	const outage, settling, seconds = 600, 600, 300 // the points of the last 300 are counted
	for _, bad := range []int{1, 10} {
		t.Run(fmt.Sprint(bad), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRelay(t, &target{refuse: refuses("bad", time.Now().Add(outage*time.Second))})
				var before uint64
				for i := range outage + settling + seconds {
					if i == outage+settling {
						before = balanced(t, r).Relayed
					}
					for k := range good {
						r.Handle(points(named(fmt.Sprint("good ", k)), i, 1))
					}
					for k := range bad {
						r.Handle(points(named(fmt.Sprint("bad ", i, " ", k)), i, 1))
					}
					<-time.After(time.Second)
				}
				assert.InDelta(t, good*seconds, balanced(t, r).Relayed-before, good*3*defaultMaxBackoff.Seconds())
				require.Error(t, r.Shutdown(t.Context()))
			})
		})
	}
}

// TestOneFails: one resource that the target refuses does not make the target look as if it
// were down, although each of its requests is given up at once.
func TestOneFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := &target{refuse: refuses("bad", time.Now())}
		r := newRelay(t, x, WithRetry(RetryConfig{MaxAttempts: 1}))
		for i := range 30 {
			r.Handle(points(named("bad"), i, 1))
			<-time.After(defaultBatchAge)
			synctest.Wait()
			assert.Equal(t, i+1, x.calls())
		}
		require.NoError(t, r.Shutdown(t.Context()))
	})
}

// TestShutdownTries: Shutdown does not wait for the pauses. What the target would take by
// now is tried once, although the target counts as down.
func TestShutdownTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const services = 50
		begin := time.Now()
		up := begin.Add(2 * time.Minute)
		x := &target{refuse: refuses("bad", up)}
		r := newRelay(t, x, WithBatchSize(20), WithRetry(RetryConfig{InitialBackoff: time.Hour, MaxElapsed: 24 * time.Hour}))
		for range 2 {
			for k := range services {
				r.Handle(points(named(fmt.Sprint("bad ", k)), 0, 1))
				r.Handle(points(named(fmt.Sprint("good ", k)), 0, 1))
			}
			<-time.After(time.Until(up) + time.Millisecond)
		}
		require.Zero(t, balanced(t, r).Relayed)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.ErrorContains(t, r.Shutdown(ctx), "100 points were not exported in time")
		s := balanced(t, r)
		assert.Equal(t, [2]uint64{2 * services, 2 * services}, [2]uint64{s.Relayed, s.Dropped.Shutdown})
		assert.LessOrEqual(t, s.Requests, uint64(3*services+downAfter))
	})
}

// TestExits: an Export, a logger or a function of WithRetryable that exits its goroutine
// costs the points of the request, and nothing else.
func TestExits(t *testing.T) {
	for name, exits := range map[string]string{"Export": "export", "logger": "log", "retryable": "retryable"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				once := true
				at := func(place string) {
					if place == exits && once {
						once = false
						runtime.Goexit()
					}
				}
				x := &target{refuse: func(*metricdata.ResourceMetrics) error {
					if exits == "export" {
						return nil
					}
					if once {
						return errTarget
					}
					return nil
				}}
				next := exiting{x, at}
				r := newRelay(t, next, WithLogger(slog.New(loggerExits{slog.DiscardHandler, at})),
					WithRetryable(func(error) bool { at("retryable"); return true }))
				r.Handle(points(named("a"), 0, 3))
				require.ErrorIs(t, r.ForceFlush(t.Context()), errExited)
				r.Handle(points(named("a"), 0, 4))
				require.NoError(t, r.ForceFlush(t.Context()))
				s := balanced(t, r)
				assert.Equal(t, [3]uint64{4, 3, 0}, [3]uint64{s.Relayed, s.Failed, s.Queued})
				assert.Equal(t, errExited.Error(), s.LastError)
				require.NoError(t, r.Shutdown(t.Context()))
			})
		})
	}
}

// exiting is a target whose Export may exit its goroutine.
type exiting struct {
	*target
	at func(place string)
}

func (x exiting) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	x.at("export")
	return x.target.Export(ctx, rm)
}

// loggerExits is a logger that may exit its goroutine.
type loggerExits struct {
	slog.Handler
	at func(place string)
}

func (loggerExits) Enabled(context.Context, slog.Level) bool { return true }

func (l loggerExits) Handle(context.Context, slog.Record) error {
	l.at("log")
	return nil
}

// TestFlushExits: a ForceFlush or Shutdown of next that exits its goroutine is an error.
func TestFlushExits(t *testing.T) {
	x := &target{flushing: runtime.Goexit, closing: func(context.Context) error { runtime.Goexit(); return nil }}
	r := newRelay(t, x)
	require.ErrorIs(t, r.ForceFlush(t.Context()), errExited)
	require.ErrorIs(t, r.ForceFlush(t.Context()), errExited)
	require.ErrorIs(t, r.Shutdown(t.Context()), errExited)
}

// TestShutdownChanged: if a caller changes data after it has handed it over, the error is
// readable.
func TestShutdownChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRelay(t, &target{})
		rm := points(named("a"), 0, 5)
		r.Handle(rm)
		rm.ScopeMetrics[0].Metrics = points(named("a"), 0, 3).ScopeMetrics[0].Metrics
		require.EqualError(t, r.Shutdown(t.Context()), "otelgram: relay: 2 points were not exported")
		s := balanced(t, r)
		assert.Equal(t, [2]uint64{3, 2}, [2]uint64{s.Relayed, s.Dropped.Shutdown})
	})
}

// TestLogOutage: an outage and its end are logged, even if something fails all the time,
// and at most once a minute.
func TestLogOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		prefix := "bad"
		x := &target{refuse: func(rm *metricdata.ResourceMetrics) error { return refuses(prefix, time.Time{})(rm) }}
		r := newRelay(t, x, WithLogger(slog.New(slog.NewTextHandler(&out, nil))))
		during := func(seconds int, refused string) (warnings, infos int) {
			synctest.Wait()
			prefix = refused
			out.Reset()
			for i := range seconds {
				for _, service := range []string{"bad", "a", "b", "c", "d"} {
					r.Handle(points(named(service), i, 1))
				}
				<-time.After(time.Second)
			}
			synctest.Wait()
			return strings.Count(out.String(), "level=WARN"), strings.Count(out.String(), "level=INFO")
		}
		for range 2 {
			warnings, infos := during(120, "bad")
			assert.LessOrEqual(t, warnings, 1, "that one fails is said once")
			assert.LessOrEqual(t, infos, 1)
			warnings, infos = during(120, "")
			assert.Equal(t, [2]int{1, 0}, [2]int{warnings, infos}, out.String())
			assert.Contains(t, out.String(), "is down")
			assert.Contains(t, out.String(), errTarget.Error())
			warnings, infos = during(30, "bad")
			assert.Equal(t, [2]int{0, 1}, [2]int{warnings, infos}, out.String())
			assert.Contains(t, out.String(), "is up again")
		}
		for range 30 {
			during(1, "bad")
			during(1, "")
		}
		warnings, infos := during(1, "bad")
		assert.LessOrEqual(t, warnings+infos, 2)
		require.Error(t, r.Shutdown(t.Context()))
	})
}

// TestFlushEndsBatch: a flush does not wait for what came after it, even if that leaves at
// the same time.
func TestFlushEndsBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("refused")
		release := make(chan struct{})
		x := &target{refuse: func(rm *metricdata.ResourceMetrics) error {
			switch service(rm) {
			case "first":
				<-release
			case "bad":
				return refused
			}
			return nil
		}}
		r := newRelay(t, x)
		r.Handle(points(named("first"), 0, 1))
		<-time.After(defaultBatchAge)
		synctest.Wait()
		r.Handle(points(named("good"), 0, 1))
		flushed := make(chan error, 1)
		go func() { flushed <- r.ForceFlush(t.Context()) }()
		synctest.Wait()
		r.Handle(points(named("bad"), 0, 1))
		close(release)
		synctest.Wait()
		require.Len(t, flushed, 1)
		require.NoError(t, <-flushed)
		s := balanced(t, r)
		assert.Equal(t, [3]uint64{2, 0, 1}, [3]uint64{s.Relayed, s.Failed, s.Queued})
		require.Error(t, r.Shutdown(t.Context()))
	})
}
