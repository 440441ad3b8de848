package otelgramreceiver

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"go.yaml.in/yaml/v3"

	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/otelgram/otelgram/collector/otelgramreceiver/internal/metadata"
	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/internal/faultproxy"
	"github.com/otelgram/otelgram/receiver"
	"github.com/otelgram/otelgram/wire"
)

// TestBooks: packets are lost, repeated and rejected, and batches refused, and the
// receiver's metrics add up. The loss has the name of its sender.
func TestBooks(t *testing.T) {
	tel := componenttest.NewTelemetry()
	r := startWith(t, tel, consumertest.NewNop(), func(c *Config) { c.AllowedSources = []string{"127.0.0.1/32"} })
	proxy, err := faultproxy.Listen(r.receiver.Addr().String(), 1, faultproxy.Faults{Loss: 0.3, Duplicate: 5, SpareReports: true})
	require.NoError(t, err)
	defer proxy.Close()
	exp, err := exporter.New(t.Context(), exporter.WithEndpoint(proxy.Addr()))
	require.NoError(t, err)
	wrong := points(100)
	for i := range wrong.ScopeMetrics[0].Metrics[0].Data.(metricdata.Gauge[int64]).DataPoints {
		wrong.ScopeMetrics[0].Metrics[0].Data.(metricdata.Gauge[int64]).DataPoints[i].Time = time.Unix(1, 0)
	}
	for range 50 {
		require.NoError(t, exp.Export(t.Context(), points(3)))
		require.NoError(t, exp.ForceFlush(t.Context()))
	}
	require.NoError(t, exp.Export(t.Context(), wrong))
	require.NoError(t, exp.Shutdown(t.Context()))
	stranger, err := net.Dial("udp", r.receiver.Addr().String())
	require.NoError(t, err)
	_, err = stranger.Write([]byte("no otelgram"))
	require.NoError(t, err)
	require.NoError(t, stranger.Close())

	sent := float64(exp.Stats().Sent)
	var m map[string]float64
	get := func(name string) float64 { return m[ours+name] }
	defer func() {
		if t.Failed() {
			t.Logf("sent %v, told %v", sent, m)
		}
	}()
	require.Eventually(t, func() bool {
		m = metricsOf(t, tel)
		return get("sent_points") == sent && get("received_points")+get("lost_points test") == sent && get("accepted_points") == get("received_points") &&
			get("rejected_packets too_short") == 1
	}, 30*time.Second, 10*time.Millisecond)
	assert.Equal(t, float64(proxy.Books().Lost.Points), get("lost_points test"))
	assert.Positive(t, get("lost_points test"))
	assert.Zero(t, get("lost_points"))
	assert.Positive(t, get("lost_packets"))
	assert.Positive(t, get("duplicate_packets"))
	assert.Equal(t, get("received_points"), get("delivered_points")+get("rejected_points")+get("overrun_points"))
	assert.LessOrEqual(t, get("corrected_points"), 100.0)
	assert.Equal(t, 1.0, get("sessions"))
	assert.Equal(t, 4096.0, get("queue_capacity"))
	assert.Positive(t, get("receive_buffer"))
	require.NoError(t, r.Shutdown(t.Context()))
	assert.NotContains(t, metricsOf(t, tel), ours+"sessions", "the callback is gone")
}

// TestNoOtherMetric: each metric of the receiver is in metadata.yaml with its unit, type
// and description, and in documentation.md, and no other metric is.
func TestNoOtherMetric(t *testing.T) {
	text, err := os.ReadFile("metadata.yaml")
	require.NoError(t, err)
	var meta struct {
		Type, Status any
		Telemetry    struct {
			Metrics map[string]struct {
				Description, Unit string
				Sum               *struct{ Monotonic, Async bool }
				Gauge, Histogram  any
				Attributes        []string
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(text, &meta))
	assert.Equal(t, metadata.Type.String(), meta.Type)
	documented, err := os.ReadFile("documentation.md")
	require.NoError(t, err)

	tel := componenttest.NewTelemetry()
	next := &answers{list: []error{errForNow, nil, errForNow}}
	r := startWith(t, tel, next, func(c *Config) {
		c.Retry.InitialInterval = time.Nanosecond
		c.MaxTimestampSkew = time.Nanosecond
	})
	exp := newExporter(t, r)
	require.NoError(t, exp.Export(t.Context(), points(1)))
	require.Eventually(t, func() bool { return next.called() == 2 }, 30*time.Second, time.Millisecond)
	next.mu.Lock()
	next.list = make([]error, 1000)
	for i := range next.list {
		next.list[i] = errForNow
	}
	r.delivery.retry.Enabled = false // no batch is under way
	next.mu.Unlock()
	require.NoError(t, exp.Export(t.Context(), points(1)))
	require.Eventually(t, func() bool { return metricsOf(t, tel)[ours+"refused_points temporary"] == 1 }, 30*time.Second, time.Millisecond)

	var rm metricdata.ResourceMetrics
	require.NoError(t, tel.Reader.Collect(context.Background(), &rm))
	told := map[string]bool{}
	for _, sm := range rm.ScopeMetrics {
		if sm.Scope.Name != metadata.ScopeName {
			continue
		}
		for _, m := range sm.Metrics {
			name := strings.TrimPrefix(m.Name, "otelcol_")
			told[name] = true
			d, ok := meta.Telemetry.Metrics[name]
			require.True(t, ok, name)
			assert.Equal(t, m.Unit, d.Unit, name)
			assert.Equal(t, m.Description, d.Description+" [Alpha]", name)
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				assert.Equal(t, d.Sum.Monotonic, data.IsMonotonic, name)
			case metricdata.Gauge[int64]:
				assert.NotNil(t, d.Gauge, name)
			case metricdata.Histogram[float64]:
				assert.NotNil(t, d.Histogram, name)
			default:
				t.Errorf("%s is a %T", name, data)
			}
			assert.Contains(t, string(documented), fmt.Sprintf("### %s\n\n%s\n", m.Name, d.Description))
			assert.NotEmpty(t, m.Unit)
		}
	}
	assert.Len(t, told, len(meta.Telemetry.Metrics))
	assert.Len(t, told, strings.Count(string(documented), "### otelcol_"))
}

// TestLog: the address, a buffer that is smaller than asked for, and the first rejected
// packet of each cause.
func TestLog(t *testing.T) {
	core, log := observer.New(zap.InfoLevel)
	set := receivertest.NewNopSettings(metadata.Type)
	set.Logger = zap.New(core)
	c := createDefaultConfig().(*Config)
	c.Endpoint, c.ReceiveBuffer = "127.0.0.1:0", 1<<30
	made, err := createMetrics(t.Context(), set, c, consumertest.NewNop())
	require.NoError(t, err)
	r := made.(*otelgramReceiver)
	require.NoError(t, r.Start(t.Context(), componenttest.NewNopHost()))
	to := r.receiver.Addr().String()
	listening := log.FilterMessage("Listening for otelgram packets").All()
	require.Len(t, listening, 1)
	assert.Equal(t, to, listening[0].ContextMap()["address"])
	stats := r.receiver.Stats()
	assert.Equal(t, stats.BufferEffective < stats.BufferAsked, log.FilterField(zap.Int("receive_buffer", 1<<30)).Len() == 1)
	conn, err := net.Dial("udp", to)
	require.NoError(t, err)
	for range 3 {
		_, err = conn.Write([]byte("no otelgram"))
		require.NoError(t, err)
	}
	require.NoError(t, conn.Close())
	rejected := func() []observer.LoggedEntry { return log.FilterMessageSnippet("a packet was rejected").All() }
	require.Eventually(t, func() bool { return len(rejected()) > 0 }, 30*time.Second, time.Millisecond)
	assert.Equal(t, "too_short", rejected()[0].ContextMap()["cause"])
	require.NoError(t, r.Shutdown(t.Context()))
	assert.Len(t, rejected(), 1)
}

// TestNamesAreBounded: names of sessions that have no books any more are forgotten, and
// there are never more names than sessions may be. The metric shows a bounded number.
func TestNamesAreBounded(t *testing.T) {
	s := newSenders(3000)
	n := s.of()
	var sessions []receiver.Session
	for id := range uint64(4000) {
		n.mu.Lock()
		if len(n.names) < n.max {
			n.names[id] = senderName{service: fmt.Sprint("service ", id)}
		}
		n.mu.Unlock()
		session := receiver.Session{ID: id}
		session.Points.Lost, session.Packets.Received = 2+id/2000, provenAfter
		sessions = append(sessions, session)
	}
	lost := s.lost(sessions)
	assert.Len(t, lost, maxLosers)
	for name, points := range lost {
		assert.Equal(t, int64(3), points, "%v: those that lost most", name)
	}
	assert.Len(t, n.names, 3000)
	sessions[2].Packets.Received = provenAfter - 1
	lost = s.lost(sessions[:3])
	assert.Equal(t, map[senderName]int64{{service: "service 0"}: 2, {service: "service 1"}: 2}, lost)
	assert.Len(t, n.names, 3)
	assert.Empty(t, s.lost(nil))
	assert.Empty(t, n.names)
}

// TestSenderName: the name is what a resource says about its service and instance, unless
// that is too long or no text.
func TestSenderName(t *testing.T) {
	long := strings.Repeat("x", maxName+1)
	for _, tt := range []struct {
		pairs []string
		want  senderName
	}{
		{[]string{"service.name", "a", "service.instance.id", "b", "host.name", "c"}, senderName{"a", "b"}},
		{[]string{"service.name", long, "service.instance.id", long[1:]}, senderName{"", long[1:]}},
		{[]string{"host.name", "c"}, senderName{}},
	} {
		assert.Equal(t, tt.want, nameOf(&wire.ResourceView{Attributes: viewOf(t, tt.pairs...)}))
	}
	assert.Len(t, senderName{"a", "b"}.attributes(), 2)
	assert.Len(t, senderName{"", "b"}.attributes(), 1)
	assert.Empty(t, senderName{}.attributes())
}
