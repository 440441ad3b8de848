package udp_test

import (
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/otelgram/otelgram/udp"
)

func TestSendDoesNotAllocate(t *testing.T) {
	if raceEnabled || runtime.GOOS != "linux" {
		t.Skip("promised on Linux, and not under the race detector")
	}
	l := listen(t, "127.0.0.1:0")
	s := dial(t, l.Addr().String())
	for _, n := range []int{1, 32, 100} {
		packets := slices.Repeat([][]byte{make([]byte, 1472)}, n)
		assert.Zero(t, testing.AllocsPerRun(200, func() {
			if _, outcome := s.Send(packets); outcome != udp.Sent {
				t.Fatal(outcome)
			}
		}), "%d packets", n)
	}
}

// BenchmarkSend sends 32 packets per iteration to a socket nobody reads.
func BenchmarkSend(b *testing.B) {
	l, err := udp.Listen("127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	s := dial(b, l.Addr().String())
	packets := slices.Repeat([][]byte{make([]byte, 1472)}, 32)
	b.SetBytes(32 * 1472)
	b.ReportAllocs()
	for b.Loop() {
		if _, outcome := s.Send(packets); outcome != udp.Sent {
			b.Fatal(outcome)
		}
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/32, "ns/packet")
}

// BenchmarkOffload sends 32 packets and reads them, with and without offload at either end.
func BenchmarkOffload(b *testing.B) {
	on := udp.WithSendBuffer(1 << 20)
	for _, mode := range []struct {
		name       string
		send, read udp.Option
	}{
		{"neither", udp.WithoutSegmentationOffload(), udp.WithoutReceiveOffload()},
		{"segmentation", on, udp.WithoutReceiveOffload()},
		{"receive", udp.WithoutSegmentationOffload(), on},
		{"both", on, on},
	} {
		b.Run(mode.name, func(b *testing.B) { roundTrip(b, mode.send, mode.read) })
	}
}

func roundTrip(b *testing.B, send, read udp.Option) {
	l, err := udp.Listen("127.0.0.1:0", read)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	s := dial(b, l.Addr().String(), send)
	packets := slices.Repeat([][]byte{make([]byte, 1472)}, 32)
	ds := make([]udp.Datagram, 32)
	b.ReportAllocs()
	for b.Loop() {
		if _, outcome := s.Send(packets); outcome != udp.Sent {
			b.Fatal(outcome)
		}
		for got := 0; got < 32; {
			n, err := l.ReadBatch(ds)
			if err != nil {
				b.Fatal(err)
			}
			got += n
		}
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/32, "ns/packet")
}
