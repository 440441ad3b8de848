package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"strings"
	"time"

	"github.com/otelgram/otelgram/internal/benchreport"
)

// results are rows that were measured on one machine with one set of versions. They are
// what the documents are written from.
type results struct {
	Machine  string `json:"machine"`
	Versions string `json:"versions"`
	Rows     []row  `json:"rows"` // in the order of the table
}

// row is what was measured of a line. What is promised stands in the line alone.
type row struct {
	Name   string   `json:"name"`
	Ours   summary  `json:"ours"`
	Beside string   `json:"beside,omitempty"` // name of the other side
	Other  *summary `json:"other,omitempty"`
	// Dropped and Lost are the points of all rounds.
	Dropped tally `json:"dropped"`
	Lost    tally `json:"lost"`
	// Short says that less was offered in most rounds than the line is about.
	Short bool `json:"short,omitempty"`

	Rounds int    `json:"rounds"`
	Date   string `json:"date"`
	Load   string `json:"load"` // average of a minute, when its experiment began
}

// circumstances are when an experiment began, and beside what.
type circumstances struct{ date, load string }

func circumstancesNow() circumstances {
	load, _, _ := strings.Cut(benchreport.Contents("/proc/loadavg"), " ")
	return circumstances{time.Now().UTC().Format("2006-01-02 15:04"), load}
}

// measured returns what the sides of an experiment come to in one of its lines.
func (l *line) measured(of []result, at circumstances) row {
	ours := &of[l.ours]
	r := row{
		Name: l.name, Ours: summarize(ours, l.value), Dropped: ours.dropped, Lost: ours.lost, Short: ours.short(),
		Rounds: len(ours.costs), Date: at.date, Load: at.load,
	}
	if l.other != alone {
		s := summarize(&of[l.other], l.value)
		r.Beside, r.Other = of[l.other].side, &s
	}
	return r
}

// ratio is ours by the other, and NaN if there is no other, or if it is nothing.
func (r *row) ratio() float64 {
	if r.Other == nil || r.Other.Median <= 0 {
		return math.NaN()
	}
	return r.Ours.Median / r.Other.Median
}

// met says whether the promise of the line was kept.
func (r *row) met(l *line) string {
	if l.kind != 0 && r.Short {
		return "not measured"
	}
	return l.met(r.Ours.Median, r.ratio(), r.Dropped, r.Lost)
}

// MarshalJSON writes the median, the least and the most, with five digits.
func (s summary) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	for i, v := range []float64{s.Median, s.Least, s.Most} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("%v cannot be saved", v)
		}
		fmt.Fprintf(&b, "%c%.5g", "[,,"[i], v)
	}
	b.WriteByte(']')
	return b.Bytes(), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (s *summary) UnmarshalJSON(text []byte) error {
	var v [3]float64
	err := json.Unmarshal(text, &v)
	*s = summary{v[0], v[1], v[2]}
	return err
}

// readResults returns what is saved in a file, and nothing if there is none.
func readResults(file string) (results, error) {
	var r results
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		return r, fmt.Errorf("%s: %w", file, err)
	}
	return r, nil
}

// here returns results without rows of this machine and program.
func here() results {
	release, _, _ := strings.Cut(benchreport.Contents("/proc/sys/kernel/osrelease"), "-")
	return results{
		Machine:  fmt.Sprintf("%s, Linux %s", benchreport.Host(), release),
		Versions: benchreport.Versions(peers...),
	}
}

// find returns the row with a name, or nil.
func (r *results) find(name string) *row {
	for i := range r.Rows {
		if r.Rows[i].Name == name {
			return &r.Rows[i]
		}
	}
	return nil
}

// has says whether all lines of an experiment were measured.
func (r *results) has(e *experiment) bool {
	for i := range e.lines {
		if r.find(e.lines[i].name) == nil {
			return false
		}
	}
	return true
}

// merge takes in rows, also instead of older ones, and leaves out those of which there is
// no line any more.
func (r *results) merge(rows []row) {
	newer := results{Rows: rows}
	var merged []row
	for i := range experiments {
		for _, l := range experiments[i].lines {
			found := newer.find(l.name)
			if found == nil {
				found = r.find(l.name)
			}
			if found != nil {
				merged = append(merged, *found)
			}
		}
	}
	r.Rows = merged
}

// write writes them to a file, a row to a line.
func (r *results) write(file string) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "{\n\"machine\": %q,\n\"versions\": %q,\n\"rows\": [", r.Machine, r.Versions)
	for i := range r.Rows {
		text, err := json.Marshal(&r.Rows[i])
		if err != nil {
			return fmt.Errorf("%s: %w", r.Rows[i].Name, err)
		}
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "\n%s", text)
	}
	b.WriteString("\n]\n}\n")
	return os.WriteFile(file, b.Bytes(), 0o644)
}

// save adds rows to those in a file. All of them must be of one machine and one set of
// versions.
func save(file string, rows []row) error {
	r, err := readResults(file)
	if err != nil {
		return err
	}
	now := here()
	if len(r.Rows) == 0 {
		r = now
	}
	if r.Machine != now.Machine || r.Versions != now.Versions {
		return fmt.Errorf("%s was measured on another machine or with other versions (%s; %s): remove it, or name another file", file, r.Machine, r.Versions)
	}
	r.merge(rows)
	return r.write(file)
}
