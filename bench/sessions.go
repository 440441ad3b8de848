package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/otelgram/otelgram/internal/workload"
	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

const (
	// turnPackets is how many packets a round sends, over all sessions.
	turnPackets = 80_000
	// turnFlight is how many of them are on their way at a time: what a receive
	// buffer of 4 MiB holds, and half a queue.
	turnFlight = 1000
)

var turnSessions = []int{1, 100, 5000, 20_000}

// sessionsExperiment is about a receiver in another process and what a packet costs it
// where many senders take turns.
var sessionsExperiment = func() experiment {
	e := experiment{name: "receiver, sessions in turns"}
	for i, n := range turnSessions {
		name := fmt.Sprintf("receiver, %d sessions in turns", n)
		e.lines = append(e.lines,
			line{name + ", all CPU", "ns/packet", (*cost).thereNanos, i, 0, none},
			line{name + ", all CPU a point", "ns/point", (*cost).therePointNanos, i, alone, target{valueAtMost, 150}},
			line{name + ", live heap", "MB", (*cost).megabytes, i, alone, none},
			line{name + ", throughput", "k packets/s", (*cost).thousandPackets, i, 0, none})
	}
	e.setup = func(quick bool) (sides []side, err error) {
		packets := turnPackets
		if quick {
			packets = turnFlight
		}
		for _, n := range turnSessions {
			c, err := newSenders(n)
			if err != nil {
				return sides, err
			}
			sides = append(sides, side{fmt.Sprint(n, " sessions"), func() (cost, error) { return c.round(packets) }, c.end})
		}
		return sides, nil
	}
	return e
}()

// senders are many sessions that send the same packet to one receiver, from one socket.
type senders struct {
	at     *child
	sender *udp.Sender
	body   []byte
	points int
	sent   []uint64 // packets of each session
	total  uint64   // points that were sent
	empty  int      // bytes on the heap of the receiver before the first packet
	next   int      // whose turn it is
	flight [][]byte
}

func newSenders(sessions int) (*senders, error) {
	at, err := startChild(decoderRole)
	if err != nil {
		return nil, err
	}
	c := &senders{at: at, sent: make([]uint64, sessions)}
	if c.empty, err = at.heap(); err != nil {
		return nil, errors.Join(err, at.close())
	}
	if c.sender, err = udp.Dial(context.Background(), at.address()); err != nil {
		return nil, errors.Join(err, at.close())
	}
	p, err := wire.NewPacker(packetSize)
	if err != nil {
		return nil, errors.Join(err, c.sender.Close(), at.close())
	}
	p.Start(nil)
	points := wirePoints(workload.Points(workload.W3, 200))
	for p.Append(&points[c.points]) == wire.Added {
		c.points++
	}
	c.body = p.Finish()
	for range turnFlight {
		c.flight = append(c.flight, append([]byte(nil), c.body...))
	}
	return c, nil
}

// round sends so many packets, of one session after the other.
func (c *senders) round(packets int) (cost, error) {
	sum := cost{points: packets * c.points, packets: packets}
	before, err := c.at.cpu()
	if err != nil {
		return sum, err
	}
	start := time.Now()
	for range packets / turnFlight {
		if err := c.send(); err != nil {
			return sum, err
		}
		a, err := c.at.wait(c.total)
		if err != nil {
			return sum, err
		}
		sum.elapsed = a.last.Sub(start)
		if a.points < c.total {
			sum.lost.add(counted(int(c.total - a.points)))
			c.total = a.points
		}
	}
	after, err := c.at.cpu()
	sum.there = after - before
	heap, failed := c.at.heap()
	sum.heap = max(0, heap-c.empty)
	return sum, errors.Join(err, failed)
}

// send sends as many packets as may be on their way.
func (c *senders) send() error {
	for _, packet := range c.flight {
		s := c.next
		c.next = (c.next + 1) % len(c.sent)
		wire.Stamp(packet, &wire.Header{
			Format: wire.Compact, Session: uint64(s+1) * 0x9E3779B97F4A7C15, Sequence: c.sent[s], Time: time.Now().UnixNano(),
			Points: uint16(c.points), PointsBefore: uint32(c.sent[s] * uint64(c.points)),
		})
		c.sent[s]++
		c.total += uint64(c.points)
	}
	for left := c.flight; len(left) > 0; {
		n, outcome := c.sender.Send(left)
		if left = left[n:]; outcome != udp.Sent && outcome != udp.WouldBlock {
			return fmt.Errorf("send: %v", outcome)
		}
	}
	return nil
}

func (c *senders) end() error { return errors.Join(c.sender.Close(), c.at.close()) }

func (c *cost) thereNanos() float64      { return float64(c.there) / float64(c.packets) }
func (c *cost) therePointNanos() float64 { return float64(c.there) / float64(c.points) }
func (c *cost) thousandPackets() float64 { return float64(c.packets) / c.elapsed.Seconds() / 1e3 }
