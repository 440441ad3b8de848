package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/exporter"
)

// worker is what a process measures from its start on, and exports.
type worker struct {
	exp   *exporter.Exporter
	start time.Time
	jobs  int64
	load  int64
	sizes []float64
}

func newWorker(t *testing.T, f *form, endpoint string) *worker {
	return &worker{exp: newTextExporter(t, f, endpoint), start: time.Now()}
}

// works measures and exports.
func (w *worker) works(t *testing.T, jobs, load int64, sizes ...float64) {
	t.Helper()
	w.jobs, w.load, w.sizes = w.jobs+jobs, load, append(w.sizes, sizes...)
	now := time.Now()
	exports(t, w.exp, &metricdata.ResourceMetrics{Resource: textResource, ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{
		{Name: "restarts.jobs", Data: at(sums(cumulative, true, w.start, w.jobs)[0], now)},
		{Name: "restarts.load", Data: at(sums(cumulative, false, w.start, w.load)[0], now)},
		{Name: "restarts.size", Data: at(histogramOf(cumulative, w.start, false, bounds, w.sizes), now)},
	}}}})
}

// told is what servers are to have that were told of so much, and of w at last.
func (w *worker) told(f *form, jobs int64, sizes []float64) []fact {
	if f.asSaid {
		sizes = w.sizes
	}
	return []fact{
		{kind: 'c', name: "restarts.jobs", total: float64(jobs), said: float64(w.jobs)},
		{kind: 'g', name: "restarts.load", total: float64(w.load), said: float64(w.load)},
		{kind: 'h', name: "restarts.size", recorded: sizes, bounds: bounds},
	}
}

// testRestarts: the counters of a server go on by what a process counts that has been restarted.
// Those of a server that has been restarted begin at zero, and have what comes after.
func testRestarts(t *testing.T, f *form, s *server) {
	first := newWorker(t, f, s.address)
	first.works(t, 5, -1, 1, 7, 7)
	f.has(t, s, "restarts", first.told(f, 5, first.sizes))
	first.works(t, 2, 3, 3)
	f.has(t, s, "restarts", first.told(f, 7, first.sizes))
	require.NoError(t, first.exp.Shutdown(t.Context()))

	second := newWorker(t, f, s.address)
	second.works(t, 3, -4, 1, 200)
	f.has(t, s, "restarts", second.told(f, 10, slices.Concat(first.sizes, second.sizes)))
	second.works(t, 1, 4, 7)
	f.has(t, s, "restarts", second.told(f, 11, slices.Concat(first.sizes, second.sizes)))
	if !f.restarts {
		return
	}
	s.restart(t)
	second.works(t, 20, -9, 1, 3, 2000, 2000)
	f.has(t, s, "restarts", second.told(f, 20, second.sizes[3:]))
	second.works(t, 4, -5, 1)
	f.has(t, s, "restarts", second.told(f, 24, second.sizes[3:]))
	assert.Equal(t, exporter.Dropped{}, second.exp.Stats().Dropped)
}

// formOf returns the form with a name.
func formOf(name string) *form {
	return &forms[slices.IndexFunc(forms, func(f form) bool { return f.name == name })]
}

// TestTextServersAway: what is measured while a server is away, before it has ever been there and
// after it has been killed, is dropped and counted. Where counters are told of changes it
// is told when the server is there.
func TestTextServersAway(t *testing.T) {
	for _, name := range []string{"StatsD to statsd_exporter", "DogStatsD to statsd_exporter", "Influx to Telegraf"} {
		f := formOf(name)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &server{address: filepath.Join(t.TempDir(), "s"), dir: t.TempDir()}
			start := func() {
				if f.asSaid {
					s.startTelegraf(t, telegrafUnixInflux)
				} else {
					s.startStatsDExporter(t, bucketsOfStatsDExporter, "--statsd.listen-udp=", "--statsd.listen-unixgram="+s.address)
				}
			}
			w := newWorker(t, f, "unixgram://"+s.address)
			w.works(t, 5, -1, 1, 7)
			assert.Equal(t, uint64(3), w.exp.Stats().Dropped.Unresolved)
			start()
			w.arrives(t)
			f.has(t, s, "restarts", w.told(f, w.jobs, w.sizes))

			s.kill(t)
			require.NoError(t, os.Remove(s.address)) // statsd_exporter does not start where one is left
			jobs, sizes, dropped := w.jobs, len(w.sizes), w.exp.Stats().Dropped.Total()
			w.works(t, 4, 6, 2, 3)
			assert.Equal(t, dropped+3, w.exp.Stats().Dropped.Total())
			start()
			w.arrives(t)
			f.has(t, s, "restarts", w.told(f, w.jobs-jobs, w.sizes[sizes:]))
			stats := w.exp.Stats()
			assert.Equal(t, stats.Offered, stats.Sent+stats.Dropped.Total())
			assert.Equal(t, stats.Dropped.Total(), stats.Dropped.Unresolved+stats.Dropped.SendError, "%+v", stats.Dropped)
		})
	}
}

// arrives works until the kernel takes what it exports.
func (w *worker) arrives(t *testing.T) {
	t.Helper()
	sent := w.exp.Stats().Sent
	eventually(t, 30*time.Second, func() error {
		w.works(t, 1, -7, 50)
		if s := w.exp.Stats(); s.Sent == sent {
			return fmt.Errorf("nothing is sent: %+v", s)
		}
		return nil
	})
}
