package workload_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/otelgram/otelgram/internal/workload"
)

// TestSetsDiffer: no point of W2 shares its set with another, and neighbours
// differ in more than one value.
func TestSetsDiffer(t *testing.T) {
	seen := map[string]bool{}
	for i := range workload.Sets {
		seen[fmt.Sprint(workload.Set(i))] = true
	}
	assert.Len(t, seen, workload.Sets)
	assert.Equal(t, workload.Set(1), workload.Set(workload.Sets+1))
	different := 0
	for j, a := range workload.Set(1) {
		if a != workload.Set(2)[j] {
			different++
		}
	}
	assert.Greater(t, different, 1)
}

// TestStreams: W2 has one metric, W3 ten that take each set in turn.
func TestStreams(t *testing.T) {
	names := map[string]bool{}
	for i, p := range workload.Points(workload.W3, 100) {
		names[p.Name] = true
		assert.Equal(t, workload.Set(i/10), p.Attributes, i)
	}
	assert.Len(t, names, 10)
	for i, p := range workload.Points(workload.W2, 100) {
		assert.Equal(t, "http.server.requests", p.Name)
		assert.Equal(t, workload.Set(i), p.Attributes, i)
	}
	assert.Equal(t, workload.Points(workload.W2, 50), workload.Points(workload.W2, 100)[:50])
}
