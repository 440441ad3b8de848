// Command bench measures otelgram beside what one would use instead and prints
// a table: both sides in one run, in turns, medians.
//
//	go run .
//	go run . -row 'ring|wire' -rounds 15
//
// It writes the figures in the documents, too, from results that it has saved:
//
//	go run . -long -resume
//	go run . -write ..
//
// A ratio that is missed fails nothing, since speed is not a test. That every
// point is accounted for is one: if it does not hold, the exit status is 1, after
// all else has been measured.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"time"
)

type settings struct {
	rounds int
	rows   *regexp.Regexp
	quick  bool
	long   bool
	// file is where results are saved, save says that they are, and resume that
	// experiments are left out whose rows it has.
	file         string
	save, resume bool
}

func main() {
	if role, ok := roleOf(os.Args); ok {
		if err := serve(role, os.Stdin, os.Stdout); err != nil {
			fatal(err)
		}
		return
	}
	var s settings
	flag.IntVar(&s.rounds, "rounds", 9, "rounds of each side; the median counts")
	rows := flag.String("row", "", "measure only the rows that match this regular expression")
	flag.BoolVar(&s.quick, "quick", false, "one small round of each side: only checks that the points arrive")
	flag.BoolVar(&s.long, "long", false, "also measure what takes minutes")
	flag.StringVar(&s.file, "results", "results.json", "the file of saved results")
	flag.BoolVar(&s.save, "save", false, "save what is measured, beside or instead of what is saved")
	flag.BoolVar(&s.resume, "resume", false, "save, and leave out experiments of which all rows are saved")
	root := flag.String("write", "", "write the figures and plots in the documents of the repository at this directory, from what is saved; measures only with -save or -resume")
	flag.Parse()
	var err error
	if s.rows, err = regexp.Compile(*rows); err != nil {
		fatal(err)
	}
	s.save = s.save || s.resume
	if *root == "" || s.save {
		err = run(s, os.Stdout)
	}
	if *root != "" {
		err = errors.Join(err, writeDocuments(s.file, *root))
	}
	if err != nil {
		fatal(err)
	}
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1)
}

// run measures the rows that s asks for, prints them and saves them if it is told to.
func run(s settings, out io.Writer) error {
	if s.quick && s.save {
		return errors.New("what -quick measures is not worth saving")
	}
	rounds := max(1, s.rounds)
	if s.quick {
		rounds = 1
	}
	var saved results
	if s.resume {
		var err error
		if saved, err = readResults(s.file); err != nil {
			return err
		}
	}
	printHost(out, rounds)
	if s.quick {
		fmt.Fprintln(out, "quick: the figures mean nothing")
	}
	t := newTable(out)
	var failed []error
	for i := range experiments {
		e := &experiments[i]
		if !e.matches(s.rows) || e.long && !s.long && !s.quick || saved.has(e) {
			continue
		}
		if _, err := exec.LookPath(e.needs); e.needs != "" && err != nil && !s.quick {
			fmt.Fprintf(out, "%s: left out, there is no %s\n", e.name, e.needs)
			continue
		}
		start := time.Now()
		if err := e.run(s, rounds, t); err != nil {
			fmt.Fprintf(out, "%s: FAILED, see below\n", e.name)
			failed = append(failed, fmt.Errorf("%s: %w", e.name, err))
		}
		if s.save {
			fmt.Fprintf(out, "%s: %.0f s\n", e.name, time.Since(start).Seconds())
		}
	}
	return errors.Join(failed...)
}

// run measures an experiment, prints the rows that match and saves all of them.
func (e *experiment) run(s settings, rounds int, t *table) error {
	at := circumstancesNow()
	measured, err := e.measure(rounds, s.quick)
	if err != nil {
		return err
	}
	var rows []row
	for j := range e.lines {
		l := &e.lines[j]
		rows = append(rows, l.measured(measured, at))
		if s.rows.MatchString(l.name) {
			t.add(l, &rows[j])
		}
	}
	if !s.save {
		return nil
	}
	return save(s.file, rows)
}
