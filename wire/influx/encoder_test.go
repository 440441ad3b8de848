package influx_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/internal/allocs"
	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/influx"
	"github.com/otelgram/otelgram/wire/internal/points"
)

func packet(t testing.TB, e *influx.Encoder, pts ...*wire.Point) string {
	t.Helper()
	e.Start(nil)
	for _, p := range pts {
		require.Equal(t, wire.Added, e.Append(p))
	}
	return string(e.Finish())
}

var noTags = influx.Options{Resource: []string{}}

const at = " 1760000420987654321\n"

func lines(ls ...string) string { return strings.Join(ls, at) + at }

// TestLines has the lines of each kind of point.
func TestLines(t *testing.T) {
	bounds := []float64{0.5, 2}
	histogram := points.Histogram(points.Metric("h", wire.Histogram), bounds, 3.25, 1, 0, 1)
	histogram.Distribution.Min = wire.Extremum{Defined: true, Bits: math.Float64bits(0.25)}
	histogram.Distribution.Max = wire.Extremum{Defined: true, Bits: math.Float64bits(math.Inf(1))}
	exponential := points.Float(points.Metric("e", wire.ExponentialHistogram), 7)
	exponential.Distribution = &wire.Distribution{
		Count: 6, Scale: 3, ZeroCount: 1, Positive: wire.Buckets{Offset: 0, Counts: []uint64{1, 0, 2}}, Negative: wire.Buckets{Offset: 7, Counts: []uint64{1, 1}},
	}
	summary := points.Float(points.Metric("q", wire.Summary), 5)
	summary.Distribution = &wire.Distribution{Count: 3, Quantiles: []wire.Quantile{{Quantile: 0.5, Value: 1.5}, {Quantile: 0.1, Value: math.NaN()}}}
	timeless := points.Int(points.Counter("c"), 1)
	timeless.Time = wire.NoTime
	lastTime, firstTime := points.Int(points.Counter("c"), 1), points.Int(points.Counter("c"), 1)
	lastTime.Time, firstTime.Time = math.MaxInt64, math.MinInt64+1
	huge := points.Histogram(points.Metric("h", wire.Histogram), nil, 1, math.MaxUint64)
	for _, tt := range []struct {
		name    string
		options influx.Options
		point   *wire.Point
		want    string
	}{
		{"gauge", influx.Options{}, points.Float(points.Metric("g", wire.Gauge), 0.5, "b", "2", "z", "1"), lines("g,b=2,service.name=svc,z=1 value=0.5")},
		{"counter", noTags, points.Int(points.Counter("c"), -7), lines("c value=-7i")},
		{"floats", influx.Options{Floats: true, Resource: []string{}}, points.Int(points.Counter("c"), 7), lines("c value=7")},
		{"without a time", noTags, timeless, "c value=1i\n"},
		{"the last time", noTags, lastTime, "c value=1i 9223372036854775806\n"},
		{"the first time", noTags, firstTime, "c value=1i -9223372036854775806\n"},
		{"escapes", noTags, points.Int(points.Counter("a b,c=d\ne"), 1, `k 1,=\`, "v 1,=\"\\\x00\xff", "empty", ""), lines(`a\ b\,c=d_e,k\ 1\,\=/=v\ 1\,\="/__ value=1i`)},
		{"keys that become one", noTags, points.Int(points.Counter("c"), 1, "a\t", "1", "a\n", "2", "a_", "3"), lines("c,a_=1,a__1=2,a__2=3 value=1i")},
		{"reserved", noTags, points.Int(points.Counter("_x"), 1, "time", "1", "le", "2", "", "3"), lines("m__x,_=3,le_=2,time_=1 value=1i")},
		{"comment", noTags, points.Int(points.Counter("#x"), 1), lines("m_#x value=1i")},
		{"histogram", noTags, histogram, lines("h count=2i,sum=3.25,min=0.25", "h,le=0.5 bucket=1i", "h,le=2 bucket=1i", "h,le=+Inf bucket=2i")},
		{"huge", noTags, huge, lines("h count=18446744073709552000,sum=1", "h,le=+Inf bucket=18446744073709552000")},
		{"exponential", noTags, exponential, lines("e count=6i,sum=7", "e,le=-2.37841 bucket=0i", "e,le=-2 bucket=1i", "e,le=-1.68179 bucket=2i", "e,le=0 bucket=3i",
			"e,le=1 bucket=3i", "e,le=1.18921 bucket=4i", "e,le=1.41421 bucket=6i", "e,le=+Inf bucket=6i")},
		{"summary", noTags, summary, lines("q count=3i,sum=5", "q,quantile=0.5 value=1.5")},
		{"no distribution", noTags, points.Float(points.Metric("h", wire.Histogram), 0), lines("h count=0i,sum=0", "h,le=+Inf bucket=0i")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := influx.New(tt.options, 1432, &points.Memory{})
			assert.Equal(t, tt.want, packet(t, e, tt.point))
		})
	}
}

func TestUnsayable(t *testing.T) {
	e := influx.New(noTags, 1432, &points.Memory{})
	e.Start(nil)
	for _, p := range []*wire.Point{
		points.Float(points.Metric("g", wire.Gauge), math.NaN()),
		points.Float(points.Metric("h", wire.Histogram), math.Inf(-1)),
		points.Float(points.Metric("?", 6), 1),
	} {
		assert.Equal(t, wire.Unsayable, e.Append(p))
	}
}

// TestLongPoints: a packet of several datagrams is cut between lines. A line that fits no
// datagram is dropped, and the lines before it stay.
func TestLongPoints(t *testing.T) {
	e := influx.New(noTags, 512, &points.Memory{})
	bounds := make([]float64, 30)
	for i := range bounds {
		bounds[i] = float64(i)
	}
	h := points.Histogram(points.Metric("h", wire.Histogram), bounds, 1, make([]uint64, 31)...)
	e.Start(nil)
	require.Equal(t, wire.Added, e.Append(points.Int(points.Counter("c"), 1)))
	assert.Equal(t, wire.TooLarge, e.Append(points.Int(points.Counter("c"), 1, "k", strings.Repeat("v", 500))))
	assert.Equal(t, wire.Full, e.Append(h))
	e.Finish()
	e.Start(nil)
	require.Equal(t, wire.Large, e.Append(h))
	e.Enlarge(nil)
	require.Equal(t, wire.Added, e.Append(h))
	whole := e.Finish()
	got := ""
	for place, n := 0, 0; ; n++ {
		datagram, _, next := e.Datagram(nil, whole, 512, place)
		assert.LessOrEqual(t, len(datagram), 512)
		assert.True(t, strings.HasSuffix(string(datagram), "\n"))
		got += string(datagram)
		if place = next; next == 0 {
			assert.Positive(t, n)
			break
		}
	}
	assert.Equal(t, string(whole), got)
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	e := influx.New(influx.Options{}, 1432, &points.Memory{})
	exponential := points.Float(points.Metric("e", wire.ExponentialHistogram), 7)
	exponential.Distribution = &wire.Distribution{Count: 3, Scale: 3, Positive: wire.Buckets{Offset: 0, Counts: []uint64{1, 0, 2}}}
	pts := []*wire.Point{
		points.Float(points.Metric("g", wire.Gauge), 1, "a", "b"),
		points.Histogram(points.Metric("h", wire.Histogram), []float64{1, 2}, 1, 1, 0, 0), exponential,
	}
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
