//go:build linux

package faults

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/receiver"
)

var roles = map[string]func(argument string) error{
	"receiver": runReceiver,
	"exporter": runExporter,
	"router":   runRouter,
}

// runRouter keeps a network namespace, in which it turns forwarding on by writing to the
// given file.
func runRouter(forwarding string) error {
	if err := os.WriteFile(forwarding, []byte("1"), 0); err != nil {
		return err
	}
	fmt.Println("up")
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// runReceiver listens on the given address, prints the address it got, and answers each
// line with its books.
func runReceiver(address string) error {
	r, err := receiver.Listen(address, nop, receiver.WithLogger(silent))
	if err != nil {
		return err
	}
	fmt.Println(r.Addr())
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		if err := json.NewEncoder(os.Stdout).Encode(r.Stats()); err != nil {
			return err
		}
	}
	return r.Close()
}

// exporterOptions are the argument of an exporter in a process of its own.
type exporterOptions struct {
	Endpoint string
	Points   int           // in each export
	Pause    time.Duration // between two
	Timeout  time.Duration // of the breaker
	Files    uint64        // limit of open files; 0: none
	Later    bool          // it begins with the first line of its input
}

// runExporter exports until its input ends. It answers each line with its books, the line
// "health" with its health, and the line "files N" by limiting itself to that many open
// files.
func runExporter(argument string) error {
	var o exporterOptions
	if err := json.Unmarshal([]byte(argument), &o); err != nil {
		return err
	}
	if o.Files > 0 {
		<-time.After(time.Millisecond) // the runtime needs a descriptor for its timers
		if err := limitFiles(o.Files); err != nil {
			return err
		}
	}
	in := bufio.NewScanner(os.Stdin)
	if o.Later {
		fmt.Println("waiting")
		in.Scan()
	}
	exp, err := exporter.New(context.Background(), exporter.WithEndpoint(o.Endpoint), exporter.WithLogger(silent),
		exporter.WithCircuitBreaker(exporter.CircuitBreakerConfig{Enabled: true, Timeout: o.Timeout}))
	if err != nil {
		return err
	}
	fmt.Println("up")
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		rm := points(o.Points)
		for tick := time.NewTicker(o.Pause); ctx.Err() == nil; <-tick.C {
			_ = exp.Export(ctx, rm) // the books have what it loses
		}
	}()
	for in.Scan() {
		if rest, ok := strings.CutPrefix(in.Text(), "files "); ok {
			var n uint64
			if _, err := fmt.Sscan(rest, &n); err != nil {
				return err
			}
			if err := limitFiles(n); err != nil {
				return err
			}
		}
		if in.Text() == "shut" {
			stop()
			<-ended
			_ = exp.Shutdown(context.Background()) // as above
		}
		var answer any = exp.Stats()
		if in.Text() == "health" {
			answer = exp.Health()
		}
		if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
			return err
		}
	}
	stop()
	<-ended
	return nil
}

func limitFiles(n uint64) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	limit.Cur = n
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}

// child is one end in a process of its own.
type child struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines chan string // what it prints; closed at its end
	first string      // the first of the lines
}

// spawn starts a role, with more variables in its environment, and in new namespaces if
// flags say so.
func spawn(t *testing.T, role, argument string, flags uintptr, environment ...string) *child {
	t.Helper()
	c, err := trySpawn(role, argument, flags, environment...)
	require.NoError(t, err)
	t.Cleanup(c.kill)
	return c
}

func trySpawn(role, argument string, flags uintptr, environment ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.Command(self, argument)}
	c.cmd.Env = append(append(os.Environ(), roleVariable+"="+role), environment...)
	c.cmd.Stderr = os.Stderr
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags, Pdeathsig: syscall.SIGKILL}
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	c.lines = make(chan string)
	go func() {
		defer close(c.lines)
		for in := bufio.NewScanner(out); in.Scan(); {
			c.lines <- in.Text()
		}
	}()
	if c.first, err = c.line(); err != nil {
		c.kill()
		return nil, fmt.Errorf("%s %s: %w", role, argument, err)
	}
	return c, nil
}

// line returns the next line that the child prints. A child that hangs prints its
// goroutines and ends.
func (c *child) line() (string, error) {
	select {
	case text, ok := <-c.lines:
		if !ok {
			return "", io.ErrUnexpectedEOF
		}
		return text, nil
	case <-time.After(patience):
		_ = c.cmd.Process.Signal(syscall.SIGQUIT) // the answer says enough
		return "", os.ErrDeadlineExceeded
	}
}

// kill ends the child as the kernel would: it cannot clean up. A process that is being made
// has copies of all files, the child's output among them. The output would not end before
// those are closed, and making a network namespace may take long.
func (c *child) kill() {
	_ = c.cmd.Process.Kill() // it may have ended
	_ = c.cmd.Wait()         // and closes this end
	for range c.lines {
	}
}

func (c *child) signal(t *testing.T, s os.Signal) {
	t.Helper()
	require.NoError(t, c.cmd.Process.Signal(s))
}

// ask sends a line and reads the books that answer it.
func ask[T any](t *testing.T, c *child, line string) (answer T) {
	t.Helper()
	_, err := fmt.Fprintln(c.in, line)
	require.NoError(t, err)
	text, err := c.line()
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal([]byte(text), &answer))
	return answer
}

// until asks an exporter until its books are as wanted.
func until(t *testing.T, c *child, limit time.Duration, is func(exporter.Stats) bool) exporter.Stats {
	t.Helper()
	for end := time.Now().Add(limit); ; <-time.After(10 * time.Millisecond) {
		s := ask[exporter.Stats](t, c, "")
		if is(s) {
			return s
		}
		if time.Now().After(end) {
			require.FailNow(t, "not in time", "%+v", s)
		}
	}
}

// begin starts the exporter that was to begin later.
func (c *child) begin(t *testing.T) {
	t.Helper()
	_, err := fmt.Fprintln(c.in, "begin")
	require.NoError(t, err)
	_, err = c.line()
	require.NoError(t, err)
}

// shutChild ends the exporter in c, and asserts that its books close.
func shutChild(t *testing.T, c *child) exporter.Stats {
	t.Helper()
	s := ask[exporter.Stats](t, c, "shut")
	require.Equal(t, s.Offered, s.Sent+s.Dropped.Total(), "the exporter's books: %+v", s)
	require.Zero(t, s.Queued)
	return s
}

// agreed asks a receiver until the books of its newest session are closed, and what all
// packets hold is in them: reports, too, which say what the sender dropped.
func agreed(t *testing.T, c *child, is func(receiver.Stats) bool) receiver.Stats {
	t.Helper()
	for end := time.Now().Add(patience); ; <-time.After(10 * time.Millisecond) {
		r := ask[receiver.Stats](t, c, "")
		if r.Points.Sent == r.Points.Received+r.Points.Lost && settled(r.Points) && settled(r.Packets) && is(r) {
			return r
		}
		if time.Now().After(end) {
			require.FailNow(t, "the receiver's books do not close", "%+v", r)
		}
	}
}

// settled says that it is known what became of all that was received.
func settled(c receiver.Counts) bool { return c.Received == c.Delivered+c.Rejected+c.Overrun }

func argument(t *testing.T, o exporterOptions) string {
	t.Helper()
	text, err := json.Marshal(o)
	require.NoError(t, err)
	return string(text)
}

func circuit(state exporter.CircuitState) func(exporter.Stats) bool {
	return func(s exporter.Stats) bool { return s.Circuit == state }
}
