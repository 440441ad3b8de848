package allocs_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/otelgram/otelgram/internal/allocs"
)

// TestIn finds what allocates each time, or once in many calls, and not what did so
// once.
func TestIn(t *testing.T) {
	var kept []*int
	n := 0
	every := func(calls int) func() {
		return func() {
			if n++; n%calls == 0 {
				kept = []*int{new(int)}
			}
		}
	}
	assert.Equal(t, 200.0, allocs.In(100, every(1)))
	assert.Equal(t, 2.0, allocs.In(100, every(100)))
	assert.Zero(t, allocs.In(100, every(1<<30)))
	n = 0
	assert.Zero(t, allocs.In(100, every(150)), "in the first of the rounds")
	assert.NotEmpty(t, kept)
}
