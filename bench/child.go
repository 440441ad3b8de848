package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/otelgram/otelgram/internal/allocs"
)

// The roles of a process that this one starts as -serve role.
const (
	plainRole     = "plain"
	slowRole      = "slow"
	stopRole      = "stop"
	stopUnixRole  = "stop-unix"
	decoderRole   = "decoder"
	collectorRole = "collector"
	totalsRole    = "totals"
	latencyRole   = "latency"
	linesRole     = "lines"
)

var roles = map[string]func() (sink, error){
	plainRole:     func() (sink, error) { return newPlainReader(0, 0) },
	slowRole:      func() (sink, error) { return newPlainReader(slowPacket, 0) },
	stopRole:      func() (sink, error) { return newPlainReader(0, stop) },
	stopUnixRole:  newUnixReader,
	decoderRole:   newDecoder,
	collectorRole: newCollector,
	totalsRole:    newTotals,
	latencyRole:   newLatencies,
	linesRole:     newLines,
	grpcRole:      newGRPCSink,
	httpRole:      newHTTPSink,
}

// roleOf returns the role that the arguments of a process give it.
func roleOf(args []string) (string, bool) {
	if len(args) == 3 && args[1] == "-serve" {
		return args[2], true
	}
	return "", false
}

// serve is what a child does: it makes the sink of its role, prints its
// address and answers the questions of its parent until in ends.
func serve(role string, in io.Reader, out io.Writer) error {
	if ran, err := runProgram(role, in, out); ran {
		return err
	}
	open, ok := roles[role]
	if !ok {
		return fmt.Errorf("unknown role %q", role)
	}
	s, err := open()
	if err != nil {
		return err
	}
	fmt.Fprintln(out, s.address())
	for lines := bufio.NewScanner(in); lines.Scan(); {
		var question string
		var points uint64
		if _, err := fmt.Sscan(lines.Text(), &question, &points); err != nil {
			return err
		}
		reply, err := answer(s, question, points)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, reply)
	}
	return s.close()
}

// answer asks s and returns a line for the parent.
func answer(s sink, question string, points uint64) (string, error) {
	switch question {
	case "wait":
		a, err := s.wait(points)
		return fmt.Sprint(a.packets, a.points, a.last.UnixNano()), err
	case "cpu":
		return fmt.Sprint(int64(cpuTime())), nil
	case "times":
		return fmt.Sprint(int64(cpuTime()), int64(kernelTime())), nil
	case "heap":
		return fmt.Sprint(allocs.Heap()), nil
	case "books":
		return "close", s.books(points)
	case "total":
		if t, ok := s.(totaler); ok {
			sum, err := t.total()
			return fmt.Sprint(sum), err
		}
	case "quantiles":
		if t, ok := s.(timer); ok {
			p50, p99, err := t.quantiles()
			return fmt.Sprint(int64(p50), int64(p99)), err
		}
	}
	return "", fmt.Errorf("unknown question %q", question)
}

// child is a sink in another process, so that what it uses is not ours.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	at  string
}

func startChild(role string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.Command(self, "-serve", role)}
	c.cmd.Stderr = os.Stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.out = bufio.NewReader(out)
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	if _, err := fmt.Fscanln(c.out, &c.at); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", role, err), c.close())
	}
	return c, nil
}

func (c *child) address() string { return c.at }

func (c *child) wait(points uint64) (a arrival, err error) {
	var last int64
	if _, err := fmt.Fprintln(c.in, "wait", points); err != nil {
		return a, err
	}
	_, err = fmt.Fscanln(c.out, &a.packets, &a.points, &last)
	a.last = time.Unix(0, last)
	return a, err
}

// cpu is what the child has used, user and system.
func (c *child) cpu() (used time.Duration, err error) {
	if _, err := fmt.Fprintln(c.in, "cpu", 0); err != nil {
		return 0, err
	}
	_, err = fmt.Fscanln(c.out, (*int64)(&used))
	return used, err
}

// cpuTimes is cpu, and how much of it was in the kernel.
func (c *child) cpuTimes() (used, kernel time.Duration, err error) {
	if _, err := fmt.Fprintln(c.in, "times", 0); err != nil {
		return 0, 0, err
	}
	_, err = fmt.Fscanln(c.out, (*int64)(&used), (*int64)(&kernel))
	return used, kernel, err
}

// heap is how many bytes live in the child.
func (c *child) heap() (bytes int, err error) {
	if _, err := fmt.Fprintln(c.in, "heap", 0); err != nil {
		return 0, err
	}
	_, err = fmt.Fscanln(c.out, &bytes)
	return bytes, err
}

func (c *child) books(sent uint64) error {
	var answer string
	if _, err := fmt.Fprintln(c.in, "books", sent); err != nil {
		return err
	}
	_, err := fmt.Fscanln(c.out, &answer) // it ends if they do not close
	return err
}

func (c *child) total() (sum float64, err error) {
	if _, err := fmt.Fprintln(c.in, "total", 0); err != nil {
		return 0, err
	}
	_, err = fmt.Fscanln(c.out, &sum)
	return sum, err
}

func (c *child) quantiles() (p50, p99 time.Duration, err error) {
	if _, err := fmt.Fprintln(c.in, "quantiles", 0); err != nil {
		return 0, 0, err
	}
	_, err = fmt.Fscanln(c.out, (*int64)(&p50), (*int64)(&p99))
	return p50, p99, err
}

func (c *child) close() error {
	return errors.Join(c.in.Close(), c.cmd.Wait())
}
