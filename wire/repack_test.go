package wire_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/wire"
)

// repacked reads what Repack makes of packets, and returns the points with how
// many were left behind or reduced.
func repacked(t *testing.T, packets [][]byte, limit int) (points []point, oversize, reduced int) {
	t.Helper()
	var d wire.Decoder
	for _, packet := range packets {
		before := append([]byte(nil), packet...)
		r, err := wire.Repack(packet, limit)
		require.NoError(t, err)
		require.Equal(t, before, packet, "the packet was modified")
		oversize += r.Oversize
		reduced += len(r.Reductions)
		require.Len(t, r.Points, len(r.Packets))
		for i, smaller := range r.Packets {
			require.LessOrEqual(t, len(smaller), limit)
			require.Positive(t, r.Points[i])
			wire.Stamp(smaller, &wire.Header{Format: wire.Compact, Points: uint16(r.Points[i])})
			got, err := read(&d, smaller)
			require.NoError(t, err)
			require.Len(t, got, r.Points[i])
			points = append(points, got...)
		}
	}
	return points, oversize, reduced
}

// TestRepack: the same points, in the same order, in smaller packets; none is
// lost uncounted.
func TestRepack(t *testing.T) {
	unchanged := 0
	for seed := range uint64(60) {
		e := randomEntropy(seed, 6000)
		var points []point
		for range 40 {
			points = append(points, e.point())
		}
		packets, _ := pack(t, 4000, points)
		var all []point
		var d wire.Decoder
		for _, packet := range packets {
			got, err := read(&d, packet)
			require.NoError(t, err)
			all = append(all, got...)
		}
		same, oversize, reduced := repacked(t, packets, 4000)
		require.Equal(t, texts(all), texts(same))
		require.Zero(t, oversize+reduced)
		smaller, oversize, reduced := repacked(t, packets, 600)
		require.Len(t, all, len(smaller)+oversize)
		if oversize+reduced == 0 {
			require.Equal(t, texts(all), texts(smaller))
			unchanged++
		}
	}
	assert.Greater(t, unchanged, 3)
}

// TestRepackReduces takes from a point what AppendReduced takes.
func TestRepackReduces(t *testing.T) {
	fits := point{metric: described(wire.Gauge, "fits"), attributes: get, bits: f64(1)}
	packets, _ := pack(t, 4000, []point{
		fits, {metric: described(wire.Sum, long), attributes: get, bits: f64(2)}, fits,
		{metric: described(wire.Gauge, ""), attributes: []attribute{{"k", str(long)}}}, fits,
	})
	require.Len(t, packets, 1)
	points, oversize, reduced := repacked(t, packets, 512)
	assert.Equal(t, 1, oversize)
	assert.Equal(t, 1, reduced)
	plain := point{metric: described(wire.Sum, ""), attributes: get, bits: f64(2)}
	assert.Equal(t, texts([]point{fits, plain, fits, fits}), texts(points))
}

func TestRepackErrors(t *testing.T) {
	packets, _ := pack(t, 4000, []point{{metric: described(wire.Gauge, "m"), bits: f64(1)}})
	_, err := wire.Repack(packets[0], wire.MinPacketSize-1)
	require.ErrorContains(t, err, "packet size")
	_, err = wire.Repack(packets[0][:50], 1000)
	require.Error(t, err)
	report := wire.AppendReport(nil, &wire.Report{})
	wire.Stamp(report, &wire.Header{Format: wire.SenderReport})
	_, err = wire.Repack(report, 1000)
	require.Error(t, err, "it has no points")
}

// TestSetLimit changes the size of the packets to come, not of the open one.
func TestSetLimit(t *testing.T) {
	p, in := newPacker(t, 1472), interner{}
	pt := in.point(point{metric: described(wire.Gauge, "m"), bits: f64(1)})
	fill := func() int {
		for i := int64(1); p.Append(pt) == wire.Added; i++ {
			pt.Time += i << 40 // takes some bytes
		}
		return len(p.Finish())
	}
	p.SetLimit(600)
	assert.Greater(t, fill(), 1400, "the open packet keeps its limit")
	p.Start(nil)
	assert.InDelta(t, 590, fill(), 10)
	p.SetLimit(1)
	p.Start(nil)
	assert.LessOrEqual(t, fill(), wire.MinPacketSize)
	p.SetLimit(1 << 30)
	assert.GreaterOrEqual(t, p.BufferSize(), wire.MaxPacketSize)
}
