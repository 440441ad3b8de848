package otelgramreceiver

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/otelgram/otelgram/internal/workload"
	"github.com/otelgram/otelgram/receiver"
	"github.com/otelgram/otelgram/wire"
)

// packets packs counters into packets of 1472 bytes.
func packets(t testing.TB, counters []workload.Counter) (all [][]byte) {
	t.Helper()
	symbols := map[string]*wire.Symbol{}
	symbol := func(text string) *wire.Symbol {
		if symbols[text] == nil {
			symbols[text] = wire.NewSymbol(text)
		}
		return symbols[text]
	}
	set := func(attributes []workload.Attribute) *wire.AttributeSet {
		s := &wire.AttributeSet{}
		for _, a := range attributes {
			s.AddString(symbol(a.Key), symbol(a.Value))
		}
		return s
	}
	scope := &wire.Scope{Resource: &wire.Resource{Attributes: set(workload.Resource())}, Name: symbol(workload.Scope)}
	metrics, sets := map[string]*wire.Metric{}, map[string]*wire.AttributeSet{}
	p, err := wire.NewPacker(1472)
	require.NoError(t, err)
	p.Start(nil)
	points := uint16(0)
	finish := func() {
		packet := append([]byte(nil), p.Finish()...)
		wire.Stamp(packet, &wire.Header{Format: wire.Compact, Points: points})
		all = append(all, packet)
		p.Start(nil)
		points = 0
	}
	for _, c := range counters {
		if metrics[c.Name] == nil {
			metrics[c.Name] = &wire.Metric{Scope: scope, Name: symbol(c.Name), Unit: symbol(c.Unit), Kind: wire.Sum, Integer: true, Monotonic: true}
		}
		key := ""
		for _, a := range c.Attributes {
			key += a.Key + "=" + a.Value + ","
		}
		if sets[key] == nil {
			sets[key] = set(c.Attributes)
		}
		point := &wire.Point{Metric: metrics[c.Name], Attributes: sets[key], StartTime: workload.Started, Time: workload.Exported, Bits: uint64(c.Value)}
		if p.Append(point) != wire.Added {
			finish()
			require.Equal(t, wire.Added, p.Append(point))
		}
		points++
	}
	finish()
	return all
}

// BenchmarkPoints measures what a data point costs from the packet to the next consumer.
func BenchmarkPoints(b *testing.B) {
	discard, err := consumer.NewMetrics(func(context.Context, pmetric.Metrics) error { return nil })
	require.NoError(b, err)
	for name, counters := range map[string][]workload.Counter{
		"W2": workload.Points(workload.W2, 1000), "W3": workload.Points(workload.W3, 1000),
	} {
		b.Run(name, func(b *testing.B) {
			h := newTestHandler(b, discard)
			all := packets(b, counters)
			var d wire.Decoder
			b.ReportAllocs()
			points := 0
			for b.Loop() {
				for _, p := range all {
					if err := d.Reset(p); err != nil {
						b.Fatal(err)
					}
					h.HandlePacket(&receiver.Packet{Decoder: &d, Source: here, Arrived: now})
				}
				h.Flush()
				points += len(counters)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(points), "ns/point")
		})
	}
}
