package main

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"text/template"

	"github.com/otelgram/otelgram/internal/benchreport"
)

// documents are the files of the repository that have blocks.
var documents = []string{"README.md", "docs/benchmarks.md", "docs/scale.md"}

//go:embed blocks.tmpl
var blocks string

// A block begins and ends with a line that is a comment in Markdown.
const (
	blockBegin = "<!-- bench: "
	blockEnd   = "<!-- end -->\n"
)

// writeDocuments writes the blocks of the documents, and the plots, of the repository at
// root.
func writeDocuments(file, root string) error {
	r, err := readResults(file)
	if err != nil {
		return err
	}
	w, err := newWriter(&r)
	if err != nil {
		return err
	}
	for _, name := range documents {
		path := filepath.Join(root, filepath.FromSlash(name))
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fresh, err := w.filled(string(text))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := os.WriteFile(path, []byte(fresh), 0o644); err != nil {
			return err
		}
	}
	for _, c := range charts() {
		svg, err := c.svg(&r)
		if err != nil {
			return fmt.Errorf("%s: %w", c.file, err)
		}
		if err := os.WriteFile(filepath.Join(root, "docs", c.file), svg, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// writer fills the blocks of documents from results.
type writer struct {
	results *results
	lines   map[string]*line
	blocks  *template.Template
}

func newWriter(r *results) (*writer, error) {
	w := &writer{results: r, lines: map[string]*line{}}
	for i := range experiments {
		for j := range experiments[i].lines {
			l := &experiments[i].lines[j]
			w.lines[l.name] = l
		}
	}
	var err error
	w.blocks, err = template.New("").Funcs(template.FuncMap{
		"ours": w.ours, "other": w.other, "ratio": w.ratio, "span": w.span, "promise": w.promise,
		"tables": w.tables, "dates": w.dates, "loads": w.loads, "busy": w.busy, "count": w.count,
		"machine": func() string { return r.Machine }, "versions": func() string { return r.Versions },
	}).Funcs(w.functions()).Parse(blocks)
	return w, err
}

// filled returns a document with what its blocks are to have.
func (w *writer) filled(text string) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, blockBegin)
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		name, rest, named := strings.Cut(rest, " -->\n")
		_, after, ends := strings.Cut(rest, blockEnd)
		if !named || !ends {
			return "", fmt.Errorf("the block %q does not end with %q", name, strings.TrimSpace(blockEnd))
		}
		var content bytes.Buffer
		if err := w.blocks.ExecuteTemplate(&content, name, nil); err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "%s%s -->\n%s\n%s", blockBegin, name, strings.Trim(content.String(), "\n"), blockEnd)
		text = after
	}
}

// notMeasured stands where there is no figure.
const notMeasured = "not measured"

// row returns a row and its line; nil if it was not measured. That there is no such line is
// an error.
func (w *writer) row(name string) (*row, *line, error) {
	l, ok := w.lines[name]
	if !ok {
		return nil, nil, fmt.Errorf("no experiment has the row %q", name)
	}
	return w.results.find(name), l, nil
}

func (w *writer) ours(name string) (string, error) {
	r, _, err := w.row(name)
	if r == nil {
		return notMeasured, err
	}
	return figure(r.Ours.Median), nil
}

func (w *writer) other(name string) (string, error) {
	r, _, err := w.row(name)
	if r == nil || r.Other == nil {
		return notMeasured, err
	}
	return figure(r.Other.Median), nil
}

func (w *writer) ratio(name string) (string, error) {
	r, _, err := w.row(name)
	if r == nil || math.IsNaN(r.ratio()) {
		return notMeasured, err
	}
	return figure(r.ratio()), nil
}

// span returns the least and the most of the medians of some rows.
func (w *writer) span(names ...string) (string, error) {
	least, most := math.Inf(1), math.Inf(-1)
	for _, name := range names {
		r, _, err := w.row(name)
		if r == nil {
			return notMeasured, err
		}
		least, most = min(least, r.Ours.Median), max(most, r.Ours.Median)
	}
	if figure(least) == figure(most) {
		return figure(least), nil
	}
	return figure(least) + " to " + figure(most), nil
}

// promise returns what is promised, and that it was missed if it was.
func (w *writer) promise(name string) (string, error) {
	r, l, err := w.row(name)
	if err != nil {
		return "", err
	}
	text := map[targetKind]string{
		ratioAtMost: "at most %.3g of the other", valueAtMost: "at most %.4g", valueAtLeast: "at least %.4g",
		losslessAtLeast: "at least %.4g, nothing lost",
	}[l.kind]
	switch {
	case text != "":
		text = fmt.Sprintf(text, l.bound)
	case l.kind == 0:
		return "", nil
	default:
		text = l.text()
	}
	if r == nil {
		return text, nil
	}
	switch r.met(l) {
	case "NO":
		if l.kind == ratioAtMost {
			return text + fmt.Sprintf("; **missed**: it was %.3g", r.ratio()), nil
		}
		return text + "; **missed**", nil
	case "yes":
		return text, nil
	}
	return text + "; " + notMeasured, nil
}

// dates are when the first and the last row were measured.
func (w *writer) dates() string {
	return between(w.results.Rows, func(r *row) string { return r.Date })
}

// loads are the least and the most load beside which rows were measured.
func (w *writer) loads() string {
	return between(w.results.Rows, func(r *row) string { return fmt.Sprintf("%6s", r.Load) })
}

// busyLoad is more than bench itself makes on two cores.
const busyLoad = 4

// busy says that other programs ran while some rows were measured.
func (w *writer) busy() bool {
	for i := range w.results.Rows {
		if load, err := strconv.ParseFloat(w.results.Rows[i].Load, 64); err == nil && load > busyLoad {
			return true
		}
	}
	return false
}

func between(rows []row, of func(*row) string) string {
	if len(rows) == 0 {
		return notMeasured
	}
	least, most := of(&rows[0]), of(&rows[0])
	for i := range rows {
		least, most = min(least, of(&rows[i])), max(most, of(&rows[i]))
	}
	return strings.TrimSpace(least) + " to " + strings.TrimSpace(most)
}

// count says how many rows there are, and how many promises were kept and missed.
func (w *writer) count() string {
	rows, kept, missed, peers := 0, 0, 0, 0
	for _, r := range w.results.Rows {
		l, ok := w.lines[r.Name]
		if !ok {
			continue
		}
		rows++
		switch r.met(l) {
		case "yes":
			kept++
		case "NO":
			missed++
		}
		if peerWins(l, &r) {
			peers++
		}
	}
	return fmt.Sprintf("%d rows; %d promises kept, **%d missed**; in %d rows **the other wins**", rows, kept, missed, peers)
}

// sections are the headings of the tables. A row stands under the first that matches.
var sections = []struct {
	title string
	match *regexp.Regexp
}{
	{"A service that exports 100,000 series each second", regexp.MustCompile(`^service`)},
	{"Recording a measurement", regexp.MustCompile(`^(counter|explicit|exponential|gauge|RecordMetric|recording)\b[^:]*$`)},
	{"Sending a point", regexp.MustCompile(`^(Export|wire|SDK path)`)},
	{"Instructions", regexp.MustCompile(`^instructions`)},
	{"The receiver", regexp.MustCompile(`^receive`)},
	{"From end to end", regexp.MustCompile(`^(end to end|40,000|offered|Shutdown|measurements aggregated)`)},
	{"Series from 1,000 to 1,000,000", regexp.MustCompile(`^scale`)},
	{"Memory, and a process that is idle or busy", regexp.MustCompile(`^(live heap|idle|8 busy)`)},
	{"Event mode and presets", regexp.MustCompile(`^(event mode|preset|RecordMetric refused|counter.Add, kept options, (refused|evicting))`)},
	{"Text encodings and Plain", regexp.MustCompile(`^text`)},
	{"The ring", regexp.MustCompile(`^ring`)},
	{"Others", regexp.MustCompile(``)},
}

// tables returns all rows as Markdown, in sections.
func (w *writer) tables() (string, error) {
	var b strings.Builder
	under := make([][]string, len(sections))
	for i := range experiments {
		for _, l := range experiments[i].lines {
			for at := range sections {
				if sections[at].match.MatchString(l.name) {
					under[at] = append(under[at], l.name)
					break
				}
			}
		}
	}
	var failed []error
	for at, names := range under {
		if len(names) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n### %s\n\n| row | unit | ours | the other | ratio | promised | dropped | lost | measured |\n|---|---|---|---|---|---|---|---|---|\n", sections[at].title)
		for _, name := range names {
			r, l, err := w.row(name)
			failed = append(failed, err)
			b.WriteString(rowText(r, l))
		}
	}
	return b.String(), errors.Join(failed...)
}

// rowText is a row of a table in Markdown.
func rowText(r *row, l *line) string {
	promised := l.text()
	if r == nil {
		return fmt.Sprintf("| %s | %s | %s | | | %s | | | |\n", l.name, l.unit, notMeasured, promised)
	}
	switch r.met(l) {
	case "yes":
		promised += ": kept"
	case "NO":
		promised += ": **missed**"
	case notMeasured:
		promised += ": " + notMeasured
	}
	other, ratio := "-", "-"
	if r.Other != nil {
		other = r.Beside + ": " + spread(*r.Other)
		if v := r.ratio(); !math.IsNaN(v) {
			ratio = fmt.Sprintf("%.3f", v)
		}
	}
	if peerWins(l, r) {
		ratio += " **the other wins**"
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %s | %s | %s, load %s, %d rounds |\n", l.name, l.unit, spread(r.Ours), other, ratio,
		promised, r.Dropped.text(), r.Lost.text(), r.Date, r.Load, r.Rounds)
}

// spread is a median and what is around it.
func spread(s summary) string {
	if s.Least == s.Most {
		return figure(s.Median)
	}
	return fmt.Sprintf("%s (%s..%s)", figure(s.Median), figure(s.Least), figure(s.Most))
}

// moreIsBetter has the units of figures that one wants to be large.
var moreIsBetter = regexp.MustCompile(`^((M|k) .*/s|points/packet|points/s|% of (offered|due))$`)

// ourSides are others that are otelgram, too.
var ourSides = regexp.MustCompile(`^(unpaced|without|paced|1 sessions|no exporter|otelgram.*)$`)

// peerWins says that the figure of somebody else's is the better one.
func peerWins(l *line, r *row) bool {
	if r.Other == nil || ourSides.MatchString(r.Beside) {
		return false
	}
	if moreIsBetter.MatchString(l.unit) {
		return r.Ours.Median < r.Other.Median
	}
	return r.Ours.Median > r.Other.Median
}

// figure is a number as documents show it.
func figure(v float64) string {
	if v < 1000 {
		return benchreport.Figure(v)
	}
	digits := fmt.Sprintf("%.0f", v)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
