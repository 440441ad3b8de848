package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/exporter"
)

// sender is an exporter and the sink that it sends to.
type sender struct {
	exp  *exporter.Exporter
	sink sink
	lost uint64 // points, in earlier rounds
}

// newSender starts an exporter to a child of that role.
func newSender(role string, opts ...exporter.Option) (*sender, error) {
	c, err := startChild(role)
	if err != nil {
		return nil, err
	}
	return newSenderTo(c, opts...)
}

func newSenderTo(s sink, opts ...exporter.Option) (*sender, error) {
	exp, err := exporter.New(context.Background(), append(opts, exporter.WithEndpoint(s.address()))...)
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return &sender{exp: exp, sink: s}, nil
}

// settled waits until the exporter is drained and adds to c what became of the
// points since before. All of them must have been sent.
func (s *sender) settled(c *cost, before exporter.Stats) error {
	if err := s.exp.ForceFlush(context.Background()); err != nil {
		return err
	}
	after := s.exp.Stats()
	c.packets = int(after.Packets - before.Packets)
	c.bytes = int(after.Bytes - before.Bytes)
	c.dropped = counted(int(after.Dropped.Total() - before.Dropped.Total()))
	if offered := after.Offered - before.Offered; offered != uint64(c.points) || after.Sent-before.Sent != offered {
		return fmt.Errorf("%d points: offered, sent and dropped: %+v before, %+v after", c.points, before, after)
	}
	return nil
}

// arrived waits for what has been sent, adds to c what of it is lost since the
// last call, and returns when the last of it arrived.
func (s *sender) arrived(c *cost) (time.Time, error) {
	sent := s.exp.Stats().Sent
	a, err := s.sink.wait(sent - s.lost)
	if err != nil {
		return a.last, err
	}
	missing := sent - a.points
	if a.points > sent || missing < s.lost || a.points == 0 {
		return a.last, fmt.Errorf("%d of %d points arrived, %d were known to be lost", a.points, sent, s.lost)
	}
	c.lost.add(counted(int(missing - s.lost)))
	s.lost = missing
	return a.last, nil
}

// export hands rm over so many times.
func (s *sender) export(rm *metricdata.ResourceMetrics, times int) error {
	for range times {
		if err := s.exp.Export(context.Background(), rm); err != nil {
			return err
		}
	}
	return nil
}

// end stops the exporter and wants the books of both sides to close.
func (s *sender) end() error {
	err := s.exp.Shutdown(context.Background())
	sent := s.exp.Stats()
	if sent.Offered != sent.Sent+sent.Dropped.Total() {
		err = errors.Join(err, fmt.Errorf("books: %+v", sent))
	}
	return errors.Join(err, s.sink.books(sent.Sent), s.sink.close())
}
