package notice

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelgram/otelgram/wire"
)

const (
	// maxMetrics bounds the metrics of which something was said.
	maxMetrics = 1024
	// pause is how long nothing is said after report could not take an error: composing
	// the next text takes work, and would be in vain.
	pause = time.Second
)

// Metrics says what happens to the points of metrics, once for each metric. It is safe for
// concurrent use.
type Metrics struct {
	report func(error) bool

	mu    sync.Mutex
	said  map[key]struct{}
	again time.Time // when report is called again, after it could not take an error
}

type key struct{ scope, name string }

// New returns Metrics that give each error to report. Report must not wait; it returns false
// if it cannot take an error now.
func New(report func(error) bool) *Metrics {
	return &Metrics{report: report, said: map[key]struct{}{}}
}

func keyOf(m *wire.Metric) key { return key{m.Scope.Name.Text(), m.Name.Text()} }

// Open reports whether nothing was said of m yet and something may be said: whether what it
// takes to say it is worth the work.
func (n *Metrics) Open(m *wire.Metric) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, ok := n.said[keyOf(m)]
	return !ok && n.may()
}

// may reports, with the lock held, whether something may be said at all.
func (n *Metrics) may() bool { return len(n.said) < maxMetrics && !time.Now().Before(n.again) }

// say says what happens to points of m, unless something was said of m already.
func (n *Metrics) say(m *wire.Metric, format string, args ...any) {
	k := keyOf(m)
	if !n.mark(k) {
		return
	}
	if !n.report(fmt.Errorf("otelgram: metric %q of scope %q: "+format, append([]any{k.name, k.scope}, args...)...)) {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.said, k)
		n.again = time.Now().Add(pause)
	}
}

// mark notes that something is said of a metric, and returns false if it was.
func (n *Metrics) mark(k key) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := n.said[k]; ok || !n.may() {
		return false
	}
	n.said[k] = struct{}{}
	return true
}

// Oversize says that points of m, of size bytes at least, are dropped. Fragments says
// whether a point may travel in several packets.
func (n *Metrics) Oversize(m *wire.Metric, size int, fragments bool) {
	if !fragments {
		n.say(m, "a point of %d bytes is larger than a packet, and cannot be cut: it is dropped (oversize)", size)
		return
	}
	if size <= wire.MaxBody {
		n.say(m, "a point of %d bytes repeats long values so often that it unfolds to more than %d times that: it is dropped (oversize)", size, wire.MaxExpansion)
		return
	}
	n.say(m, "a point of %d bytes is larger than the %d that can be sent: it is dropped (oversize)", size, wire.MaxBody)
}

// Unsendable says that points of m with such an attribute set are dropped, since the set has
// no wire form.
func (n *Metrics) Unsendable(m *wire.Metric, set *attribute.Set) {
	if set.Len() > wire.MaxAttributes {
		n.say(m, "a point has %d attributes, more than %d: it is dropped (encode)", set.Len(), wire.MaxAttributes)
		return
	}
	n.say(m, "an attribute has no wire form: the point is dropped (encode)")
}

// Unsayable says that points of m are dropped, since the encoding has no form for them.
func (n *Metrics) Unsayable(m *wire.Metric) {
	n.say(m, "a value has no form in this encoding: the point is dropped (encode)")
}

// Reduced says that points of m, of size bytes, are sent without a part of them.
func (n *Metrics) Reduced(m *wire.Metric, size int, r wire.Reduction) {
	var without []string
	if r.Exemplars > 0 {
		without = append(without, fmt.Sprintf("without its %d exemplars", r.Exemplars))
	}
	if r.Description {
		without = append(without, "without the description")
	}
	if r.Downscales > 0 {
		without = append(without, fmt.Sprintf("downscaled by %d", r.Downscales))
	}
	n.say(m, "a point of %d bytes is larger than the %d that can be sent: it is sent %s", size, wire.MaxBody, strings.Join(without, ", "))
}
