package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/otelgram/otelgram/exporter"
)

const (
	loadInterval = 100 * time.Millisecond // from one export to the next
	loadExports  = 10
)

// loadRates are how many packets a second are offered.
var loadRates = []int{1000, 2000, 5000, 10_000, 20_000, 50_000}

// loadExperiment is about exports of more and more packets, ten a second, into a socket
// with the receive buffer that the system gives.
var loadExperiment = func() experiment {
	e := experiment{name: "offered packets"}
	for i, rate := range loadRates {
		e.lines = append(e.lines,
			line{loadName(rate) + "lost on the way", "%", (*cost).lostPercent, 2 * i, 2*i + 1, none},
			line{loadName(rate) + "dropped at the sender", "%", (*cost).droppedPercent, 2 * i, 2*i + 1, none})
	}
	e.setup = func(quick bool) (sides []side, err error) {
		for _, rate := range loadRates {
			paced, err := newSender(slowRole, exporter.WithMaxPacketSize(packetSize))
			if err != nil {
				return sides, err
			}
			sides = append(sides, side{"paced", func() (cost, error) { return paced.offer(rate, quick) }, paced.end})
			unpaced, err := newSender(slowRole, exporter.WithMaxPacketSize(packetSize), exporter.WithPacing(0, 0))
			if err != nil {
				return sides, err
			}
			sides = append(sides, side{"unpaced", func() (cost, error) { return unpaced.offer(rate, quick) }, unpaced.end})
		}
		return sides, nil
	}
	return e
}()

func loadName(rate int) string { return fmt.Sprintf("offered, %s packets/s, ", figure(float64(rate))) }

// perPacket is how many points a packet has, nearly.
const perPacket = 70

// offer exports so many packets a second for a second. An export ends when the next is due,
// and drops what it has not handed over.
func (s *sender) offer(rate int, quick bool) (c cost, err error) {
	rm := counters(20, rate/loadExports*perPacket/20)
	exports := loadExports
	if quick {
		rm, exports = counters(20, rate/1000), 1
	}
	before := s.exp.Stats()
	next := time.Now()
	for range exports {
		time.Sleep(time.Until(next)) // exports are due at fixed times, as those of a periodic reader
		next = time.Now().Add(loadInterval)
		ctx, cancel := context.WithDeadline(context.Background(), next)
		err := s.exp.Export(ctx, rm)
		cancel()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return c, err
		}
		c.points += countPoints(rm)
	}
	c.elapsed = loadExports * loadInterval
	if err := s.exp.ForceFlush(context.Background()); err != nil {
		return c, err
	}
	after := s.exp.Stats()
	c.packets = int(after.Packets - before.Packets)
	c.dropped = counted(int(after.Dropped.Total() - before.Dropped.Total()))
	if after.Offered-before.Offered != uint64(c.points) || after.Sent+after.Dropped.Total() != after.Offered {
		return c, fmt.Errorf("%d points: %+v before, %+v after", c.points, before, after)
	}
	_, err = s.arrived(&c)
	return c, err
}
