package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/internal/workload"
	"github.com/otelgram/otelgram/wire"
)

// printedBy is what a side prints in a pass.
func printedBy(t *testing.T, of *text) string {
	t.Helper()
	var out []byte
	require.NoError(t, of.print(func(packet []byte) { out = append(out, packet...) }))
	require.NoError(t, of.rest())
	return string(out)
}

// TestTextsAreAlike: an encoder and the one beside it print the same, pass after pass.
func TestTextsAreAlike(t *testing.T) {
	counters := workload.Points(workload.W3, 50)
	for _, points := range []textPoints{
		{kind: wire.Sum, counters: counters},
		{kind: wire.Sum, counters: counters, resource: true},
		{kind: wire.Sum, counters: fewTags(workload.Points(workload.W2, fewSets))},
		{kind: wire.Gauge, counters: counters},
		{kind: wire.Histogram, counters: counters},
	} {
		texts, err := newTexts(&points)
		require.NoError(t, err)
		for range 3 {
			for _, pair := range [][2]int{{statsdSide, cactusSide}, {dogSide, datadogSide}, {influxSide, protocolSide}} {
				ours, other := texts[pair[0]], texts[pair[1]]
				a, b := printedBy(t, ours), printedBy(t, other)
				if points.kind == wire.Histogram { // the order of tags differs, and the last digits of values
					assert.InEpsilon(t, len(b), len(a), 0.1, ours.name)
					continue
				}
				assert.True(t, a == b, "%s: %.200s\n%s: %.200s", ours.name, a, other.name, b)
			}
		}
		for _, of := range texts {
			assert.NoError(t, of.end())
		}
	}
}

// silent prints nothing.
type silent struct{}

func (silent) print(func([]byte)) error { return nil }
func (silent) rest() error              { return nil }
func (silent) end() error               { return nil }

// TestMissingLinesBite shows that a line that was not printed is an error.
func TestMissingLinesBite(t *testing.T) {
	of := &text{printer: silent{}, name: "silent", lines: 1, count: countLines}
	of.start(7)
	_, err := of.round(1)
	assert.ErrorIs(t, err, errCodec)
}
