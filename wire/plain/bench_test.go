package plain_test

import (
	"fmt"
	"testing"

	"github.com/otelgram/otelgram/wire/plain"
)

const benchedPacket = 1472

// BenchmarkEncode packs an event into packets of 1472 bytes and stamps them.
func BenchmarkEncode(b *testing.B) {
	for tags := 3; tags <= 5; tags++ {
		b.Run(fmt.Sprint(tags, " tags"), func(b *testing.B) {
			event, sequence := ordinary(tags), uint64(0)
			packet := plain.AppendHeader(make([]byte, 0, plain.MaxPacketSize))
			b.ReportAllocs()
			for b.Loop() {
				before := len(packet)
				packet, _ = plain.AppendEvent(packet, &event)
				if len(packet) > benchedPacket-plain.TrailerSize {
					packet = plain.AppendTrailer(packet[:before])
					plain.Stamp(packet, sequence, event.Time)
					sequence++
					packet, _ = plain.AppendEvent(packet[:plain.HeaderSize], &event)
				}
			}
			b.ReportMetric(float64(sizeOf(&event)), "bytes/event")
		})
	}
}

// BenchmarkDecode checks a full packet of 1472 bytes and walks over it: it reads each tag
// of each event.
func BenchmarkDecode(b *testing.B) {
	for tags := 3; tags <= 5; tags++ {
		b.Run(fmt.Sprint(tags, " tags"), func(b *testing.B) {
			event := ordinary(tags)
			var events []plain.Event
			for range (benchedPacket - plain.HeaderSize - plain.TrailerSize) / sizeOf(&event) {
				events = append(events, event)
			}
			packet := packetOf(b, 0, 0, events...)
			var d plain.Decoder
			sum := 0
			b.ReportAllocs()
			for b.Loop() {
				if err := d.Reset(packet); err != nil {
					b.Fatal(err)
				}
				for d.Next() {
					sum += look(d.Event())
				}
			}
			if sum == 0 {
				b.Fatal("nothing was looked at")
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(events)), "ns/event")
		})
	}
}

// sizeOf returns what an event takes in a packet, in bytes.
func sizeOf(e *plain.Event) int {
	b, _ := plain.AppendEvent(nil, e)
	return len(b)
}
