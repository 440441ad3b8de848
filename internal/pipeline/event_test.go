package pipeline

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
)

// TestEventLength holds an event to what a cache line has room for beside the ring's
// word: one that grows past it costs every recording another line.
func TestEventLength(t *testing.T) {
	const line, word = 64, 8
	assert.LessOrEqual(t, unsafe.Sizeof(Event{}), uintptr(line-word))
}
