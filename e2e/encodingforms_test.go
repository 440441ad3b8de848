package e2e

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/wire/influx"
	"github.com/otelgram/otelgram/wire/statsd"
)

// form is how an encoding and a server name what was measured, as their documentation has it.
// It shares no code with the encoders.
type form struct {
	name   string
	option exporter.Option
	start  func(*testing.T) *server
	// attributes is how the encoding writes them: path, comma, dog or influx.
	attributes string
	// series names one of a counter ('c'), a gauge ('g') or a field of a histogram that the
	// server makes ('h'). suffix stands behind the name of the metric; a bound is one more tag.
	series func(kind byte, name, suffix string, tags tags, bound ...string) string
	// histogram adds what the server has of a histogram.
	histogram func(f *form, w wanted, x *fact)
	// own reports whether the server has made a series by itself, of which nothing is said.
	own func(series string) bool
	// asSaid: the server keeps values as they are said, and adds nothing up.
	asSaid bool
	// fractions: counters have them.
	fractions bool
	// positive: the server takes no values below zero for a distribution.
	positive bool
	// digits is how exactly the server shows numbers.
	digits float64
	// restarts: the server begins anew with what comes after a restart.
	restarts bool
}

// tags are attributes as text.
type tags map[string]string

// exact is by which part of themselves numbers of 64 bits may differ that were added up.
const exact = 1e-15

// comma makes StatsD write attributes behind commas, as few others than these servers take.
var comma = exporter.WithStatsD(statsd.Options{Tags: statsd.AfterComma, Resource: []string{"service.name"}})

// collectdName is how long a name of collectd's is at most.
const collectdName = 127

const bucketsOfStatsDExporter = "defaults: {observer_type: histogram, histogram_options: {buckets: [0.25, 1, 2.5, 10, 100, 1e6]}}"

// forms are those of all servers of texts, with the options that each needs.
var forms = []form{
	{
		name: "StatsD to node", option: exporter.WithEncoding(exporter.StatsD), start: startNodeStatsD,
		attributes: "path", series: pathSeries, histogram: countersOf, digits: exact,
	}, {
		name: "StatsD to collectd", option: exporter.WithStatsD(statsd.Options{MaxName: collectdName}), start: startCollectd,
		attributes: "path", series: collectdSeries, histogram: countersOf, digits: 1e-5, restarts: true,
	}, {
		name: "StatsD to Telegraf", option: comma, start: func(t *testing.T) *server { return startTelegraf(t, telegrafStatsD) },
		attributes: "comma", series: telegrafSeries, histogram: countersOf, digits: exact, restarts: true,
	}, {
		name: "StatsD to statsd_exporter", option: comma, start: func(t *testing.T) *server { return startStatsDExporter(t, "") },
		attributes: "comma", series: prometheusSeries, histogram: countersOf, digits: exact, restarts: true,
	}, {
		name: "DogStatsD to statsd_exporter", option: exporter.WithEncoding(exporter.DogStatsD),
		start:      func(t *testing.T) *server { return startStatsDExporter(t, bucketsOfStatsDExporter) },
		attributes: "dog", series: prometheusSeries, histogram: bucketsOf, digits: exact, restarts: true,
	}, {
		name: "DogStatsD to statsd_exporter with summaries", option: exporter.WithEncoding(exporter.DogStatsD),
		start:      func(t *testing.T) *server { return startStatsDExporter(t, "") },
		attributes: "dog", series: prometheusSeries, histogram: summariesOf, digits: exact,
	}, {
		name: "DogStatsD to Telegraf", option: exporter.WithEncoding(exporter.DogStatsD),
		start:      func(t *testing.T) *server { return startTelegraf(t, telegrafDogStatsD) },
		attributes: "dog", series: telegrafSeries, histogram: percentilesOf, own: ownOfTelegraf, digits: exact, positive: true, restarts: true,
	}, {
		name: "DogStatsD to the Collector's receiver", option: exporter.WithDogStatsD(statsd.Options{Fractions: true}),
		start:      func(t *testing.T) *server { return startStatsDReceiver(t, 0.25, 1.0, 2.5, 10.0, 100.0, 1e6) },
		attributes: "dog", series: plainSeries, histogram: bucketsOf, digits: exact, fractions: true,
	}, {
		name: "Influx to Telegraf", option: exporter.WithEncoding(exporter.Influx),
		start:      func(t *testing.T) *server { return startTelegraf(t, telegrafInflux) },
		attributes: "influx", series: influxSeries, histogram: fieldsOf, digits: exact, asSaid: true,
	}, {
		name: "Influx to InfluxDB", option: exporter.WithInflux(influx.Options{Floats: true}), start: startInfluxDB,
		attributes: "influx", series: influxSeries, histogram: fieldsOf, digits: exact, asSaid: true,
	}, {
		name: "Influx to VictoriaMetrics", option: exporter.WithEncoding(exporter.Influx), start: startVictoriaMetrics,
		attributes: "influx", series: influxSeries, histogram: fieldsOf, digits: 1e-13, asSaid: true,
	},
}

// only returns text with an underscore for each byte that is neither a letter of ASCII nor a
// digit nor one of the others.
func only(text, others string) string {
	b := []byte(text)
	for i, c := range b {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune(others, rune(c)) {
			b[i] = '_'
		}
	}
	return string(b)
}

// written returns attributes as the encoding writes them. Those of the tests for dangerous
// texts say themselves what is to come of them.
func (f *form) written(set tags) tags {
	t := tags{}
	for k, v := range set {
		switch f.attributes {
		case "path":
			k, v = only(k, "_-"), only(v, "_-")
		case "comma":
			k, v = only(k, "._-"), only(v, "._-/")
		case "dog":
			k, v = only(k, "._-/"), strings.NewReplacer(",", "_", "|", "_").Replace(v)
		case "influx":
			v = strings.ReplaceAll(v, `\`, "/")
		}
		t[k] = v
	}
	return t
}

// common returns the attributes that the resource gives each series.
func (f *form) common() tags {
	if f.attributes == "path" {
		return nil
	}
	return tags{"service.name": "e2e"}
}

// of returns the tags of a series.
func (f *form) of(set tags) tags {
	t := f.written(set)
	maps.Copy(t, f.common())
	return t
}

func with(t tags, bound []string) map[string]string {
	all := maps.Clone(t)
	if all == nil {
		all = tags{}
	}
	if len(bound) > 0 {
		all[bound[0]] = bound[1]
	}
	return all
}

// pathSeries has the bound in the name, and the attributes behind it, sorted by key.
func pathSeries(_ byte, name, suffix string, t tags, bound ...string) string {
	name += suffix
	if len(bound) > 0 {
		text := "inf"
		if bound[1] != "+Inf" {
			text = strings.ReplaceAll(bound[1], ".", "_")
		}
		name += "." + bound[0] + "." + text
	}
	for _, k := range slices.Sorted(maps.Keys(t)) {
		name += "." + k + "." + t[k]
	}
	return name + "{}"
}

func collectdSeries(kind byte, name, suffix string, t tags, bound ...string) string {
	prefix := ""
	if kind == 'g' {
		prefix = "gauge-"
	}
	series := pathSeries(kind, name, suffix, t, bound...)
	return prefix + series[:min(collectdName, len(series)-len("{}"))] + "{}"
}

func telegrafSeries(kind byte, name, suffix string, t tags, bound ...string) string {
	name = strings.ReplaceAll(name, ".", "_")
	if kind == 'h' {
		return seriesName(name+suffix, with(t, bound))
	}
	return seriesName(name+strings.ReplaceAll(suffix, ".", "_")+"_value", with(t, bound))
}

// prometheusSeries has names of letters, digits and underscores.
func prometheusSeries(_ byte, name, suffix string, t tags, bound ...string) string {
	clean := tags{}
	for k, v := range with(t, bound) {
		clean[only(k, "")] = v
	}
	return seriesName(only(name+suffix, ""), clean)
}

func plainSeries(_ byte, name, suffix string, t tags, bound ...string) string {
	return seriesName(name+suffix, with(t, bound))
}

func influxSeries(kind byte, name, suffix string, t tags, bound ...string) string {
	if kind != 'h' {
		suffix = "_value"
	}
	return seriesName(name+suffix, with(t, bound))
}

// ownOfTelegraf reports whether Telegraf has made a field out of the values of a distribution.
func ownOfTelegraf(series string) bool {
	name, _, _ := strings.Cut(series, "{")
	return slices.ContainsFunc([]string{"_mean", "_median", "_stddev"}, func(s string) bool { return strings.HasSuffix(name, s) })
}

// text returns a bound as it is written in tags.
func text(bound float64) string {
	if math.IsInf(bound, 1) {
		return "+Inf"
	}
	return strconv.FormatFloat(bound, 'f', -1, 64)
}

// g returns a bound as the harness writes those of a histogram that a server has made.
func g(bound float64) string { return strconv.FormatFloat(bound, 'g', -1, 64) }
