package main

import (
	"errors"
	"flag"
	"fmt"
	"time"
)

// serviceFor is how long a service is measured with each way to export.
var serviceFor = flag.Duration("service", 2*time.Minute, "how long the experiment with the service measures each way to export")

// serviceRate is how many requests the service gets in a second.
const serviceRate = 500

// serviceWays are how a service exports, by the name of the side and in its order.
var serviceWays = []struct{ side, way, sink string }{
	{"otelgram", sdkWay, decoderRole},
	{"otelgram's direct path", directWay, decoderRole},
	{"OTLP/gRPC", grpcWay, grpcRole},
	{"OTLP/HTTP", httpWay, httpRole},
	{"no exporter", noWay, ""},
}

// serviceExperiment is about a service, in a process of its own, that answers requests
// while it exports 100,000 series each second, one way or another.
var serviceExperiment = func() experiment {
	e := experiment{name: "service", rounds: 1, cold: true, long: true}
	for _, f := range []struct {
		name, unit string
		value      func(*cost) float64
	}{
		{"CPU of its process", "ms/s", func(c *cost) float64 { return c.service.CPU.Seconds() * 1000 / c.service.seconds() }},
		{"objects allocated", "k/s", func(c *cost) float64 { return float64(c.service.Mallocs) / 1e3 / c.service.seconds() }},
		{"memory allocated", "MB/s", func(c *cost) float64 { return float64(c.service.Bytes) / 1e6 / c.service.seconds() }},
		{"live heap", "MB", func(c *cost) float64 { return float64(c.service.Live) / 1e6 }},
		{"collections of garbage", "a minute", func(c *cost) float64 { return 60 * float64(c.service.GCs) / c.service.seconds() }},
		{"pauses for them", "ms/minute", func(c *cost) float64 { return 60e3 * c.service.Pauses.Seconds() / c.service.seconds() }},
		{"longest pause for them", "ms", func(c *cost) float64 { return c.service.Longest.Seconds() * 1000 }},
		{"requests, p50", "ms", func(c *cost) float64 { return c.requests.P50.Seconds() * 1000 }},
		{"requests, p99", "ms", func(c *cost) float64 { return c.requests.P99.Seconds() * 1000 }},
		{"requests, p99.9", "ms", func(c *cost) float64 { return c.requests.P999.Seconds() * 1000 }},
		{"points exported", "% of due", func(c *cost) float64 { return 100 * float64(c.service.Offered) / c.service.due() }},
		{"points that did not arrive", "%", func(c *cost) float64 { return 100 * float64(c.lost.n+c.dropped.n) / max(1, float64(c.points)) }},
	} {
		name := "service, " + f.name
		e.lines = append(e.lines,
			line{name + ", beside OTLP/gRPC", f.unit, f.value, 0, 2, none},
			line{name + ", beside OTLP/HTTP", f.unit, f.value, 0, 3, none},
			line{name + ", direct path beside no exporter", f.unit, f.value, 1, 4, none})
	}
	e.setup = func(quick bool) (sides []side, err error) {
		p := servicePlan{Instruments: 10, Series: 10_000, Interval: time.Second}
		long := *serviceFor
		if quick {
			p.Series, p.Interval, long = 100, 100*time.Millisecond, 500*time.Millisecond
		}
		for _, w := range serviceWays {
			p := p
			p.Way = w.way
			sides = append(sides, side{w.side, func() (cost, error) { return serviceRound(p, w.sink, long) }, nothing})
		}
		return sides, nil
	}
	return e
}()

// serviceRound starts sink, service and load generator, and measures the service while the
// requests come.
func serviceRound(p servicePlan, sinkRole string, long time.Duration) (c cost, err error) {
	var at *child
	if sinkRole != "" {
		if at, err = startChild(sinkRole); err != nil {
			return c, err
		}
		defer func() { err = errors.Join(err, at.close()) }()
		p.Endpoint = at.address()
	}
	s, err := startProgram(serviceProgram, p)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.ask("begin", nil); err != nil {
		return c, err
	}
	load, err := startProgram(loadProgram, loadPlan{URL: "http://" + s.at, Rate: serviceRate, For: long})
	if err != nil {
		return c, err
	}
	err = errors.Join(load.ask("wait", &c.requests), load.close())
	if err == nil && (c.requests.Requests == 0 || c.requests.Failed > 0) {
		err = fmt.Errorf("%d of %d requests failed", c.requests.Failed, c.requests.Requests)
	}
	if err := errors.Join(err, s.ask("end", &c.service)); err != nil {
		return c, err
	}
	var all serviceBooks
	if err := s.ask("stop", &all); err != nil || at == nil {
		return c, err
	}
	c.points = int(all.Offered)
	c.dropped = counted(int(all.Offered - all.Sent))
	a, err := at.wait(all.Sent)
	if a.points > all.Sent {
		err = errors.Join(err, fmt.Errorf("%d points arrived of %d sent", a.points, all.Sent))
	}
	c.lost = counted(int(all.Sent - a.points))
	return c, err
}
