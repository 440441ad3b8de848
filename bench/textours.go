package main

import (
	"fmt"
	"math"

	"github.com/otelgram/otelgram/internal/workload"
	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/plain"
)

// encoder is what the encodings have in common.
type encoder interface {
	BufferSize() int
	Start(buf []byte)
	Enlarge(buf []byte) []byte
	Append(pt *wire.Point) wire.Result
	Finish() []byte
	Datagram(scratch, packet []byte, limit, at int) (datagram, grown []byte, next int)
	Stamp(datagram []byte, h *wire.Header)
	Settled(place int) (points int)
}

// limitless is memory for all that an encoder keeps.
type limitless struct{}

func (limitless) Take(int64) bool { return true }
func (limitless) Need(int64) bool { return true }
func (limitless) Give(int64)      {}
func (limitless) Return(int64)    {}

// packed prints points as the exporter does: into packets, which are stamped and settled.
type packed struct {
	encoder              encoder
	points               []wire.Point
	small, large, parted []byte
	header               wire.Header
}

func newPacked(e encoder, points *textPoints) *packed {
	return &packed{
		encoder: e, points: points.wire(), header: wire.Header{Time: workload.Exported},
		small: make([]byte, 0, e.BufferSize()), large: make([]byte, 0, wire.LargeBufferSize),
	}
}

func (p *packed) print(use func(packet []byte)) error {
	p.encoder.Start(p.small)
	for i := range p.points {
		pt := &p.points[i]
		r := p.encoder.Append(pt)
		if r == wire.Full {
			p.finish(use)
			p.encoder.Start(p.small)
			r = p.encoder.Append(pt)
		}
		if r == wire.Large {
			p.encoder.Enlarge(p.large)
			r = p.encoder.Append(pt)
		}
		if r != wire.Added {
			return fmt.Errorf("a point was not packed: %d", r)
		}
	}
	p.finish(use)
	return nil
}

// finish gives the datagrams of the open packet to use.
func (p *packed) finish(use func(packet []byte)) {
	packet := p.encoder.Finish()
	if len(packet) == 0 {
		return
	}
	p.parted = p.parted[:0]
	for at := 0; ; {
		var datagram []byte
		datagram, p.parted, at = p.encoder.Datagram(p.parted, packet, textPacket, at)
		p.encoder.Stamp(datagram, &p.header)
		p.header.Sequence++
		use(datagram)
		if at == 0 {
			break
		}
	}
	p.encoder.Settled(math.MaxInt)
}

func (p *packed) rest() error {
	for i := range p.points {
		grow(&p.points[i])
	}
	return nil
}

func (p *packed) end() error { return nil }

// plainText reads what packed prints in Plain.
type plainText struct {
	packets [][]byte
	decoder plain.Decoder
	events  int    // of the packets
	sum     uint64 // of what a reader looks at
}

func newPlainText(p printer) (*plainText, error) {
	r := &plainText{}
	if err := p.print(func(packet []byte) { r.packets = append(r.packets, append([]byte(nil), packet...)) }); err != nil {
		return nil, err
	}
	var err error
	r.events, r.sum, err = r.read()
	return r, err
}

// read looks at the value and every tag of the events.
func (r *plainText) read() (events int, sum uint64, err error) {
	for _, packet := range r.packets {
		if err := r.decoder.Reset(packet); err != nil {
			return events, sum, err
		}
		for r.decoder.Next() {
			e := r.decoder.Event()
			sum += e.Bits
			for t := e.Tags(); t.Next(); {
				sum += uint64(len(t.Key) + len(t.Value))
			}
			events++
		}
	}
	return events, sum, nil
}

// round reads the packets so many times, which have so many points.
func (r *plainText) round(passes, points int) (c cost, err error) {
	c = cost{points: passes * points, lines: passes * r.events}
	events, sum := 0, uint64(0)
	c.elapsed = timed(func() {
		for range passes {
			n, s, e := r.read()
			if e != nil {
				err = e
				return
			}
			events += n
			sum += s
		}
	})
	if err == nil && (events != c.lines || sum != uint64(passes)*r.sum) {
		err = errCodec
	}
	return c, err
}

// plainEvents returns how many events a packet has; 0 if it is not valid.
func plainEvents(packet []byte) int {
	h, _ := plain.CheckHeader(packet)
	return int(h.Points)
}
