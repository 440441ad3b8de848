// Command bench measures how many data points a CPU second the receivers of a
// Collector take into a consumer that counts them and does nothing else: that of
// otelgram beside statsdreceiver and otlpreceiver, in one run, in turns, medians.
//
//	go run .
//	go run . -row W2 -rounds 21
//
// A ratio that is missed fails nothing, since speed is not a test. A receiver that
// does not start and a sum that is wrong are errors.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"time"
)

// settings are what the flags say.
type settings struct {
	rounds  int
	points  int // of a round
	rows    *regexp.Regexp
	profile string
	quick   bool
}

// quickInterval is how often statsdreceiver hands over what it has aggregated where the
// figures mean nothing; interval is that where they do.
const (
	quickInterval = 200 * time.Millisecond
	interval      = 10 * time.Second
)

func main() {
	if isChild(os.Args) {
		exit(serve(os.Stdin, os.Stdout, os.NewFile(progressFile, "progress")))
	}
	var s settings
	flag.IntVar(&s.rounds, "rounds", 9, "rounds of each receiver; the median counts")
	flag.IntVar(&s.points, "points", 300_000, "points of a round")
	rows := flag.String("row", "", "measure only the rows whose workload and receiver match this regular expression, as in 'W2.*gRPC'")
	flag.StringVar(&s.profile, "profile", "", "write CPU profiles of the otelgram receiver over its rounds to files whose names begin so, one for each workload")
	flag.BoolVar(&s.quick, "quick", false, "one small round of each receiver: only checks that the points arrive")
	flag.Parse()
	var err error
	if s.rows, err = regexp.Compile(*rows); err != nil {
		exit(err)
	}
	_, err = run(s, os.Stdout)
	exit(err)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// run measures what s asks for and prints it. It returns all results, workload by
// workload.
func run(s settings, out io.Writer) (all [][]result, err error) {
	if s.quick {
		s.rounds, s.points = 1, 1
	}
	s.rounds = max(1, s.rounds)
	printHost(out, s)
	var failed []error
	for i := range workloads {
		w := &workloads[i]
		chosen := w.sides(s)
		if len(chosen) == 0 {
			continue
		}
		results, err := measure(w, chosen, s)
		if err != nil {
			fmt.Fprintf(out, "%s: FAILED, see below\n\n", w.name)
			failed = append(failed, fmt.Errorf("%s: %w", w.name, err))
			continue
		}
		printTable(out, w, results, s)
		all = append(all, results)
	}
	return all, errors.Join(failed...)
}
