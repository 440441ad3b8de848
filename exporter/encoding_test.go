package exporter

import (
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/influx"
	"github.com/otelgram/otelgram/wire/plain"
	"github.com/otelgram/otelgram/wire/statsd"
)

// textServer is a socket that keeps what it gets.
type textServer struct {
	t    *testing.T
	conn net.PacketConn
}

func newTextServer(t *testing.T, network, address string) *textServer {
	t.Helper()
	c, err := net.ListenPacket(network, address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return &textServer{t, c}
}

// datagrams returns n datagrams.
func (s *textServer) datagrams(n int) (got []string) {
	s.t.Helper()
	buf := make([]byte, 1<<16)
	require.NoError(s.t, s.conn.SetReadDeadline(time.Now().Add(10*time.Second)))
	for range n {
		n, _, err := s.conn.ReadFrom(buf)
		require.NoError(s.t, err)
		got = append(got, string(buf[:n]))
	}
	return got
}

// textEncodings are options that make an exporter use each text encoding.
var textEncodings = []Option{
	WithStatsD(statsd.Options{}), WithDogStatsD(statsd.Options{}), WithInflux(influx.Options{}), WithPlain(plain.Options{}),
}

// pointsOf returns data with a counter of that value, and a gauge of NaN.
func pointsOf(v int64, at time.Time) *metricdata.ResourceMetrics {
	set := attribute.NewSet(attribute.String("method", "GET"))
	return &metricdata.ResourceMetrics{
		Resource: resource.NewSchemaless(attribute.String("service.name", "svc")),
		ScopeMetrics: []metricdata.ScopeMetrics{{Scope: instrumentation.Scope{Name: "scope"}, Metrics: []metricdata.Metrics{
			{Name: "requests", Data: metricdata.Sum[int64]{
				Temporality: metricdata.CumulativeTemporality, IsMonotonic: true,
				DataPoints: []metricdata.DataPoint[int64]{{Attributes: set, StartTime: at, Time: time.Unix(1, 5), Value: v}},
			}},
			{Name: "load", Data: metricdata.Gauge[float64]{DataPoints: []metricdata.DataPoint[float64]{{Time: time.Unix(1, 5), Value: math.NaN()}}}},
		}}},
	}
}

// encodingRows is what each encoding except Compact says about the same data. That of
// Compact is decoded by TestRandomDataArrivesBitByBit.
var encodingRows = []struct {
	encoding Encoding
	want     string
	unsaid   uint64 // points that the encoding cannot say
}{
	{StatsD, "requests.method.GET:5|c\n", 1},
	{DogStatsD, "requests:5|c|#method:GET,service.name:svc\n", 1},
	{Influx, "requests,method=GET,service.name=svc value=5i 1000000005\n", 1},
	{Plain, "\x1a\x00\x08requests\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x00\x3b\x9a\xca\x05" +
		"\x00\x06method\x00\x03GET\x00\x0cservice.name\x00\x03svc\x00\x00" +
		"\x01\x00\x04load\x7f\xf8\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x3b\x9a\xca\x05\x00\x0cservice.name\x00\x03svc\x00\x00", 0},
}

// TestEncodings: what each encoding says about the same data, over UDP and Unix sockets,
// and in which book a point is that it cannot say.
func TestEncodings(t *testing.T) {
	for _, tt := range encodingRows {
		for _, network := range []string{"udp", "unixgram"} {
			t.Run(fmt.Sprint(tt.encoding, " over ", network), func(t *testing.T) {
				address := "127.0.0.1:0"
				if network == "unixgram" {
					address = filepath.Join(t.TempDir(), "s")
				}
				server := newTextServer(t, network, address)
				endpoint := server.conn.LocalAddr().String()
				if network == "unixgram" {
					endpoint = "unixgram://" + endpoint
				}
				e, err := New(t.Context(), WithEndpoint(endpoint), WithEncoding(tt.encoding))
				require.NoError(t, err)
				t.Cleanup(func() { _ = e.Shutdown(t.Context()) })
				require.NoError(t, e.Export(t.Context(), pointsOf(5, time.Now())))
				got := server.datagrams(1)[0]
				if tt.encoding == Plain {
					got = got[plain.HeaderSize : len(got)-plain.TrailerSize]
				}
				assert.Equal(t, tt.want, got)
				require.NoError(t, e.ForceFlush(t.Context()))
				s := e.Stats()
				assert.Equal(t, tt.unsaid, s.Dropped.Encode)
				assert.Equal(t, s.Offered, s.Sent+s.Dropped.Total())
				assert.Equal(t, uint64(1), s.Packets, "no reports")
			})
		}
	}
}

// TestEncodingsAreListed: each encoding is tested above, and named where users look for one.
func TestEncodingsAreListed(t *testing.T) {
	read := func(path string) string {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		return string(text)
	}
	tested := map[Encoding]bool{Compact: true} // by TestRandomDataArrivesBitByBit
	for _, row := range encodingRows {
		tested[row.encoding] = true
	}
	_, section, _ := strings.Cut(read("doc.go"), "\n// # Encodings\n")
	section, _, _ = strings.Cut(section, "\n// # ")
	_, variable, _ := strings.Cut(read("doc.go"), "OTEL_EXPORTER_OTELGRAM_ENCODING")
	variable, _, _ = strings.Cut(variable, "\n")
	for e := Compact; e.known(); e++ {
		assert.True(t, tested[e], "%v has no row in encodingRows", e)
		assert.Contains(t, strings.ToLower(section), "["+e.String()+"]", "exporter/doc.go, # Encodings")
		assert.Regexp(t, `\b`+e.String()+`\b`, variable, "exporter/doc.go, # Configuration")
		assert.Regexp(t, "(?i)`(exporter\\.)?"+e.String()+"`", read("../README.md"), "README.md, To a server that is already there")
	}
}

// TestEncodingFromEnvironment: each encoding by its name.
func TestEncodingFromEnvironment(t *testing.T) {
	for e := Compact; e.known(); e++ {
		t.Setenv("OTEL_EXPORTER_OTELGRAM_ENCODING", strings.ToUpper(e.String()))
		c, err := newConfig(nil)
		require.NoError(t, err)
		assert.Equal(t, e, c.encoding)
		text, err := e.MarshalText()
		require.NoError(t, err)
		var again Encoding
		require.NoError(t, again.UnmarshalText(text))
		assert.Equal(t, e, again)
		assert.EqualError(t, again.UnmarshalText([]byte("xml")), `otelgram: encoding "xml": unknown encoding: want `+encodingsAllowed())
	}
}

// TestUnchangedPoints: nothing is sent for a counter that does not change, and yet the
// books close.
func TestUnchangedPoints(t *testing.T) {
	server := newTextServer(t, "udp", "127.0.0.1:0")
	e, err := New(t.Context(), WithEndpoint(server.conn.LocalAddr().String()), WithEncoding(StatsD))
	require.NoError(t, err)
	t.Cleanup(func() { _ = e.Shutdown(t.Context()) })
	start := time.Now()
	for _, v := range []int64{5, 5, 5, 7} {
		require.NoError(t, e.Export(t.Context(), pointsOf(v, start)))
		require.NoError(t, e.ForceFlush(t.Context()))
	}
	assert.Equal(t, []string{"requests.method.GET:5|c\n", "requests.method.GET:2|c\n"}, server.datagrams(2))
	s := e.Stats()
	assert.Equal(t, uint64(8), s.Offered)
	assert.Equal(t, uint64(4), s.Sent)
	assert.Equal(t, uint64(4), s.Dropped.Encode)
	assert.Equal(t, wire.LeftOut{Unchanged: 2}, s.LeftOut)
	assert.Equal(t, uint64(2), s.Packets)
}

// TestCountersSurviveAnOutage: what was counted while there was no server is told, once,
// when there is one.
func TestCountersSurviveAnOutage(t *testing.T) {
	t.Parallel()
	for _, o := range textEncodings[:2] {
		path := filepath.Join(t.TempDir(), "s")
		e, err := New(t.Context(), WithEndpoint("unixgram://"+path), o)
		require.NoError(t, err)
		t.Cleanup(func() { _ = e.Shutdown(t.Context()) })
		start := time.Now()
		require.NoError(t, e.Export(t.Context(), pointsOf(5, start)))
		require.NoError(t, e.ForceFlush(t.Context()))
		assert.Equal(t, uint64(1), e.Stats().Dropped.Unresolved)
		server := newTextServer(t, "unixgram", path)
		value := int64(5)
		require.Eventually(t, func() bool {
			value++
			require.NoError(t, e.Export(t.Context(), pointsOf(value, start)))
			require.NoError(t, e.ForceFlush(t.Context()))
			return e.Stats().Sent > 0
		}, 30*time.Second, 50*time.Millisecond)
		assert.Contains(t, server.datagrams(1)[0], fmt.Sprintf(":%d|c", value))
	}
}

// TestEventModeLines: each measurement is a line, as from a StatsD client.
func TestEventModeLines(t *testing.T) {
	server := newTextServer(t, "udp", "127.0.0.1:0")
	e, err := New(t.Context(), WithEndpoint(server.conn.LocalAddr().String()), WithFlushInterval(0), WithResource(resource.Empty()),
		WithDogStatsD(statsd.Options{Resource: []string{}}))
	require.NoError(t, err)
	t.Cleanup(func() { _ = e.Shutdown(t.Context()) })
	tag := Tag{Key: "queue", Value: "mail"}
	require.True(t, e.RecordMetric("jobs", 3, tag))
	require.True(t, e.RecordMetric("jobs", 3, tag))
	require.True(t, e.RecordGauge("depth", -2.5, tag))
	require.True(t, e.RecordSample("took", 12.25, tag))
	conns, err := e.MeterProvider().Meter("m").Int64UpDownCounter("conns")
	require.NoError(t, err)
	conns.Add(t.Context(), 2)
	conns.Add(t.Context(), -1)
	require.NoError(t, e.ForceFlush(t.Context()))
	assert.Equal(t, "jobs:3|c|#queue:mail\njobs:3|c|#queue:mail\ndepth:0|g|#queue:mail\ndepth:-2.5|g|#queue:mail\ntook:12.25|h|#queue:mail\n"+
		"conns:2|g\nconns:1|g\n", server.datagrams(1)[0])
}
