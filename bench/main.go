// Command bench measures otelgram beside what one would use instead and prints
// a table: both sides in one run, in turns, medians.
//
//	go run .
//	go run . -row 'ring|wire' -rounds 15
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
	"regexp"
)

type settings struct {
	rounds int
	rows   *regexp.Regexp
	quick  bool
	long   bool
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
	flag.Parse()
	var err error
	if s.rows, err = regexp.Compile(*rows); err != nil {
		fatal(err)
	}
	if err := run(s, os.Stdout); err != nil {
		fatal(err)
	}
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1)
}

// run measures the rows that s asks for and prints them.
func run(s settings, out io.Writer) error {
	rounds := max(1, s.rounds)
	if s.quick {
		rounds = 1
	}
	printHost(out, rounds)
	if s.quick {
		fmt.Fprintln(out, "quick: the figures mean nothing")
	}
	t := newTable(out)
	var failed []error
	for i := range experiments {
		e := &experiments[i]
		if !e.matches(s.rows) || e.long && !s.long && !s.quick {
			continue
		}
		measured, err := e.measure(rounds, s.quick)
		if err != nil {
			fmt.Fprintf(out, "%s: FAILED, see below\n", e.name)
			failed = append(failed, fmt.Errorf("%s: %w", e.name, err))
			continue
		}
		for j := range e.lines {
			if l := &e.lines[j]; s.rows.MatchString(l.name) {
				t.add(l, measured)
			}
		}
	}
	return errors.Join(failed...)
}
