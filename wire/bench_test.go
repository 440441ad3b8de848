package wire_test

import (
	"hash/crc32"
	"slices"
	"testing"

	"github.com/otelgram/otelgram/wire"
)

var benched = slices.DeleteFunc(slices.Clone(workloads), func(w stream) bool {
	return !slices.Contains([]string{"W1", "W2", "W3", "H1", "H3"}, w.name)
})

// BenchmarkEncode packs a point into full packets of 1472 bytes and stamps them. The
// objects are interned.
func BenchmarkEncode(b *testing.B) {
	for _, w := range benched {
		b.Run(w.name, func(b *testing.B) {
			e := newEncoder(b, w)
			b.ReportAllocs()
			for b.Loop() {
				e.point()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N), "ns/point")
		})
	}
}

// BenchmarkDecode checks a full packet of 1472 bytes and walks over it: it reads every
// attribute of every point.
func BenchmarkDecode(b *testing.B) {
	for _, w := range benched {
		b.Run(w.name, func(b *testing.B) {
			packets, _ := pack(b, 1472, w.points(1000))
			packets = packets[:len(packets)-1]
			var d wire.Decoder
			points, i, sink := 0, 0, uint64(0)
			b.ReportAllocs()
			for b.Loop() {
				if err := d.Reset(packets[i]); err != nil {
					b.Fatal(err)
				}
				for d.Next() {
					sink += look(d.Point())
					points++
				}
				i = (i + 1) % len(packets)
			}
			if sink == 0 {
				b.Fatal("nothing was looked at")
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(points), "ns/point")
		})
	}
}

// look reads the value and every attribute, whose values are strings.
func look(v *wire.PointView) uint64 {
	sum := v.Bits
	for i := range v.Attributes.Len() {
		sum += uint64(len(v.Attributes.Key(i)) + len(v.Attributes.Value(i).Text()))
	}
	return sum
}

// BenchmarkChecksum computes a packet's CRC32C.
func BenchmarkChecksum(b *testing.B) {
	packet := make([]byte, 1472-wire.TrailerSize)
	table := crc32.MakeTable(crc32.Castagnoli)
	b.SetBytes(int64(len(packet)))
	for b.Loop() {
		crc32.Checksum(packet, table)
	}
}
