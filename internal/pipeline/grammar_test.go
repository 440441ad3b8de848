package pipeline

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/internal/randomdata"
	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/statsd"
)

// The strict parsers below take what every server takes that an encoding is for, and nothing
// else: their rules come from the servers' own parsers and from what they were seen to do.

// parsed is what a line says.
type parsed struct {
	name, kind string
	values     []float64
	tags       map[string]string
	fields     map[string]bool
}

var (
	statsdName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]*$`)
	dogName    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.]*$`)
	taggedName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]*(,[A-Za-z][A-Za-z0-9_.-]*=[A-Za-z0-9_./+-]+)*$`)
	tagKey     = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./-]*$`)
	rate       = regexp.MustCompile(`^0\.[0-9]+$`)
	integer    = regexp.MustCompile(`^-?[0-9]+$`)
	container  = regexp.MustCompile(`^c:[^|]+$`)
)

// parseStatsD reads a line of StatsD or DogStatsD. before is the line before it.
func parseStatsD(d statsd.Dialect, o statsd.Options, line, before string) (p parsed, err error) {
	name, rest, ok := strings.Cut(line, ":")
	names := map[bool]*regexp.Regexp{true: dogName, false: statsdName}[d == statsd.DogStatsD]
	if o.Tags == statsd.AfterComma {
		names = taggedName
	}
	if !ok || !names.MatchString(name) {
		return p, fmt.Errorf("name %q", name)
	}
	p.name = name
	parts := strings.Split(rest, "|")
	if len(parts) < 2 {
		return p, fmt.Errorf("no type")
	}
	p.kind = parts[1]
	for v := range strings.SplitSeq(parts[0], ":") {
		f, err := strconv.ParseFloat(v, 64)
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			return p, fmt.Errorf("value %q", v)
		}
		p.values = append(p.values, f)
	}
	if err := checkKind(&p, o, parts[0], line, before); err != nil {
		return p, err
	}
	return p, parseFields(d, o, &p, parts[2:])
}

// checkKind checks values and type.
func checkKind(p *parsed, o statsd.Options, text, line, before string) error {
	switch p.kind {
	case "c":
		if p.values[0] <= 0 || p.values[0] >= 1<<63 || !o.Fractions && !integer.MatchString(text) {
			return fmt.Errorf("counter %q", text)
		}
	case "g":
		zero := strings.Replace(line, ":"+text+"|", ":0|", 1)
		if strings.HasPrefix(text, "-") && !o.Agent && before != zero {
			return fmt.Errorf("a change of a gauge: %q", text)
		}
	case "ms", "h", "d":
	default:
		return fmt.Errorf("type %q", p.kind)
	}
	if len(p.values) > 1 && (!o.Agent || p.kind == "c" || p.kind == "g") {
		return fmt.Errorf("several values")
	}
	return nil
}

// parseFields reads what follows the type: rate, tags, time and container, in this order.
func parseFields(d statsd.Dialect, o statsd.Options, p *parsed, fields []string) error {
	next := func(prefix string) (string, bool) {
		if len(fields) == 0 || !strings.HasPrefix(fields[0], prefix) {
			return "", false
		}
		f := fields[0]
		fields = fields[1:]
		return f, true
	}
	if f, ok := next("@"); ok {
		r, err := strconv.ParseFloat(f[1:], 64)
		if err != nil || !rate.MatchString(f[1:]) || r <= 0 || r >= 1 || p.kind == "c" || p.kind == "g" {
			return fmt.Errorf("rate %q", f)
		}
	}
	if f, ok := next("#"); ok {
		if err := parseTags(p, f[1:]); err != nil || d != statsd.DogStatsD {
			return fmt.Errorf("tags %q: %w", f, err)
		}
	}
	if f, ok := next("T"); ok && (!o.Timestamps || p.kind != "c" && p.kind != "g" || !integer.MatchString(f[1:])) {
		return fmt.Errorf("time %q", f)
	}
	if f, ok := next("c:"); ok != (o.Container != "") || ok && !container.MatchString(f) {
		return fmt.Errorf("container %q", f)
	}
	if len(fields) > 0 {
		return fmt.Errorf("more fields %q", fields)
	}
	return nil
}

// parseTags reads the tags of DogStatsD.
func parseTags(p *parsed, text string) error {
	p.tags = map[string]string{}
	for tag := range strings.SplitSeq(text, ",") {
		key, value, ok := strings.Cut(tag, ":")
		switch {
		case !ok || value == "" || !tagKey.MatchString(key):
			return fmt.Errorf("tag %q", tag)
		case (key == "le" || key == "quantile") && p.kind != "c" && p.kind != "g" || key == "metric_type":
			return fmt.Errorf("key %q", key)
		case !utf8.ValidString(value) || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }):
			return fmt.Errorf("value %q", value)
		}
		p.tags[key] = value
	}
	if last := text[len(text)-1]; last <= ' ' || last >= utf8.RuneSelf {
		return fmt.Errorf("end %q", last)
	}
	return nil
}

// parseInflux reads a line of Influx.
func parseInflux(line string) (p parsed, err error) {
	if !utf8.ValidString(line) || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return p, fmt.Errorf("characters")
	}
	parts := splitEscaped(line, ' ')
	if len(parts) != 2 && len(parts) != 3 {
		return p, fmt.Errorf("%d parts", len(parts))
	}
	tags := splitEscaped(parts[0], ',')
	p.name, p.tags, p.fields = tags[0], map[string]string{}, map[string]bool{}
	if p.name == "" || p.name[0] == '#' || p.name[0] == '_' {
		return p, fmt.Errorf("measurement %q", p.name)
	}
	for _, tag := range tags[1:] {
		kv := splitEscaped(tag, '=')
		if len(kv) != 2 || kv[0] == "" || kv[1] == "" || kv[0] == "time" || kv[0] == "_field" || kv[0] == "_measurement" {
			return p, fmt.Errorf("tag %q", tag)
		}
		if _, twice := p.tags[kv[0]]; twice || strings.HasSuffix(kv[1], `\`) {
			return p, fmt.Errorf("tag %q", tag)
		}
		p.tags[kv[0]] = kv[1]
	}
	for field := range strings.SplitSeq(parts[1], ",") {
		key, value, _ := strings.Cut(field, "=")
		if whole, ok := strings.CutSuffix(value, "i"); ok {
			_, err = strconv.ParseInt(whole, 10, 64)
		} else {
			var f float64
			f, err = strconv.ParseFloat(value, 64)
			if math.IsInf(f, 0) || math.IsNaN(f) {
				return p, fmt.Errorf("field %q", field)
			}
		}
		if err != nil || p.fields[key] {
			return p, fmt.Errorf("field %q", field)
		}
		p.fields[key] = true
	}
	if len(parts) == 3 {
		_, err = strconv.ParseInt(parts[2], 10, 64)
	}
	return p, err
}

// splitEscaped splits text at a byte that has no backslash in front. A backslash stands
// before a comma, a space or an equals sign alone.
func splitEscaped(text string, at byte) []string {
	var parts []string
	start := 0
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\':
			if i+1 == len(text) || !strings.ContainsRune(", =", rune(text[i+1])) {
				return nil
			}
			i++
		case text[i] == at:
			parts = append(parts, text[start:i])
			start = i + 1
		}
	}
	return append(parts, text[start:])
}

// expected counts the points of data by what is to become of them, in an encoding that tells
// no difference.
type expected struct{ numbers, distributions, summaries, unsayable int }

func (e *expected) add(a metricdata.Aggregation) {
	count := func(n int, value func(int) float64, of *int) {
		for i := range n {
			if v := value(i); v-v == 0 {
				*of++
			} else {
				e.unsayable++
			}
		}
	}
	switch d := a.(type) {
	case metricdata.Gauge[int64]:
		e.numbers += len(d.DataPoints)
	case metricdata.Sum[int64]:
		e.numbers += len(d.DataPoints)
	case metricdata.Gauge[float64]:
		count(len(d.DataPoints), func(i int) float64 { return d.DataPoints[i].Value }, &e.numbers)
	case metricdata.Sum[float64]:
		count(len(d.DataPoints), func(i int) float64 { return d.DataPoints[i].Value }, &e.numbers)
	case metricdata.Histogram[int64]:
		e.distributions += len(d.DataPoints)
	case metricdata.ExponentialHistogram[int64]:
		e.distributions += len(d.DataPoints)
	case metricdata.Histogram[float64]:
		count(len(d.DataPoints), func(i int) float64 { return d.DataPoints[i].Sum }, &e.distributions)
	case metricdata.ExponentialHistogram[float64]:
		count(len(d.DataPoints), func(i int) float64 { return d.DataPoints[i].Sum }, &e.distributions)
	case metricdata.Summary:
		count(len(d.DataPoints), func(i int) float64 { return d.DataPoints[i].Sum }, &e.summaries)
	}
}

// grammarSize is large enough for every line.
const grammarSize = 16_000

// TestInfluxGrammar: each line of random data is right, and each point has one line, but for
// its bounds and quantiles, or is counted.
func TestInfluxGrammar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for seed := range uint64(120) {
			s := &fakeSender{}
			c := lineConfig(s)
			c.Session.PacketSize = grammarSize
			p := start(t, c)
			rm := randomdata.New(seed).ResourceMetrics()
			require.NoError(t, p.Export(t.Context(), rm))
			_ = p.Close(t.Context()) // which says how many points cannot be said
			checkInflux(t, seed, rm, p, s.lines(t, grammarSize))
		}
	})
}

func checkInflux(t *testing.T, seed uint64, rm *metricdata.ResourceMetrics, p *Pipeline, lines []string) {
	t.Helper()
	var want, got expected
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			want.add(m.Data)
		}
	}
	for _, l := range lines {
		line, err := parseInflux(l)
		require.NoError(t, err, "seed %d: %q", seed, l)
		switch {
		case line.fields["value"] && line.tags["quantile"] == "":
			got.numbers++
		case line.tags["le"] == "+Inf":
			got.distributions++
		case line.fields["sum"]:
			got.summaries++
		}
	}
	got.summaries -= got.distributions // both have a line with a sum
	got.unsayable = int(p.Stats().Dropped[wire.Encode])
	assert.Equal(t, want, got, "seed %d", seed)
	requireClosedBooks(t, p)
}
