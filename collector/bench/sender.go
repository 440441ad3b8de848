package main

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/exporter"
)

const (
	// packetSize is how many bytes of a datagram a path takes, in general.
	packetSize = 1472
	// packetsInFlight is how many packets of otelgram may be on their way. They take less
	// than the receive buffer has that its receiver asks for by default.
	packetsInFlight = 256
	// firstDensity is how many points a packet has, at least, as long as none was sent.
	firstDensity = 4
	// datagramsInFlight is how many datagrams of statsd may be on their way. A receive
	// buffer of the size that Linux gives by default holds 92.
	datagramsInFlight = 64
	// connections is how many exporters of OTLP there are, each of which waits for an
	// answer before it sends more.
	connections = 2
)

// sent is what became of the points of a round at the sender.
type sent struct {
	points  uint64 // that were sent
	dropped uint64 // that were not
	packets uint64 // or requests
}

// sender sends an export again and again.
type sender interface {
	// send sends the export so many times, not faster than the child takes it, and
	// returns when that has taken all or takes no more.
	send(times int, p *progress) (sent, error)
	close() error
}

// newSender makes a sender of the points of rm to an address.
type newSender func(address string, rm *metricdata.ResourceMetrics, points int) (sender, error)

// otelgramSender is the exporter.
type otelgramSender struct {
	exporter *exporter.Exporter
	rm       *metricdata.ResourceMetrics
	points   uint64
}

// otelgram returns what makes an exporter with packets of the size that statsd has, too.
func otelgram(opts ...exporter.Option) newSender {
	return func(address string, rm *metricdata.ResourceMetrics, points int) (sender, error) {
		e, err := exporter.New(context.Background(), append(opts, exporter.WithEndpoint(address), exporter.WithMaxPacketSize(packetSize))...)
		if err != nil {
			return nil, err
		}
		return &otelgramSender{e, rm, uint64(points)}, nil
	}
}

// unpaced sends as fast as the receiver takes it.
var unpaced = []exporter.Option{exporter.WithPreset(exporter.HighThroughput), exporter.WithPacing(0, 0)}

func (s *otelgramSender) send(times int, p *progress) (out sent, err error) {
	ctx := context.Background()
	collected(s.rm)
	before := s.exporter.Stats()
	density := uint64(firstDensity)
	if before.Packets > 0 {
		density = max(1, before.Sent/before.Packets)
	}
	window := max(density*packetsInFlight, s.points+otelgramGrain)
	offered := uint64(0)
	for range times {
		if !p.room(offered, s.points, window) {
			break
		}
		if err := s.exporter.Export(ctx, s.rm); err != nil {
			return out, err
		}
		offered += s.points
	}
	if err := s.exporter.ForceFlush(ctx); err != nil {
		return out, err
	}
	p.wait(offered)
	after := s.exporter.Stats()
	return sent{after.Sent - before.Sent, after.Dropped.Total() - before.Dropped.Total(), after.Packets - before.Packets}, nil
}

func (s *otelgramSender) close() error { return s.exporter.Shutdown(context.Background()) }

// statsdSender sends lines of DogStatsD.
type statsdSender struct {
	conn      net.Conn
	datagrams []datagram
	window    uint64 // lines
}

func statsd(address string, rm *metricdata.ResourceMetrics, points int) (sender, error) {
	conn, err := net.Dial("udp", address)
	if err != nil {
		return nil, err
	}
	lines, _ := dogStatsD(rm)
	s := &statsdSender{conn: conn, datagrams: pack(lines)}
	s.window = uint64(datagramsInFlight * points / len(s.datagrams))
	return s, nil
}

func (s *statsdSender) send(times int, p *progress) (out sent, err error) {
	for range times {
		for i := range s.datagrams {
			d := &s.datagrams[i]
			if !p.room(out.points, uint64(d.lines), s.window) {
				return out, nil
			}
			if _, err := s.conn.Write(d.data); err != nil {
				return out, err
			}
			out.points += uint64(d.lines)
			out.packets++
		}
	}
	p.wait(out.points)
	return out, nil
}

func (s *statsdSender) close() error { return s.conn.Close() }

// otlpSender is some exporters of OTLP at a time.
type otlpSender struct {
	exporters []sdkmetric.Exporter
	rm        *metricdata.ResourceMetrics
	points    uint64
}

// otlp returns what makes exporters of OTLP.
func otlp(open func(ctx context.Context, address string) (sdkmetric.Exporter, error)) newSender {
	return func(address string, rm *metricdata.ResourceMetrics, points int) (sender, error) {
		s := &otlpSender{rm: rm, points: uint64(points)}
		for range connections {
			e, err := open(context.Background(), address)
			if err != nil {
				return nil, errors.Join(err, s.close())
			}
			s.exporters = append(s.exporters, e)
		}
		return s, nil
	}
}

func grpc(opts ...otlpmetricgrpc.Option) newSender {
	return otlp(func(ctx context.Context, address string) (sdkmetric.Exporter, error) {
		return otlpmetricgrpc.New(ctx, append(opts, otlpmetricgrpc.WithEndpoint(address), otlpmetricgrpc.WithInsecure())...)
	})
}

func http(opts ...otlpmetrichttp.Option) newSender {
	return otlp(func(ctx context.Context, address string) (sdkmetric.Exporter, error) {
		return otlpmetrichttp.New(ctx, append(opts, otlpmetrichttp.WithEndpoint(address), otlpmetrichttp.WithInsecure())...)
	})
}

func (s *otlpSender) send(times int, _ *progress) (sent, error) {
	collected(s.rm)
	var left atomic.Int64
	left.Store(int64(times))
	errs := make([]error, len(s.exporters))
	var all sync.WaitGroup
	for i, e := range s.exporters {
		all.Go(func() {
			for errs[i] == nil && left.Add(-1) >= 0 {
				errs[i] = e.Export(context.Background(), s.rm)
			}
		})
	}
	all.Wait()
	return sent{points: uint64(times) * s.points, packets: uint64(times)}, errors.Join(errs...)
}

func (s *otlpSender) close() (err error) {
	for _, e := range s.exporters {
		err = errors.Join(err, e.Shutdown(context.Background()))
	}
	return err
}
