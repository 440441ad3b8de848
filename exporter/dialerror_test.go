package exporter_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/health"
	"github.com/otelgram/otelgram/receiver"
)

// TestDialError: if there is no socket to send to, the cause is in Stats, in the report and
// its JSON, in the log, once, and in the error of Shutdown. When there is a socket the
// cause is gone, and the log says so.
func TestDialError(t *testing.T) {
	t.Parallel()
	directory := filepath.Join(t.TempDir(), "run")
	endpoint := "unixgram://" + filepath.Join(directory, "sock")
	var log lockedBuffer
	options := []exporter.Option{
		exporter.WithEndpoint(endpoint), exporter.WithLogger(slog.New(slog.NewTextHandler(&log, nil))),
	}
	exp, err := exporter.New(t.Context(), options...)
	require.NoError(t, err)
	const cause = "no such file or directory"
	assert.Contains(t, exp.Stats().DialError, cause)
	assert.Contains(t, exp.Health().DialError, cause)
	require.NoError(t, exp.Export(t.Context(), counters(1, 7)))
	require.NoError(t, exp.ForceFlush(t.Context()))
	assert.Equal(t, exporter.Dropped{Unresolved: 7}, exp.Stats().Dropped)

	w := httptest.NewRecorder()
	health.Handler(exp).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/health", nil))
	var report map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &report))
	assert.Equal(t, exp.Stats().DialError, report["dial_error"])

	require.NoError(t, os.Mkdir(directory, 0o700))
	r, err := receiver.Listen(endpoint, func(*metricdata.ResourceMetrics) {})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return exp.Stats().DialError == "" }, 30*time.Second, 10*time.Millisecond)
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "dialled again") }, 30*time.Second, time.Millisecond)
	require.NoError(t, exp.Export(t.Context(), counters(1, 7)))
	require.NoError(t, exp.Shutdown(t.Context()), "what was lost before was said")
	assert.Equal(t, uint64(7), exp.Stats().Sent)
	require.NoError(t, r.Close())
	assert.Equal(t, 1, strings.Count(log.String(), "level=WARN msg=\"otelgram: the endpoint cannot be dialled\""), log.String())
	assert.Equal(t, 1, strings.Count(log.String(), "level=INFO msg=\"otelgram: the endpoint was dialled again\""), log.String())
	assert.Contains(t, log.String(), cause)

	require.NoError(t, os.RemoveAll(directory))
	exp, err = exporter.New(t.Context(), append(options, exporter.WithFlushInterval(never))...)
	require.NoError(t, err)
	for i := range 7 { // points are made by Shutdown, and not before
		require.True(t, exp.RecordMetric("n", 1, exporter.Tag{Key: "k", Value: strconv.Itoa(i)}))
	}
	err = exp.Shutdown(t.Context())
	require.ErrorContains(t, err, "7 points not sent (unresolved 7); the endpoint cannot be dialled: ")
	require.ErrorContains(t, err, cause)
}
