package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/wire"
)

// footprintFactor bounds what a Decoder may hold, in bytes for each byte of the largest
// packet it has seen. The worst case is an empty histogram: at least 7 bytes of a packet
// and 248 of memory. Append doubles that at most.
const footprintFactor, footprintBase = 80, 16 << 10

// checkDecode decodes packet, twice, and returns the points if it is accepted.
func checkDecode(t *testing.T, packet []byte) ([]point, bool) {
	t.Helper()
	untouched := bytes.Clone(packet)
	var d wire.Decoder
	points, err := read(&d, packet)
	assert.LessOrEqual(t, d.Footprint(), footprintBase+footprintFactor*len(packet), "memory")
	again, err2 := read(&d, packet)
	assert.Equal(t, untouched, packet, "the packet was modified")
	var rejection *wire.Error
	if err != nil {
		require.True(t, errors.As(err, &rejection), "%T", err)
		require.True(t, rejection.Cause > wire.Accepted && int(rejection.Cause) < wire.Causes)
		require.LessOrEqual(t, rejection.Offset, len(packet))
		require.Error(t, err2, "accepted the second time")
		require.False(t, d.Next(), "points of a rejected packet")
		return nil, false
	}
	require.NoError(t, err2)
	require.Equal(t, texts(points), texts(again), "decoded again")
	require.Len(t, points, int(d.Header().Points))
	total := 0
	for i, m := range d.Metrics() {
		require.Equal(t, i, m.Index)
		total += m.Points
	}
	require.Equal(t, len(points), total, "points of all metrics")
	return points, true
}

// seeds adds every golden packet to the corpus.
func seeds(f *testing.F, add func(packet []byte)) {
	for _, g := range goldens {
		add(golden(f, g.name))
	}
	for _, g := range reports {
		add(golden(f, g.name))
	}
}

// FuzzDecode feeds arbitrary bytes, as they are, and with a header and a checksum that let
// them through to the body.
func FuzzDecode(f *testing.F) {
	seeds(f, func(packet []byte) { f.Add(packet) })
	f.Fuzz(func(t *testing.T, packet []byte) {
		checkDecode(t, packet)
		_, _ = wire.ParseReport(packet)
		if len(packet) < wire.HeaderSize+wire.TrailerSize {
			return
		}
		packet = bytes.Clone(packet)
		for _, format := range []wire.Format{wire.Compact, wire.SenderReport} {
			packet[0] = 0x10 | byte(format)
			packet[24] &= 0x0F
			packet[25] = 0
			packet = repaired(packet)
			checkDecode(t, packet)
			_, _ = wire.ParseReport(packet)
		}
	})
}

// FuzzRoundTrip makes points of the fuzzer's bytes. What goes in comes out.
func FuzzRoundTrip(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(uint16(0), randomEntropy(seed, 400).bytes)
		f.Add(uint16(1472-wire.MinPacketSize), randomEntropy(seed, 1500).bytes)
	}
	f.Fuzz(func(t *testing.T, size uint16, data []byte) {
		limit := min(wire.MinPacketSize+int(size), wire.MaxPacketSize)
		checkRoundTrip(t, limit, (&entropy{bytes: data}).points(60))
	})
}

// checkRoundTrip packs points. Every packet keeps to limit, if need be in fragments, and
// decodes alone. Together they hold all points except those too large for a body.
func checkRoundTrip(t *testing.T, limit int, points []point) {
	t.Helper()
	packets, tooLarge := pack(t, limit, points)
	var got []point
	for _, packet := range packets {
		decoded, ok := checkDecode(t, assembled(t, packet, limit))
		require.True(t, ok, "our own packet is rejected")
		got = append(got, decoded...)
	}
	want := texts(points)
	for _, large := range texts(tooLarge) {
		for i, text := range want {
			if text == large {
				want = append(want[:i:i], want[i+1:]...)
				break
			}
		}
	}
	require.Equal(t, want, texts(got))
}

// FuzzMutate changes a good packet and makes its checksum fit. A packet that is still
// accepted is a good packet, which can be encoded again.
func FuzzMutate(f *testing.F) {
	seeds(f, func(packet []byte) {
		f.Add(packet, []byte{0, 40, 7})
		f.Add(packet, []byte{1, 50, 0, 2, 60, 1, 3, 33, 90})
	})
	f.Fuzz(func(t *testing.T, packet, mutations []byte) {
		if len(packet) < wire.HeaderSize+wire.TrailerSize || len(packet) > 4096 {
			return
		}
		packet = mutate(bytes.Clone(packet), mutations)
		points, ok := checkDecode(t, packet)
		if !ok {
			return
		}
		packets, tooLarge := pack(t, wire.MaxPacketSize, points)
		if len(tooLarge) > 0 {
			return // it unfolds too far without what the first packet only skipped
		}
		var got []point
		for _, p := range packets {
			decoded, ok := checkDecode(t, p)
			require.True(t, ok, "encoded again and rejected")
			got = append(got, decoded...)
		}
		require.Equal(t, texts(points), texts(got))
	})
}

// mutate changes the body of packet as the bytes of mutations say: kind, place
// and an argument each. Header and checksum are made to fit.
func mutate(packet, mutations []byte) []byte {
	body := packet[wire.HeaderSize : len(packet)-wire.TrailerSize]
	for len(mutations) >= 3 && len(body) > 0 && len(body) < 8192 {
		kind, at, arg := mutations[0], int(mutations[1])%len(body), mutations[2]
		mutations = mutations[3:]
		switch kind % 6 {
		case 0: // flip
			body[at] ^= 1 << (arg % 8)
		case 1: // overwrite
			body[at] = arg
		case 2: // insert
			body = append(body[:at:at], append([]byte{arg}, body[at:]...)...)
		case 3: // delete
			body = append(body[:at:at], body[min(at+int(arg%16)+1, len(body)):]...)
		case 4: // splice: repeat what stands elsewhere
			from := int(arg) % len(body)
			body = append(body[:at:at], append(bytes.Clone(body[from:min(from+32, len(body))]), body[at:]...)...)
		case 5: // a huge number
			body = append(body[:at:at], append(binary.AppendUvarint(nil, math.MaxUint64>>(arg%64)), body[at:]...)...)
		}
	}
	points := binary.BigEndian.Uint16(packet[26:])
	if len(mutations) > 0 {
		points += uint16(int8(mutations[0]))
	}
	header := bytes.Clone(packet[:wire.HeaderSize])
	header[0], header[25] = 0x12, 0
	header[24] &= 0x0F
	binary.BigEndian.PutUint16(header[26:], points)
	return repaired(append(append(header, body...), 0, 0, 0, 0))
}
