package pipeline

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelgram/otelgram/wire"
)

const (
	// maxNotices bounds the metrics of which something was said.
	maxNotices = 1024
	// sayAgain is the pause after report could not say something. Composing the next
	// text takes work, and would be in vain.
	sayAgain = time.Second
)

// notices say, once for each metric, what of it is dropped or sent with less,
// since it is too large or has no wire form. They are safe for concurrent use.
type notices struct {
	report func(error) bool // never waits; false: it cannot say anything now

	mu    sync.Mutex
	said  map[noticeKey]struct{}
	again time.Time // when report is called again, after it could not say something
}

type noticeKey struct{ scope, name string }

func newNotices(report func(error) bool) *notices {
	return &notices{report: report, said: map[noticeKey]struct{}{}}
}

func keyOf(m *wire.Metric) noticeKey { return noticeKey{m.Scope.Name.Text(), m.Name.Text()} }

// open reports whether nothing was said of m yet, and something may be.
func (n *notices) open(m *wire.Metric) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, ok := n.said[keyOf(m)]
	return !ok && n.may()
}

// may reports, with the lock held, whether something may be said at all.
func (n *notices) may() bool { return len(n.said) < maxNotices && !time.Now().Before(n.again) }

// say says what happens to points of m, unless something was said of m already.
func (n *notices) say(m *wire.Metric, format string, args ...any) {
	key := keyOf(m)
	if !n.mark(key) {
		return
	}
	if !n.report(fmt.Errorf("otelgram: metric %q of scope %q: "+format, append([]any{key.name, key.scope}, args...)...)) {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.said, key)
		n.again = time.Now().Add(sayAgain)
	}
}

// mark notes that something is said of a metric, and returns false if it was.
func (n *notices) mark(key noticeKey) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := n.said[key]; ok || !n.may() {
		return false
	}
	n.said[key] = struct{}{}
	return true
}

// oversize says that points of m, of so many bytes at least, are dropped; whole, that a
// point may travel in fragments.
func (n *notices) oversize(m *wire.Metric, size int, whole bool) {
	if !whole {
		n.say(m, "a point of %d bytes is larger than a packet, and cannot be cut: it is dropped (oversize)", size)
		return
	}
	if size <= wire.MaxBody {
		n.say(m, "a point of %d bytes repeats long values so often that it unfolds to more than %d times that: it is dropped (oversize)", size, wire.MaxExpansion)
		return
	}
	n.say(m, "a point of %d bytes is larger than the %d that can be sent: it is dropped (oversize)", size, wire.MaxBody)
}

// unsendable says that points of m with such a set are dropped since that has no
// wire form.
func (n *notices) unsendable(m *wire.Metric, set *attribute.Set) {
	if set.Len() > wire.MaxAttributes {
		n.say(m, "a point has %d attributes, more than %d: it is dropped (encode)", set.Len(), wire.MaxAttributes)
		return
	}
	n.say(m, "an attribute has no wire form: the point is dropped (encode)")
}

// unsayable says that points of m are dropped since the encoding has no form for them.
func (n *notices) unsayable(m *wire.Metric) {
	n.say(m, "a value has no form in this encoding: the point is dropped (encode)")
}

// reduced says that points of m, of so many bytes, are sent with less.
func (n *notices) reduced(m *wire.Metric, size int, r wire.Reduction) {
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
