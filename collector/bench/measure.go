package main

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
)

// otelgramGrain is how many points the otelgram receiver takes before it tells of them.
const otelgramGrain = 1024

// way is one way for points to get into a Collector.
type way struct {
	name  string
	role  string
	grain uint64 // how many points the receiver takes before it tells of them; 0: it need not
	open  newSender
	// target is how many times as many points otelgram should take; 0: that is not judged.
	target float64
	// counters says that it knows counters only, as far as they can be compared.
	counters bool
}

// ours is the way that the others are compared with.
const ours = "otelgram"

var ways = []way{
	{name: ours, role: otelgramRole, grain: otelgramGrain, open: otelgram(unpaced...)},
	{name: "statsdreceiver", role: statsdRole, grain: statsdGrain, open: statsd, target: 3, counters: true},
	{name: "otlpreceiver gRPC", role: grpcRole, open: grpc(), target: 1.5},
	{name: "otelgram, paced", role: otelgramRole, grain: otelgramGrain, open: otelgram()},
	{name: "otlpreceiver gRPC gzip", role: grpcRole, open: grpc(otlpmetricgrpc.WithCompressor("gzip"))},
	{name: "otlpreceiver HTTP", role: httpRole, open: http(otlpmetrichttp.WithCompression(otlpmetrichttp.NoCompression))},
	{name: "otlpreceiver HTTP gzip", role: httpRole, open: http(otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression))},
}

// sides returns the ways of a load that s asks for.
func (l *load) sides(s settings) (chosen []*way) {
	for i := range ways {
		w := &ways[i]
		if (l.counters || !w.counters) && (s.rows == nil || s.rows.MatchString(l.name+", "+w.name)) {
			chosen = append(chosen, w)
		}
	}
	return chosen
}

// cost is what a round took.
type cost struct {
	sent
	received uint64 // points
	calls    uint64 // of the consumer
	cpu      time.Duration
	mallocs  uint64
}

// lost is how many points did not arrive, wherever they were lost.
func (c *cost) lost() int64 { return int64(c.points+c.dropped) - int64(c.received) }

func (c *cost) perSecond() float64    { return float64(c.received) / c.cpu.Seconds() }
func (c *cost) nanos() float64        { return float64(c.cpu) / float64(c.received) }
func (c *cost) allocs() float64       { return float64(c.mallocs) / float64(c.received) }
func (c *cost) perPacket() float64    { return float64(c.received) / float64(c.packets) }
func (c *cost) perCall() float64      { return float64(c.received) / float64(c.calls) }
func (c *cost) packetsACall() float64 { return float64(c.packets) / float64(c.calls) }

// result is what all rounds of one way took.
type result struct {
	way    *way
	judged bool
	costs  []cost           // of the rounds that lost nothing
	lossy  int              // rounds that lost something, which do not count
	lost   int64            // points, in all rounds, also in those before the first
	books  map[string]int64 // what the receiver told of itself in the end
}

// side is a way that is measured: a child and its sender.
type side struct {
	way    *way
	child  *child
	sender sender
	points int // of an export
	times  int // exports of a round
	result
	exports int // so far
}

// measure measures ways to send a load, in turns, each round in the other order, after
// one round each that does not count.
func measure(l *load, chosen []*way, s settings) (results []result, err error) {
	var sides []*side
	defer func() {
		for _, s := range sides {
			err = errors.Join(err, s.close())
		}
	}()
	for _, w := range chosen {
		one, err := open(l, w, s)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", w.name, err)
		}
		sides = append(sides, one)
	}
	for i := range s.rounds + 1 {
		for k := range sides {
			if i%2 == 0 {
				k = len(sides) - 1 - k
			}
			if err := sides[k].round(i > 0); err != nil {
				return nil, fmt.Errorf("%s: %w", sides[k].way.name, err)
			}
		}
		if i > 0 || s.profile == "" {
			continue
		}
		if err := profile(l, sides, s.profile); err != nil {
			return nil, err
		}
	}
	for _, s := range sides {
		if err := s.check(l); err != nil {
			return nil, fmt.Errorf("%s: %w", s.way.name, err)
		}
		results = append(results, s.result)
	}
	return results, nil
}

func open(l *load, w *way, s settings) (*side, error) {
	every := interval
	if s.quick {
		every = quickInterval
	}
	c, err := startChild(w.role, w.grain, every)
	if err != nil {
		return nil, err
	}
	from, err := w.open(c.address, l.data(), l.points)
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	times := (s.points + l.points - 1) / l.points
	return &side{way: w, child: c, sender: from, points: l.points, times: times, result: result{way: w, judged: l.counters && w.target > 0}}, nil
}

// profile has the otelgram receiver profile itself from now on.
func profile(l *load, sides []*side, name string) error {
	for _, s := range sides {
		if s.way.name != ours {
			continue
		}
		if _, err := s.child.ask(&request{Ask: askProfile, Path: name + "." + fileName(l.name)}); err != nil {
			return err
		}
	}
	return nil
}

// round sends a round. It says nothing of what it took where that does not count.
func (s *side) round(counts bool) error {
	before, err := s.child.ask(&request{Ask: askBegin, Points: uint64(s.times * s.points)})
	if err != nil {
		return err
	}
	s.child.progress.begin(before.Points)
	out, err := s.sender.send(s.times, s.child.progress)
	if err != nil {
		return err
	}
	after, err := s.child.ask(&request{Ask: askEnd})
	if err != nil {
		return err
	}
	s.exports += s.times
	c := cost{
		sent: out, received: after.Points - before.Points, calls: after.Calls - before.Calls,
		cpu: after.CPU - before.CPU, mallocs: after.Mallocs - before.Mallocs,
	}
	s.lost += c.lost()
	if whole := uint64(s.times * s.points); c.lost() == 0 && c.received != whole {
		return fmt.Errorf("%d points of %d were sent, none of which is lost, but the child tells of no more", c.received, whole)
	}
	switch {
	case !counts:
	case c.lost() == 0:
		s.costs = append(s.costs, c)
	default:
		s.lossy++
	}
	return nil
}

// check asks the receiver for what it knows of itself. Where nothing is lost it must be
// what was sent.
func (s *side) check(l *load) error {
	want := int64(s.exports * s.points)
	err := s.askBooks(want)
	if err != nil || s.lost != 0 {
		return err
	}
	if s.way.role == statsdRole {
		_, sum := dogStatsD(l.data())
		_, err := s.child.ask(&request{Ask: askSum, Sum: sum * float64(s.exports)})
		return err
	}
	if got := s.books[acceptedMetric]; got != want {
		return fmt.Errorf("%s is %d, want %d: %v", acceptedMetric, got, want, s.books)
	}
	return nil
}

// askBooks asks until the receiver has accepted so many points, or long enough: it counts
// a batch after the consumer has returned.
func (s *side) askBooks(accepted int64) error {
	for late := time.Now().Add(quiet); ; {
		r, err := s.child.ask(&request{Ask: askBooks})
		if err != nil {
			return err
		}
		s.books = r.Books
		if s.way.role == statsdRole || r.Books[acceptedMetric] == accepted || time.Now().After(late) {
			return nil
		}
	}
}

func (s *side) close() error { return errors.Join(s.sender.close(), s.child.close()) }
