package exporter

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/drop"
	"github.com/otelgram/otelgram/health"
	"github.com/otelgram/otelgram/wire/statsd"
)

func TestNewRefusesBadOptions(t *testing.T) {
	tests := []struct {
		name   string
		option Option
		says   []string
	}{
		{"endpoint without port", WithEndpoint("collector"), []string{"WithEndpoint", `"collector"`, `want "collector:4319"`}},
		{"endpoint without host", WithEndpoint(":4319"), []string{"WithEndpoint", `":4319"`, "host"}},
		{"endpoint with a bad port", WithEndpoint("a:70000"), []string{"WithEndpoint", "70000", "65535"}},
		{"endpoint with a port that is no number", WithEndpoint("a:http!"), []string{"WithEndpoint", "http!"}},
		{"endpoint with port 0", WithEndpoint("a:0"), []string{"WithEndpoint", "a:0"}},
		{"endpoint without brackets", WithEndpoint("::1:4319"), []string{"WithEndpoint", "::1:4319"}},
		{"empty endpoint", WithEndpoint(""), []string{"WithEndpoint", `""`}},
		{"URL", WithEndpoint("http://a:1"), []string{"WithEndpoint", `WithEndpoint("http://a:1"): otelgram does not speak HTTP`, `such as "a:4319"`}},
		{"buffer that is no power of two", WithBufferSize(1000), []string{"WithBufferSize(1000)", "power of two"}},
		{"no buffer", WithBufferSize(0), []string{"WithBufferSize(0)", "power of two"}},
		{"negative buffer", WithBufferSize(-8), []string{"WithBufferSize(-8)"}},
		{"huge buffer", WithBufferSize(1 << 30), []string{"WithBufferSize(1073741824)", "16777216"}},
		{"no batch", WithBatchSize(0), []string{"WithBatchSize(0)", "from 1 to 65536"}},
		{"no batch age", WithMaxBatchAge(0), []string{"WithMaxBatchAge(0s)", "from 1ms to 1h"}},
		{"batch age without a unit", WithMaxBatchAge(100), []string{"WithMaxBatchAge(100ns)", "from 1ms to 1h", "such as 100*time.Millisecond"}},
		{"long batch age", WithMaxBatchAge(2 * time.Hour), []string{"WithMaxBatchAge(2h0m0s)", "from 1ms to 1h"}},
		{"negative batch age", WithMaxBatchAge(-time.Second), []string{"WithMaxBatchAge(-1s)"}},
		{"small packet", WithMaxPacketSize(511), []string{"WithMaxPacketSize(511)", "from 512 to 65507"}},
		{"large packet", WithMaxPacketSize(65508), []string{"WithMaxPacketSize(65508)", "from 512 to 65507"}},
		{"negative pace", WithPacing(-1, 1), []string{"WithPacing(-1, 1)", "packets per second"}},
		{"no burst", WithPacing(1000, 0), []string{"WithPacing(1000, 0)", "burst"}},
		{"negative threshold", WithCircuitBreaker(CircuitBreakerConfig{Enabled: true, FailureThreshold: -1}), []string{"WithCircuitBreaker", "FailureThreshold -1", "negative"}},
		{"a breaker that is not enabled", WithCircuitBreaker(CircuitBreakerConfig{Timeout: time.Minute}), []string{"WithCircuitBreaker", "Timeout:1m0s", "Enabled"}},
		{"unknown priority", WithPriority("a.*", 9), []string{`WithPriority("a.*", 9)`, "drop.Low"}},
		{"negative flush interval", WithFlushInterval(-1), []string{"WithFlushInterval(-1ns)", "negative"}},
		{"flush interval without a unit", WithFlushInterval(10), []string{"WithFlushInterval(10ns)", "0, or 1ms at least", "such as 10*time.Second"}},
		{"flush interval in microseconds", WithFlushInterval(999 * time.Microsecond), []string{"WithFlushInterval(999µs)", "1ms"}},
		{"a priority for nothing", WithPriority("", drop.High), []string{`WithPriority("", 1)`, "the pattern is empty"}},
		{"nil", nil, []string{"otelgram: New: option 1 is nil"}},
		{"a window without a unit", WithHealth(health.Config{Window: 10}), []string{"WithHealth", "Window 10ns", "such as 10*time.Second"}},
		{"a timeout without a unit", WithCircuitBreaker(CircuitBreakerConfig{Enabled: true, Timeout: 30}), []string{"WithCircuitBreaker", "Timeout 30ns", "such as 30*time.Second"}},
		{"a threshold in percent", WithHealth(health.Config{Thresholds: health.Thresholds{DropRate: 5}}), []string{"WithHealth", "Thresholds.DropRate 5", "0 to 1"}},
		{"negative timeout", WithCircuitBreaker(CircuitBreakerConfig{Enabled: true, Timeout: -1}), []string{"WithCircuitBreaker", "Timeout -1ns", "10ms to 24h"}},
		{"relative path", WithEndpoint("unixgram://here"), []string{`WithEndpoint("unixgram://here")`, "not absolute", "unixgram:///path"}},
		{"unknown encoding", WithEncoding(Encoding(99)), []string{"WithEncoding(99)", "compact, plain, statsd", " or "}},
		{"no encoding", WithEncoding(0), []string{"WithEncoding(0)", "compact"}},
		{"a switch of another dialect", WithStatsD(statsd.Options{Agent: true}), []string{"WithStatsD: the switch Agent is for dogstatsd"}},
		{"a form that there is not", WithDogStatsD(statsd.Options{Histograms: 7}), []string{"WithDogStatsD: unknown Histograms 7"}},
		{"unknown preset", WithPreset(Preset(7)), []string{"WithPreset(7)", "high_throughput", "resource_constrained"}},
		{"no preset", WithPreset(0), []string{"WithPreset(0)"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e, err := New(t.Context(), tt.option)
			require.Error(t, err)
			assert.Nil(t, e)
			for _, s := range tt.says {
				assert.ErrorContains(t, err, s)
			}
		})
	}
}

// TestNilOption: the error counts the options from 1.
func TestNilOption(t *testing.T) {
	_, err := New(t.Context(), WithBatchSize(7), nil, WithBatchSize(8))
	assert.EqualError(t, err, "otelgram: New: option 2 is nil")
}

func TestOptionsWin(t *testing.T) {
	get := func(opts ...Option) config {
		c, err := newConfig(opts)
		require.NoError(t, err)
		return c
	}
	c := get()
	assert.Equal(t, "localhost:4319", c.endpoint)
	assert.Equal(t, 16384, c.bufferSize)
	assert.Equal(t, 50, c.batchSize)
	assert.Equal(t, 100*time.Millisecond, c.maxBatchAge)
	assert.Zero(t, c.packetSize, "what suits the path")
	assert.Equal(t, [2]int{10_000, 32}, [2]int{c.packetsPerSecond, c.burst})
	assert.Equal(t, Compact, c.encoding)

	c = get(WithBatchSize(7), WithPreset(HighThroughput), WithMaxBatchAge(time.Second))
	assert.Equal(t, 32768, c.bufferSize)
	assert.Equal(t, 7, c.batchSize, "an option before the preset wins over it, too")
	assert.Equal(t, time.Second, c.maxBatchAge)
	assert.Equal(t, [2]int{50_000, 64}, [2]int{c.packetsPerSecond, c.burst})

	assert.Equal(t, 8192, get(WithPreset(LowLatency)).bufferSize)
	assert.Equal(t, 65536, get(WithPreset(Reliable)).bufferSize)
	assert.Equal(t, 4096, get(WithPreset(ResourceConstrained)).bufferSize)

	t.Setenv("OTEL_EXPORTER_OTELGRAM_ENDPOINT", " there:1 ")
	t.Setenv("OTEL_EXPORTER_OTELGRAM_PRESET", "Low_Latency")
	t.Setenv("OTEL_EXPORTER_OTELGRAM_MAX_PACKET_SIZE", "1200")
	t.Setenv("OTEL_EXPORTER_OTELGRAM_ENCODING", "COMPACT")
	t.Setenv("OTEL_EXPORTER_OTELGRAM_SEGMENTATION_OFFLOAD", "false")
	t.Setenv("OTEL_EXPORTER_OTELGRAM_TEMPORALITY_PREFERENCE", "Delta")
	c = get()
	assert.Equal(t, "there:1", c.endpoint)
	assert.Equal(t, 20, c.batchSize)
	assert.Equal(t, 1200, c.packetSize)
	assert.True(t, c.noSegmentation)
	assert.Equal(t, metricdata.DeltaTemporality, c.temporality(metric.InstrumentKindCounter))
	assert.Equal(t, metricdata.CumulativeTemporality, c.temporality(metric.InstrumentKindUpDownCounter))
	c = get(WithEndpoint("here:2"), WithPreset(Reliable), WithMaxPacketSize(1300),
		WithTemporalitySelector(metric.CumulativeTemporalitySelector))
	assert.Equal(t, "here:2", c.endpoint)
	assert.Equal(t, 65536, c.bufferSize)
	assert.Equal(t, 1300, c.packetSize)
	t.Setenv("OTEL_EXPORTER_OTELGRAM_SEGMENTATION_OFFLOAD", "true")
	assert.False(t, get().noSegmentation)
	assert.True(t, get(WithoutSegmentationOffload()).noSegmentation)
	assert.Equal(t, metricdata.CumulativeTemporality, c.temporality(metric.InstrumentKindCounter))
}

// reports collects what goes to OpenTelemetry's error handler.
func reports(t *testing.T) *[]string {
	var mu sync.Mutex
	var reported []string
	over := false // what others report later does not count
	handler := otel.GetErrorHandler()
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if !over {
			reported = append(reported, err.Error())
		}
	}))
	t.Cleanup(func() {
		otel.SetErrorHandler(handler)
		mu.Lock()
		defer mu.Unlock()
		over = true
	})
	return &reported
}

// TestBudgetOfAPreset: if a budget is too small for a ring, the error says where the budget
// comes from. A budget from the environment gives way.
func TestBudgetOfAPreset(t *testing.T) {
	reported := reports(t)
	_, err := newConfig([]Option{WithPreset(ResourceConstrained), WithBufferSize(32768)})
	require.ErrorContains(t, err, "preset resource_constrained, 2097152 bytes of memory: a queue of 32768 points and packets of 7800 bytes need")
	_, err = newConfig([]Option{WithPreset(ResourceConstrained), WithBufferSize(16384), WithMaxMemory(1 << 20)})
	require.ErrorContains(t, err, "WithMaxMemory(1048576): a queue of 16384 points and packets of 7800 bytes need")
	_, err = newConfig([]Option{WithMaxMemory(1 << 20), WithMaxPacketSize(1232)})
	require.ErrorContains(t, err, "packets of 1232 bytes need")
	_, err = newConfig([]Option{WithMaxMemory(1 << 20), WithEndpoint("unixgram:///run/x")})
	require.ErrorContains(t, err, "packets of 16000 bytes need")
	c, err := newConfig([]Option{WithPreset(ResourceConstrained), WithBufferSize(16384), WithMaxMemory(8 << 20)})
	require.NoError(t, err)
	assert.Equal(t, int64(8<<20), c.maxMemory)
	require.Empty(t, *reported)
	t.Setenv("OTEL_EXPORTER_OTELGRAM_PRESET", "resource_constrained")
	c, err = newConfig([]Option{WithBufferSize(32768)})
	require.NoError(t, err)
	assert.Zero(t, c.maxMemory)
	require.Len(t, *reported, 1)
	assert.Contains(t, (*reported)[0], "preset resource_constrained")
	_, err = newConfig([]Option{WithBufferSize(16384), WithMaxMemory(1 << 20)})
	require.ErrorContains(t, err, "WithMaxMemory(1048576)")
}

func TestBadEnvironmentIsReportedAndIgnored(t *testing.T) {
	bad := map[string]string{
		"ENDPOINT": "nowhere", "ENCODING": "xml", "MAX_PACKET_SIZE": "12", "SEGMENTATION_OFFLOAD": "perhaps", "TEMPORALITY_PREFERENCE": "sideways", "PRESET": "fast",
	}
	reported := reports(t)
	defaults, err := newConfig(nil)
	require.NoError(t, err)
	for name, value := range bad {
		t.Setenv("OTEL_EXPORTER_OTELGRAM_"+name, value)
	}
	c, err := newConfig(nil)
	require.NoError(t, err)
	assert.Equal(t, defaults.endpoint, c.endpoint)
	assert.Equal(t, defaults.packetSize, c.packetSize)
	assert.False(t, c.noSegmentation)
	assert.Equal(t, defaults.bufferSize, c.bufferSize)
	assert.Equal(t, metricdata.CumulativeTemporality, c.temporality(metric.InstrumentKindCounter))
	require.Len(t, *reported, len(bad))
	for _, line := range *reported {
		assert.Contains(t, line, "OTEL_EXPORTER_OTELGRAM_")
		assert.Contains(t, line, "is ignored")
	}
}

func TestTemporalityPreferences(t *testing.T) {
	kinds := []metric.InstrumentKind{
		metric.InstrumentKindCounter, metric.InstrumentKindUpDownCounter, metric.InstrumentKindHistogram,
		metric.InstrumentKindObservableCounter, metric.InstrumentKindObservableUpDownCounter,
		metric.InstrumentKindObservableGauge, metric.InstrumentKindGauge,
	}
	for preference, want := range map[string]metric.TemporalitySelector{
		"cumulative": metric.CumulativeTemporalitySelector, "DELTA": metric.DeltaTemporalitySelector,
		"lowmemory": metric.LowMemoryTemporalitySelector,
	} {
		t.Setenv("OTEL_EXPORTER_OTELGRAM_TEMPORALITY_PREFERENCE", preference)
		c, err := newConfig(nil)
		require.NoError(t, err)
		for _, k := range kinds {
			assert.Equal(t, want(k), c.temporality(k), "%s %v", preference, k)
		}
	}
}

func TestNames(t *testing.T) {
	assert.Equal(t, "high_throughput", HighThroughput.String())
	assert.Equal(t, "Preset(0)", Preset(0).String())
	assert.Equal(t, "Preset(9)", Preset(9).String())
	assert.Equal(t, "compact", Compact.String())
	assert.Equal(t, "influx", Influx.String())
	assert.Equal(t, "Encoding(0)", Encoding(0).String())
	assert.Equal(t, "Encoding(99)", Encoding(99).String())
	for state, want := range map[CircuitState]string{
		CircuitClosed: `"closed"`, CircuitOpen: `"open"`, CircuitHalfOpen: `"half-open"`, 7: `"unknown"`,
	} {
		text, err := json.Marshal(state)
		require.NoError(t, err)
		assert.Equal(t, want, string(text))
		var back CircuitState
		if err = json.Unmarshal(text, &back); state <= CircuitHalfOpen {
			assert.NoError(t, err)
			assert.Equal(t, state, back)
		} else {
			assert.EqualError(t, err, `otelgram: circuit state "unknown": want closed, open or half-open`)
		}
	}
	text, err := json.Marshal(Stats{Circuit: CircuitOpen})
	require.NoError(t, err)
	assert.Contains(t, string(text), `"Circuit":"open"`)
}

// TestNilSelectorsKeepTheDefault is for callers that pass on what they have.
func TestNilSelectorsKeepTheDefault(t *testing.T) {
	c, err := newConfig([]Option{WithTemporalitySelector(nil), WithAggregationSelector(nil)})
	require.NoError(t, err)
	assert.Equal(t, metricdata.CumulativeTemporality, c.temporality(metric.InstrumentKindHistogram))
	assert.Equal(t, metric.DefaultAggregationSelector(metric.InstrumentKindHistogram), c.aggregation(metric.InstrumentKindHistogram))
}

// TestStrategyWithoutEvents: if an option rules event mode alone and event mode is off,
// that is reported.
func TestStrategyWithoutEvents(t *testing.T) {
	for name, opts := range map[string][]Option{
		"strategy":                {WithDropStrategy(drop.Oldest())},
		"priority":                {WithPriority("n", drop.High)},
		"both":                    {WithPriority("n", drop.High), WithDropStrategy(drop.Oldest())},
		"in event mode":           {WithDropStrategy(drop.Oldest()), WithFlushInterval(0)},
		"that of a preset":        {WithPreset(Reliable)},
		"nil":                     {WithDropStrategy(nil)},
		"nothing but an interval": {WithFlushInterval(time.Second)},
	} {
		t.Run(name, func(t *testing.T) {
			reported := reports(t)
			_, err := newConfig(opts)
			require.NoError(t, err)
			said := 0
			for _, line := range *reported {
				if strings.Contains(line, "rule event mode alone") {
					said++
				}
			}
			assert.Equal(t, map[string]int{"strategy": 1, "priority": 1, "both": 1}[name], said)
		})
	}
}
