package e2e

import (
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
)

// remoteWrite writes to Prometheus, one request after the other: it refuses a request in
// which a sample is older than the newest of its series. Each attribute of the resource is a
// label.
const remoteWrite = `
  prometheus_remote_write:
    http: {endpoint: "http://${env:PROMETHEUS}/api/v1/write"}
    max_batch_request_parallelism: 1
    resource_constant_labels: {included: ["*"]}
`

// agentConfig writes what comes to its first receivers to Prometheus, and sends what comes to
// the others to the gateway.
const agentConfig = `
receivers:
  otelgram: {endpoint: "${env:HERE}"}
  otelgram/example: {endpoint: "${env:EXAMPLE}"}
  otelgram/example_direct: {endpoint: "${env:EXAMPLE_DIRECT}"}
  otelgram/on: {endpoint: "${env:ON}"}
  otelgram/unix: {transport: unixgram, endpoint: "${env:SOCKET}"}
processors:
  batch: {timeout: 50ms}
exporters:` + remoteWrite + `
  otlp_grpc:
    endpoint: ${env:GATEWAY}
    tls: {insecure: true}
    sending_queue: {num_consumers: 1}
service:
  pipelines:
    metrics: {receivers: [otelgram, otelgram/example, otelgram/example_direct], processors: [batch], exporters: [prometheus_remote_write]}
    metrics/on: {receivers: [otelgram/on, otelgram/unix], exporters: [otlp_grpc]}
`

// gatewayConfig takes OTLP.
const gatewayConfig = `
receivers:
  otlp: {protocols: {grpc: {endpoint: "${env:GATEWAY}"}}}
processors:
  batch: {timeout: 50ms}
exporters:` + remoteWrite + `
service:
  pipelines:
    metrics: {receivers: [otlp], processors: [batch], exporters: [prometheus_remote_write]}
`

// startStore starts a Prometheus that scrapes nothing and is written to.
func startStore(t *testing.T) (address string) {
	t.Helper()
	address = runPrometheus(t, "", "--web.enable-remote-write-receiver", "--enable-feature=native-histograms,exemplar-storage")
	eventually(t, 30*time.Second, func() error { _, err := fetch("http://" + address + "/-/ready"); return err })
	return address
}

// stored returns what Prometheus has of an instance: each series, and count and sum of each
// native histogram.
func stored(address, instance string) (values, error) {
	v := values{}
	add := func(query, name string) error {
		result, err := ask(address, query)
		for _, s := range result {
			text, ok := s.Value[1].(string)
			if !ok {
				continue // a native histogram
			}
			number, err := strconv.ParseFloat(text, 64)
			if err != nil {
				return err
			}
			labels := maps.Clone(s.Metric)
			delete(labels, "__name__")
			v.set(name+s.Metric["__name__"], number, labels)
		}
		return err
	}
	if err := add(fmt.Sprintf(`{instance=%q,__name__!="target_info"}`, instance), ""); err != nil {
		return nil, err
	}
	for _, function := range []string{"histogram_count", "histogram_sum"} {
		for _, name := range []string{"measured_size_bytes", "measured_duration_seconds"} {
			// Of what is not there yet no series is the answer.
			_ = add(fmt.Sprintf("%s(%s{instance=%q})", function, name, instance), function+" "+name)
		}
	}
	return v, nil
}

// differ says what is not equal.
func differ(want, got values) error {
	var lines []string
	for name, w := range want {
		if g, ok := got[name]; !ok {
			lines = append(lines, fmt.Sprintf("missing: %s %v", name, w))
		} else if g != w {
			lines = append(lines, fmt.Sprintf("%s: want %v, got %v", name, w, g))
		}
	}
	for name, g := range got {
		if _, ok := want[name]; !ok {
			lines = append(lines, fmt.Sprintf("unknown: %s %v", name, g))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	slices.Sort(lines)
	return fmt.Errorf("%d of %d series: %q", len(lines), len(want), lines[:min(len(lines), 5)])
}

// quantilesAreNear asks for quantiles of native histograms. Buckets of Prometheus are up to a
// tenth wide for what was recorded.
func (m *measurer) quantilesAreNear(t *testing.T, address string) {
	t.Helper()
	for i, total := range m.totals {
		for name, recorded := range map[string][]float64{"measured_size_bytes": total.sizes, "measured_duration_seconds": total.durations} {
			for _, q := range []float64{0.1, 0.5, 0.9, 1} {
				labels := map[string]string{"http_route": "", "share": ""} // no set has a part of another
				maps.Copy(labels, attributeSets[i].labels)
				got, err := value(address, fmt.Sprintf("histogram_quantile(%v, %s)", q, seriesName(name, m.labels, labels)))
				require.NoError(t, err)
				assert.InEpsilon(t, quantile(recorded, q), got, 0.1, "%s, set %d, quantile %v", name, i, q)
			}
		}
	}
}

// exemplarsArrive: in its buckets Prometheus has exemplars with the trace in which they were
// recorded. Which of the measurements they are is up to the SDK.
func (m *measurer) exemplarsArrive(t *testing.T, address string) {
	t.Helper()
	var answer struct {
		Data []struct {
			Exemplars []struct {
				Labels map[string]string
				Value  string
			}
		}
	}
	query := url.QueryEscape(seriesName("measured_duration_seconds_bucket", m.labels))
	require.NoError(t, get(address, fmt.Sprintf("query_exemplars?query=%s&start=0&end=%d", query, time.Now().Unix()+60), &answer))
	require.NotEmpty(t, answer.Data)
	var recorded []string
	for _, total := range m.totals {
		for _, d := range total.durations {
			recorded = append(recorded, fmt.Sprint(d))
		}
	}
	for _, series := range answer.Data {
		for _, e := range series.Exemplars {
			assert.Equal(t, map[string]string{"trace_id": span.TraceID().String(), "span_id": span.SpanID().String()}, e.Labels)
			assert.Contains(t, recorded, e.Value)
		}
	}
}

// checkout is the resource of the program, and the labels that Prometheus makes of it.
func checkout(instance string) (*resource.Resource, map[string]string) {
	return resource.NewSchemaless(
			attribute.String("service.namespace", "shop"), attribute.String("service.name", "checkout"), attribute.String("service.instance.id", instance),
			attribute.String("deployment.environment.name", "test"), attribute.String("team", "Zahlungen & Größe"),
			attribute.Int("replicas", 3), attribute.Bool("canary", true), attribute.StringSlice("owners", []string{"x", "y"}),
		), map[string]string{
			"job": "shop/checkout", "instance": instance,
			"service_namespace": "shop", "service_name": "checkout", "service_instance_id": instance,
			"deployment_environment_name": "test", "team": "Zahlungen & Größe", "replicas": "3", "canary": "true", "owners": `["x","y"]`,
		}
}

// TestCollectorToPrometheus: what is recorded is what Prometheus answers, for each kind of
// instrument, on both paths, with its attributes and those of the resource, whichever way it
// goes. The books of the exporter and the Collector agree.
func TestCollectorToPrometheus(t *testing.T) {
	need(t, "go", "prometheus")
	t.Parallel()
	address := startStore(t)
	prometheus, gateway := "PROMETHEUS="+address, "GATEWAY="+local(t)
	startCollector(t, gatewayConfig, gateway, prometheus)
	here, on, socket := local(t), local(t), filepath.Join(t.TempDir(), "s")
	examples := map[string]string{"otelgram/example": local(t), "otelgram/example_direct": local(t)}
	agent := startCollector(t, agentConfig, gateway, prometheus, "HERE="+here, "ON="+on, "SOCKET="+socket,
		"EXAMPLE="+examples["otelgram/example"], "EXAMPLE_DIRECT="+examples["otelgram/example_direct"])

	for _, way := range []struct{ name, receiver, endpoint string }{
		{"UDP", "otelgram", here},
		{"UDP, then OTLP", "otelgram/on", on},
		{"a Unix socket, then OTLP", "otelgram/unix", "unixgram://" + socket},
	} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			sent := uint64(0)
			for _, exponential := range []bool{false, true} {
				instance := way.name + ", explicit histograms"
				if exponential {
					instance = way.name + ", exponential histograms"
				}
				sent += measuredArrives(t, way.endpoint, address, instance, exponential)
			}
			b := agent.settle(t, way.receiver, sent)
			assert.Equal(t, allAccepted(sent), b)
		})
	}
	for receiver, endpoint := range examples {
		t.Run(receiver, func(t *testing.T) {
			t.Parallel()
			exampleArrives(t, agent, receiver, endpoint, address)
		})
	}
}

// measuredArrives records in three rounds, and after each Prometheus has what was recorded
// until then and nothing else. It returns how many points were sent: all that were offered.
func measuredArrives(t *testing.T, endpoint, address, instance string, exponential bool) (sent uint64) {
	t.Helper()
	r, labels := checkout(instance)
	program, err := newMeasuring(t.Context(), endpoint, exponential, r, labels)
	require.NoError(t, err)
	for round := range 3 {
		want, err := program.round(t.Context(), round)
		require.NoError(t, err)
		eventually(t, 20*time.Second, func() error {
			got, err := stored(address, instance)
			if err != nil {
				return err
			}
			return differ(want, got)
		})
	}
	if exponential {
		for _, m := range program.measurers {
			m.quantilesAreNear(t, address)
		}
	}
	for _, m := range program.measurers {
		if m.spans && !exponential {
			m.exemplarsArrive(t, address)
		}
	}
	info, err := ask(address, fmt.Sprintf("target_info{instance=%q}", instance))
	require.NoError(t, err)
	require.Len(t, info, 1)
	delete(info[0].Metric, "__name__")
	for _, l := range []string{"service_namespace", "service_name", "service_instance_id"} {
		delete(labels, l) // job and instance say it
	}
	assert.Equal(t, labels, info[0].Metric)

	require.NoError(t, program.mp.Shutdown(t.Context())) // which shuts the exporter down
	s := program.exp.Stats()
	assert.NotZero(t, s.Sent)
	assert.Equal(t, s.Offered, s.Sent)
	return s.Sent
}

var exampleEnd = regexp.MustCompile(`(?m)^sent (\d+) dropped (\d+)`)

// exampleArrives runs the example as a user does. What it says that it sent is what the
// Collector has received, and Prometheus has its metrics.
func exampleArrives(t *testing.T, c *collectorProcess, receiver, endpoint, address string) {
	t.Helper()
	binary, err := example()
	require.NoError(t, err)
	direct := receiver == "otelgram/example_direct"
	cmd := exec.CommandContext(t.Context(), binary, "-endpoint", endpoint, "-for", "2050ms", "-interval", "100ms", fmt.Sprint("-direct=", direct))
	cmd.Env = append(os.Environ(), "OTEL_SERVICE_NAME=otelgram-example", "OTEL_RESOURCE_ATTRIBUTES=service.instance.id="+receiver)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	end := exampleEnd.FindSubmatch(out)
	require.NotNil(t, end, "%s", out)
	assert.Equal(t, "0", string(end[2]), "%s", out)
	sent, err := strconv.ParseUint(string(end[1]), 10, 64)
	require.NoError(t, err)
	assert.Equal(t, allAccepted(sent), c.settle(t, receiver, sent))

	selected := fmt.Sprintf("{job=%q,instance=%q}", "otelgram-example", receiver)
	precise := "histogram_count(http_server_request_duration_base2_seconds" + selected + ")"
	if direct { // there are no views on that path
		precise = "http_server_request_duration_base2_seconds_count" + selected
	}
	for _, query := range []string{"http_server_request_count_total" + selected, "http_server_request_duration_seconds_count" + selected, precise} {
		eventually(t, 20*time.Second, func() error {
			requests, err := value(address, query)
			if err == nil && requests <= 0 {
				err = fmt.Errorf("%s: %v", query, requests)
			}
			return err
		})
	}
}
