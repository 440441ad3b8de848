package otelgramreceiver

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelgram/otelgram/wire"
)

// clock corrects the times of points that are too far from the arrival of their packet.
// Such a point is forged, or comes from a host whose clock is wrong, and one of them makes
// Prometheus refuse the whole batch.
type clock struct {
	maxSkew time.Duration // 0: no limit
	arrived int64         // when the packet arrived, in Unix nanoseconds
	at      pcommon.Timestamp
}

func (c *clock) set(arrived time.Time) { c.arrived = arrived.UnixNano() }

// times returns the times of a point, and whether they were corrected. A corrected point
// has the time of its arrival. The interval of a delta point keeps its length. A cumulative
// point whose start would be in the future loses its start.
func (c *clock) times(v *wire.PointView) (start, at pcommon.Timestamp, corrected bool) {
	from, to := unset(v.StartTime), unset(v.Time)
	if !c.wrong(to) {
		c.at = timestamp(to)
		return timestamp(from), c.at, false
	}
	switch length := to - from; {
	case from == 0:
	case v.Metric.Delta && length >= 0 && length <= c.arrived:
		from = c.arrived - length
	case from > c.arrived:
		from = 0
	}
	c.at = timestamp(c.arrived)
	return timestamp(from), c.at, true
}

// exemplar returns the time of an exemplar of the point that times was last called for. If
// the time is wrong, it is the time of the point.
func (c *clock) exemplar(t int64) pcommon.Timestamp {
	if t = unset(t); c.wrong(t) {
		return c.at
	}
	return timestamp(t)
}

// wrong reports whether a time is too far from the arrival. Their distance may be larger
// than an int64, so it is a uint64.
func (c *clock) wrong(t int64) bool {
	if c.maxSkew == 0 {
		return false
	}
	apart := uint64(t) - uint64(c.arrived)
	if t < c.arrived {
		apart = -apart
	}
	return apart > uint64(c.maxSkew)
}

// unset returns a time of a packet as OTLP has it: 0 if it is not set.
func unset(t int64) int64 {
	if t == wire.NoTime {
		return 0
	}
	return t
}

// timestamp returns a time as OTLP has it. OTLP has no times before 1970.
func timestamp(t int64) pcommon.Timestamp { return pcommon.Timestamp(max(0, t)) }
