package wire_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/wire"
)

// TestDensity: every packet repeats resource, scope and metrics. The test prints the cost.
func TestDensity(t *testing.T) {
	const size, full = 1472, 20
	encoded := interner{}.resource(server).EncodedLen()
	assert.InDelta(t, 304, encoded, 10, "the resource")
	t.Logf("resource: %d attributes, %d bytes", len(server.attributes), encoded)
	t.Logf("%-4s %7s %7s %9s %9s %14s", "", "median", "mean", "at least", "estimate", "bytes a point")
	for _, w := range workloads {
		packets, tooLarge := pack(t, size, w.points((full+2)*w.expected))
		require.Empty(t, tooLarge)
		require.Greater(t, len(packets), full)
		var counts []int
		sum := 0
		for _, packet := range packets[:full] {
			var d wire.Decoder
			require.NoError(t, d.Reset(packet))
			counts = append(counts, int(d.Header().Points))
			sum += int(d.Header().Points)
		}
		slices.Sort(counts)
		median, least := counts[full/2], int(math.Ceil(0.9*float64(w.expected)))
		t.Logf("%-4s %7d %7.1f %9d %9d %14.1f", w.name, median, float64(sum)/full, least, w.expected, size*full/float64(sum))
		assert.GreaterOrEqual(t, median, least, w.name)
	}
}
