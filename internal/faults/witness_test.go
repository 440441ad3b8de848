//go:build linux

package faults

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// witness checks what a receiver delivers: each point that package points made comes at
// most once, and whole.
type witness struct {
	mu      sync.Mutex
	seen    map[event]struct{}
	points  uint64 // all of them
	wrong   []string
	damaged bool // points may have any value
}

// event is a point of one series at one time.
type event struct{ series, at int64 }

func newWitness() *witness { return &witness{seen: map[event]struct{}{}} }

func (w *witness) handle(rm *metricdata.ResourceMetrics) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				w.check(d.DataPoints)
			case metricdata.Sum[float64]: // recorded beside them
				w.points += uint64(len(d.DataPoints))
			default:
				w.complain("%s is a %T", m.Name, d)
			}
		}
	}
}

func (w *witness) check(points []metricdata.DataPoint[int64]) {
	for i := range points {
		p := &points[i]
		series, _ := p.Attributes.Value("series")
		e := event{series.AsInt64(), p.Time.UnixNano()}
		if _, twice := w.seen[e]; twice {
			w.complain("%+v came twice", e)
		}
		if p.Value != e.at+e.series {
			w.complain("%+v has the value %d", e, p.Value)
		}
		w.seen[e] = struct{}{}
		w.points++
	}
}

// expectDamage lets points have any value from now on, since their packets are damaged
// under a right checksum.
func (w *witness) expectDamage() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.damaged = true
}

func (w *witness) complain(format string, args ...any) {
	if len(w.wrong) < 10 && !w.damaged {
		w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
	}
}

func (w *witness) count() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.points
}

// agrees asserts that handed points were delivered, each of them once.
func (w *witness) agrees(t *testing.T, handed uint64) {
	t.Helper()
	require.Equal(t, handed, w.count(), "the handler was given what the receiver says it handed over")
	w.mu.Lock()
	defer w.mu.Unlock()
	assert.Empty(t, w.wrong)
}

// counter only counts the points of sums, for tests with too many points to remember.
type counter struct {
	mu     sync.Mutex
	points uint64
}

func (c *counter) handle(rm *metricdata.ResourceMetrics) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			if d, ok := m.Data.(metricdata.Sum[int64]); ok {
				c.points += uint64(len(d.DataPoints))
			}
		}
	}
}

func (c *counter) count() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.points
}

func nop(*metricdata.ResourceMetrics) {}
