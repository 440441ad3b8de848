package wire_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/wire"
)

// checkHeader asserts that both forms of the header check agree, and returns their result.
func checkHeader(t *testing.T, packet []byte) (wire.Header, wire.Cause) {
	t.Helper()
	h, cause := wire.CheckHeader(packet)
	parsed, err := wire.ParseHeader(packet)
	assert.Equal(t, h, parsed)
	var e *wire.Error
	if errors.As(err, &e) {
		assert.Equal(t, cause, e.Cause)
		assert.Zero(t, h, "header of a rejected packet")
	} else {
		assert.NoError(t, err)
		assert.Equal(t, wire.Accepted, cause)
	}
	return h, cause
}

func TestHeaderChecks(t *testing.T) {
	good := golden(t, "gauge_int64")
	with := func(at int, c byte) []byte {
		packet := bytes.Clone(good)
		packet[at] = c
		return repaired(packet)
	}
	for _, c := range []struct {
		name   string
		packet []byte
		cause  wire.Cause
	}{
		{"good", good, wire.Accepted},
		{"version 0", with(0, 0x02), wire.UnknownVersion},
		{"version 2", with(0, 0x22), wire.UnknownVersion},
		{"version 15", with(0, 0xF2), wire.UnknownVersion},
		{"format 0", with(0, 0x10), wire.UnknownVersion},
		{"format 1", with(0, 0x11), wire.UnknownVersion},
		{"format 5", with(0, 0x15), wire.UnknownVersion},
		{"format 15", with(0, 0x1F), wire.UnknownVersion},
		{"critical flag 0x10", with(24, 0x10), wire.UnknownFlag},
		{"critical flag 0x20", with(24, 0x20), wire.UnknownFlag},
		{"critical flag 0x40", with(24, 0x40), wire.UnknownFlag},
		{"critical flag 0x80", with(24, 0x80), wire.UnknownFlag},
		{"other flags", with(24, 0x0D), wire.Accepted},
		{"key 1", with(25, 1), wire.UnknownFlag},
		{"key 255", with(25, 255), wire.UnknownFlag},
		{"statsd", []byte("requests:1|c|#method:GET,route:/api/v1/users"), wire.UnknownVersion},
	} {
		_, cause := checkHeader(t, c.packet)
		assert.Equal(t, c.cause, cause, c.name)
		var d wire.Decoder
		if c.cause != wire.Accepted {
			assertRejected(t, c.packet, c.cause, "%s", c.name)
			_, err := wire.ParseReport(c.packet)
			assert.Error(t, err)
		} else {
			assert.NoError(t, d.Reset(c.packet), c.name)
		}
	}
	for n := range wire.HeaderSize + wire.TrailerSize {
		_, cause := checkHeader(t, good[:n])
		assert.Equal(t, wire.TooShort, cause, "%d bytes", n)
	}
}

// TestEveryBitFlipIsRejected: the checksum covers every bit, its own included.
func TestEveryBitFlipIsRejected(t *testing.T) {
	for _, name := range []string{"two_resources", "report"} {
		packet := golden(t, name)
		for bit := range len(packet) * 8 {
			packet[bit/8] ^= 1 << (bit % 8)
			want := wire.BadChecksum
			switch {
			case bit/8 == 0 && packet[0] != 0x12 && packet[0] != 0x13:
				want = wire.UnknownVersion
			case bit/8 == 24 && packet[24]&0xF0 != 0, bit/8 == 25:
				want = wire.UnknownFlag
			}
			_, cause := checkHeader(t, packet)
			assert.Equal(t, want, cause, "%s, bit %d", name, bit)
			packet[bit/8] ^= 1 << (bit % 8)
		}
	}
}

// TestStampTwice: a packet that could not leave is stamped again, and only the last stamp
// counts.
func TestStampTwice(t *testing.T) {
	p := newPacker(t, 1472)
	require.Equal(t, wire.Added, p.Append(interner{}.point(goldens[1].points[0])))
	packet := p.Finish()
	wire.Stamp(packet, &wire.Header{
		Format: wire.SenderReport, Sequence: math.MaxUint64, Time: -1, Session: math.MaxUint64, Goodbye: true, Key: 255, Points: 65535, PointsBefore: math.MaxUint32,
	})
	_, cause := checkHeader(t, packet)
	assert.Equal(t, wire.UnknownFlag, cause)
	h := testHeader
	h.Points = 1
	wire.Stamp(packet, &h)
	assert.Equal(t, golden(t, goldens[1].name), packet)
}

// TestHeaderRoundTrip: counters are at the ends of their ranges. The sequence wraps at 56
// bits and leaves the version alone.
func TestHeaderRoundTrip(t *testing.T) {
	for _, h := range []wire.Header{
		{Format: wire.Compact},
		{Format: wire.Compact, Sequence: 1<<56 - 1, Time: math.MaxInt64, Session: math.MaxUint64, Goodbye: true, Points: math.MaxUint16, PointsBefore: math.MaxUint32},
		{Format: wire.SenderReport, Sequence: 1 << 55, Time: math.MinInt64, Session: 1},
	} {
		packet := make([]byte, wire.HeaderSize+wire.TrailerSize)
		wire.Stamp(packet, &h)
		got, cause := checkHeader(t, packet)
		assert.Equal(t, wire.Accepted, cause)
		assert.Equal(t, h, got)
	}
	packet := make([]byte, wire.HeaderSize+wire.TrailerSize)
	wire.Stamp(packet, &wire.Header{Format: wire.Compact, Sequence: 1<<56 + 5})
	h, cause := checkHeader(t, packet)
	assert.Equal(t, wire.Accepted, cause)
	assert.Equal(t, uint64(5), h.Sequence)
}

func TestDecodersWantTheirFormat(t *testing.T) {
	e := rejection(t, golden(t, "report"), wire.UnknownVersion, "a report")
	assert.Equal(t, "wire: unknown_version packet: header at byte 0", e.Error())
	_, err := wire.ParseReport(golden(t, "gauge_int64"))
	assert.EqualError(t, err, "wire: unknown_version packet: header at byte 0")
}

func TestReportRoundTrip(t *testing.T) {
	full := wire.Report{Age: math.MaxUint64, PacketsSent: math.MaxUint64, PointsSent: math.MaxUint64, PacketLimit: wire.MaxPacketSize}
	for i := range full.Dropped {
		full.Dropped[i] = math.MaxUint64 - uint64(i)
	}
	for _, report := range []wire.Report{{}, {Age: 1}, full} {
		packet := wire.AppendReport([]byte("before"), &report)[len("before"):]
		assert.LessOrEqual(t, len(packet), wire.MinPacketSize)
		wire.Stamp(packet, &wire.Header{Format: wire.SenderReport})
		got, err := wire.ParseReport(packet)
		require.NoError(t, err)
		assert.Equal(t, report, got)
	}
}

// TestReportFields: fields of later versions are skipped, missing ones are 0, and the order
// does not matter. A field without its value is malformed.
func TestReportFields(t *testing.T) {
	report := func(body ...byte) (wire.Report, error) {
		packet := append(append(make([]byte, wire.HeaderSize), body...), 0, 0, 0, 0)
		wire.Stamp(packet, &wire.Header{Format: wire.SenderReport})
		return wire.ParseReport(packet)
	}
	got, err := report(0x1D, 2, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 9, 0, 9, 5, 9, 0x7F, 9, 3, 4)
	require.NoError(t, err)
	assert.Equal(t, wire.Report{PointsSent: 4, Dropped: [wire.DropReasons]uint64{wire.Shutdown: 2}}, got)
	_, err = report(3, 4, 2)
	assert.EqualError(t, err, "wire: malformed packet: report value at byte 35")
	_, err = report(3, 0x80)
	assert.EqualError(t, err, "wire: malformed packet: report value at byte 33")
}

// specification returns the text of doc.go, on one line.
func specification(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	return strings.Join(strings.Fields(strings.ReplaceAll(string(text), "\n//", " ")), " ")
}

func TestNames(t *testing.T) {
	assert.Equal(t, "over_budget", wire.OverBudget.String())
	assert.Equal(t, "unknown", wire.Cause(wire.Causes).String())
	assert.Equal(t, "shutdown", wire.Shutdown.String())
	for r := range wire.DropReason(wire.DropReasons) {
		assert.NotEmpty(t, r.String())
		assert.NotEmpty(t, r.Meaning(), r)
		assert.NotEmpty(t, r.Remedy(), r)
		listed := strings.Contains(specification(t), fmt.Sprintf(" %d %s,", r, r)) || strings.Contains(specification(t), fmt.Sprintf(" %d %s.", r, r))
		assert.True(t, listed, "reports number the reasons: doc.go has to list %d %s", r, r)
	}
	const unknown = wire.DropReason(wire.DropReasons)
	assert.Equal(t, "unknown", unknown.String())
	assert.Empty(t, unknown.Meaning()+unknown.Remedy())
	assert.Equal(t, wire.Anywhere, unknown.Stage())
}
