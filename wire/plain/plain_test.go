package plain_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/internal/allocs"
	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/plain"
)

// packetOf returns a packet with these events.
func packetOf(tb testing.TB, sequence uint64, now int64, events ...plain.Event) []byte {
	tb.Helper()
	b := plain.AppendHeader(nil)
	for i := range events {
		var ok bool
		b, ok = plain.AppendEvent(b, &events[i])
		require.True(tb, ok)
	}
	b = plain.AppendTrailer(b)
	plain.Stamp(b, sequence, now)
	return b
}

// repaired returns packet with a checksum that fits.
func repaired(packet []byte) []byte {
	packet = bytes.Clone(packet)
	end := len(packet) - plain.TrailerSize
	binary.BigEndian.PutUint32(packet[end:], crc32.Checksum(packet[:end], crc32.MakeTable(crc32.Castagnoli)))
	return packet
}

// around returns a packet whose events are these bytes.
func around(events string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(events, " ", ""))
	if err != nil {
		panic(err)
	}
	return repaired(plain.AppendTrailer(append(plain.AppendHeader(nil), b...)))
}

// read returns all events of a packet.
func read(d *plain.Decoder, packet []byte) (events []plain.Event, err error) {
	if err := d.Reset(packet); err != nil {
		return nil, err
	}
	for d.Next() {
		v := d.Event()
		e := plain.Event{Type: v.Type, Name: string(v.Name), Bits: v.Bits, Time: v.Time}
		for t := v.Tags(); t.Next(); {
			e.Tags = append(e.Tags, plain.Tag{Key: string(t.Key), Value: string(t.Value)})
		}
		events = append(events, e)
	}
	return events, nil
}

// goldens are packets of today's format, byte for byte.
var goldens = []struct {
	name     string
	sequence uint64
	time     int64
	events   []plain.Event
	packet   string
}{
	{"a probe", 1<<56 - 1, -1, nil, "00ffffffffffffff ffffffffffffffff 60f531ea"},
	{"that of the documentation", 7, 1e9,
		[]plain.Event{{Type: plain.Sum | plain.Integer | plain.Monotonic, Name: "hits", Bits: 3, Time: 999_999_999, Tags: []plain.Tag{{Key: "code", Value: "200"}}}},
		"0000000000000007 000000003b9aca00 1a 0004 68697473 0000000000000003 000000003b9ac9ff 0004 636f6465 0003 323030 0000 be12ce9b"},
	{"two events", 0, 2,
		[]plain.Event{
			{Type: plain.Gauge, Bits: math.Float64bits(-0.5), Time: wire.NoTime},
			{Type: plain.Sum | plain.Delta, Name: "ä", Bits: math.Float64bits(1), Time: -1, Tags: []plain.Tag{{Key: "k"}, {Key: "k", Value: "v"}}},
		},
		"0000000000000000 0000000000000002 01 0000 bfe0000000000000 8000000000000000 0000" +
			"22 0002 c3a4 3ff0000000000000 ffffffffffffffff 0001 6b 0000 0001 6b 0001 76 0000 13cde1a8"},
}

func TestGolden(t *testing.T) {
	for _, g := range goldens {
		packet := packetOf(t, g.sequence, g.time, g.events...)
		assert.Equal(t, strings.ReplaceAll(g.packet, " ", ""), hex.EncodeToString(packet), g.name)
		var d plain.Decoder
		events, err := read(&d, packet)
		require.NoError(t, err, g.name)
		assert.Equal(t, g.events, events, g.name)
		want := wire.Header{Format: plain.Format, Sequence: g.sequence, Time: g.time, Points: uint16(len(g.events))}
		assert.Equal(t, want, d.Header(), g.name)
		h, cause := plain.CheckHeader(packet)
		assert.Equal(t, wire.Accepted, cause, g.name)
		assert.Equal(t, want, h, g.name)
		assert.True(t, plain.IsPlain(packet))
	}
}

// TestTypes: ten of all bytes are a type.
func TestTypes(t *testing.T) {
	valid := map[byte]bool{1: true, 9: true}
	for _, flags := range []byte{0, 0x08, 0x10, 0x18, 0x20, 0x28, 0x30, 0x38} {
		valid[2|flags] = true
	}
	var d plain.Decoder
	for i := range 256 {
		b, ok := plain.AppendEvent(nil, &plain.Event{Type: plain.Type(i)})
		assert.Equal(t, valid[byte(i)], ok, i)
		assert.Equal(t, ok, len(b) > 0)
		err := d.Reset(around(fmt.Sprintf("%02x 0000 0000000000000000 0000000000000000 0000", i)))
		assert.Equal(t, ok, err == nil, i)
	}
	assert.False(t, plain.IsPlain(nil))
	assert.False(t, plain.IsPlain([]byte{0x12}))
}

// TestCannotBeWritten: the buffer does not change.
func TestCannotBeWritten(t *testing.T) {
	long := strings.Repeat("x", plain.MaxText)
	many := make([]plain.Tag, plain.MaxTags+1)
	for i := range many {
		many[i].Key = "k"
	}
	tag := func(key, value string) []plain.Tag { return []plain.Tag{{Key: "first"}, {Key: key, Value: value}} }
	for _, tt := range []struct {
		name  string
		event plain.Event
		ok    bool
	}{
		{"the longest of all", plain.Event{Type: plain.Gauge, Name: long, Tags: tag(long, long)}, true},
		{"as many tags as there may be", plain.Event{Type: plain.Gauge, Tags: many[1:]}, true},
		{"a long name", plain.Event{Type: plain.Gauge, Name: long + "x"}, false},
		{"a long key", plain.Event{Type: plain.Gauge, Tags: tag(long+"x", "")}, false},
		{"a long value", plain.Event{Type: plain.Gauge, Tags: tag("k", long+"x")}, false},
		{"an empty key", plain.Event{Type: plain.Gauge, Tags: tag("", "v")}, false},
		{"too many tags", plain.Event{Type: plain.Gauge, Tags: many}, false},
		{"a gauge that is monotonic", plain.Event{Type: plain.Gauge | plain.Monotonic}, false},
	} {
		b, ok := plain.AppendEvent([]byte("before"), &tt.event)
		assert.Equal(t, tt.ok, ok, tt.name)
		assert.Equal(t, ok, len(b) > len("before"), tt.name)
		assert.Equal(t, "before", string(b[:6]), tt.name)
	}
}

// TestRejected names cause, field and place.
func TestRejected(t *testing.T) {
	const event = "01 0001 6e 0000000000000000 0000000000000000"
	tags := func(n int) string { return strings.Repeat("0001 6b 0000", n) }
	events := func(n, each int) string { return strings.Repeat(event+tags(each)+"0000", n) }
	short := packetOf(t, 0, 0)[:19]
	for _, tt := range []struct {
		name   string
		packet []byte
		want   string // empty: accepted
	}{
		{"nothing", nil, "too_short packet: header at byte 0"},
		{"one byte less than a probe", short, "too_short packet: header at byte 19"},
		{"Compact", append([]byte{0x12}, make([]byte, 40)...), "unknown_version packet: header at byte 0"},
		{"a wrong checksum", make([]byte, 20), "bad_checksum packet: header at byte 16"},
		{"longer than a datagram", make([]byte, wire.MaxPacketSize+1), "over_budget packet: header at byte 65507"},
		{"an unknown type", around("03"), "malformed packet: type at byte 16"},
		{"no name", around("01 00"), "malformed packet: name at byte 17"},
		{"a name beyond the end", around("01 0002 6e"), "malformed packet: name at byte 19"},
		{"no value", around("01 0000 00000000000000"), "malformed packet: value at byte 19"},
		{"no time", around("01 0000 0000000000000000 00000000000000"), "malformed packet: time at byte 27"},
		{"no end", around(event), "malformed packet: tag key at byte 36"},
		{"half an end", around(event + "00"), "malformed packet: tag key at byte 36"},
		{"a key beyond the end", around(event + "ffff 6b"), "malformed packet: tag key at byte 38"},
		{"a tag without value", around(event + "0001 6b"), "malformed packet: tag value at byte 39"},
		{"a value beyond the end", around(event + "0001 6b 0001"), "malformed packet: tag value at byte 41"},
		{"a second event that ends", around(events(1, 1) + "01"), "malformed packet: name at byte 44"},
		{"many tags", around(events(1, plain.MaxTags)), ""},
		{"too many tags", around(events(1, plain.MaxTags+1)), "over_budget packet: tags at byte 2601"},
		{"many items", around(events(8, 498)), ""},
		{"too many items", around(events(8, 498) + events(1, 0)), "over_budget packet: items at byte 20134"},
		{"many events", around(events(2000, 0)), ""},
		{"too many events", around(events(2001, 0)), "over_budget packet: items at byte 44038"},
	} {
		var d plain.Decoder
		err := d.Reset(tt.packet)
		h, cause := plain.CheckHeader(tt.packet)
		if tt.want == "" {
			assert.NoError(t, err, tt.name)
			assert.Positive(t, h.Points, tt.name)
			continue
		}
		assert.EqualError(t, err, "wire: "+tt.want, tt.name)
		assert.False(t, d.Next(), tt.name)
		assert.Zero(t, h.Points, tt.name)
		var rejection *wire.Error
		require.True(t, errors.As(err, &rejection))
		if cause != wire.Accepted {
			assert.Equal(t, rejection.Cause, cause, tt.name)
		}
	}
}

// TestPrefixesAndFlippedBits: none of them is accepted. With a checksum that fits none
// panics, and a prefix is accepted if an event ends there.
func TestPrefixesAndFlippedBits(t *testing.T) {
	events := randomEvents(rand.New(rand.NewPCG(1, 1)), 6)
	packet := packetOf(t, 3, 4, events...)
	var d plain.Decoder
	ends := map[int]bool{}
	b := plain.AppendHeader(nil)
	for i := range events {
		ends[len(b)] = true
		b, _ = plain.AppendEvent(b, &events[i])
	}
	for n := range packet {
		require.Error(t, d.Reset(packet[:n]))
		if cut := packet[:n]; n >= plain.HeaderSize && n < len(packet)-plain.TrailerSize {
			err := d.Reset(repaired(plain.AppendTrailer(bytes.Clone(cut))))
			require.Equal(t, ends[n], err == nil, "cut at byte %d", n)
		}
	}
	for bit := range 8 * len(packet) {
		flipped := bytes.Clone(packet)
		flipped[bit/8] ^= 1 << (bit % 8)
		require.Error(t, d.Reset(flipped))
		checkDecode(t, repaired(flipped))
	}
}

// TestStamped: a packet is stamped again when it is sent again.
func TestStamped(t *testing.T) {
	packet := packetOf(t, 3, 4, plain.Event{Type: plain.Gauge})
	plain.Stamp(packet, 1<<56|9, 5)
	h, cause := plain.CheckHeader(packet)
	assert.Equal(t, wire.Accepted, cause)
	assert.Equal(t, wire.Header{Format: plain.Format, Sequence: 9, Time: 5, Points: 1}, h)
	assert.True(t, plain.IsPlain(packet), "the first byte stays 0")
}

// TestNothingAllocates: events that are written, read or rejected allocate nothing.
func TestNothingAllocates(t *testing.T) {
	event := ordinary(3)
	buf := make([]byte, 0, plain.MaxPacketSize)
	packet := packetOf(t, 0, 0, event, event)
	bad := around("01 0000")
	var d plain.Decoder
	sum := 0
	assert.Zero(t, allocs.In(100, func() {
		b, _ := plain.AppendEvent(buf[:0], &event)
		sum += len(b)
		plain.Stamp(packet, 1, 2)
		if _, cause := plain.CheckHeader(packet); cause != wire.Accepted || d.Reset(packet) != nil || d.Reset(bad) == nil || d.Reset(packet) != nil {
			t.Fatal("rejected")
		}
		for d.Next() {
			sum += look(d.Event())
		}
	}))
	assert.Positive(t, sum)
}

// TestSizes: an event of three to five tags takes 60 to 120 bytes.
func TestSizes(t *testing.T) {
	for tags := 3; tags <= 5; tags++ {
		event := ordinary(tags)
		b, ok := plain.AppendEvent(nil, &event)
		require.True(t, ok)
		t.Logf("%d tags: %d bytes", tags, len(b))
		assert.InDelta(t, 90, len(b), 35)
	}
}

// ordinary returns an event as services have them.
func ordinary(tags int) plain.Event {
	all := []plain.Tag{{Key: "method", Value: "GET"}, {Key: "route", Value: "/cart"}, {Key: "status", Value: "200"}, {Key: "server", Value: "web-1"}, {Key: "protocol", Value: "1.1"}}
	return plain.Event{Type: plain.Sum | plain.Integer | plain.Monotonic, Name: "http.requests", Bits: 12345, Time: 1_760_000_420_987_654_321, Tags: all[:tags]}
}

func look(v *plain.EventView) (sum int) {
	sum = len(v.Name) + int(v.Bits)
	for t := v.Tags(); t.Next(); {
		sum += len(t.Key) + len(t.Value)
	}
	return sum
}
