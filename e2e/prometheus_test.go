package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/wire"
)

// names are the promised instruments as Prometheus knows them, the histograms in
// histograms.
var names = []string{
	"stats_events_received_total", "stats_events_sent_total", "stats_events_dropped_total", "stats_batches_sent_total",
	"stats_buffer_size", "stats_buffer_utilization_ratio", "stats_buffer_peak",
	"stats_udp_packets_sent_total", "stats_udp_bytes_sent_total", "stats_udp_errors_total", "stats_udp_packet_limit_bytes",
	"stats_health_status", "stats_circuit_state",
	"otel_sdk_exporter_metric_data_point_exported_total", "otel_sdk_exporter_metric_data_point_inflight",
	"stats_receiver_packets_total", "stats_receiver_points_total", "stats_receiver_delivered_total", "stats_receiver_lost",
	"stats_receiver_duplicate_total", "stats_receiver_late_total", "stats_receiver_overrun_total", "stats_receiver_rejected_total",
	"stats_receiver_kernel_drops_total", "stats_receiver_clones_total", "stats_receiver_queued", "stats_receiver_sessions",
	"stats_relay_offered_total", "stats_relay_relayed_total", "stats_relay_failed_total", "stats_relay_dropped_total",
	"stats_relay_queued", "stats_relay_memory_bytes", "stats_relay_requests_total", "stats_relay_retries_total",
}

var histograms = []string{
	"stats_latency_buffer_seconds", "stats_latency_send_seconds", "stats_latency_e2e_seconds",
	"otel_sdk_exporter_operation_duration_seconds",
}

// series returns the names of all series there are.
func series() []string {
	all := slices.Clone(names)
	for _, h := range histograms {
		all = append(all, h+"_bucket", h+"_sum", h+"_count")
	}
	return all
}

var alerts = filepath.Join("..", "docs", "alerts.yml")

// impatient returns a copy of the alert rules with a second in place of five
// minutes.
func impatient(t *testing.T) (file string) {
	t.Helper()
	rules, err := os.ReadFile(alerts)
	require.NoError(t, err)
	require.Contains(t, string(rules), "for: 5m")
	file = filepath.Join(t.TempDir(), "alerts.yml")
	require.NoError(t, os.WriteFile(file, []byte(strings.ReplaceAll(string(rules), "for: 5m", "for: 1s")), 0o600))
	return file
}

// startPrometheus scrapes target every second, with the alert rules of a file.
func startPrometheus(t *testing.T, target, rules string) (address string) {
	t.Helper()
	return runPrometheus(t, fmt.Sprintf(
		"global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [%q]\nscrape_configs: [{job_name: e2e, static_configs: [{targets: [%q]}]}]\n",
		rules, target))
}

// runPrometheus starts a Prometheus that has the configuration and the flags.
func runPrometheus(t *testing.T, config string, flags ...string) (address string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "prometheus.yml")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	address = local(t)
	cmd := exec.Command("prometheus", append(flags, "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+address, "--log.level=error")...)
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

// sample is one series of an answer.
type sample struct {
	Metric map[string]string
	Value  [2]any
}

// ask returns what PromQL answers; no series is an error.
func ask(address, query string) ([]sample, error) {
	var answer struct {
		Error string
		Data  struct{ Result []sample }
	}
	err := get(address, "query?query="+url.QueryEscape(query), &answer)
	if err == nil && len(answer.Data.Result) == 0 {
		err = fmt.Errorf("%s: no series %s", query, answer.Error)
	}
	return answer.Data.Result, err
}

// value returns what PromQL answers, the sum over all series.
func value(address, query string) (v float64, err error) {
	result, err := ask(address, "sum("+query+")")
	if err == nil {
		_, err = fmt.Sscan(result[0].Value[1].(string), &v)
	}
	return v, err
}

// rule is an alert rule as Prometheus has understood it.
type rule struct {
	Name        string
	Query       string
	Annotations map[string]string
	Alerts      []struct{ State string }
}

func alertRules(address string) ([]rule, error) {
	var answer struct {
		Data struct{ Groups []struct{ Rules []rule } }
	}
	if err := get(address, "rules?type=alert", &answer); err != nil {
		return nil, err
	}
	if len(answer.Data.Groups) != 1 {
		return nil, fmt.Errorf("%d groups of rules", len(answer.Data.Groups))
	}
	return answer.Data.Groups[0].Rules, nil
}

var (
	selector = regexp.MustCompile(`\b((?:stats|otel_sdk)_[a-z0-9_]+)(?:\{reason=~"([a-z_|]+)"\})?`)
	without  = regexp.MustCompile(`\bwithout \(([a-z_, ]+)\)`)
	label    = regexp.MustCompile(`\$labels\.(\w+)`)
)

// byJob is what there is left of series that are gone.
const byJob = "by (job, namespace)"

// ruleSpeaksOfWhatIs: the metrics of a rule have the same labels but for those that it
// leaves out, so that they find each other; each reason is one; and what the rule says
// to people are labels it has.
func ruleSpeaksOfWhatIs(t *testing.T, address string, r rule) {
	t.Helper()
	said := r.Query
	if r.Name == "OtelgramGone" { // which is about a job, whatever its processes are called
		require.Equal(t, 2, strings.Count(said, byJob), r.Query)
		said = strings.ReplaceAll(said, byJob, "")
	}
	assert.NotRegexp(t, `\b(by|on|ignoring) \(`, said, "%s: all labels stay but what is left out", r.Name)
	ignored := map[string]bool{"__name__": true, "le": true}
	for _, w := range without.FindAllStringSubmatch(r.Query, -1) {
		for _, l := range strings.Split(w[1], ", ") {
			ignored[l] = true
		}
	}
	var labels []string
	metrics := selector.FindAllStringSubmatch(r.Query, -1)
	require.NotEmpty(t, metrics, r.Name)
	for _, m := range metrics {
		result, err := ask(address, m[1])
		require.NoError(t, err, r.Name)
		for _, s := range result {
			has := slices.Sorted(maps.Keys(s.Metric))
			has = slices.DeleteFunc(has, func(l string) bool { return ignored[l] })
			if labels == nil {
				labels = has
			}
			assert.Equal(t, labels, has, "%s: the labels of %s", r.Name, m[1])
		}
		if m[2] == "" {
			continue
		}
		for _, reason := range strings.Split(m[2], "|") { // one that never occurred has no series
			assert.Contains(t, dropReasons(), reason, r.Name)
		}
	}
	if said != r.Query {
		labels = []string{"job", "namespace"}
	}
	for _, text := range r.Annotations {
		for _, l := range label.FindAllStringSubmatch(text, -1) {
			assert.Contains(t, labels, l[1], "%s: %s", r.Name, text)
		}
	}
}

// dropReasons returns the names of all drop reasons.
func dropReasons() (names []string) {
	for r := range wire.DropReason(wire.DropReasons) {
		names = append(names, r.String())
	}
	return names
}

// TestPrometheus: a real Prometheus answers for every instrument, the alert rules
// find the labels that they speak of, and alerts fire under overload.
func TestPrometheus(t *testing.T) {
	need(t, "prometheus")
	s := newService(t, exporter.WithBufferSize(1024), exporter.WithFlushInterval(0))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.work(t, ctx, 5)
	require.False(t, s.exp.RecordMetric("", 1), "a drop, for its instrument to be there")
	address := startPrometheus(t, s.server.Listener.Addr().String(), impatient(t))
	for _, name := range series() {
		eventually(t, 30*time.Second, func() error { _, err := ask(address, name); return err })
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
	rules, err := alertRules(address)
	require.NoError(t, err)
	assert.Len(t, rules, 10)
	for _, r := range rules {
		ruleSpeaksOfWhatIs(t, address, r)
		assert.Empty(t, r.Alerts, "%s: all is well", r.Name)
	}

	s.overload(ctx)
	eventually(t, 60*time.Second, func() error {
		rules, err := alertRules(address)
		firing := map[string]bool{}
		for _, r := range rules {
			for _, a := range r.Alerts {
				firing[r.Name] = firing[r.Name] || a.State == "firing"
			}
		}
		if !firing["OtelgramDropping"] || !firing["OtelgramDegraded"] {
			err = errors.Join(err, fmt.Errorf("firing: %v", firing))
		}
		return err
	})
	eventually(t, 30*time.Second, func() error {
		if status, err := value(address, "stats_health_status"); err != nil || status != 1 {
			return fmt.Errorf("status %v, %w", status, err)
		}
		return nil
	})
	cancel()
}

// TestAlertRules: promtool accepts them, they speak of metrics that there are, and
// they fire when they should and not otherwise.
func TestAlertRules(t *testing.T) {
	text, err := os.ReadFile(alerts)
	require.NoError(t, err)
	for _, m := range selector.FindAllStringSubmatch(string(text), -1) {
		assert.Contains(t, series(), m[1])
	}
	need(t, "promtool")
	out, err := exec.Command("promtool", "check", "rules", alerts).CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Contains(t, string(out), "SUCCESS: 10 rules found")
	out, err = exec.Command("promtool", "test", "rules", filepath.Join("testdata", "alerts_test.yml")).CombinedOutput()
	require.NoError(t, err, "%s", out)
}
