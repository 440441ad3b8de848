package e2e

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelgram/otelgram/exporter"
)

// attributeCase is an attribute set, and how each encoding writes it, by the documentation of its
// package. path is what stands behind the name; comma and dog are the same where comma is nil.
type attributeCase struct {
	name               string
	set                []attribute.KeyValue
	path               string
	comma, dog, influx tags
}

func pair(k, v string) attribute.KeyValue { return attribute.String(k, v) }

// harmless is a set that all write as it is.
func harmless(name string, pairs ...string) attributeCase {
	c := attributeCase{name: name, dog: tags{}}
	for i := 0; i < len(pairs); i += 2 {
		c.set = append(c.set, pair(pairs[i], pairs[i+1]))
		c.dog[pairs[i]] = pairs[i+1]
		c.path += "." + pairs[i] + "." + pairs[i+1]
	}
	c.influx = c.dog
	return c
}

// thirty are as many attributes as VictoriaMetrics takes, with the one of the resource.
func thirty() attributeCase {
	var pairs []string
	for i := range 29 {
		pairs = append(pairs, fmt.Sprintf("key%02d", i), fmt.Sprint("v", i))
	}
	return harmless("thirty", pairs...)
}

const separators = ",|:=#@ \"'\\\n\t\rx"

// attributeCases are sets that harm servers, or lines, or each other, as they are.
var attributeCases = []attributeCase{
	harmless("control", "k", "v"),
	harmless("long", "k", strings.Repeat("v", 1000)),
	harmless("own.keys", "host", "h", "name", "n", "source", "s"),
	thirty(),
	{
		"unicode", []attribute.KeyValue{pair("städte", "Zürich 日本")}, ".st__dte.Z__rich_______", tags{"st__dte": "Z__rich_______"},
		tags{"st__dte": "Zürich 日本"}, tags{"städte": "Zürich 日本"},
	}, {
		"order", []attribute.KeyValue{pair("a", "x"), pair("b", "日")}, ".a.x.b.___", tags{"a": "x", "b": "___"},
		tags{"a": "x", "b": "日"}, tags{"a": "x", "b": "日"},
	}, {
		"empty", []attribute.KeyValue{pair("empty", ""), pair("k", "w")}, ".k.w", nil, tags{"k": "w"}, tags{"k": "w"},
	}, {
		"no.text", []attribute.KeyValue{pair("k", "a\xffb")}, ".k.a_b", nil, tags{"k": "a_b"}, tags{"k": "a_b"},
	}, {
		"separators", []attribute.KeyValue{pair(separators, separators)}, ".k______________x._____________x",
		tags{"k______________x": "_____________x"}, tags{"k______________x": "__:=#@ \"'\\___x"}, tags{",|:=#@ \"'/___x": ",|:=#@ \"'/___x"},
	}, {
		"spaces", []attribute.KeyValue{pair("k", " v ")}, ".k._v_", tags{"k": "_v_"}, tags{"k": " v "}, tags{"k": " v "},
	}, {
		"backslash", []attribute.KeyValue{pair("k", `\a\`)}, ".k._a_", tags{"k": "_a_"}, tags{"k": `\a\`}, tags{"k": "/a/"},
	}, {
		"dangerous", []attribute.KeyValue{pair("", "1"), pair("__name__", "2"), pair("le", "3"), pair("metric_type", "4"), pair("quantile", "5"), pair("time", "6")},
		".k_.1.k___name__.2.le_.3.metric_type_.4.quantile_.5.time.6", nil,
		tags{"k_": "1", "k___name__": "2", "le_": "3", "metric_type_": "4", "quantile_": "5", "time": "6"},
		tags{"_": "1", "__name___": "2", "le_": "3", "metric_type": "4", "quantile_": "5", "time_": "6"},
	}, {
		"fields", []attribute.KeyValue{pair("_field", "1"), pair("_measurement", "2"), pair("_le", "3"), pair("9", "4")},
		".k_9.4.k__field.1.k__le.3.k__measurement.2", nil,
		tags{"k__field": "1", "k__measurement": "2", "k__le": "3", "k_9": "4"},
		tags{"_field_": "1", "_measurement_": "2", "_le": "3", "9": "4"},
	}, {
		"one.key", []attribute.KeyValue{pair("a b", "1"), pair("a!b", "2"), pair("a_b", "3")}, ".a_b.1.a_b_1.2.a_b_2.3", nil,
		tags{"a_b": "1", "a_b_1": "2", "a_b_2": "3"}, tags{"a b": "1", "a!b": "2", "a_b": "3"},
	}, {
		"types", []attribute.KeyValue{attribute.Int("int", -5), attribute.Float64("nan", math.NaN()), attribute.Float64Slice("slice", []float64{0.5, math.Inf(-1)})},
		".int.-5.nan.NaN.slice._0_5__-Infinity__", tags{"int": "-5", "nan": "NaN", "slice": "_0.5__-Infinity__"},
		tags{"int": "-5", "nan": "NaN", "slice": `[0.5_"-Infinity"]`}, tags{"int": "-5", "nan": "NaN", "slice": `[0.5,"-Infinity"]`},
	},
}

// wanted returns the name and the tags that a server is to have.
func (c *attributeCase) wanted(f *form) (name string, t tags) {
	name = "attributes." + c.name
	t = tags{}
	switch {
	case f.attributes == "path":
		return name + c.path, t
	case f.attributes == "influx":
		t = c.influx
	case f.attributes == "comma" && c.comma != nil:
		t = c.comma
	default:
		t = c.dog
	}
	return name, with(t, nil)
}

// testAttributes: attributes of all kinds of texts. Each series is a gauge, which comes with
// a value of its own, in two exports.
func testAttributes(t *testing.T, f *form, s *server) {
	exp := newTextExporter(t, f, s.address)
	for round := range 2 {
		scope := metricdata.ScopeMetrics{}
		var all []fact
		add := func(name string, value int, set []attribute.KeyValue, wantedName string, want tags) {
			now, values := time.Now(), attribute.NewSet(set...)
			scope.Metrics = append(scope.Metrics, metricdata.Metrics{Name: name, Data: metricdata.Gauge[int64]{
				DataPoints: []metricdata.DataPoint[int64]{{Attributes: values, Time: now, Value: int64(value)}}}})
			all = append(all, fact{kind: 'g', name: wantedName, tagged: want, total: float64(value), said: float64(value)})
		}
		for i := range attributeCases {
			c := &attributeCases[i]
			name, want := c.wanted(f)
			for k, v := range f.common() {
				want[k] = v
			}
			add("attributes."+c.name, i-3+10*round, c.set, name, want)
		}
		exports(t, exp, &metricdata.ResourceMetrics{Resource: textResource, ScopeMetrics: []metricdata.ScopeMetrics{scope}})
		// Without a resource no other tag stands behind one that does not end in ASCII.
		scope.Metrics = nil
		last, lastTags := "attributes.last", tags{"k": "日"}
		switch f.attributes {
		case "path":
			last, lastTags = "attributes.last.k.___", tags{}
		case "comma":
			lastTags = tags{"k": "___"}
		case "dog":
			lastTags = tags{"k": "日_"}
		}
		add("attributes.last", 1, []attribute.KeyValue{pair("k", "日")}, last, lastTags)
		exports(t, exp, &metricdata.ResourceMetrics{Resource: resource.Empty(), ScopeMetrics: []metricdata.ScopeMetrics{scope}})
		f.has(t, s, "attributes", all)
	}
	assert.Equal(t, exporter.Dropped{}, exp.Stats().Dropped)
	assert.Zero(t, exp.Stats().LeftOut.Collisions)
}
