package plain_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/internal/allocs"
	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/internal/points"
	"github.com/otelgram/otelgram/wire/plain"
)

// decoded is an event as a decoder reads it.
type decoded struct {
	kind  plain.Type
	name  string
	value float64
	tags  string
}

// decode stamps a packet and reads it.
func decode(t *testing.T, e *plain.Encoder, packet []byte) (events []decoded) {
	t.Helper()
	e.Stamp(packet, &wire.Header{Sequence: 7, Time: 9})
	var d plain.Decoder
	require.NoError(t, d.Reset(packet))
	for d.Next() {
		v := d.Event()
		x := decoded{kind: v.Type, name: string(v.Name), value: math.Float64frombits(v.Bits)}
		if v.Type&plain.Integer != 0 {
			x.value = float64(int64(v.Bits))
		}
		require.Equal(t, points.Time, v.Time)
		for tags := v.Tags(); tags.Next(); {
			x.tags += string(tags.Key) + "=" + string(tags.Value) + " "
		}
		events = append(events, x)
	}
	return events
}

func encode(t *testing.T, e *plain.Encoder, pts ...*wire.Point) []byte {
	t.Helper()
	e.Start(nil)
	for _, p := range pts {
		require.Equal(t, wire.Added, e.Append(p))
	}
	return e.Finish()
}

var noTags = plain.Options{Resource: []string{}}

// TestEvents has the events of each kind of point.
func TestEvents(t *testing.T) {
	histogram := points.Histogram(points.Metric("h", wire.Histogram), []float64{0.5, math.Inf(1)}, 3.25, 1, 0, 1)
	histogram.Distribution.Min = wire.Extremum{Defined: true, Bits: math.Float64bits(0.25)}
	histogram.Metric.Delta = true
	exponential := points.Int(points.Metric("e", wire.ExponentialHistogram), 7)
	exponential.Metric.Integer = true
	exponential.Distribution = &wire.Distribution{Count: 3, Max: wire.Extremum{Defined: true, Bits: 4}, Positive: wire.Buckets{Counts: []uint64{1, 2}}}
	summary := points.Float(points.Metric("q", wire.Summary), 5)
	summary.Distribution = &wire.Distribution{Count: math.MaxUint64, Quantiles: []wire.Quantile{{Quantile: 0.5, Value: 1.5}}}
	counter, sum := plain.Sum|plain.Integer|plain.Monotonic, plain.Sum
	for _, tt := range []struct {
		name    string
		options plain.Options
		point   *wire.Point
		want    []decoded
	}{
		{"gauge", plain.Options{}, points.Float(points.Metric("g", wire.Gauge), -0.5, "z", "1", "a", ""), []decoded{{plain.Gauge, "g", -0.5, "a= service.name=svc z=1 "}}},
		{"counter", noTags, points.Int(points.Counter("c"), 5), []decoded{{counter, "c", 5, ""}}},
		{"own keys", noTags, points.Int(points.Counter("c"), 5, "le", "1", "le_", "2", "", "3"), []decoded{{counter, "c", 5, "_=3 le__=1 le_=2 "}}},
		{"histogram", noTags, histogram, []decoded{
			{counter | plain.Delta, "h.count", 2, ""}, {sum | plain.Delta, "h.sum", 3.25, ""}, {plain.Gauge, "h.min", 0.25, ""},
			{counter | plain.Delta, "h.bucket", 1, "le=0.5 "}, {counter | plain.Delta, "h.bucket", 2, "le=+Inf "},
		}},
		{"exponential", noTags, exponential, []decoded{
			{counter, "e.count", 3, ""}, {sum | plain.Integer, "e.sum", 7, ""}, {plain.Gauge | plain.Integer, "e.max", 4, ""},
			{counter, "e.bucket", 0, "le=1 "}, {counter, "e.bucket", 1, "le=2 "}, {counter, "e.bucket", 3, "le=4 "}, {counter, "e.bucket", 3, "le=+Inf "},
		}},
		{"summary", noTags, summary, []decoded{
			{sum | plain.Monotonic, "q.count", 1 << 64, ""}, {sum, "q.sum", 5, ""}, {plain.Gauge, "q.quantile", 1.5, "quantile=0.5 "},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := plain.NewEncoder(tt.options, 1472, &points.Memory{})
			assert.Equal(t, tt.want, decode(t, e, encode(t, e, tt.point)))
		})
	}
}

// TestWhatIsTooLong: a point that is too long is not sent with less, since that would be
// another series.
func TestWhatIsTooLong(t *testing.T) {
	var many []string
	for range plain.MaxTags {
		many = append(many, strings.Repeat("k", 1+len(many)/2), "v")
	}
	for _, p := range []*wire.Point{
		points.Int(points.Counter("c"), 1, "a", "1", "k", strings.Repeat("v", 70_000)),
		points.Int(points.Counter("c"), 1, "a", "1", strings.Repeat("k", 70_000), "v"),
		points.Int(points.Counter("c"), 1, "a", "1", "k", strings.Repeat("v", 60_000)),
		points.Int(points.Counter(strings.Repeat("n", 70_000)), 1),
		points.Int(points.Counter("c"), 1, many...),
	} {
		e := plain.NewEncoder(noTags, wire.MaxPacketSize, &points.Memory{})
		e.Start(nil)
		assert.Contains(t, []wire.Result{wire.Unsayable, wire.TooLarge}, e.Append(p))
		assert.Zero(t, e.Points())
	}
}

// TestLargePackets: whatever size is asked for, a packet has no more items than a decoder
// takes, and the parts of a packet are cut between events.
func TestLargePackets(t *testing.T) {
	e := plain.NewEncoder(noTags, 60_000, &points.Memory{})
	bounds := make([]float64, 600)
	for i := range bounds {
		bounds[i] = float64(i)
	}
	h := points.Histogram(points.Metric("h", wire.Histogram), bounds, 1, make([]uint64, 601)...)
	e.Start(nil)
	require.Equal(t, wire.Large, e.Append(h))
	e.Enlarge(nil)
	n := 0
	for e.Append(h) == wire.Added {
		n++
	}
	packet := e.Finish()
	events := 0
	for place := 0; ; {
		datagram, _, next := e.Datagram(nil, packet, 60_000, place)
		assert.LessOrEqual(t, len(datagram), 20_000)
		events += len(decode(t, e, datagram))
		if place = next; next == 0 {
			break
		}
	}
	assert.Equal(t, n*603, events)
}

func TestEncoderAllocatesNothing(t *testing.T) {
	e := plain.NewEncoder(plain.Options{}, 1472, &points.Memory{})
	pts := []*wire.Point{points.Int(points.Counter("c"), 1, "a", "b"), points.Histogram(points.Metric("h", wire.Histogram), []float64{1}, 1, 1, 0)}
	buf := make([]byte, 0, e.BufferSize())
	step := func() {
		e.Start(buf)
		for _, p := range pts {
			e.Append(p)
		}
		e.Finish()
		e.Settled(math.MaxInt)
	}
	step()
	assert.Zero(t, allocs.In(100, step))
}
