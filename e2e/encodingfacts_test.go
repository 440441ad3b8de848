package e2e

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fact is what was measured of a series.
type fact struct {
	kind byte // 'c' counter, 'g' gauge, 'h' histogram, 's' summary
	name string
	set  tags
	// tagged is set instead of set where the tags are as the server is to have them.
	tagged tags
	// total is the value of a counter or gauge at the end, said the one of its last point: not
	// the same where that is a difference.
	total, said float64
	// recorded is what a histogram has measured, bounds are those of an explicit one.
	recorded []float64
	bounds   []float64
	// extremes: the histogram knows its minimum and maximum.
	extremes bool
	// quantiles are those of a summary, whose count is total and whose sum is said.
	quantiles map[float64]float64
}

// tags returns the tags of the series at a server.
func (x *fact) tags(f *form) tags {
	if x.tagged != nil {
		return x.tagged
	}
	return f.of(x.set)
}

// between is where a value lies.
type between struct{ low, high float64 }

// wanted are the values that a server is to have, by series.
type wanted map[string]between

// is wants a value, give or take a part of it.
func (w wanted) is(series string, value, part float64) {
	w[series] = between{value - math.Abs(value)*part, value + math.Abs(value)*part}
}

// add adds what a server is to have of a fact.
func (w wanted) add(f *form, x *fact) {
	t := x.tags(f)
	switch x.kind {
	case 'c':
		switch {
		case f.asSaid:
			w.is(f.series('c', x.name, "", t), x.said, f.digits)
		case f.fractions && x.total != 0:
			w.is(f.series('c', x.name, "", t), x.total, f.digits)
		case math.Trunc(x.total) != 0: // of zero nothing is said
			w.is(f.series('c', x.name, "", t), math.Trunc(x.total), exact)
		}
	case 'g':
		v := x.total
		if f.asSaid {
			v = x.said
		}
		series := f.series('g', x.name, "", t)
		w.is(series, v, f.digits)
		if f.digits > exact && math.Abs(v) < 1e-6 {
			w[series] = between{-1e-6, 1e-6}
		}
	case 'h':
		f.histogram(f, w, x)
	case 's':
		w.summary(f, x, t)
	}
}

func (w wanted) summary(f *form, x *fact, t tags) {
	if f.asSaid {
		w.is(f.series('h', x.name, "_count", t), x.total, f.digits)
		w.is(f.series('h', x.name, "_sum", t), x.said, f.digits)
	} else {
		w.is(f.series('c', x.name, ".count", t), x.total, exact)
		sum := x.said
		if !f.fractions {
			sum = math.Trunc(sum)
		}
		w.is(f.series('c', x.name, ".sum", t), sum, exact)
	}
	for q, v := range x.quantiles {
		w.is(f.series('g', x.name, ".quantile", t, "quantile", text(q)), v, f.digits)
	}
}

func sumOf(recorded []float64) (sum float64) {
	for _, v := range recorded {
		sum += v
	}
	return sum
}

// countUpTo returns how many values are at most as large as a bound.
func countUpTo(recorded []float64, bound float64) (n float64) {
	for _, v := range recorded {
		if v <= bound {
			n++
		}
	}
	return n
}

// countersOf: name.count, name.sum, and name.bucket for each bound of an explicit histogram, for
// the powers of two from 2^-10 to 2^20 of an exponential one. Counters have no zeros.
func countersOf(f *form, w wanted, x *fact) {
	t, limits := x.tags(f), x.bounds
	if limits == nil {
		for i := -10; i <= 20; i++ {
			limits = append(limits, math.Ldexp(1, i))
		}
	}
	add := func(suffix string, v float64, bound ...string) {
		if v > 0 {
			w.is(f.series('c', x.name, suffix, t, bound...), v, exact)
		}
	}
	add(".count", float64(len(x.recorded)))
	add(".sum", math.Trunc(sumOf(x.recorded)))
	for _, limit := range append(slices.Clone(limits), math.Inf(1)) {
		add(".bucket", countUpTo(x.recorded, limit), "le", text(limit))
	}
}

// width is the error of the values of an exponential histogram: a bucket is at most so much
// wider than the one before.
const width = 1.19

// rounded is how exact sums of values are that were computed so that their sum is right: a value
// has nine digits.
const rounded = 1e-8

// bucketsOf: the server makes a histogram with the bounds of the tests. That of an explicit
// histogram is the same. One that was exponential is right but for the values that are near
// a bound.
func bucketsOf(f *form, w wanted, x *fact) {
	t := x.tags(f)
	if len(x.recorded) == 0 {
		return
	}
	w.is(f.series('h', x.name, "_count", t), float64(len(x.recorded)), exact)
	w.is(f.series('h', x.name, "_sum", t), sumOf(x.recorded), rounded)
	for _, limit := range append(slices.Clone(bounds), math.Inf(1)) {
		n := between{countUpTo(x.recorded, limit), countUpTo(x.recorded, limit)}
		if x.bounds == nil {
			n = between{countUpTo(x.recorded, limit/width), countUpTo(x.recorded, limit*width)}
		}
		w[f.series('h', x.name, "_bucket", t, "le", g(limit))] = n
	}
}

// percentilesOf: Telegraf has the count, the sum, the extremes, and percentiles that are within
// the bucket of the right value.
func percentilesOf(f *form, w wanted, x *fact) {
	t := x.tags(f)
	if len(x.recorded) == 0 {
		return
	}
	w.is(f.series('h', x.name, "_count", t), float64(len(x.recorded)), exact)
	w.is(f.series('h', x.name, "_sum", t), sumOf(x.recorded), rounded)
	within := func(field string, q float64) {
		v := quantile(x.recorded, q)
		w[f.series('h', x.name, field, t)] = x.bucket(v)
	}
	within("_lower", 1e-9)
	within("_upper", 1)
	n := float64(len(x.recorded))
	for _, p := range []float64{50, 99} { // Telegraf takes the value of the rank after that of the percentile
		within(fmt.Sprintf("_%v_percentile", p), min(1, (math.Floor(n*p/100)+1)/n))
	}
}

// rankErrors are those of the quantiles that statsd_exporter has in its default mapping.
var rankErrors = map[float64]float64{0.5: 0.05, 0.9: 0.01, 0.99: 0.001}

// summariesOf: the server has quantiles, each within the bucket of a value whose rank is near.
func summariesOf(f *form, w wanted, x *fact) {
	t := x.tags(f)
	w.is(f.series('h', x.name, "_count", t), float64(len(x.recorded)), exact)
	w.is(f.series('h', x.name, "_sum", t), sumOf(x.recorded), rounded)
	n := float64(len(x.recorded))
	for q, off := range rankErrors {
		low, high := quantile(x.recorded, max(q-off-1/n, 1e-9)), quantile(x.recorded, min(q+off+1/n, 1))
		w[f.series('h', x.name, "", t, "quantile", g(q))] = between{x.bucket(low).low, x.bucket(high).high}
	}
}

// bucket returns the ends of the bucket of a value.
func (x *fact) bucket(v float64) between {
	s := between{v / width, v * width}
	if v < 0 {
		s = between{v * width, v / width}
	}
	if x.bounds != nil {
		i, _ := slices.BinarySearch(x.bounds, v)
		s = between{min(0, slices.Min(x.recorded)), max(2*x.bounds[len(x.bounds)-1], slices.Max(x.recorded))}
		if i > 0 {
			s.low = x.bounds[i-1]
		}
		if i < len(x.bounds) {
			s.high = x.bounds[i]
		}
	}
	if x.extremes {
		s = between{max(s.low, slices.Min(x.recorded)), min(s.high, slices.Max(x.recorded))}
	}
	return s
}

// fieldsOf: count, sum, min, max, and bucket for each bound: both ends of each bucket of an
// exponential histogram in scale 2, with six digits.
func fieldsOf(f *form, w wanted, x *fact) {
	t := x.tags(f)
	w.is(f.series('h', x.name, "_count", t), float64(len(x.recorded)), f.digits)
	w.is(f.series('h', x.name, "_sum", t), sumOf(x.recorded), f.digits)
	if x.extremes {
		w.is(f.series('h', x.name, "_min", t), slices.Min(x.recorded), f.digits)
		w.is(f.series('h', x.name, "_max", t), slices.Max(x.recorded), f.digits)
	}
	limits := slices.Clone(x.bounds)
	if limits == nil {
		for _, v := range x.recorded {
			i := math.Ceil(4 * math.Log2(v))
			limits = append(limits, math.Exp2((i-1)/4), math.Exp2(i/4))
		}
	}
	for _, limit := range append(limits, math.Inf(1)) {
		bound := text(limit)
		if x.bounds == nil && !math.IsInf(limit, 1) {
			var six float64
			_, _ = fmt.Sscan(fmt.Sprintf("%.6g", limit), &six)
			bound = text(six)
		}
		w.is(f.series('h', x.name, "_bucket", t, "le", bound), countUpTo(x.recorded, limit), f.digits)
	}
}

// differs says which values are not as wanted, and which series of a metric whose name begins
// with the prefix is not wanted at all.
func (w wanted) differs(f *form, got values, prefix string) error {
	var lines []string
	for series, s := range w {
		if v, ok := got[series]; !ok {
			lines = append(lines, fmt.Sprintf("missing: %s, want %v", series, s))
		} else if !(v >= s.low && v <= s.high) {
			lines = append(lines, fmt.Sprintf("%s = %v, want %v", series, v, s))
		}
	}
	mine := func(series string) bool {
		series = strings.TrimPrefix(series, "gauge-")
		return strings.HasPrefix(series, prefix+".") || strings.HasPrefix(series, prefix+"_")
	}
	for series, v := range got {
		if _, ok := w[series]; !ok && mine(series) && (f.own == nil || !f.own(series)) {
			lines = append(lines, fmt.Sprintf("not wanted: %s = %v", series, v))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	slices.Sort(lines)
	return fmt.Errorf("%d of %d series:\n%s", len(lines), len(w), strings.Join(lines[:min(len(lines), 60)], "\n"))
}

// has waits until the server has what the facts say, and nothing else of metrics whose names begin
// with the prefix and a dot.
func (f *form) has(t *testing.T, s *server, prefix string, facts []fact) {
	t.Helper()
	w := wanted{}
	for i := range facts {
		w.add(f, &facts[i])
	}
	soon(t, func() error {
		got, err := s.values()
		if err != nil {
			return err
		}
		return w.differs(f, got, prefix)
	})
}

// soon is eventually for many things that are so at once, or nearly.
func soon(t *testing.T, try func() error) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; <-time.After(50 * time.Millisecond) {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			require.NoError(t, err)
		}
	}
}
