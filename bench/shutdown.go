package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/wire"
)

// shutdownPatience is how long the other side may try.
const shutdownPatience = 2 * time.Second

// shutdownExperiment is about stopping while nobody listens and a ring is full
// of what should have been sent.
var shutdownExperiment = experiment{
	name: "Shutdown",
	lines: []line{
		{"Shutdown, receiver dead, ring full", "ms", (*cost).millis, 0, 1, target{valueAtMost, 250}},
	},
	setup: func(bool) ([]side, error) {
		return []side{
			{"otelgram", stopDead, nothing},
			{"SDK to OTLP/HTTP", stopDeadOTLP, nothing},
		}, nil
	},
}

// stopDead wants Shutdown to say what was not sent, or that packets were refused.
func stopDead() (c cost, err error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return c, err
	}
	closed := conn.LocalAddr().String()
	if err := conn.Close(); err != nil {
		return c, err
	}
	ctx := context.Background()
	exp, err := exporter.New(ctx, exporter.WithEndpoint(closed), exporter.WithFlushInterval(0))
	if err != nil {
		return c, err
	}
	for exp.RecordMetric(requestCount, 1, tagSets[0]...) {
		c.points++
	}
	c.points++ // the one that was refused
	var said error
	c.elapsed = timed(func() { said = exp.Shutdown(ctx) })
	s := exp.Stats()
	c.dropped = counted(int(s.Dropped.Total()))
	if !saysWhy(said) || s.Offered != uint64(c.points) || s.Offered != s.Sent+s.Dropped.Total() {
		return c, fmt.Errorf("%d points, Shutdown says %q: %+v", c.points, fmt.Sprint(said), s)
	}
	return c, nil
}

// saysWhy reports whether err tells of packets that the other side refused, or
// names a reason for which points were not sent.
func saysWhy(err error) bool {
	if err == nil {
		return false
	}
	for reason := range wire.DropReasons {
		if strings.Contains(err.Error(), wire.DropReason(reason).String()+" ") {
			return true
		}
	}
	return strings.Contains(err.Error(), "refused packets")
}

// stopDeadOTLP stops a provider with one counter to send.
func stopDeadOTLP() (c cost, err error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return c, err
	}
	closed := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return c, err
	}
	exp, err := otlpmetrichttp.New(context.Background(), otlpmetrichttp.WithEndpoint(closed), otlpmetrichttp.WithInsecure())
	if err != nil {
		return c, err
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(exp)))
	calls, err := newInstruments(provider, 1)
	if err != nil {
		return c, err
	}
	calls.addKept(0, 1)
	ctx, cancel := context.WithTimeout(context.Background(), shutdownPatience)
	defer cancel()
	var said error
	c.elapsed = timed(func() { said = provider.Shutdown(ctx) })
	if said == nil {
		return c, errors.New("a point was sent to a closed port")
	}
	return cost{points: 1, elapsed: c.elapsed}, nil
}
