package wire_test

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/wire"
)

var (
	shop     = resource{attributes: []attribute{{"service.name", str("shop")}}}
	lib      = scope{resource: shop, name: "lib"}
	get      = []attribute{{"method", str("GET")}}
	requests = metric{scope: lib, name: "requests", unit: "1", kind: wire.Sum, integer: true, monotonic: true}
	load     = metric{scope: lib, name: "load", kind: wire.Gauge}
	latency  = metric{scope: lib, name: "latency", unit: "s", kind: wire.Histogram}
)

const second = int64(1_000_000_000)

// goldens are packets of today's format. Each file under testdata/golden holds one packet
// in hex, a field a line; # begins a comment. The files pin the format: if a test fails
// here, the test is right and the code is wrong.
var goldens = []struct {
	name   string
	points []point
	// foreign packets hold what this version's encoder does not write.
	foreign bool
}{
	{name: "empty"},
	{name: "gauge_int64", points: []point{
		{metric: metric{scope: lib, name: "queue", description: "jobs", kind: wire.Gauge, integer: true}, start: wire.NoTime, time: 5, bits: i64(-3)},
	}},
	{name: "gauge_float64", points: []point{{metric: load, attributes: get, start: wire.NoTime, time: 5, bits: f64(0.75)}}},
	{name: "sum_int64_monotonic_cumulative", points: []point{
		{metric: requests, attributes: get, start: second, time: 2 * second, bits: 1},
		{metric: requests, attributes: get, start: second, time: 3 * second, bits: 300},
	}},
	{name: "sum_float64_delta", points: []point{
		{metric: metric{scope: lib, name: "spent", kind: wire.Sum, delta: true}, start: second, time: 2 * second, bits: f64(-1.5)},
	}},
	{name: "histogram_int64_extrema", points: []point{
		{metric: metric{scope: lib, name: "size", unit: "By", kind: wire.Histogram, integer: true, delta: true}, start: 1, time: 2, bits: 600, dist: wire.Distribution{
			Count: 3, Min: extremum(0), Max: extremum(500), Bounds: []float64{10, 100, 1000}, BucketCounts: []uint64{1, 1, 1, 0},
		}},
	}},
	{name: "histogram_float64", points: []point{
		{metric: latency, start: 1, time: 2, bits: f64(0.25), dist: wire.Distribution{Count: 200, Bounds: []float64{0.005, 0.01, 2.5}, BucketCounts: []uint64{128, 0, 70, 2}}},
		{metric: latency, attributes: get, start: 1, time: 2, bits: f64(1), dist: wire.Distribution{Count: 1, Max: extremum(f64(1)), Bounds: []float64{0.005, 0.01, 2.5}, BucketCounts: []uint64{0, 0, 1, 0}}},
		{metric: latency, start: 1, time: 2, dist: wire.Distribution{Bounds: []float64{math.Pi}, BucketCounts: []uint64{0, 0}}},
		{metric: latency, start: 1, time: 2, bits: f64(7), dist: wire.Distribution{Count: 1, BucketCounts: []uint64{1}}},
	}},
	{name: "exponential_histogram", points: []point{
		{metric: metric{scope: lib, name: "latency", kind: wire.ExponentialHistogram}, start: 1, time: 2, bits: f64(10), dist: wire.Distribution{
			Count: 9, Min: extremum(f64(-2)), Max: extremum(f64(8)), Scale: -1, ZeroCount: 2, ZeroThreshold: 1e-6,
			Positive: wire.Buckets{Offset: -3, Counts: []uint64{1, 0, 2}}, Negative: wire.Buckets{Offset: 4, Counts: []uint64{4}},
		}},
	}},
	{name: "summary", points: []point{
		{metric: metric{scope: lib, name: "pause", kind: wire.Summary}, start: 1, time: 2, bits: f64(12), dist: wire.Distribution{
			Count: 4, Quantiles: []wire.Quantile{{Quantile: 0, Value: 0.1}, {Quantile: 0.5, Value: 3}, {Quantile: 1, Value: 1e300}},
		}},
	}},
	{name: "attributes", points: []point{{metric: load, time: 1, attributes: everyType}}},
	{name: "exemplars", points: []point{
		{metric: requests, start: 1, time: 1000, bits: 2, exemplars: []exemplar{
			{time: 990, bits: 1, trace: "0123456789abcdef", span: "01234567", attributes: everyType},
			{time: 1001, bits: i64(-1)},
		}},
		{metric: load, time: 1000, exemplars: []exemplar{{time: wire.NoTime, bits: f64(0.5)}}},
	}},
	{name: "times", points: []point{
		{metric: load, start: 0, time: 0},
		{metric: load, start: wire.NoTime, time: wire.NoTime},
		{metric: load, start: 7, time: wire.NoTime},
		{metric: load, start: wire.NoTime, time: 9},
		{metric: load, start: 7, time: 9},
		{metric: load, start: 6, time: 8},
		{metric: load, start: math.MaxInt64, time: math.MaxInt64},
		{metric: load, start: math.MinInt64 + 1, time: math.MinInt64 + 1},
	}},
	{name: "numbers_int64", points: numbers(metric{scope: lib, name: "n", kind: wire.Gauge, integer: true},
		0, 1, i64(-1), 63, i64(-64), 64, 1<<54-1, i64(-1<<54), 1<<54, i64(-1<<54-1), math.MaxInt64, 1<<63)},
	{name: "numbers_float64", points: numbers(metric{scope: lib, name: "n", kind: wire.Gauge},
		f64(0), f64(1), f64(-1), f64(1<<47-1), f64(1<<47), // integers
		f64(0.5), f64(-0.1), f64(1.048575), f64(1e-9), f64(1099.511627775), f64(1099.511627776), // decimals but the last
		1<<63, f64(math.Ldexp(1, -149)), f64(math.Ldexp(-3, -40)), // singles
		f64(math.Pi), f64(math.SmallestNonzeroFloat64), f64(math.MaxFloat64), f64(math.Inf(1)), f64(math.Inf(-1)), 0x7FF8000000000001, 0xFFF0000000000001)},
	{name: "two_resources", points: []point{
		{metric: requests, attributes: get, start: 1, time: 2, bits: 1},
		{metric: metric{scope: scope{resource: resource{attributes: []attribute{{"service.name", str("bank")}}}, name: "lib"}, name: "requests", kind: wire.Sum, integer: true}, attributes: get, start: 1, time: 2, bits: 1},
		{metric: metric{scope: scope{resource: shop, name: "lib2"}, name: "requests", kind: wire.Sum, integer: true}, attributes: get, start: 1, time: 2, bits: 1},
		{metric: load, attributes: get, start: 1, time: 2, bits: f64(1)},
		{metric: requests, attributes: get, start: 1, time: 2, bits: 1},
	}},
	{name: "schema_urls", points: []point{
		{metric: metric{scope: scope{
			resource: resource{schema: "http://x/1", attributes: shop.attributes}, name: "lib", version: "v1", schema: "http://x/2", attributes: []attribute{{"service.name", str("lib")}, {"empty", str("")}},
		}, name: "load", unit: "v1", description: "lib", kind: wire.Gauge}, start: 0, time: 2, bits: f64(1)},
	}},
	{name: "padding", foreign: true, points: []point{{metric: load, attributes: get, start: wire.NoTime, time: 5, bits: f64(0.75)}}},
	{name: "extension", foreign: true, points: []point{
		{metric: load, time: 1, bits: f64(1)}, {metric: load, time: 1, bits: f64(2)},
	}},
	{name: "unknown_extra", foreign: true, points: []point{
		{metric: load, time: 1, bits: f64(1), exemplars: []exemplar{{time: 1, bits: f64(3)}}}, {metric: load, time: 1, bits: f64(2)},
	}},
}

// everyType has an attribute of each type, nested if that is possible.
var everyType = []attribute{
	{"empty", value{}},
	{"bool", boolean(true)},
	{"int", integer(-200)},
	{"float", double(1.5)},
	{"string", str("GET")},
	{"bools", list(wire.BoolSliceValue, boolean(true), boolean(false))},
	{"ints", list(wire.Int64SliceValue, integer(1), integer(math.MinInt64))},
	{"floats", list(wire.Float64SliceValue, double(0))},
	{"strings", list(wire.StringSliceValue, str("GET"), str(""))},
	{"bytes", raw("\x00\xFF")},
	{"slice", list(wire.SliceValue, str("GET"), value{}, list(wire.Int64SliceValue, integer(2)), dict(attribute{"k", boolean(true)}))},
	{"map", dict(attribute{"a", list(wire.SliceValue, raw("z"))}, attribute{"", dict()}, attribute{"a", double(2)}, attribute{"b", integer(3)})},
}

func numbers(m metric, bits ...uint64) (points []point) {
	for _, b := range bits {
		points = append(points, point{metric: m, start: wire.NoTime, time: 1, bits: b})
	}
	return points
}

// reports are the goldens that carry no points.
var reports = []struct {
	name   string
	report wire.Report
	header wire.Header
}{
	{"report", wire.Report{
		Age: uint64(second), PacketsSent: 300, PointsSent: 5000, PacketLimit: 1472,
		Dropped: [wire.DropReasons]uint64{wire.RingFull: 1, wire.Oversize: 130, wire.Shutdown: math.MaxUint64},
	}, wire.Header{Format: wire.SenderReport, Sequence: 7, Time: 2 * second, Session: 9, PointsBefore: 5000}},
	{"goodbye", wire.Report{PacketLimit: 1472}, wire.Header{Format: wire.SenderReport, Sequence: 1<<56 - 1, Time: -1, Session: math.MaxUint64, PointsBefore: math.MaxUint32, Goodbye: true}},
}

// golden reads a file of testdata/golden.
func golden(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "golden", name+".hex"))
	require.NoError(t, err)
	digits := ""
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		digits += strings.Join(strings.Fields(line), "")
	}
	packet, err := hex.DecodeString(digits)
	require.NoError(t, err)
	return packet
}

// repaired returns packet with the checksum that fits.
func repaired(packet []byte) []byte {
	end := len(packet) - wire.TrailerSize
	return binary.BigEndian.AppendUint32(packet[:end:end], crc32.Checksum(packet[:end], crc32.MakeTable(crc32.Castagnoli)))
}

func TestGoldenPackets(t *testing.T) {
	for _, g := range goldens {
		t.Run(g.name, func(t *testing.T) {
			want := golden(t, g.name)
			if !g.foreign {
				packets, tooLarge := pack(t, 1472, g.points)
				require.Len(t, packets, 1)
				require.Empty(t, tooLarge)
				assert.Equal(t, hex.Dump(want), hex.Dump(packets[0]), "encoded")
			}
			var d wire.Decoder
			points, err := read(&d, want)
			require.NoError(t, err)
			assert.Equal(t, texts(g.points), texts(points), "decoded")
			h := testHeader
			h.Points = uint16(len(g.points))
			assert.Equal(t, h, d.Header())
		})
	}
}

func TestGoldenReports(t *testing.T) {
	for _, g := range reports {
		t.Run(g.name, func(t *testing.T) {
			want := golden(t, g.name)
			packet := wire.AppendReport(nil, &g.report)
			wire.Stamp(packet, &g.header)
			assert.Equal(t, hex.Dump(want), hex.Dump(packet), "encoded")
			report, err := wire.ParseReport(want)
			require.NoError(t, err)
			assert.Equal(t, g.report, report)
			h, err := wire.ParseHeader(want)
			require.NoError(t, err)
			assert.Equal(t, g.header, h)
		})
	}
}

// TestPrefixesAreRejected: a packet is accepted whole or not at all. No prefix of a golden
// is accepted, whether its checksum is wrong or was repaired.
func TestPrefixesAreRejected(t *testing.T) {
	for _, g := range goldens {
		packet := golden(t, g.name)
		for n := range packet {
			cause := wire.BadChecksum
			if n < wire.HeaderSize+wire.TrailerSize {
				cause = wire.TooShort
			} else if g.name != "padding" || n < len(packet)-3 { // less padding is good, too
				assertRejected(t, repaired(packet[:n]), wire.Malformed, "%s repaired at %d", g.name, n)
			}
			assertRejected(t, packet[:n], cause, "%s cut at %d", g.name, n)
		}
	}
	for _, g := range reports {
		packet := golden(t, g.name)
		for n := range packet {
			report, err := wire.ParseReport(packet[:n])
			assert.Error(t, err, "%s cut at %d", g.name, n)
			assert.Zero(t, report)
		}
	}
}

// TestGoldenFragments makes the fragments of a golden body, and puts them together.
func TestGoldenFragments(t *testing.T) {
	const limit, last = 58, 3
	whole := golden(t, "gauge_float64")
	require.Equal(t, last+1, wire.Fragments(whole, limit))
	assert.Equal(t, 1, wire.Fragments(whole, len(whole)))
	var a wire.Assembly
	h := testHeader
	for i := range last + 1 {
		want := golden(t, fmt.Sprintf("fragment_%d", i))
		h = testHeader
		h.Format, h.Sequence = wire.FragmentFormat, testHeader.Sequence+uint64(i)
		if i == last {
			h.Points = 1
		}
		packet := wire.AppendFragment(nil, whole, limit, i)
		wire.Stamp(packet, &h)
		assert.Equal(t, hex.Dump(want), hex.Dump(packet), "encoded")
		got, cause := wire.CheckHeader(want)
		require.Equal(t, wire.Accepted, cause)
		assert.Equal(t, h, got)
		f, ok := wire.ReadFragment(want, &got)
		require.True(t, ok)
		assert.Equal(t, []int{i, last}, []int{f.Index, f.Last})
		require.True(t, a.Add(f))
		assert.Equal(t, i == last, a.Whole())
	}
	body := a.AppendBody(nil)
	assert.Equal(t, whole[wire.HeaderSize:len(whole)-wire.TrailerSize], body)
	var d wire.Decoder
	require.NoError(t, d.ResetBody(&h, body))
	require.True(t, d.Next())
	assert.Equal(t, point{metric: load, attributes: get, start: wire.NoTime, time: 5, bits: f64(0.75)}.String(), readPoint(d.Point()).String())
}

// assertRejected asserts that packet is rejected for cause, without any points.
func assertRejected(t *testing.T, packet []byte, cause wire.Cause, what string, args ...any) {
	t.Helper()
	rejection(t, packet, cause, what, args...)
}

// rejection asserts that packet is rejected and returns the error.
func rejection(t *testing.T, packet []byte, cause wire.Cause, what string, args ...any) wire.Error {
	t.Helper()
	var d wire.Decoder
	err := d.Reset(packet)
	var e *wire.Error
	if !assert.True(t, errors.As(err, &e), append([]any{what + ": no error"}, args...)...) {
		return wire.Error{}
	}
	assert.Equal(t, cause.String(), e.Cause.String(), append([]any{what}, args...)...)
	assert.False(t, d.Next(), "points of a rejected packet")
	assert.Empty(t, d.Metrics(), "metrics of a rejected packet")
	assert.Empty(t, d.AttributeSets(), "attribute sets of a rejected packet")
	assert.Empty(t, d.Dictionary(), "strings of a rejected packet")
	return *e
}
