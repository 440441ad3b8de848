package otelgramreceiver

import (
	"fmt"
	"math"
	"net"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/pdatatest/pmetrictest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/wire/plain"
)

// plainPacket returns a packet with these events.
func plainPacket(t *testing.T, sequence uint64, events ...plain.Event) []byte {
	t.Helper()
	b := plain.AppendHeader(nil)
	for i := range events {
		var ok bool
		b, ok = plain.AppendEvent(b, &events[i])
		require.True(t, ok)
	}
	b = plain.AppendTrailer(b)
	plain.Stamp(b, sequence, time.Now().UnixNano())
	return b
}

// TestPlainArrives: the next consumer gets what Plain packets say.
func TestPlainArrives(t *testing.T) {
	sink := &consumertest.MetricsSink{}
	r := start(t, sink)
	c, err := net.Dial("udp", r.receiver.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	at := time.Now().UnixNano()
	tags := []plain.Tag{{Key: "b", Value: "old"}, {Key: "a", Value: "1"}, {Key: "b", Value: "2"}}
	_, err = c.Write(plainPacket(t, 0,
		plain.Event{Type: plain.Sum | plain.Integer | plain.Monotonic, Name: "hits", Bits: 7, Time: at, Tags: tags},
		plain.Event{Type: plain.Gauge, Name: "load", Bits: math.Float64bits(0.5), Time: at + 1},
		plain.Event{Type: plain.Sum | plain.Integer | plain.Monotonic, Name: "hits", Bits: 8, Time: at},
		plain.Event{Type: plain.Sum | plain.Delta, Name: "hits", Bits: math.Float64bits(-2), Time: at},
	))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return sink.DataPointCount() == 4 }, 30*time.Second, time.Millisecond)

	want := pmetric.NewMetrics()
	metrics := want.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
	hits := metrics.AppendEmpty()
	hits.SetName("hits")
	hits.SetEmptySum().SetIsMonotonic(true)
	hits.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	for i, value := range []int64{7, 8} {
		p := hits.Sum().DataPoints().AppendEmpty()
		p.SetIntValue(value)
		p.SetTimestamp(pcommon.Timestamp(at))
		if i == 0 {
			p.Attributes().PutStr("a", "1")
			p.Attributes().PutStr("b", "2")
		}
	}
	load := metrics.AppendEmpty()
	load.SetName("load")
	p := load.SetEmptyGauge().DataPoints().AppendEmpty()
	p.SetDoubleValue(0.5)
	p.SetTimestamp(pcommon.Timestamp(at + 1))
	delta := metrics.AppendEmpty()
	delta.SetName("hits")
	delta.SetEmptySum().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	p = delta.Sum().DataPoints().AppendEmpty()
	p.SetDoubleValue(-2)
	p.SetTimestamp(pcommon.Timestamp(at))
	require.Len(t, sink.AllMetrics(), 1)
	require.NoError(t, pmetrictest.CompareMetrics(want, sink.AllMetrics()[0]))
	require.Equal(t, bytesOf(t, want), bytesOf(t, sink.AllMetrics()[0]))
}

// TestPlainBesideOthers: Plain senders and an exporter use one receiver, which counts what
// the Plain senders lost.
func TestPlainBesideOthers(t *testing.T) {
	sink := &consumertest.MetricsSink{}
	r := start(t, sink)
	exp := newExporter(t, r)
	const senders, packets = 3, 50
	for s := range senders {
		c, err := net.Dial("udp", r.receiver.Addr().String())
		require.NoError(t, err)
		defer c.Close()
		for i := range packets {
			if i == 10 {
				continue // lost
			}
			_, err := c.Write(plainPacket(t, uint64(i), plain.Event{Type: plain.Gauge, Name: fmt.Sprint("plain", s), Time: time.Now().UnixNano()}))
			require.NoError(t, err)
		}
	}
	require.NoError(t, exp.Export(t.Context(), &metricdata.ResourceMetrics{ScopeMetrics: gauge("other", 1).ScopeMetrics}))
	const arrive = senders*(packets-1) + 1
	require.Eventually(t, func() bool { return sink.DataPointCount() == arrive }, 30*time.Second, time.Millisecond)
	require.Eventually(t, func() bool { return r.receiver.Stats().Packets.Lost == senders }, 30*time.Second, 10*time.Millisecond)
	s := r.receiver.Stats()
	assert.Zero(t, s.Points.Lost)
	assert.Equal(t, uint64(arrive), s.Points.Delivered)
	assert.Len(t, s.Sessions, senders+1)
}
