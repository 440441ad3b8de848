package statsd_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/internal/allocs"
	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/internal/points"
	"github.com/otelgram/otelgram/wire/statsd"
)

func newEncoder(t testing.TB, d statsd.Dialect, o statsd.Options) *statsd.Encoder {
	t.Helper()
	e, err := statsd.New(d, o, 1432, &points.Memory{})
	require.NoError(t, err)
	return e
}

// packet packs points, all of which are taken, and returns the packet.
func packet(t testing.TB, e *statsd.Encoder, pts ...*wire.Point) string {
	t.Helper()
	e.Start(nil)
	for _, p := range pts {
		r := e.Append(p)
		if r == wire.Large {
			e.Enlarge(nil)
			r = e.Append(p)
		}
		require.Equal(t, wire.Added, r)
	}
	return string(e.Finish())
}

func lines(ls ...string) string {
	if len(ls) == 0 {
		return ""
	}
	return strings.Join(ls, "\n") + "\n"
}

var (
	noTags = statsd.Options{Resource: []string{}}
	values = statsd.Options{Histograms: statsd.Distributions}
)

func unit(m *wire.Metric, u string) *wire.Metric {
	m.Unit = wire.NewSymbol(u)
	return m
}

func delta(m *wire.Metric) *wire.Metric {
	m.Delta = true
	return m
}

// TestLines has the lines of a first point of each kind.
func TestLines(t *testing.T) {
	sum := points.Metric("s", wire.Sum)
	monotonic := points.Metric("m", wire.Sum)
	monotonic.Monotonic = true
	bounds := []float64{1, 2, 4}
	exponential := points.Float(points.Metric("e", wire.ExponentialHistogram), 7)
	exponential.Distribution = &wire.Distribution{Count: 4, ZeroCount: 1, Positive: wire.Buckets{Offset: 0, Counts: []uint64{1, 2}}}
	summary := points.Float(points.Metric("q", wire.Summary), 5)
	summary.Distribution = &wire.Distribution{Count: 3, Quantiles: []wire.Quantile{{Quantile: 0.5, Value: 1.5}, {Quantile: 1, Value: -2}, {Quantile: 0.1, Value: math.NaN()}}}
	one := points.Histogram(points.Metric("h", wire.Histogram), bounds, 3.25, 0, 0, 1, 0)
	several := points.Histogram(points.Metric("h", wire.Histogram), bounds, 10.25, 0, 2, 1, 1)
	several.Distribution.Max = wire.Extremum{Defined: true, Bits: math.Float64bits(4.5)}
	for _, tt := range []struct {
		name    string
		options statsd.Options
		dialect statsd.Dialect
		point   *wire.Point
		want    string
	}{
		{"gauge", statsd.Options{}, statsd.StatsD, points.Float(points.Metric("g", wire.Gauge), 0.5), "g:0.5|g\n"},
		{"gauge with attributes", statsd.Options{}, statsd.StatsD, points.Float(points.Metric("g", wire.Gauge), 1, "z", "a.b", "a", "ü"), "g.a.__.z.a_b:1|g\n"},
		{"in the order of keys", statsd.Options{}, statsd.StatsD, points.Float(points.Metric("g", wire.Gauge), 1, "a", "x", "b", "ü"), "g.a.x.b.__:1|g\n"},
		{"after a comma", statsd.Options{Tags: statsd.AfterComma}, statsd.StatsD, points.Float(points.Metric("g", wire.Gauge), 1, "z.y", "a.b=,:", "a", "1"), "g,a=1,z.y=a.b___:1|g\n"},
		{"omitted", statsd.Options{Tags: statsd.Omitted}, statsd.StatsD, points.Float(points.Metric("g", wire.Gauge), 1, "z", "y"), "g:1|g\n"},
		{"with resource and scope", statsd.Options{Resource: []string{"*"}, Scope: true}, statsd.StatsD, points.Float(points.Metric("g", wire.Gauge), 1), "g.host_name.h.otel_scope_name.scope.otel_scope_version.1_0.service_name.svc:1|g\n"},
		{"tags", statsd.Options{}, statsd.DogStatsD, points.Float(points.Metric("g", wire.Gauge), 1, "z", "a|b,c:d"), "g:1|g|#service.name:svc,z:a_b_c:d\n"},
		{"keys that become one", noTags, statsd.DogStatsD, points.Float(points.Metric("g", wire.Gauge), 1, "a b", "1", "a!b", "2", "ca_b", "3"), "g:1|g|#a_b:1,a_b_1:2,ca_b:3\n"},
		{"dangerous keys", noTags, statsd.DogStatsD, points.Float(points.Metric("g", wire.Gauge), 1, "__name__", "a", "9", "b", "le", "c", "quantile", "d", "", "e"), "g:1|g|#k_:e,k_9:b,k___name__:a,le_:c,quantile_:d\n"},
		{"own attribute wins", statsd.Options{}, statsd.DogStatsD, points.Float(points.Metric("g", wire.Gauge), 1, "service.name", "mine"), "g:1|g|#service.name:mine\n"},
		{"last tag ends in ASCII", noTags, statsd.DogStatsD, points.Float(points.Metric("g", wire.Gauge), 1, "a", "x", "b", "ü"), "g:1|g|#b:ü,a:x\n"},
		{"last tag ends in a space", noTags, statsd.DogStatsD, points.Float(points.Metric("g", wire.Gauge), 1, "a", "x ", "metric_type", "c "), "g:1|g|#a:x ,metric_type_:c _\n"},
		{"no tag ends in ASCII", noTags, statsd.DogStatsD, points.Float(points.Metric("g", wire.Gauge), 1, "b", "ü", "c", ""), "g:1|g|#b:ü_\n"},
		{"negative", noTags, statsd.DogStatsD, points.Float(points.Metric("g", wire.Gauge), -5), "g:0|g\ng:-5|g\n"},
		{"negative zero", noTags, statsd.DogStatsD, points.Float(points.Metric("g", wire.Gauge), math.Copysign(0, -1)), "g:0|g\ng:-0|g\n"},
		{"negative for an agent", statsd.Options{Agent: true, Resource: []string{}}, statsd.DogStatsD, points.Float(points.Metric("g", wire.Gauge), -5), "g:-5|g\n"},
		{"for an agent", statsd.Options{Agent: true, Timestamps: true, Container: "ci-1", Resource: []string{}}, statsd.DogStatsD, points.Int(points.Counter("c"), 5, "a", "b"), "c:5|c|#a:b|T1760000420|c:ci-1\n"},
		{"name", noTags, statsd.DogStatsD, points.Float(points.Metric("9 lives-é", wire.Gauge), 1), "m_9_lives___:1|g\n"},
		{"name in StatsD", noTags, statsd.StatsD, points.Float(points.Metric("a-b", wire.Gauge), 1), "a-b:1|g\n"},
		{"no name", noTags, statsd.StatsD, points.Float(points.Metric("", wire.Gauge), 1), "m_:1|g\n"},
		{"sum", noTags, statsd.StatsD, points.Float(sum, 2.5), "s:2.5|g\n"},
		{"integers", noTags, statsd.StatsD, points.Int(points.Counter("c"), math.MaxInt64), "c:9223372036854774784|c\n"},
		{"fraction", noTags, statsd.StatsD, points.Float(monotonic, 2.75), "m:2|c\n"},
		{"less than one", noTags, statsd.StatsD, points.Float(monotonic, 0.75), ""},
		{"fractions", statsd.Options{Fractions: true}, statsd.StatsD, points.Float(monotonic, 2.75), "m:2.75|c\n"},
		{"delta", noTags, statsd.StatsD, points.Int(delta(points.Counter("c")), 7), "c:7|c\n"},
		{"nothing", noTags, statsd.StatsD, points.Int(points.Counter("c"), 0), ""},
		{"one measurement", values, statsd.StatsD, one, "h:3.25|ms\n"},
		{"one in DogStatsD", noTags, statsd.DogStatsD, one, "h:3.25|h\n"},
		{"distribution", values, statsd.StatsD, several, lines("h:1.5|ms|@0.49999999999999994", "h:3|ms", "h:4.25|ms")},
		{"seconds", values, statsd.StatsD, points.Histogram(unit(points.Metric("h", wire.Histogram), "s"), bounds, 0.25, 1, 0, 0, 0), "h:250|ms\n"},
		{"seconds as h", statsd.Options{Type: "h", Histograms: statsd.Distributions}, statsd.StatsD, points.Histogram(unit(points.Metric("h", wire.Histogram), "s"), bounds, 0.25, 1, 0, 0, 0), "h:0.25|h\n"},
		{"counters", noTags, statsd.StatsD, several, lines("h.count:4|c", "h.sum:10|c", "h.bucket.le.2:2|c", "h.bucket.le.4:3|c", "h.bucket.le.inf:4|c")},
		{"counters with tags", statsd.Options{Histograms: statsd.Counters, Resource: []string{}}, statsd.DogStatsD, one, lines("h.count:1|c", "h.sum:3|c", "h.bucket:1|c|#le:4", "h.bucket:1|c|#le:+Inf")},
		{"exponential", values, statsd.StatsD, exponential, lines("e:0|ms", "e:1.4|ms", "e:2.8|ms|@0.49999999999999994")},
		{"packed", statsd.Options{Agent: true, Resource: []string{}}, statsd.DogStatsD, several, lines("h:1.5|d|@0.49999999999999994", "h:3:4.25|d")},
		{"summary", noTags, statsd.DogStatsD, summary, lines("q.count:3|c", "q.sum:5|c", "q.quantile:1.5|g|#quantile:0.5", "q.quantile:0|g|#quantile:1", "q.quantile:-2|g|#quantile:1")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.point.Metric.SetMark(0) // cases share metrics, which belong to one encoder each
			tt.point.Attributes.SetMark(0)
			assert.Equal(t, tt.want, packet(t, newEncoder(t, tt.dialect, tt.options), tt.point))
		})
	}
}

func TestUnsayable(t *testing.T) {
	monotonic := points.Metric("m", wire.Sum)
	monotonic.Monotonic = true
	for _, p := range []*wire.Point{
		points.Float(points.Metric("g", wire.Gauge), math.NaN()),
		points.Float(points.Metric("g", wire.Gauge), math.Inf(1)),
		points.Float(monotonic, -1),
		points.Int(points.Counter("c"), -1),
		points.Histogram(points.Metric("h", wire.Histogram), nil, math.NaN(), 1),
		points.Float(points.Metric("q", wire.Summary), math.Inf(-1)),
		points.Float(points.Metric("?", 7), 1),
	} {
		e := newEncoder(t, statsd.StatsD, noTags)
		e.Start(nil)
		assert.Equal(t, wire.Unsayable, e.Append(p), "%+v", p.Metric)
		assert.Zero(t, e.Points())
		assert.Zero(t, e.LeftOut())
	}
}

// TestDifferences: what is said about a cumulative series adds up to what it has grown by.
func TestDifferences(t *testing.T) {
	c := points.Counter("c")
	m := points.Metric("m", wire.Sum)
	m.Monotonic = true
	later := points.Int(c, 3)
	later.StartTime++
	early := points.Int(points.Counter("early"), 100)
	early.StartTime = 5
	after := points.Int(early.Metric, 107)
	after.StartTime = 5
	change := delta(points.Metric("d", wire.Sum))
	fraction := delta(points.Metric("f", wire.Sum))
	fraction.Monotonic = true
	short := points.Histogram(delta(points.Metric("h", wire.Histogram)), []float64{1}, 0.75, 1, 0)
	e := newEncoder(t, statsd.StatsD, noTags)
	for i, tt := range []struct {
		point *wire.Point
		want  string
	}{
		{points.Int(c, 5), "c:5|c\n"},
		{points.Int(c, 5), ""},
		{points.Int(c, 7), "c:2|c\n"},
		{points.Int(c, 5, "other", "set"), "c.other.set:5|c\n"},
		{points.Int(c, math.MaxInt64), "c:9223372036854774784|c\n"},
		{points.Int(c, math.MaxInt64), "c:1016|c\n"},
		{points.Int(c, 4), "c:4|c\n"}, // the series began anew
		{later, "c:3|c\n"},
		{points.Float(m, 0.75), ""},
		{points.Float(m, 1.5), "m:1|c\n"},
		{points.Float(m, 2.25), "m:1|c\n"},
		{points.Float(m, 2.75), ""},
		{points.Float(m, 3), "m:1|c\n"},
		{early, ""},
		{after, "early:7|c\n"},
		{points.Float(change, 5), "d:5|g\n"},
		{points.Float(change, -7), "d:0|g\nd:-2|g\n"},
		{points.Float(fraction, 0.5), ""},
		{points.Float(fraction, 0.5), "f:1|c\n"},
		{points.Float(fraction, 1.75), "f:1|c\n"},
		{points.Float(fraction, 0.25), "f:1|c\n"},
		{short, lines("h.count:1|c", "h.bucket.le.1:1|c", "h.bucket.le.inf:1|c")},
		{short, lines("h.count:1|c", "h.sum:1|c", "h.bucket.le.1:1|c", "h.bucket.le.inf:1|c")},
	} {
		assert.Equal(t, tt.want, packet(t, e, tt.point), "point %d", i)
		if tt.want != "" {
			e.Settled(math.MaxInt)
		}
	}
	assert.Equal(t, wire.LeftOut{Unchanged: 4, Unknown: 1}, e.LeftOut())
}

// TestDroppedPackets: what a dropped packet would have told is told by the next one, once.
func TestDroppedPackets(t *testing.T) {
	c := points.Counter("c")
	bounds := []float64{1, 2}
	h := points.Metric("h", wire.Histogram)
	h.Integer = true
	histogram := func(sum int64, counts ...uint64) *wire.Point {
		p := points.Histogram(h, bounds, 0, counts...)
		p.Bits = uint64(sum)
		return p
	}
	e := newEncoder(t, statsd.StatsD, statsd.Options{Fractions: true, Histograms: statsd.Distributions})
	first := packet(t, e, points.Int(c, 5), histogram(2, 0, 1, 0))
	second := packet(t, e, points.Int(c, 8), histogram(4, 0, 2, 0))
	assert.Equal(t, "c:5|c\nh:2|ms\n", first)
	assert.Equal(t, "c:3|c\nh:2|ms\n", second)
	e.Settled(0)
	e.Settled(math.MaxInt)
	assert.Equal(t, "c:6|c\nh:2|ms\n", packet(t, e, points.Int(c, 9), histogram(4, 0, 2, 0)), "5 again, and 1 more")
	e.Settled(0)
	e.Start(nil)
	require.Equal(t, wire.Added, e.Append(points.Int(c, 1))) // the series begins anew while a dropped packet is settled
	e.Finish()
	assert.Equal(t, "c:1|c\n", packet(t, e, points.Int(c, 2)))
	e.Settled(0)
	e.Settled(0)
	assert.Equal(t, "c:2|c\n", packet(t, e, points.Int(c, 2)))
}

// TestManyMeasurements: a bucket takes several lines, and what is beyond them comes later.
func TestManyMeasurements(t *testing.T) {
	h := points.Metric("h", wire.Histogram)
	e := newEncoder(t, statsd.DogStatsD, noTags)
	count := func(text string) (n int) {
		for l := range strings.Lines(text) {
			rate := 1.0
			if at := strings.Index(l, "@"); at > 0 {
				rate = mustFloat(t, l[at+1:len(l)-1])
			}
			n += int(1 / rate)
		}
		return n
	}
	cumulative := points.Histogram(h, []float64{1}, 0, 2_500_003, 0)
	for _, want := range []int{1_000_000, 1_000_000, 500_003, 0} {
		assert.Equal(t, want, count(packet(t, e, cumulative)))
	}
	d := delta(points.Metric("d", wire.Histogram))
	assert.Equal(t, 1_000_000, count(packet(t, e, points.Histogram(d, []float64{1}, 0, 2_500_003, 0))))
	assert.Equal(t, uint64(1), e.LeftOut().Parts)
}

func TestLeftOut(t *testing.T) {
	e := newEncoder(t, statsd.DogStatsD, statsd.Options{MaxName: 64, MaxTag: 20, Resource: []string{}})
	g := points.Metric("g.1", wire.Gauge)
	p := points.Float(g, 1, "k", strings.Repeat("é", 30))
	p.Exemplars = []wire.Exemplar{{}, {}}
	long := points.Float(points.Metric(strings.Repeat("n", 65), wire.Gauge), 1)
	text := packet(t, e, p, points.Float(points.Metric("g,1", wire.Gauge), 1), points.Float(points.Metric("g_1", wire.Gauge), 1), long)
	assert.Equal(t, lines("g.1:1|g|#k:"+strings.Repeat("é", 9)+"_", "g_1:1|g", "g_1:1|g", strings.Repeat("n", 64)+":1|g"), text)
	assert.Equal(t, wire.LeftOut{Exemplars: 1, Shortened: 2, Collisions: 1}, e.LeftOut())
}

// TestMaxName: a name with its attributes is not longer than allowed, and its lines differ.
func TestMaxName(t *testing.T) {
	e := newEncoder(t, statsd.StatsD, statsd.Options{MaxName: 64})
	h := points.Histogram(points.Metric(strings.Repeat("n", 70), wire.Histogram), []float64{1, 2}, 1, 1, 0, 0)
	h.Attributes = points.Set("a", strings.Repeat("v", 50))
	seen := map[string]bool{}
	for l := range strings.Lines(packet(t, e, h)) {
		name, _, _ := strings.Cut(l, ":")
		assert.LessOrEqual(t, len(name), 64)
		assert.False(t, seen[name], name)
		seen[name] = true
	}
	assert.Len(t, seen, 5)
	assert.Equal(t, wire.LeftOut{Shortened: 1, Parts: 1}, e.LeftOut())
}

func TestNoMemory(t *testing.T) {
	m := &points.Memory{Limited: true}
	e, err := statsd.New(statsd.StatsD, noTags, 1432, m)
	require.NoError(t, err)
	assert.Equal(t, "g.a.b:1|g\n", packet(t, e, points.Float(points.Metric("g", wire.Gauge), 1, "a", "b")))
	assert.Equal(t, "c.a.b:1|c\n", packet(t, e, points.Int(delta(points.Counter("c")), 1, "a", "b")))
	e.Start(nil)
	assert.Equal(t, wire.NoMemory, e.Append(points.Int(points.Counter("c"), 1)))
}

func TestOptions(t *testing.T) {
	for _, tt := range []struct {
		dialect statsd.Dialect
		options statsd.Options
		want    string
	}{
		{statsd.StatsD, statsd.Options{Tags: 3}, "statsd: unknown Tags 3: want InName, AfterComma or Omitted"},
		{statsd.DogStatsD, statsd.Options{Tags: statsd.AfterComma}, "dogstatsd: there is no Tags 1 in dogstatsd: attributes are tags"},
		{statsd.StatsD, statsd.Options{Histograms: 3}, "statsd: unknown Histograms 3: want Automatic, Distributions or Counters"},
		{statsd.StatsD, statsd.Options{Type: "x"}, `statsd: unknown Type "x": want ms, h or d`},
		{statsd.StatsD, statsd.Options{MaxName: 63}, "statsd: the MaxName 63: must be 0, or 64 at least"},
		{statsd.StatsD, statsd.Options{MaxTag: -1}, "statsd: the MaxTag -1: must be 0, or 16 at least"},
		{statsd.StatsD, statsd.Options{Agent: true}, "statsd: the switch Agent is for dogstatsd, not for statsd"},
		{statsd.DogStatsD, statsd.Options{Timestamps: true}, "dogstatsd: with Timestamps there must be Agent: other servers refuse them"},
		{statsd.DogStatsD, statsd.Options{Container: "x"}, `dogstatsd: the Container "x" without Agent: other servers refuse it`},
		{statsd.DogStatsD, statsd.Options{Agent: true, Container: "x|y"}, `dogstatsd: the Container "x|y" must not contain | or a newline`},
	} {
		_, err := statsd.New(tt.dialect, tt.options, 1432, &points.Memory{})
		assert.EqualError(t, err, tt.want)
	}
}

// TestSteadyStateAllocatesNothing: all kinds of points, again and again.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	for _, o := range []statsd.Options{{}, {Histograms: statsd.Counters}} {
		e := newEncoder(t, statsd.DogStatsD, o)
		h := points.Histogram(points.Metric("h", wire.Histogram), []float64{1, 2}, 1, 1, 0, 0)
		pts := []*wire.Point{
			points.Float(points.Metric("g", wire.Gauge), 1, "a", "b"), points.Int(points.Counter("c"), 1, "a", "b"),
			points.Float(delta(points.Metric("d", wire.Sum)), 1), h,
		}
		buf := make([]byte, 0, e.BufferSize())
		step := func() {
			pts[1].Bits++
			h.Distribution.BucketCounts[1]++
			h.Distribution.Count++
			e.Start(buf)
			for _, p := range pts {
				e.Append(p)
			}
			e.Finish()
			e.Settled(math.MaxInt)
		}
		step()
		assert.Zero(t, allocs.In(100, step), "%+v", o)
	}
}
