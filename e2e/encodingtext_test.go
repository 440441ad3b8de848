package e2e

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/wire/statsd"
)

// textResource is the resource of what is measured for servers of texts.
var textResource = resource.NewSchemaless(attribute.String("service.name", "e2e"), attribute.String("host.name", "left out"))

// TestTextServers sends what an exporter makes of measurements to real servers, and compares
// what they have with what was measured. Each server is one that other people wrote and run.
func TestTextServers(t *testing.T) {
	for i := range forms {
		f := &forms[i]
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			s := f.start(t)
			t.Run("kinds", func(t *testing.T) { testKinds(t, f, s) })
			t.Run("numbers", func(t *testing.T) { testNumbers(t, f, s) })
			t.Run("attributes", func(t *testing.T) { testAttributes(t, f, s) })
			t.Run("restarts", func(t *testing.T) { testRestarts(t, f, s) })
		})
	}
}

// speaker is an exporter that sends texts, with a measurer on each of its paths.
type speaker struct {
	exp       *exporter.Exporter
	mp        *sdkmetric.MeterProvider
	measurers map[string]*measurer // by the beginning of the names
}

// newSpeaker returns one that sends to a server. The names of its metrics begin with a prefix.
func newSpeaker(t *testing.T, f *form, s *server, prefix string, exponential bool, temporality sdkmetric.TemporalitySelector) *speaker {
	t.Helper()
	exp, err := newExporter(t.Context(), s.address, f.option, exporter.WithAggregationSelector(aggregation(exponential)),
		exporter.WithTemporalitySelector(temporality), exporter.WithResource(textResource), exporter.WithFlushInterval(time.Hour))
	require.NoError(t, err)
	sp := &speaker{exp: exp, mp: sdkmetric.NewMeterProvider(sdkmetric.WithResource(textResource),
		sdkmetric.WithReader(sdkmetric.NewPeriodicReader(exp, sdkmetric.WithInterval(time.Hour)))), measurers: map[string]*measurer{}}
	t.Cleanup(func() { _ = sp.mp.Shutdown(context.Background()) }) // it shuts the exporter down
	for path, provider := range map[string]metric.MeterProvider{"sdk": sp.mp, "direct": exp.MeterProvider()} {
		m := &measurer{exponential: exponential}
		m.instruments, err = newInstruments(provider.Meter(path), prefix+"."+path)
		require.NoError(t, err)
		sp.measurers[prefix+"."+path] = m
	}
	return sp
}

// facts returns what was measured.
func (m *measurer) facts(prefix string) (all []fact) {
	limits := bounds
	if m.exponential {
		limits = nil
	}
	for i, t := range m.totals {
		set := tags{}
		for _, kv := range attributeSets[i].set {
			set[string(kv.Key)] = kv.Value.String()
		}
		number := func(kind byte, name string, v float64) {
			all = append(all, fact{kind: kind, name: prefix + "." + name, set: set, total: v, said: v})
		}
		number('c', "requests", float64(t.requests))
		number('c', "volume", t.volume)
		number('g', "active", float64(t.active))
		number('g', "level", t.level)
		number('g', "temperature", float64(t.temperature))
		number('g', "load", t.load)
		for name, recorded := range map[string][]float64{"size": t.sizes, "duration": t.durations} {
			all = append(all, fact{kind: 'h', name: prefix + "." + name, set: set, recorded: recorded, bounds: limits, extremes: true})
		}
	}
	return all
}

// round measures on both paths, exports once and waits until the server has all of it.
func (sp *speaker) round(t *testing.T, f *form, s *server, prefix string, n int) {
	t.Helper()
	var all []fact
	for prefix, m := range sp.measurers {
		m.measure(t.Context(), n)
		all = append(all, m.facts(prefix)...)
	}
	require.NoError(t, sp.mp.ForceFlush(t.Context()))
	f.has(t, s, prefix, all)
}

// testKinds: each kind of instrument, on both paths, with attributes of each type, over several
// exports, with explicit and exponential histograms, and with deltas where changes are told.
func testKinds(t *testing.T, f *form, s *server) {
	var speakers []*speaker
	for _, program := range []struct {
		prefix      string
		exponential bool
		temporality sdkmetric.TemporalitySelector
	}{
		{"explicit", false, sdkmetric.CumulativeTemporalitySelector},
		{"exponential", true, sdkmetric.CumulativeTemporalitySelector},
		{"deltas", false, sdkmetric.DeltaTemporalitySelector},
		{"wide.deltas", true, sdkmetric.DeltaTemporalitySelector},
	} {
		if f.asSaid && strings.HasSuffix(program.prefix, "deltas") {
			continue
		}
		sp := newSpeaker(t, f, s, program.prefix, program.exponential, program.temporality)
		for n := range len(attributeSets) {
			sp.round(t, f, s, program.prefix, n)
		}
		speakers = append(speakers, sp)
		stats := sp.exp.Stats()
		assert.Equal(t, exporter.Dropped{}, stats.Dropped)
		assert.Equal(t, stats.Offered, stats.Sent)
		left := stats.LeftOut
		left.Unchanged, left.Exemplars = 0, 0
		assert.Zero(t, left)
	}
	switch {
	case s.web == "":
	case f.attributes == "comma": // statsd_exporter, whose counters Prometheus scrapes
		quantilesAreRight(t, f, startPrometheus(t, s.web, alerts), speakers)
	case f.attributes == "influx":
		quantilesAreRight(t, f, s.web, speakers)
	}
}

// quantilesAreRight asks PromQL for quantiles of the histograms that are counters, or fields, with
// the bound le. Each lies in the bucket of the right value: that of an exponential histogram ends
// at a power of two in StatsD, and is 19 % wide in Influx.
func quantilesAreRight(t *testing.T, f *form, address string, speakers []*speaker) {
	t.Helper()
	for _, sp := range speakers {
		for prefix, m := range sp.measurers {
			for name, recorded := range map[string][]float64{"size": m.totals[1].sizes, "duration": m.totals[1].durations} {
				x := fact{name: prefix + "." + name, recorded: recorded, bounds: bounds, set: tags{"http.route": "/orders", "code": "200"}}
				if m.exponential {
					x.bounds = nil
				}
				for _, q := range []float64{0.1, 0.5, 0.9, 0.99} {
					x.quantileIsRight(t, f, address, q)
				}
			}
		}
	}
}

func (x *fact) quantileIsRight(t *testing.T, f *form, address string, q float64) {
	t.Helper()
	right := x.bucket(quantile(x.recorded, q))
	series := f.series('h', x.name, "_bucket", x.tags(f))
	if x.bounds == nil && f.attributes == "comma" {
		power := math.Exp2(math.Ceil(math.Log2(quantile(x.recorded, q))))
		right = between{power / 2, power}
	}
	name, labels, _ := strings.Cut(series, "{")
	labels = strings.NewReplacer("service.name", `service\.name`, "http.route", `http\.route`).Replace(labels) // for VictoriaMetrics
	query := fmt.Sprintf("histogram_quantile(%v, {__name__=%q,%s)", q, name, labels)
	soon(t, func() error {
		got, err := value(address, query)
		if err == nil && !(got >= right.low*(1-rounded) && got <= right.high*(1+rounded)) {
			err = fmt.Errorf("%s = %v, want %v", query, got, right)
		}
		return err
	})
}

// TestDistributionsWithoutTags: what package statsd says of the servers for which it does not send
// Distributions by default. node's statsd counts right, and adds each value up once. collectd
// counts a line once, and multiplies its value, in whole milliseconds.
func TestDistributionsWithoutTags(t *testing.T) {
	for i, want := range []values{
		{"distributions.ms_count{}": 1 + 1/math.Nextafter(1.0/3, 0), "distributions.ms_sum{}": 1.625 + 5.125},
		{"gauge-distributions.ms-count{}": 2, "latency-distributions.ms-sum{}": 0.009}, // int(3 * 1.625) and int(5.125)
	} {
		f := forms[i]
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			f.option = exporter.WithStatsD(statsd.Options{Histograms: statsd.Distributions})
			s := f.start(t)
			exp := newTextExporter(t, &f, s.address)
			// Three values of 1 to 2, one of 2 to 7, and 10 together.
			data := at(histogramOf(cumulative, time.Now(), true, []float64{2, 10}, []float64{1, 1, 1, 7}), time.Now())
			exports(t, exp, &metricdata.ResourceMetrics{Resource: textResource, ScopeMetrics: []metricdata.ScopeMetrics{{
				Metrics: []metricdata.Metrics{{Name: "distributions.ms", Data: data}}}}})
			s.await(t, want)
		})
	}
}
