package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/otelgram/otelgram/internal/workload"
	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

const (
	// feedPoints is how many points a round sends, about.
	feedPoints = 4_000_000
	// feedFlight is how many packets are on their way at a time, as turnFlight. All of
	// them differ.
	feedFlight = 1000
)

// feeds are what the receiver is given. Their points are made when they are needed: all
// that the package holds is in the memory of the receiver's process, too, whose garbage
// collector would look at it.
var feeds = []struct {
	name   string
	points func() []wire.Point
	// grow gives a point that is sent again its next value.
	grow func(*wire.Point)
}{
	{"W1 (events of one series)", func() []wire.Point { return events(1) }, later},
	{"W2 (one metric, another set each point)", func() []wire.Point { return wirePoints(workload.Points(workload.W2, workload.Sets)) }, more},
	{"W3 (10 metrics share each set)", func() []wire.Point { return wirePoints(workload.Points(workload.W3, sharedPoints)) }, more},
}

// receiveExperiment is about a receiver in another process: what a point costs it from the
// socket to the handler, which gets metricdata.
var receiveExperiment = func() experiment {
	e := experiment{name: "receiver, socket to handler"}
	for i, f := range feeds {
		name := "receiver, all CPU per point, socket to handler, " + f.name
		e.lines = append(e.lines,
			line{name, "ns/point", (*cost).thereNanosPerPoint, i, alone, target{valueAtMost, 150}},
			line{name + ", in the kernel", "ns/point", (*cost).kernelNanos, i, alone, none},
			line{name + ", outside of it", "ns/point", (*cost).userNanos, i, alone, none})
	}
	e.setup = func(quick bool) (sides []side, err error) {
		for _, f := range feeds {
			s, err := newFeed(f.points(), f.grow)
			if err != nil {
				return sides, err
			}
			flights := max(1, repeats(quick, feedPoints)/s.points)
			sides = append(sides, side{f.name, func() (cost, error) { return s.round(flights) }, s.end})
		}
		return sides, nil
	}
	return e
}()

// feed is one session that sends packets which were packed before.
type feed struct {
	at       *child
	sender   *udp.Sender
	flight   [][]byte
	counts   []int // points of each packet
	points   int   // of all of them
	sequence uint64
	sent     uint64 // points
	lost     uint64 // points
}

func newFeed(points []wire.Point, grow func(*wire.Point)) (*feed, error) {
	at, err := startChild(decoderRole)
	if err != nil {
		return nil, err
	}
	f := &feed{at: at}
	if f.sender, err = udp.Dial(context.Background(), at.address()); err != nil {
		return nil, errors.Join(err, at.close())
	}
	if err := f.pack(points, grow); err != nil {
		return nil, errors.Join(err, f.end())
	}
	return f, nil
}

// pack fills the flight. Each point is sent again and again, each time with its next value.
func (f *feed) pack(points []wire.Point, grow func(*wire.Point)) error {
	p, err := wire.NewPacker(packetSize)
	if err != nil {
		return err
	}
	p.Start(nil)
	for i := 0; len(f.flight) < feedFlight; i++ {
		pt := &points[i%len(points)]
		grow(pt)
		if p.Append(pt) == wire.Added {
			continue
		}
		f.counts = append(f.counts, p.Points())
		f.points += p.Points()
		f.flight = append(f.flight, p.Finish())
		p.Start(nil)
		p.Append(pt)
	}
	return nil
}

// round sends the flight so many times, each time when the one before has arrived.
func (f *feed) round(flights int) (cost, error) {
	sum := cost{points: flights * f.points, packets: flights * len(f.flight)}
	before, kernelBefore, err := f.at.cpuTimes()
	if err != nil {
		return sum, err
	}
	start := time.Now()
	for range flights {
		if err := f.send(); err != nil {
			return sum, err
		}
		a, err := f.at.wait(f.sent - f.lost)
		if err != nil {
			return sum, err
		}
		sum.elapsed = a.last.Sub(start)
		sum.lost.add(counted(int(f.sent - f.lost - a.points)))
		f.lost = f.sent - a.points
	}
	after, kernelAfter, err := f.at.cpuTimes()
	sum.there, sum.kernel = after-before, kernelAfter-kernelBefore
	return sum, err
}

// send sends the flight once.
func (f *feed) send() error {
	for i, packet := range f.flight {
		wire.Stamp(packet, &wire.Header{
			Format: wire.Compact, Session: 1, Sequence: f.sequence, Time: time.Now().UnixNano(),
			Points: uint16(f.counts[i]), PointsBefore: uint32(f.sent),
		})
		f.sequence++
		f.sent += uint64(f.counts[i])
	}
	for left := f.flight; len(left) > 0; {
		n, outcome := f.sender.Send(left)
		if left = left[n:]; outcome != udp.Sent && outcome != udp.WouldBlock {
			return fmt.Errorf("send: %v", outcome)
		}
	}
	return nil
}

// end wants the books to close. What was lost last is known to the receiver only if
// something came after it.
func (f *feed) end() error {
	if f.lost > 0 {
		return errors.Join(f.sender.Close(), f.at.close())
	}
	return errors.Join(f.sender.Close(), f.at.books(f.sent), f.at.close())
}

// events makes the points of W1, n series of a counter. Each point is one request, as event
// mode sends it.
func events(n int) (out []wire.Point) {
	in := interner{nil, map[string]*wire.Symbol{}, map[string]*wire.AttributeSet{}, map[string]*wire.Metric{}}
	in.scope = &wire.Scope{Resource: &wire.Resource{Attributes: in.set(workload.Resource())}, Name: in.symbol(workload.Scope)}
	m := &wire.Metric{Scope: in.scope, Name: in.symbol("http.server.request.count"), Kind: wire.Sum, Integer: true, Monotonic: true, Delta: true}
	for i := range n {
		out = append(out, wire.Point{
			Metric: m, Attributes: in.set(workload.Set(i)[:3]), StartTime: wire.NoTime, Time: workload.Exported, Bits: 1234,
		})
	}
	return out
}

// later moves an event to the next request, about 10 us after the one before.
func later(pt *wire.Point) { pt.Time += 9_000 + rand.Int64N(2000) }

// more counts some more in a cumulative point.
func more(pt *wire.Point) { pt.Bits += rand.Uint64N(100) }

func (c *cost) thereNanosPerPoint() float64 { return float64(c.there) / float64(c.points) }
func (c *cost) kernelNanos() float64        { return float64(c.kernel) / float64(c.points) }
func (c *cost) userNanos() float64          { return float64(c.there-c.kernel) / float64(c.points) }
