package direct

import (
	"fmt"
	"strings"
	"sync"

	"github.com/otelgram/otelgram/internal/aggregate"
)

// namesakes finds instruments of one scope that share their name and not their kind, unit
// or description (opentelemetry-specification, metrics/sdk.md, "Duplicate instrument
// registration").
type namesakes struct {
	mu    sync.Mutex // held to make an instrument, and never while foreign code runs
	names map[scopedName]*namesake
}

type scopedName struct {
	scope scopeKey
	name  string // in lower case
}

type namesake struct {
	first     *aggregate.Config
	said      bool // it was reported that there are others
	callbacks bool // it was reported that callbacks were ignored
}

// check returns an error, once a name, if the instrument that was asked for by a name is
// not the instrument that has it.
func (n *namesakes) check(c *aggregate.Config, name string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	known := n.of(c)
	if known.said || known.first == c && c.Name == name {
		return nil
	}
	known.said = true
	return fmt.Errorf("otelgram: scope %q: instrument %s: there is already %s", c.Scope.Name, called(c, name), called(known.first, known.first.Name))
}

// ignored returns an error, once a name, if an observable that exists already was given
// callbacks again.
func (n *namesakes) ignored(c *aggregate.Config) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	known := n.of(c)
	if known.callbacks {
		return nil
	}
	known.callbacks = true
	return fmt.Errorf("otelgram: scope %q: instrument %q exists already: its callbacks are those it was made with first, the others are ignored", c.Scope.Name, c.Name)
}

// of returns what is known of the name of c. A new name belongs to c.
func (n *namesakes) of(c *aggregate.Config) *namesake {
	key := scopedName{keyOf(&c.Scope), strings.ToLower(c.Name)}
	known := n.names[key]
	if known == nil {
		if n.names == nil {
			n.names = map[scopedName]*namesake{}
		}
		known = &namesake{first: c}
		n.names[key] = known
	}
	return known
}

func called(c *aggregate.Config, name string) string {
	return fmt.Sprintf("%q (%s, unit %q, description %q)", name, c.Instrument, c.Unit, c.Description)
}
