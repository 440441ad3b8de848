package flat

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/internal/points"
)

// TestLimits: the limits of an exponential histogram are both ends of each bucket that is
// not empty, so that a server knows where its measurements are.
func TestLimits(t *testing.T) {
	for _, tt := range []struct {
		name string
		d    wire.Distribution
		want []Limit
	}{
		{"a gap", wire.Distribution{Count: 6, Positive: wire.Buckets{Offset: 0, Counts: []uint64{1, 2, 0, 0, 3}}},
			[]Limit{{1, 0}, {2, 1}, {4, 3}, {16, 3}, {32, 6}, {math.Inf(1), 6}}},
		{"both sides", wire.Distribution{Count: 3, ZeroCount: 1, Positive: wire.Buckets{Counts: []uint64{1}}, Negative: wire.Buckets{Counts: []uint64{1}}},
			[]Limit{{-2, 0}, {-1, 1}, {0, 2}, {1, 2}, {2, 3}, {math.Inf(1), 3}}},
		{"a zero bucket with a threshold", wire.Distribution{Count: 2, ZeroCount: 1, ZeroThreshold: 1, Positive: wire.Buckets{Counts: []uint64{1}}},
			[]Limit{{-1, 0}, {1, 1}, {2, 2}, {math.Inf(1), 2}}},
		{"without an end", wire.Distribution{Count: 1, Scale: -10, Negative: wire.Buckets{Counts: []uint64{1}}},
			[]Limit{{-1, 1}, {math.Inf(1), 1}}},
		{"nothing", wire.Distribution{}, []Limit{{math.Inf(1), 0}}},
	} {
		p := points.Float(points.Metric("e", wire.ExponentialHistogram), 0)
		p.Distribution = &tt.d
		var l Limits
		assert.Equal(t, tt.want, l.Of(p), tt.name)
	}
}
