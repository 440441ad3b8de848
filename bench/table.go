package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
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
	}
	return "-"
}

func (t target) met(value, ratio float64, lost int) string {
	ok := false
	switch t.kind {
	case ratioAtMost:
		ok = ratio <= t.bound
	case valueAtMost:
		ok = value <= t.bound
	case valueAtLeast:
		ok = value >= t.bound
	case losslessAtLeast:
		ok = value >= t.bound && lost == 0
	case nothingLost:
		ok = lost == 0
	default:
		return "-"
	}
	if ok {
		return "yes"
	}
	return "NO"
}

type table struct {
	w *tabwriter.Writer
}

func newTable(out io.Writer) *table {
	t := &table{tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)}
	t.row("row", "unit", "ours", "the other", "ratio", "target", "met", "dropped", "lost")
	return t
}

func (t *table) row(cells ...string) { fmt.Fprintln(t.w, strings.Join(cells, "\t")) }

func (t *table) add(l *line, results []result) {
	ours := summarize(&results[l.ours], l.value)
	other, ratioText, ratio := "-", "-", 0.0
	if l.other != alone {
		s := summarize(&results[l.other], l.value)
		other = results[l.other].side + " " + s.text()
		if s.median > 0 {
			ratio = ours.median / s.median
			ratioText = fmt.Sprintf("%.3f", ratio)
		}
	}
	dropped, lost := 0, 0
	for i := range results[l.ours].costs {
		dropped += results[l.ours].costs[i].dropped
		lost += results[l.ours].costs[i].lost
	}
	t.row(l.name, l.unit, ours.text(), other, ratioText, l.target.text(), l.met(ours.median, ratio, lost),
		fmt.Sprint(dropped), fmt.Sprint(lost))
}

func (t *table) flush() error { return t.w.Flush() }

// summary is what the rounds of one side come to.
type summary struct{ median, least, most float64 }

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
	return fmt.Sprintf("%s (%s..%s)", figure(s.median), figure(s.least), figure(s.most))
}

// figure shows three digits, or more before the point.
func figure(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v < 0.1:
		return fmt.Sprintf("%.4f", v)
	case v < 10:
		return fmt.Sprintf("%.2f", v)
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// printHost says where the figures were measured.
func printHost(out io.Writer, rounds int) {
	fmt.Fprintf(out, "%s %s/%s, %d CPUs%s, %d rounds each, median (least..most)\n\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), cpuModel(), rounds)
}

func cpuModel() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, ok := strings.CutPrefix(lines.Text(), "model name"); ok {
			return " (" + strings.Trim(name, "\t :") + ")"
		}
	}
	return ""
}
