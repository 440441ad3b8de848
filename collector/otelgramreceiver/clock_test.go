package otelgramreceiver

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelgram/otelgram/wire"
)

func TestClock(t *testing.T) {
	const second, hour = int64(time.Second), int64(time.Hour)
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	n := now.UnixNano()
	for _, tt := range []struct {
		name            string
		skew            time.Duration
		delta           bool
		start, at       int64
		wantStart, want int64
		corrected       bool
	}{
		{"in time", time.Minute, false, n - hour, n - second, n - hour, n - second, false},
		{"at the bound", time.Minute, false, n - hour, n + 60*second, n - hour, n + 60*second, false},
		{"beyond it, ahead", time.Minute, false, n - hour, n + 60*second + 1, n - hour, n, true},
		{"beyond it, behind", time.Minute, false, n - hour, n - 60*second - 1, n - hour, n, true},
		{"start in the future", time.Minute, false, n + hour, n + 2*hour, 0, n, true},
		{"start unset", time.Minute, false, wire.NoTime, n + hour, 0, n, true},
		{"delta keeps its length, ahead", time.Minute, true, n + hour, n + hour + 10*second, n - 10*second, n, true},
		{"delta keeps its length, behind", time.Minute, true, n - hour - 10*second, n - hour, n - 10*second, n, true},
		{"delta without a start", time.Minute, true, wire.NoTime, n - hour, 0, n, true},
		{"delta that ends before it starts", time.Minute, true, n - second, n - hour, n - second, n, true},
		{"delta of centuries", time.Minute, true, math.MinInt64 + 1, n + hour, 0, n, true},
		{"unset", time.Minute, false, wire.NoTime, wire.NoTime, 0, n, true},
		{"1970", time.Minute, false, n - hour, 1, n - hour, n, true},
		{"the last time there is", time.Minute, false, n - hour, math.MaxInt64, n - hour, n, true},
		{"the first", time.Minute, false, n - hour, math.MinInt64 + 1, n - hour, n, true},
		{"the largest bound", math.MaxInt64, false, n, math.MaxInt64, n, math.MaxInt64, false},
		{"without bound", 0, false, n + hour, n + 2*hour, n + hour, n + 2*hour, false},
		{"without bound, unset", 0, false, wire.NoTime, wire.NoTime, 0, 0, false},
		{"without bound, before 1970", 0, false, -5, -3, 0, 0, false},
	} {
		c := clock{maxSkew: tt.skew}
		c.set(now)
		v := &wire.PointView{Metric: &wire.MetricView{Delta: tt.delta}, StartTime: tt.start, Time: tt.at}
		start, at, corrected := c.times(v)
		assert.Equal(t, [2]pcommon.Timestamp{pcommon.Timestamp(tt.wantStart), pcommon.Timestamp(tt.want)}, [2]pcommon.Timestamp{start, at}, tt.name)
		assert.Equal(t, tt.corrected, corrected, tt.name)
		assert.Equal(t, at, c.exemplar(tt.at), "%s: an exemplar of the same time", tt.name)
		if tt.skew == time.Minute {
			assert.Equal(t, pcommon.Timestamp(n+5), c.exemplar(n+5), tt.name)
			assert.Equal(t, at, c.exemplar(n-hour), tt.name)
		}
	}
}
