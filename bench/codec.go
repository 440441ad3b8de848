package main

import (
	"bytes"
	"errors"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/otelgram/otelgram/internal/workload"
	"github.com/otelgram/otelgram/wire"
)

const (
	packetSize  = 1472
	codecPoints = 200_000 // in a round
	// sharedPoints is how many W3 has: each of its metrics with each set once.
	sharedPoints = 10 * workload.Sets
	// packedPasses is how often the points are in the packets to be decoded, so
	// that the last one, which is not full, does not weigh.
	packedPasses = 10
)

var (
	wideExperiment   = codecExperiment("W2 (one metric, another set each point)", func() []workload.Counter { return workload.Points(workload.W2, workload.Sets) }, 52.9)
	sharedExperiment = codecExperiment("W3 (10 metrics share each set)", func() []workload.Counter { return workload.Points(workload.W3, sharedPoints) }, 99.8)
)

// errCodec says that what was decoded is not what was encoded.
var errCodec = errors.New("points were lost or changed")

func codecExperiment(what string, points func() []workload.Counter, density float64) experiment {
	name := func(figure string) string { return "wire " + figure + ", " + what }
	return experiment{
		name: what,
		lines: []line{
			{name("encode"), "ns/point", (*cost).nanos, 0, 1, target{valueAtMost, 60}},
			{name("encode, allocations"), "allocs/point", (*cost).allocs, 0, 1, target{valueAtMost, 0.0001}},
			{name("decode"), "ns/point", (*cost).nanos, 2, 3, target{valueAtMost, 60}},
			{name("decode, allocations"), "allocs/point", (*cost).allocs, 2, 3, target{valueAtMost, 0.0001}},
			{name("size"), "bytes/point", (*cost).size, 0, 1, none},
			{name("density"), "points/packet", (*cost).density, 0, alone, target{valueAtLeast, density}},
			{name("padding"), "% of the bytes", (*cost).paddingPercent, 0, alone, target{valueAtMost, 1}},
		},
		setup: func(quick bool) ([]side, error) {
			w, err := newCodec(points())
			if err != nil {
				return nil, err
			}
			n := packedPasses * max(1, repeats(quick, codecPoints)/len(w.points)/packedPasses)
			return []side{
				{"wire encode", func() (cost, error) { return w.encode(n) }, nothing},
				{"protobuf marshal", func() (cost, error) { return w.marshal(n) }, nothing},
				{"wire decode", func() (cost, error) { return w.decode(n) }, nothing},
				{"protobuf unmarshal", func() (cost, error) { return w.unmarshal(n) }, nothing},
			}, nil
		},
	}
}

// codec is points as both encoders take them, and what they make of them.
type codec struct {
	points  []wire.Point
	sum     uint64 // of what a decoder looks at
	packer  *wire.Packer
	buffer  []byte
	packets [][]byte // of packedPasses
	decoder wire.Decoder

	request  *collectorpb.ExportMetricsServiceRequest
	encoded  []byte
	received collectorpb.ExportMetricsServiceRequest
}

func newCodec(points []workload.Counter) (*codec, error) {
	packer, err := wire.NewPacker(packetSize)
	if err != nil {
		return nil, err
	}
	w := &codec{packer: packer, buffer: make([]byte, 0, packer.BufferSize()), points: wirePoints(points)}
	for _, p := range points {
		w.sum += uint64(p.Value)
		for _, a := range p.Attributes {
			w.sum += uint64(len(a.Key) + len(a.Value))
		}
	}
	w.pack(packedPasses, func(packet []byte) { w.packets = append(w.packets, append([]byte(nil), packet...)) })
	if w.request, err = otlpRequest(byMetric(points)); err != nil {
		return nil, err
	}
	w.encoded, err = proto.Marshal(w.request)
	return w, err
}

// pack packs the points so many times and gives each packet to use.
func (w *codec) pack(passes int, use func([]byte)) {
	h := wire.Header{Format: wire.Compact, Session: 1}
	finish := func() {
		h.Points = uint16(w.packer.Points())
		packet := w.packer.Finish()
		wire.Stamp(packet, &h)
		h.Sequence++
		h.PointsBefore += uint32(h.Points)
		use(packet)
	}
	w.packer.Start(w.buffer)
	for range passes {
		for i := range w.points {
			if w.packer.Append(&w.points[i]) == wire.Full {
				finish()
				w.packer.Start(w.buffer)
				w.packer.Append(&w.points[i])
			}
		}
	}
	finish()
}

func (w *codec) encode(passes int) (cost, error) {
	c := cost{points: passes * len(w.points)}
	c.elapsed = timed(func() {
		w.pack(passes, func(packet []byte) {
			c.packets++
			c.bytes += len(packet)
		})
	})
	for _, packet := range w.packets {
		c.padding += passes / packedPasses * paddingOf(packet)
	}
	return c, nil
}

// paddingOf returns how many bytes of a packet only fill it up.
func paddingOf(packet []byte) int {
	body := packet[:len(packet)-wire.TrailerSize]
	return len(body) - len(bytes.TrimRight(body, "\xff"))
}

func (w *codec) decode(passes int) (c cost, err error) {
	sum := uint64(0)
	c.elapsed = timed(func() {
		for range passes / packedPasses {
			for _, packet := range w.packets {
				if err = w.decoder.Reset(packet); err != nil {
					return
				}
				for w.decoder.Next() {
					sum += look(w.decoder.Point())
					c.points++
				}
			}
		}
	})
	if c.points != passes*len(w.points) || sum != uint64(passes)*w.sum {
		err = errors.Join(err, errCodec)
	}
	return c, err
}

// look looks at the value and every attribute of a point.
func look(p *wire.PointView) uint64 {
	sum := p.Bits
	for i := range p.Attributes.Len() {
		sum += uint64(len(p.Attributes.Key(i)) + len(p.Attributes.Value(i).Text()))
	}
	return sum
}

func (w *codec) marshal(passes int) (c cost, err error) {
	c.points = passes * len(w.points)
	c.elapsed = timed(func() {
		for range passes {
			var b []byte
			if b, err = proto.Marshal(w.request); err != nil {
				return
			}
			c.bytes += len(b)
		}
	})
	return c, err
}

func (w *codec) unmarshal(passes int) (c cost, err error) {
	c.points = passes * len(w.points)
	c.elapsed = timed(func() {
		for range passes {
			if err = proto.Unmarshal(w.encoded, &w.received); err != nil {
				return
			}
		}
	})
	if !proto.Equal(&w.received, w.request) {
		err = errors.Join(err, errCodec)
	}
	return c, err
}
