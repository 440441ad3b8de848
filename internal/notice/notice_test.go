package notice

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/otel/attribute"

	"github.com/otelgram/otelgram/wire"
)

func metric(scope, name string) *wire.Metric {
	return &wire.Metric{Scope: &wire.Scope{Name: wire.NewSymbol(scope)}, Name: wire.NewSymbol(name)}
}

// TestTexts: each text names metric and scope, says what happens and why.
func TestTexts(t *testing.T) {
	wide := make([]attribute.KeyValue, wire.MaxAttributes+1)
	for i := range wide {
		wide[i] = attribute.Int(fmt.Sprint("k", i), i)
	}
	many, none := attribute.NewSet(wide...), attribute.NewSet()
	for _, tt := range []struct {
		say  func(*Metrics, *wire.Metric)
		want string
	}{
		{func(n *Metrics, m *wire.Metric) { n.Oversize(m, 70_000, true) }, "a point of 70000 bytes is larger than the 65536 that can be sent: it is dropped (oversize)"},
		{func(n *Metrics, m *wire.Metric) { n.Oversize(m, 2000, false) }, "a point of 2000 bytes is larger than a packet, and cannot be cut: it is dropped (oversize)"},
		{func(n *Metrics, m *wire.Metric) { n.Oversize(m, 2000, true) }, "a point of 2000 bytes repeats long values so often that it unfolds to more than 128 times that: it is dropped (oversize)"},
		{func(n *Metrics, m *wire.Metric) { n.Unsendable(m, &many) }, "a point has 513 attributes, more than 512: it is dropped (encode)"},
		{func(n *Metrics, m *wire.Metric) { n.Unsendable(m, &none) }, "an attribute has no wire form: the point is dropped (encode)"},
		{func(n *Metrics, m *wire.Metric) { n.Unsayable(m) }, "a value has no form in this encoding: the point is dropped (encode)"},
		{func(n *Metrics, m *wire.Metric) {
			n.Reduced(m, 70_000, wire.Reduction{Exemplars: 2, Description: true, Downscales: 3})
		}, "a point of 70000 bytes is larger than the 65536 that can be sent: it is sent without its 2 exemplars, without the description, downscaled by 3"},
	} {
		var said []string
		n := New(func(err error) bool { said = append(said, err.Error()); return true })
		assert.True(t, n.Open(metric("s", "m")))
		tt.say(n, metric("s", "m"))
		assert.False(t, n.Open(metric("s", "m")))
		tt.say(n, metric("s", "m"))
		assert.Equal(t, []string{`otelgram: metric "m" of scope "s": ` + tt.want}, said, "once")
		tt.say(n, metric("t", "m"))
		assert.Len(t, said, 2, "of each scope")
	}
}

// TestBounded: after so many metrics nothing more is said.
func TestBounded(t *testing.T) {
	said := 0
	n := New(func(error) bool { said++; return true })
	for i := range 2 * maxMetrics {
		n.Unsayable(metric("s", fmt.Sprint(i)))
	}
	assert.Equal(t, maxMetrics, said)
	assert.False(t, n.Open(metric("s", "another")))
}

// TestReportIsBusy: what could not be said is said later, and nothing is tried meanwhile.
func TestReportIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		busy, asked := true, 0
		n := New(func(error) bool { asked++; return !busy })
		n.Unsayable(metric("s", "m"))
		n.Unsayable(metric("s", "m"))
		assert.Equal(t, 1, asked)
		assert.False(t, n.Open(metric("s", "m")))
		busy = false
		<-time.After(pause)
		assert.True(t, n.Open(metric("s", "m")))
		n.Unsayable(metric("s", "m"))
		n.Unsayable(metric("s", "m"))
		assert.Equal(t, 2, asked)
	})
}
