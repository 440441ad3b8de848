package e2e

import (
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	dto "github.com/prometheus/client_model/go"
)

// startStatsDExporter starts Prometheus's statsd_exporter, with a mapping in YAML or none.
// It parses the tags of DogStatsD. Its counters and histograms are cumulative.
func startStatsDExporter(t *testing.T, mapping string) *server {
	t.Helper()
	s := newServer(t)
	s.startStatsDExporter(t, mapping, "--statsd.listen-udp="+s.address)
	return s
}

func (s *server) startStatsDExporter(t *testing.T, mapping string, listen ...string) {
	t.Helper()
	program := serverProgram(t, "bin", "statsd_exporter")
	web := local(t)
	s.web = web
	s.run(t, program, append(listen, "--web.listen-address="+web, "--statsd.listen-tcp=",
		"--statsd.mapping-config="+s.file(t, "mapping.yml", mapping), "--log.level=debug")...)
	s.read = func() (values, error) {
		text, err := fetch("http://" + web + "/metrics")
		if err != nil {
			return nil, err
		}
		return scraped(text)
	}
	s.ready(t, probe+":1|c")
}

// ownMetrics are the beginnings of the names of what statsd_exporter says about itself.
var ownMetrics = []string{"statsd_exporter_", "statsd_metric_mapper_", "go_", "process_", "promhttp_"}

// scraped returns the values in what a Prometheus would scrape. A histogram is a series for
// each bucket, its sum and its count; a summary one for each quantile and the same.
func scraped(text string) (values, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	v := values{}
families:
	for name, family := range families {
		for _, own := range ownMetrics {
			if strings.HasPrefix(name, own) {
				continue families
			}
		}
		for _, m := range family.GetMetric() {
			v.addScraped(name, m)
		}
	}
	return v, nil
}

func (v values) addScraped(name string, m *dto.Metric) {
	labels := map[string]string{}
	for _, l := range m.GetLabel() {
		labels[l.GetName()] = l.GetValue()
	}
	with := func(key string, value float64) map[string]string {
		return map[string]string{key: strconv.FormatFloat(value, 'g', -1, 64)}
	}
	switch {
	case m.Counter != nil:
		v.set(name, m.GetCounter().GetValue(), labels)
	case m.Gauge != nil:
		v.set(name, m.GetGauge().GetValue(), labels)
	case m.Summary != nil:
		v.set(name+"_count", float64(m.GetSummary().GetSampleCount()), labels)
		v.set(name+"_sum", m.GetSummary().GetSampleSum(), labels)
		for _, q := range m.GetSummary().GetQuantile() {
			v.set(name, q.GetValue(), labels, with("quantile", q.GetQuantile()))
		}
	case m.Histogram != nil:
		v.set(name+"_count", float64(m.GetHistogram().GetSampleCount()), labels)
		v.set(name+"_sum", m.GetHistogram().GetSampleSum(), labels)
		for _, b := range m.GetHistogram().GetBucket() {
			v.set(name+"_bucket", float64(b.GetCumulativeCount()), labels, with("le", b.GetUpperBound()))
		}
	}
}

func TestStatsDExporter(t *testing.T) {
	s := startStatsDExporter(t, "defaults: {observer_type: histogram, histogram_options: {buckets: [1, 10]}}")
	s.send(t, "jobs:2|c", "jobs:0.5|c", "load:0|g", "load:-5|g", "size:7|h|@0.5|#queue:mail,zone:a")
	s.send(t, "duration:1500|ms")
	queue := map[string]string{"queue": "mail", "zone": "a"}
	want := values{"jobs{}": 2.5, "load{}": -5, "duration_sum{}": 1.5, "duration_count{}": 1}
	want.set("size_count", 2, queue)
	want.set("size_sum", 14, queue)
	want.set("size_bucket", 0, queue, map[string]string{"le": "1"})
	want.set("size_bucket", 2, queue, map[string]string{"le": "10"})
	want.set("size_bucket", 2, queue, map[string]string{"le": "+Inf"})
	s.await(t, want)
}
