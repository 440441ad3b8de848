package receiver

import (
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/wire"
)

const panicking = "OTELGRAM_TEST_PANIC"

// TestHandlerPanics: the process ends with the panic of the handler, which is not called
// again, even if it holds a lock.
func TestHandlerPanics(t *testing.T) {
	if os.Getenv(panicking) == "" {
		self, err := os.Executable()
		require.NoError(t, err)
		c := exec.CommandContext(t.Context(), self, "-test.run", "^TestHandlerPanics$", "-test.timeout", "20s")
		c.Env = append(os.Environ(), panicking+"=1")
		out, err := c.CombinedOutput()
		require.Error(t, err)
		assert.Contains(t, string(out), "panic: of the handler")
		assert.NotContains(t, string(out), "test timed out")
		return
	}
	var mu sync.Mutex
	r, err := Listen("127.0.0.1:0", func(*metricdata.ResourceMetrics) {
		mu.Lock()
		panic("of the handler")
	}, WithWorkers(1))
	require.NoError(t, err)
	p, err := wire.NewPacker(1472)
	require.NoError(t, err)
	p.Start(nil)
	for _, url := range []string{"a", "b"} {
		m := &wire.Metric{Scope: &wire.Scope{Resource: &wire.Resource{SchemaURL: wire.NewSymbol(url)}}, Kind: wire.Gauge}
		require.Equal(t, wire.Added, p.Append(&wire.Point{Metric: m}))
	}
	packet := p.Finish()
	wire.Stamp(packet, &wire.Header{Format: wire.Compact, Points: 2})
	dial(t, r)(packet)
	<-time.After(time.Minute)
}
