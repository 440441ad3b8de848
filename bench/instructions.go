package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
)

// operateProgram does one operation so many times, and nothing else.
const operateProgram = "operate"

// instructionRounds are few, since one is like the other.
const instructionRounds = 3

// instructionPairs are operations and those of others that do the same.
var instructionPairs = []struct {
	name, unit  string
	ours, other string
}{
	{"encode, W1", "point", "encode W1", "marshal W1"},
	{"encode, W2", "point", "encode W2", "marshal W2"},
	{"encode, W3", "point", "encode W3", "marshal W3"},
	{"decode, W1", "point", "decode W1", "unmarshal W1"},
	{"decode, W2", "point", "decode W2", "unmarshal W2"},
	{"decode, W3", "point", "decode W3", "unmarshal W3"},
	{"Export, from the call to the system call, 1,000 counters", "point", "export counters", "otlp counters"},
	{"Export, from the call to the system call, 1,000 series", "point", "export series", "otlp series"},
	{"counter.Add, kept options", "call", "add", "SDK add"},
	{"counter.Add, bound", "call", "bound", "SDK add"},
	{"explicit histogram.Record, kept options", "call", "record", "SDK record"},
	{"RecordMetric, 3 tags", "call", "by name", "SDK add"},
}

// instructionsExperiment counts instructions of the process, without the kernel's. They do
// not depend on what else runs on the machine.
var instructionsExperiment = func() experiment {
	e := experiment{name: "instructions", rounds: instructionRounds, cold: true, long: true, needs: "valgrind"}
	var names []string
	at := func(operation string) int {
		for i, n := range names {
			if n == operation {
				return i
			}
		}
		names = append(names, operation)
		return len(names) - 1
	}
	for _, p := range instructionPairs {
		e.lines = append(e.lines, line{"instructions, " + p.name, "instructions/" + p.unit, (*cost).instructionsEach, at(p.ours), at(p.other), none})
	}
	e.setup = func(quick bool) (sides []side, err error) {
		for _, n := range names {
			o := operation{Name: n}
			sides = append(sides, side{n, func() (cost, error) { return o.count(quick) }, nothing})
		}
		return sides, nil
	}
	return e
}()

func (c *cost) instructionsEach() float64 { return float64(c.instructions) / float64(c.points) }

// operation is the plan of operateProgram.
type operation struct {
	Name  string
	Times int // passes over all points, or calls
}

// runOperation is the process of an operation.
func runOperation(plan []byte, _ *bufio.Scanner, out io.Writer) error {
	var o operation
	if err := json.Unmarshal(plan, &o); err != nil {
		return err
	}
	prepare, ok := operations[o.Name]
	if !ok {
		return fmt.Errorf("unknown operation %q", o.Name)
	}
	run, err := prepare()
	if err != nil {
		return err
	}
	for range 2 { // what the first makes is used by those after it
		if _, err := run(operationTimes / 10); err != nil {
			return err
		}
	}
	points, err := run(o.Times)
	fmt.Fprintln(out, points)
	return err
}

// operationTimes is how often an operation is done in the first of two runs.
const operationTimes = 20

// count has the operation done so often and twice as often. What the second takes more is
// what it takes.
func (o operation) count(quick bool) (c cost, err error) {
	o.Times = operationTimes
	first, points, err := o.instructions(quick)
	if err != nil {
		return c, err
	}
	o.Times *= 2
	second, twice, err := o.instructions(quick)
	c.points, c.instructions = twice-points, second-first
	if err == nil && (twice != 2*points || !quick && second <= first) {
		err = fmt.Errorf("%s: %d instructions for %d points, %d for %d", o.Name, first, points, second, twice)
	}
	return c, err
}

var collected = regexp.MustCompile(`Collected : (\d+)`)

// instructions runs the operation in a process of its own, beneath callgrind unless it is
// quick.
func (o operation) instructions(quick bool) (instructions, points int, err error) {
	plan, err := json.Marshal(o)
	if err != nil {
		return 0, 0, err
	}
	self, err := os.Executable()
	if err != nil {
		return 0, 0, err
	}
	arguments := []string{"-serve", operateProgram + " " + string(plan)}
	cmd := exec.Command(self, arguments...)
	if !quick {
		cmd = exec.Command("valgrind", append([]string{"--tool=callgrind", "--callgrind-out-file=/dev/null", self}, arguments...)...)
	}
	// One thread of Go code, nothing that depends on time, and no instructions that
	// callgrind does not know.
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "GOGC=off", "GODEBUG=asyncpreemptoff=1,cpu.avx512f=off,cpu.avx512=off")
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil {
		return 0, 0, fmt.Errorf("%s: %w: %s", o.Name, err, log.String())
	}
	if _, err := fmt.Sscan(out.String(), &points); err != nil || quick {
		return 0, points, err
	}
	found := collected.FindSubmatch(log.Bytes())
	if found == nil {
		return 0, 0, errors.New("callgrind says nothing: " + log.String())
	}
	instructions, err = strconv.Atoi(string(found[1]))
	return instructions, points, err
}
