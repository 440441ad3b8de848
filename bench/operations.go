package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/internal/workload"
)

// operations make what does an operation so many times, and returns for how many points
// or calls.
var operations = map[string]func() (func(times int) (points int, err error), error){
	"encode W1": coded(w1Points, (*codec).encode), "marshal W1": coded(w1Points, (*codec).marshal),
	"encode W2": coded(w2Points, (*codec).encode), "marshal W2": coded(w2Points, (*codec).marshal),
	"encode W3": coded(w3Points, (*codec).encode), "marshal W3": coded(w3Points, (*codec).marshal),
	"decode W1": coded(w1Points, (*codec).decode), "unmarshal W1": coded(w1Points, (*codec).unmarshal),
	"decode W2": coded(w2Points, (*codec).decode), "unmarshal W2": coded(w2Points, (*codec).unmarshal),
	"decode W3": coded(w3Points, (*codec).decode), "unmarshal W3": coded(w3Points, (*codec).unmarshal),
	"export counters": exporting(1000, 1), "otlp counters": exportingOTLP(1000, 1),
	"export series": exporting(1, 1000), "otlp series": exportingOTLP(1, 1000),
	"add":     recording((*instruments).addKept),
	"bound":   recording((*instruments).addBound),
	"record":  recording((*instruments).recordKept),
	"by name": namedOperation,
	"SDK add": recordingBySDK((*instruments).addKept), "SDK record": recordingBySDK((*instruments).recordKept),
}

// w1Points are one series again and again, as in the tests of package wire.
func w1Points() []workload.Counter {
	return workload.Points(func(*rand.Rand, int) workload.Counter {
		return workload.Counter{
			Name: requestCount, Value: 1234,
			Attributes: []workload.Attribute{{Key: "method", Value: "GET"}, {Key: "route", Value: "/api/v1/users"}, {Key: "status", Value: "200"}},
		}
	}, workload.Sets)
}

func w2Points() []workload.Counter { return workload.Points(workload.W2, workload.Sets) }
func w3Points() []workload.Counter { return workload.Points(workload.W3, workload.Sets) }

func coded(points func() []workload.Counter, do func(*codec, int) (cost, error)) func() (func(int) (int, error), error) {
	return func() (func(int) (int, error), error) {
		w, err := newCodec(points())
		return func(times int) (int, error) {
			c, err := do(w, packedPasses*max(1, times/operationTimes)) // beneath callgrind a point takes a hundred times as long
			return c.points, err
		}, err
	}
}

// unread is a socket that nobody reads.
func unread() (address string, err error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return "", err
	}
	return conn.LocalAddr().String(), nil
}

func unreadExporter(opts ...exporter.Option) (*exporter.Exporter, error) {
	at, err := unread()
	if err != nil {
		return nil, err
	}
	return exporter.New(context.Background(), append(opts, exporter.WithEndpoint(at),
		exporter.WithFlushInterval(time.Hour), exporter.WithMaxPacketSize(packetSize), exporter.WithPacing(0, 0))...)
}

func exporting(instruments, series int) func() (func(int) (int, error), error) {
	return func() (func(int) (int, error), error) {
		rm := counters(instruments, series)
		exp, err := unreadExporter()
		return func(times int) (int, error) {
			for range times {
				err := errors.Join(exp.Export(context.Background(), rm), exp.ForceFlush(context.Background()))
				if err != nil {
					return 0, err
				}
			}
			return times * countPoints(rm), nil
		}, err
	}
}

// exportingOTLP has a server in the same process: what it takes is not told apart, but it
// looks at no byte.
func exportingOTLP(instruments, series int) func() (func(int) (int, error), error) {
	return func() (func(int) (int, error), error) {
		rm := counters(instruments, series)
		at, err := newCollector()
		if err != nil {
			return nil, err
		}
		exp, err := otlpmetrichttp.New(context.Background(), otlpmetrichttp.WithEndpoint(at.address()), otlpmetrichttp.WithInsecure())
		return func(times int) (int, error) {
			for range times {
				if err := exp.Export(context.Background(), rm); err != nil {
					return 0, err
				}
			}
			return times * countPoints(rm), nil
		}, err
	}
}

// operationCalls is how many calls are made in a time.
const operationCalls = 5000

func recording(record func(*instruments, int, int)) func() (func(int) (int, error), error) {
	return func() (func(int) (int, error), error) {
		exp, err := unreadExporter()
		if err != nil {
			return nil, err
		}
		i, err := newInstruments(exp.MeterProvider(), directSeries)
		return called(func(first, calls int) { record(i, first, calls) }), err
	}
}

func recordingBySDK(record func(*instruments, int, int)) func() (func(int) (int, error), error) {
	return func() (func(int) (int, error), error) {
		s, err := newSDK(directSeries)
		return called(func(first, calls int) { record(s.instruments, first, calls) }), err
	}
}

func namedOperation() (func(int) (int, error), error) {
	exp, err := unreadExporter()
	return called(func(first, calls int) {
		for i := range turns(len(tagSets), first, calls) {
			exp.RecordMetric(requestCount, 1, tagSets[i]...)
		}
	}), err
}

func called(record func(first, calls int)) func(int) (int, error) {
	return func(times int) (int, error) {
		record(0, times*operationCalls)
		return times * operationCalls, nil
	}
}
