package build

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/internal/workload"
	"github.com/otelgram/otelgram/wire"
)

// objects makes each object of a workload once, as package wire wants it.
type objects struct {
	scope   *wire.Scope
	symbols map[string]*wire.Symbol
	sets    map[string]*wire.AttributeSet
	metrics map[string]*wire.Metric
}

func newObjects() *objects {
	o := &objects{nil, map[string]*wire.Symbol{}, map[string]*wire.AttributeSet{}, map[string]*wire.Metric{}}
	o.scope = &wire.Scope{Resource: &wire.Resource{Attributes: o.set(workload.Resource())}, Name: o.symbol(workload.Scope)}
	return o
}

func (o *objects) symbol(text string) *wire.Symbol {
	if o.symbols[text] == nil {
		o.symbols[text] = wire.NewSymbol(text)
	}
	return o.symbols[text]
}

func (o *objects) set(attributes []workload.Attribute) *wire.AttributeSet {
	key := fmt.Sprint(attributes)
	if o.sets[key] == nil {
		o.sets[key] = &wire.AttributeSet{}
		for _, a := range attributes {
			o.sets[key].AddString(o.symbol(a.Key), o.symbol(a.Value))
		}
	}
	return o.sets[key]
}

func (o *objects) metric(name, unit string, delta bool) *wire.Metric {
	if o.metrics[name] == nil {
		o.metrics[name] = &wire.Metric{
			Scope: o.scope, Name: o.symbol(name), Unit: o.symbol(unit), Kind: wire.Sum, Integer: true, Monotonic: true, Delta: delta,
		}
	}
	return o.metrics[name]
}

// packetsOf packs n points into packets of 1472 bytes.
func packetsOf(t testing.TB, n int, point func(i int) *wire.Point) (packets [][]byte) {
	p, err := wire.NewPacker(1472)
	require.NoError(t, err)
	p.Start(nil)
	for i := range n {
		pt := point(i)
		if p.Append(pt) == wire.Added {
			continue
		}
		points := p.Points()
		packet := p.Finish()
		wire.Stamp(packet, &wire.Header{Format: wire.Compact, Points: uint16(points)})
		packets = append(packets, packet)
		p.Start(nil)
		require.Equal(t, wire.Added, p.Append(pt))
	}
	return packets
}

// workloads are packets of the points that speeds are stated for.
func workloads(t testing.TB) map[string][][]byte {
	counters := func(points []workload.Counter) [][]byte {
		o := newObjects() // a Packer's own
		return packetsOf(t, 3*len(points), func(i int) *wire.Point {
			c := points[i%len(points)]
			return &wire.Point{
				Metric: o.metric(c.Name, c.Unit, false), Attributes: o.set(c.Attributes),
				StartTime: workload.Started, Time: workload.Exported, Bits: uint64(c.Value) + uint64(i),
			}
		})
	}
	o := newObjects()
	return map[string][][]byte{
		"W1": packetsOf(t, 1000, func(i int) *wire.Point {
			return &wire.Point{
				Metric: o.metric("http.server.request.count", "", true), Attributes: o.set(workload.Set(0)[:3]),
				StartTime: wire.NoTime, Time: workload.Exported + int64(i)*10_000, Bits: 1234,
			}
		}),
		"W2": counters(workload.Points(workload.W2, workload.Sets)),
		"W3": counters(workload.Points(workload.W3, 10*workload.Sets)),
	}
}

// BenchmarkBuild makes metricdata of full packets of 1472 bytes. "decode" is the part of
// the Decoder.
func BenchmarkBuild(b *testing.B) {
	packets := workloads(b)
	for _, name := range []string{"W1", "W2", "W3"} {
		for _, what := range []string{"decode", "build"} {
			b.Run(name+"/"+what, func(b *testing.B) {
				var d wire.Decoder
				builder, points, i := New(8<<20), 0, 0
				b.ReportAllocs()
				for b.Loop() {
					if err := d.Reset(packets[name][i]); err != nil {
						b.Fatal(err)
					}
					if what == "build" {
						builder.Build(&d)
					} else {
						for d.Next() {
						}
					}
					h := d.Header()
					points += int(h.Points)
					i = (i + 1) % len(packets[name])
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(points), "ns/point")
			})
		}
	}
}
