package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/exporter"
)

// names are the promised instruments as Prometheus knows them.
var names = []string{
	"stats_events_received_total", "stats_events_sent_total", "stats_events_dropped_total", "stats_batches_sent_total",
	"stats_latency_buffer_seconds_count", "stats_latency_send_seconds_count", "stats_latency_e2e_seconds_count",
	"stats_buffer_size", "stats_buffer_utilization_ratio", "stats_buffer_peak",
	"stats_udp_packets_sent_total", "stats_udp_bytes_sent_total", "stats_udp_errors_total", "stats_udp_packet_limit_bytes",
	"stats_health_status", "stats_circuit_state",
	"otel_sdk_exporter_metric_data_point_exported_total", "otel_sdk_exporter_metric_data_point_inflight",
	"otel_sdk_exporter_operation_duration_seconds_count",
	"stats_receiver_packets_total", "stats_receiver_points_total", "stats_receiver_handed_total", "stats_receiver_lost",
	"stats_receiver_duplicate_total", "stats_receiver_late_total", "stats_receiver_overrun_total", "stats_receiver_rejected_total",
	"stats_receiver_kernel_drops_total", "stats_receiver_sessions",
}

// startPrometheus scrapes target every second, with the alert rules loaded.
func startPrometheus(t *testing.T, target string) (address string) {
	t.Helper()
	dir := t.TempDir()
	rules, err := filepath.Abs(filepath.Join("..", "docs", "alerts.yml"))
	require.NoError(t, err)
	config := fmt.Sprintf("global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [%q]\nscrape_configs: [{job_name: e2e, static_configs: [{targets: [%q]}]}]\n",
		rules, target)
	file := filepath.Join(dir, "prometheus.yml")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address = free.Addr().String()
	require.NoError(t, free.Close())
	cmd := exec.Command("prometheus", "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address, "--log.level=error")
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // its data is of no use to anybody
		_ = cmd.Wait()
	})
	return address
}

// get asks Prometheus's API.
func get(address, path string, into any) error {
	answer, err := http.Get("http://" + address + "/api/v1/" + path)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	return json.NewDecoder(answer.Body).Decode(into)
}

// value returns what PromQL answers, the sum over all series.
func value(address, query string) (v float64, err error) {
	var answer struct {
		Data struct {
			Result []struct{ Value [2]any }
		}
	}
	if err := get(address, "query?query="+url.QueryEscape("sum("+query+")"), &answer); err != nil {
		return 0, err
	}
	if len(answer.Data.Result) == 0 {
		return 0, fmt.Errorf("%s: no series", query)
	}
	_, err = fmt.Sscan(answer.Data.Result[0].Value[1].(string), &v)
	return v, err
}

// TestPrometheus: a real Prometheus answers for every instrument, and an alert fires
// under overload.
func TestPrometheus(t *testing.T) {
	need(t, "prometheus")
	s := newService(t, exporter.WithBufferSize(1024))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.work(t, ctx, 5)
	address := startPrometheus(t, s.server.Listener.Addr().String())
	for _, name := range names {
		eventually(t, 30*time.Second, func() error { _, err := value(address, name); return err })
	}
	eventually(t, 30*time.Second, func() error {
		sent, err := value(address, "rate(stats_events_sent_total[10s])")
		if err == nil && sent <= 0 {
			err = errors.New("nothing is sent")
		}
		return err
	})
	status, err := value(address, "stats_health_status")
	require.NoError(t, err)
	assert.InDelta(t, 2, status, 0)

	// Overload: more measurements than a ring of a thousand holds, at once.
	go func() {
		for ctx.Err() == nil {
			for range 200_000 {
				s.exp.RecordMetric("overload", 1)
			}
			<-time.After(10 * time.Millisecond)
		}
	}()
	eventually(t, 60*time.Second, func() error {
		var answer struct {
			Data struct {
				Alerts []struct {
					State  string
					Labels map[string]string
				}
			}
		}
		if err := get(address, "alerts", &answer); err != nil {
			return err
		}
		for _, a := range answer.Data.Alerts {
			if a.State == "firing" && a.Labels["alertname"] == "OtelgramDropping" && a.Labels["reason"] == "ring_full" {
				return nil
			}
		}
		return fmt.Errorf("not firing: %+v", answer.Data.Alerts)
	})
	eventually(t, 30*time.Second, func() error {
		if status, err := value(address, "stats_health_status"); err != nil || status != 1 {
			return fmt.Errorf("status %v, %w", status, err)
		}
		return nil
	})
	cancel()
}

// TestAlertRules: promtool accepts them, and they speak of metrics that there are.
func TestAlertRules(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "alerts.yml"))
	require.NoError(t, err)
	known := strings.Join(names, " ")
	for _, name := range regexp.MustCompile(`\b(stats|otel_sdk)_[a-z0-9_]+`).FindAllString(string(text), -1) {
		assert.Contains(t, known, strings.TrimSuffix(name, "_bucket"), name)
	}
	need(t, "promtool")
	out, err := exec.Command("promtool", "check", "rules", filepath.Join("..", "docs", "alerts.yml")).CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Contains(t, string(out), "SUCCESS: 7 rules found")
}
