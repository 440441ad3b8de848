package drop

import (
	"slices"
	"strings"
)

// Priority is how much an event matters: the higher, the more.
type Priority int8

// The priorities. The zero value is Normal.
const (
	Low    Priority = iota - 1 // lost first
	Normal                     // the default
	High                       // lost last
)

// Shares of the queue, in hundredths. From a share on, ByPriority refuses that priority.
const (
	lowLimit    = 50
	normalLimit = 75
)

// ByPriority returns the strategy that keeps room for what matters. It refuses Low when
// half of the queue is in use, Normal when three quarters are, and High only when the queue
// is full. It is best if a few metrics must get through whatever happens.
func ByPriority() Strategy { return byPriority{} }

type byPriority struct{}

func (byPriority) Decide(l Load, p Priority) Verdict {
	switch {
	case l.Full():
		return Verdict{Action: RefuseRingFull}
	case p == Low && l.atLeast(lowLimit), p == Normal && l.atLeast(normalLimit):
		return Verdict{Action: RefusePriority}
	}
	return Verdict{}
}

// Priorities gives priorities to names. The zero value gives Normal to all names. A
// Priorities does not change, so it is safe for concurrent use.
type Priorities struct {
	rules []rule
}

type rule struct {
	pattern  string
	priority Priority
}

// Len returns how many rules there are.
func (p Priorities) Len() int { return len(p.rules) }

// With returns p with a priority for the names that match pattern. An asterisk in the
// pattern stands for any number of characters. If several patterns match a name, the one
// added last counts.
func (p Priorities) With(pattern string, priority Priority) Priorities {
	return Priorities{rules: append(slices.Clip(p.rules), rule{pattern, priority})}
}

// Of returns the priority of name.
func (p Priorities) Of(name string) Priority {
	for i := len(p.rules) - 1; i >= 0; i-- {
		if matches(p.rules[i].pattern, name) {
			return p.rules[i].priority
		}
	}
	return Normal
}

// matches reports whether name matches pattern.
func matches(pattern, name string) bool {
	first, rest, starred := strings.Cut(pattern, "*")
	if !starred {
		return pattern == name
	}
	name, ok := strings.CutPrefix(name, first)
	if !ok {
		return false
	}
	for {
		middle, after, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(name, middle)
		}
		i := strings.Index(name, middle)
		if i < 0 {
			return false
		}
		name, rest = name[i+len(middle):], after
	}
}
