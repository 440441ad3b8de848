package main

import (
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/otelgram/otelgram/internal/benchreport"
)

// line is a line of the table: one figure of one side, beside that of another.
type line struct {
	name  string
	unit  string
	value func(*cost) float64
	ours  int // index of the side
	other int // index of the side, or alone
	target
}

// alone is the other side of a line that has none.
const alone = -1

// target is what is promised. Its zero value: nothing.
type target struct {
	kind  targetKind
	bound float64
}

// none is the target of what is only shown.
var none = target{}

type targetKind uint8

const (
	ratioAtMost targetKind = iota + 1
	valueAtMost
	valueAtLeast
	losslessAtLeast // and nothing lost
	nothingLost     // in any round
	nothingDropped  // likewise
	within          // so much of 100, more or less
)

func (t target) text() string {
	switch t.kind {
	case ratioAtMost:
		return fmt.Sprintf("ratio <= %.4g", t.bound)
	case valueAtMost:
		return fmt.Sprintf("<= %.4g", t.bound)
	case valueAtLeast:
		return fmt.Sprintf(">= %.4g", t.bound)
	case losslessAtLeast:
		return fmt.Sprintf(">= %.4g, 0 lost", t.bound)
	case nothingLost:
		return "0 lost"
	case nothingDropped:
		return "0 dropped"
	case within:
		return fmt.Sprintf("100 +-%.4g", t.bound)
	}
	return "-"
}

// met says whether the target is met. A ratio to nothing is NaN, which meets
// none, and what nobody counted is not known to be 0.
func (t target) met(value, ratio float64, dropped, lost tally) string {
	ok, lossless := false, lost.counted && lost.n == 0
	switch t.kind {
	case ratioAtMost:
		ok = ratio <= t.bound
	case valueAtMost:
		ok = value <= t.bound
	case valueAtLeast:
		ok = value >= t.bound
	case losslessAtLeast:
		ok = value >= t.bound && lossless
	case nothingLost:
		ok = lossless
	case nothingDropped:
		ok = dropped.counted && dropped.n == 0
	case within:
		ok = math.Abs(value-100) <= t.bound
	default:
		return "-"
	}
	if ok {
		return "yes"
	}
	return "NO"
}

// table prints lines as they come, in columns of fixed widths: what has been
// measured stands there, whatever happens later.
type table struct {
	out  io.Writer
	name int // width of the first column
}

func newTable(out io.Writer) *table {
	t := &table{out: out}
	for i := range experiments {
		for _, l := range experiments[i].lines {
			t.name = max(t.name, len(l.name))
		}
	}
	t.row("row", "unit", "ours", "the other", "ratio", "target", "met", "dropped", "lost")
	return t
}

func (t *table) row(name, unit, ours, other, ratio, target, met, dropped, lost string) {
	fmt.Fprintf(t.out, "%-*s  %-18s %-27s %-44s %-7s %-16s %-12s %-8s %s\n",
		t.name, name, unit, ours, other, ratio, target, met, dropped, lost)
}

// add prints what was measured of a line.
func (t *table) add(l *line, r *row) {
	other, ratio := "-", "-"
	if r.Other != nil {
		other = r.Beside + " " + r.Other.text()
		if v := r.ratio(); !math.IsNaN(v) {
			ratio = fmt.Sprintf("%.3f", v)
		}
	}
	t.row(l.name, l.unit, r.Ours.text(), other, ratio, l.text(), r.met(l), r.Dropped.text(), r.Lost.text())
}

// summary is what the rounds of one side come to.
type summary struct{ Median, Least, Most float64 }

func summarize(r *result, value func(*cost) float64) summary {
	values := make([]float64, 0, len(r.costs))
	for i := range r.costs {
		values = append(values, value(&r.costs[i]))
	}
	slices.Sort(values)
	middle := len(values) / 2
	median := values[middle]
	if len(values)%2 == 0 {
		median = (values[middle-1] + median) / 2
	}
	return summary{median, values[0], values[len(values)-1]}
}

func (s summary) text() string {
	return fmt.Sprintf("%s (%s..%s)", benchreport.Figure(s.Median), benchreport.Figure(s.Least), benchreport.Figure(s.Most))
}
