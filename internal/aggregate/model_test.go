package aggregate

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/internal/testsize"
)

// A model is one of the protocols of this package as step machines: callers and a collector
// that share a state. One step is one atomic operation of the real code, together with what
// the goroutine does alone until its next atomic operation. The comment at a step names
// both. The explorer walks through all interleavings of the steps.
//
// A mutant is a model with a deliberate mistake. The explorer has to find what the mistake
// breaks, so each test of a model is also a test of the explorer.
type model[S comparable] struct {
	start     S
	processes int // the callers, and the collector behind them
	// step returns the states after the next step of a process, several if the step has a
	// choice. There are none if the process has ended, or waits: at the end the collector
	// waits for the callers. A caller never waits.
	step func(s S, process int) []S
	// tidy gives one form to states that differ only in which caller is which.
	tidy func(s *S)
	// wrong says what is wrong in a state, or "" if nothing is.
	wrong func(s *S) string
	// lacking says what is wrong in a state in which no process has a step.
	lacking func(s *S) string
}

// longest is how many steps all callers take together at most until the end, and how many
// the collector takes.
type longest struct{ callers, collector uint8 }

// visit is what the explorer knows about a state.
type visit struct {
	steps longest
	open  bool // the states after it are under examination
}

// explorer examines each state once, depth first.
type explorer[S comparable] struct {
	model[S]
	seen map[S]visit
	path []string // the steps to the violation, the last one first
}

// explore returns how many states there are, the longest ways of the processes, and the
// first violation found, with the interleaving that leads to it.
func explore[S comparable](m model[S]) (states int, steps longest, violation string) {
	x := explorer[S]{model: m, seen: map[S]visit{}}
	steps, violation = x.visit(m.start)
	if violation == "" {
		return len(x.seen), steps, ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n  start %+v", violation, m.start)
	for i := len(x.path) - 1; i >= 0; i-- {
		b.WriteString("\n  " + x.path[i])
	}
	return len(x.seen), steps, b.String()
}

func (x *explorer[S]) visit(s S) (steps longest, violation string) {
	if v, ok := x.seen[s]; ok {
		if v.open {
			return steps, "processes go round in a circle"
		}
		return v.steps, ""
	}
	if bad := x.wrong(&s); bad != "" {
		return steps, bad
	}
	x.seen[s] = visit{open: true}
	over := true
	for p := range x.processes {
		for _, next := range x.step(s, p) {
			over = false
			x.tidy(&next)
			after, bad := x.visit(next)
			if bad != "" {
				x.path = append(x.path, fmt.Sprintf("%d: %s", p, changes(s, next)))
				return steps, bad
			}
			if p == x.processes-1 {
				after.collector++
			} else {
				after.callers++
			}
			steps.callers, steps.collector = max(steps.callers, after.callers), max(steps.collector, after.collector)
		}
	}
	if over {
		if bad := x.lacking(&s); bad != "" {
			return steps, bad
		}
	}
	x.seen[s] = visit{steps: steps}
	return steps, ""
}

// changes returns the words of a state that differ from the state before it.
func changes(before, after any) string {
	old := strings.Fields(fmt.Sprintf("%+v", before))
	var b strings.Builder
	for i, word := range strings.Fields(fmt.Sprintf("%+v", after)) {
		if word != old[i] {
			fmt.Fprintf(&b, " %d:%s", i, word)
		}
	}
	return b.String()
}

// holds checks that a model has no violation, and that its processes take at most that many
// steps. So no caller waits, and none runs for ever.
func holds[S comparable](t *testing.T, m model[S], atMost longest) {
	t.Helper()
	began := time.Now()
	states, steps, violation := explore(m)
	require.Empty(t, violation)
	t.Logf("%d states in %v; at most %+v steps", states, time.Since(began).Round(time.Millisecond), steps)
	assert.LessOrEqual(t, steps.callers, atMost.callers, "a caller goes on and on")
	assert.LessOrEqual(t, steps.collector, atMost.collector, "the collector goes on and on")
}

// inTheLongForm skips a model with very many states in the short form of the tests.
func inTheLongForm(t *testing.T) {
	t.Helper()
	if !testsize.Long() {
		t.Skip("a second of processor time: in the long form")
	}
}

// breaks checks that the explorer finds a violation in a mutant.
func breaks[S comparable](t *testing.T, m model[S]) {
	t.Helper()
	states, _, violation := explore(m)
	require.NotEmpty(t, violation, "the mutant lives")
	first, rest, _ := strings.Cut(violation, "\n")
	t.Logf("after %d states and %d steps: %s", states, strings.Count(rest, "\n"), first)
}

// to returns the states after a step without a choice.
func to[S any](s S) []S { return []S{s} }

// sorted puts three callers into the order of their keys.
func sorted[C any](callers *[3]C, key func(*C) uint64) {
	for _, i := range [...]int{0, 1, 0} {
		if key(&callers[i]) < key(&callers[i+1]) {
			callers[i], callers[i+1] = callers[i+1], callers[i]
		}
	}
}
