package wire_test

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/wire"
)

const (
	// defined is a metric's definition up to its flags, in a scope and a resource without
	// names and attributes. unnamed is what comes after the flags.
	defined = "00 00 00 01 01 01 01 01 01"
	unnamed = "01 01 01"

	gaugeInt    = defined + "09" + unnamed
	gaugeDouble = defined + "01" + unnamed
	histogram   = defined + "03" + unnamed
	exponential = defined + "04" + unnamed
	summary     = defined + "05" + unnamed

	huge    = "80 80 80 80 80 80 80 80 80 01"    // uvarint 2^63
	tooBig  = "FF FF FF FF FF FF FF FF FF 02"    // does not fit 64 bits
	tooLong = "80 80 80 80 80 80 80 80 80 80 01" // an 11th byte
	ffff    = "FF FF 03"                         // uvarint 65535
)

// crafted makes a packet of a body in hex, header and checksum right.
func crafted(points int, body string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(body, " ", ""))
	if err != nil {
		panic(err)
	}
	packet := append(make([]byte, wire.HeaderSize), b...)
	packet = append(packet, 0, 0, 0, 0)
	wire.Stamp(packet, &wire.Header{Format: wire.Compact, Points: uint16(points)})
	return packet
}

// malformed are bodies of one point that break the grammar in one place.
var malformed = []struct {
	name, body string
	field      string // not compared if empty
	offset     int    // where reading stops; not compared if 0
}{
	{"empty body", "", "point count", 32},
	{"only a tag", "00", "metric", 33},

	{"string length 65535", "00" + defined + "01 00" + ffff + "61", "metric name", 47},
	{"string length 2^63", "00" + defined + "01 00" + huge, "metric name", 54},
	{"string length of 11 bytes", "00" + defined + "01 00" + tooLong, "metric name", 44},
	{"string length of 65 bits", "00" + defined + "01 00" + tooBig, "metric name", 44},
	{"string length one too many", "00" + defined + "01 01 01 00 02 61", "", 0},
	{"attributes 65535", "00" + gaugeInt + "00" + ffff, "attributes", 0},
	{"attributes beyond the packet", "00" + gaugeInt + "00 02 01 00 01", "attributes", 0},
	{"attributes 2^63", "00" + gaugeInt + "00" + huge, "attributes", 0},
	{"elements 65535", "00" + gaugeInt + "00 01 01 0A" + ffff, "elements", 53},
	{"elements 2^63", "00" + gaugeInt + "00 01 01 16" + huge, "elements", 0},
	{"bytes 65535", "00" + gaugeInt + "00 01 01 12" + ffff, "text", 0},
	{"float64 of 7 bytes", "00" + gaugeInt + "00 01 01 06 00 00 00 00 00 00 00", "float64", 0},
	{"value of 7 bytes", "02" + gaugeInt + "01 00 00 00 00 00 00 00", "value", 0},
	{"single of 3 bytes", "03" + gaugeDouble + "01 00 00 00", "value", 0},
	{"value of 11 bytes", "01" + gaugeInt + "01" + tooLong, "value", 0},
	{"time of 65 bits", "08" + gaugeInt + "01" + tooBig, "time", 0},
	{"start time cut", "10" + gaugeInt + "01 80", "start time", 0},
	{"bounds 65535", "00" + histogram + "01 00 00 00" + ffff, "bounds", 0},
	{"bounds 2^63", "00" + histogram + "01 00 00 00" + huge, "bounds", 0},
	{"raw bound of 7 bytes", "00" + histogram + "01 00 00 00 01 FF 00 00 00 00 00 00 00", "bound", 0},
	{"buckets 65535", "00" + histogram + "01 00 00 01" + ffff, "bucket counts", 0},
	{"buckets 2^63", "00" + histogram + "01 00 00 01" + huge, "bucket counts", 0},
	{"positive buckets beyond", "00" + exponential + "01 00 00 00 00 00 00 03 00 00", "positive counts", 0},
	{"negative buckets beyond", "00" + exponential + "01 00 00 00 00 00 00 00 00 01", "negative counts", 0},
	{"quantiles 65535", "00" + summary + "01 00" + ffff, "quantiles", 0},
	{"quantiles 2^63", "00" + summary + "01 00" + huge, "quantiles", 0},
	{"extension length 65535", "80 01" + ffff, "extension", 37},
	{"extension length 2^63", "80 01" + huge, "extension", 44},
	{"extra length 65535", "40" + gaugeInt + "01 02" + ffff + "00", "extra", 0},
	{"extras without end", "40" + gaugeInt + "01 02 00", "extra", 0},

	{"string reference", "00" + defined + "01 02", "metric name", 0},
	{"string reference 2^63", "00" + defined + "01" + huge, "metric name", 0},
	{"string reference in a value", "00" + gaugeInt + "00 01 01 05", "attribute value", 0},
	{"set reference", "00" + gaugeInt + "02", "attribute set reference", 47},
	{"set reference 2^63", "00" + gaugeInt + huge, "attribute set reference", 0},
	{"metric reference", "00 01 01", "metric reference", 34},
	{"metric reference 2^63", "00" + huge + "01", "metric reference", 43},
	{"scope reference", "00 00 01", "scope reference", 35},
	{"resource reference", "00 00 00 01", "resource reference", 36},
	{"bounds reference", "00" + histogram + "01 00 00 02 00", "bounds reference", 0},

	{"value type 12 in a set", "00" + gaugeInt + "00 01 01 18", "attribute type", 0},
	{"value type 2^62 in a set", "00" + gaugeInt + "00 01 01" + huge, "attribute type", 0},
	{"string in its even form", "00" + gaugeInt + "00 01 01 08 00", "attribute type", 0},
	{"value type 12 in a slice", "00" + gaugeInt + "00 01 01 14 01 0C", "value type", 0},
	{"value type 12 in a map", "00" + gaugeInt + "00 01 01 16 01 00 0C", "value type", 0},
	{"bool 2", "00" + gaugeInt + "00 01 01 02 02", "bool", 0},
	{"bool 2 in a slice", "00" + gaugeInt + "00 01 01 0A 01 02", "bool", 0},
	{"17 levels", "00" + gaugeInt + "00 01 01" + levels(17), "nesting", 82},
	{"1000 levels", "00" + gaugeInt + "00 01 01" + levels(1000), "nesting", 82},

	{"encoding 5", "05" + gaugeDouble + "01", "value", 47},
	{"encoding 6", "06" + gaugeDouble + "01", "value", 0},
	{"encoding 7", "07" + gaugeDouble + "01", "value", 0},
	{"single of integers", "03" + gaugeInt + "01 00 00 00 00", "value", 0},
	{"decimal of integers", "04" + gaugeInt + "01 01 00", "value", 0},
	{"decimal exponent 0", "04" + gaugeDouble + "01 00 02", "value", 0},
	{"decimal exponent 10", "04" + gaugeDouble + "01 0A 02", "value", 0},
	{"bounds form 10", "00" + histogram + "01 00 00 00 00 0A 00", "bounds form", 0},
	{"bounds form 254", "00" + histogram + "01 00 00 00 00 FE 00", "bounds form", 0},
	{"unknown extremum", "00" + histogram + "01 00 04 01 00", "min and max", 0},
	{"encoding 5 of a minimum", "00" + histogram + "01 00 01 05 01 00", "min", 0},
	{"encoding 255 of a zero threshold", "00" + exponential + "01 00 00 00 00 FF 00 00 00 00", "zero threshold", 0},
	{"encoding 7 of a quantile", "00" + summary + "01 00 01 07 00", "quantile", 0},
	{"start mode 3", "30" + gaugeInt + "01", "start time", 0},
	{"tag with bit 7 and another", "81 00 00", "tag", 33},
	{"a point behind padding", "FF 00" + gaugeInt + "01", "padding", 34},
	{"an extension behind padding", "00" + gaugeInt + "01 FF FF 80 01 00", "padding", 50},
	{"nothing but padding", "FF FF", "point count", 34},
	{"scale 2^31", "00" + exponential + "01 00 00 80 80 80 80 10 00 00 00 00 00 00", "scale", 0},
	{"scale -2^31-1", "00" + exponential + "01 00 00 81 80 80 80 10 00 00 00 00 00 00", "scale", 0},
	{"positive offset 2^31", "00" + exponential + "01 00 00 00 00 00 80 80 80 80 10 00 00 00", "positive offset", 0},
	{"negative offset 2^31", "00" + exponential + "01 00 00 00 00 00 00 00 80 80 80 80 10 00", "negative offset", 0},

	{"second exemplars", "40" + gaugeInt + "01 01 00 01 00 00", "second exemplars", 51},
	{"exemplar cut", "40" + gaugeInt + "01 01 02 00 00 00", "trace id", 0},
	{"exemplar trace 65535", "40" + gaugeInt + "01 01 05 00 00" + ffff + "00", "trace id", 0},
	{"exemplar attributes 65535", "40" + gaugeInt + "01 01 07 00 00 00 00" + ffff + "00", "exemplar attributes", 0},
	{"exemplar attribute of type 12", "40" + gaugeInt + "01 01 07 00 00 00 00 01 00 0C 00", "value type", 0},
	{"exemplar of integers as a single", "40" + gaugeInt + "01 01 09 00 03 00 00 00 00 00 00 00 00", "exemplar value", 0},

	{"no points", "80 01 00", "point count", 35},
	{"two points", "00" + gaugeInt + "01 00 01 01", "point count", 50},
}

// levels returns n slices inside each other, as a value in a set.
func levels(n int) string { return "14 01" + strings.Repeat("0A 01", n-2) + "0A 00" }

func TestMalformedBodiesAreRejected(t *testing.T) {
	for _, m := range malformed {
		t.Run(m.name, func(t *testing.T) {
			e := rejection(t, crafted(1, m.body), wire.Malformed, "%s", m.name)
			if m.field != "" {
				assert.Equal(t, m.field, e.Field)
			}
			if m.offset != 0 {
				assert.Equal(t, fmt.Sprintf("wire: malformed packet: %s at byte %d", m.field, m.offset), e.Error())
			}
		})
	}
}

// TestMetricFlags: a metric's flags are a kind and what this kind has, nothing else.
func TestMetricFlags(t *testing.T) {
	const integer, monotonic, delta = 0x08, 0x10, 0x20
	kinds := map[wire.Kind]struct {
		allowed int
		rest    string // an empty distribution
	}{
		wire.Gauge:                {integer, ""},
		wire.Sum:                  {integer | monotonic | delta, ""},
		wire.Histogram:            {integer | delta, "00 00 01 00"},
		wire.ExponentialHistogram: {integer | delta, "00 00 00 00 00 00 00 00 00"},
		wire.Summary:              {0, "00 00"},
	}
	for flags := range 256 {
		kind, known := kinds[wire.Kind(flags&7)]
		packet := crafted(1, "00"+defined+fmt.Sprintf("%02x", flags)+unnamed+"01"+kind.rest)
		if !known || flags&^7&^kind.allowed != 0 {
			e := rejection(t, packet, wire.Malformed, "flags %#x", flags)
			assert.Equal(t, "metric flags", e.Field)
			continue
		}
		var d wire.Decoder
		assert.NoError(t, d.Reset(packet), "flags %#x", flags)
	}
}

// TestUnusualBodiesAreAccepted: what looks odd and is valid is accepted.
func TestUnusualBodiesAreAccepted(t *testing.T) {
	for _, good := range []struct {
		name, body string
		points     int
	}{
		{"nothing", "", 0},
		{"nothing but padding", "FF FF", 0},
		{"padding", "00" + gaugeInt + "01 FF FF FF", 1},
		{"only extensions", "80 00 00 80 FF 01 02 00 00", 0},
		{"16 levels", "00" + gaugeInt + "00 01 01" + levels(16), 1},
		{"16 levels in an exemplar", "40" + gaugeInt + "01 01 26 00 00 00 00 01 00 0A" + strings.Repeat("01 0A", 15) + "00 00", 1},
		{"varints with more bytes than needed", "00" + gaugeInt + "81 80 00", 1},
		{"reference of ten bytes", "00" + gaugeInt + "81 80 80 80 80 80 80 80 80 00", 1},
		{"empty definitions", "00" + defined + "09 00 00 00 00 00 00 00 00", 1},
		{"a defined empty set", "00" + gaugeInt + "00 00", 1},
		{"an empty list of bounds", "00" + histogram + "01 00 00 00 00 00 00", 1},
		{"more bounds than buckets", "00" + histogram + "01 00 00 00 02 00 02 02 00", 1},
		{"smallest scale", "00" + exponential + "01 00 00 FF FF FF FF 0F 00 00 00 00 00 00", 1},
		{"no exemplars", "40" + gaugeInt + "01 01 00 00", 1},
		{"ids of odd lengths", "40" + gaugeInt + "01 01 07 00 00 01 41 01 42 00 00", 1},
		{"repeated key", "00" + gaugeInt + "00 02 01 00 01 00", 1},
	} {
		var d wire.Decoder
		points, err := read(&d, crafted(good.points, good.body))
		assert.NoError(t, err, good.name)
		assert.Len(t, points, good.points, good.name)
	}
}

// TestAmplificationIsRejected: one big set and a thousand small points refer to each other.
// The decoder stops before any reader unfolds megabytes.
func TestAmplificationIsRejected(t *testing.T) {
	key := "00" + "40" + strings.Repeat("61", 64) // defined once, then reference 2
	set := "00" + hex.EncodeToString(binary.AppendUvarint(nil, 200)) + key + "03" + strings.Repeat("02 03", 199)
	first := "00" + gaugeInt + set
	body := first + strings.Repeat("00 01 02", (1472-36-len(strings.ReplaceAll(first, " ", ""))/2)/3)
	points := strings.Count(body, "00 01 02") + 1
	packet := crafted(points, body)
	require.LessOrEqual(t, len(packet), 1472)

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var d wire.Decoder
	err := d.Reset(packet)
	runtime.ReadMemStats(&after)
	require.ErrorContains(t, err, "wire: over_budget packet: expansion at byte ")
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
	assert.False(t, d.Next())

	// The same within the budget is good: the set weighs 200 * (32 + 64).
	const within = 1400 * wire.MaxExpansion / (64 + 200*96)
	few := crafted(within, first+strings.Repeat("00 01 02", within-1)+"80 00 "+hex.EncodeToString(binary.AppendUvarint(nil, 900))+strings.Repeat("00", 900))
	got, err := read(&d, few)
	require.NoError(t, err)
	assert.Len(t, got, within)
}

// TestSetOverBudget: a set that alone is over the budget is rejected without a point.
func TestSetOverBudget(t *testing.T) {
	key := "00" + hex.EncodeToString(binary.AppendUvarint(nil, 1000)) + strings.Repeat("61", 1000)
	set := "00" + hex.EncodeToString(binary.AppendUvarint(nil, 500)) + key + "05" + strings.Repeat("02 05", 499)
	assertRejected(t, crafted(1, "00"+gaugeInt+set), wire.OverBudget, "set")
}
