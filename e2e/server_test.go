package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// serversDirectory is where servers/install has put the servers.
func serversDirectory(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("OTELGRAM_SERVERS"); dir != "" {
		return dir
	}
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	return filepath.Join(cache, "otelgram-servers")
}

// serverProgram returns the path of a file of a server. The test is skipped where it is
// not installed, as need says.
func serverProgram(t *testing.T, path ...string) string {
	t.Helper()
	file := filepath.Join(append([]string{serversDirectory(t)}, path...)...)
	if _, err := os.Stat(file); err != nil {
		need(t, file) // says what is missing
	}
	return file
}

// server is one that takes lines over UDP, such as people have.
type server struct {
	address string                 // where it takes them
	dir     string                 // empty at the start, for what it keeps
	read    func() (values, error) // all that it has
	program []string               // with its arguments
	process *os.Process
	line    string        // what it is ready for
	web     string        // where it answers, for some
	log     string        // the file that it writes its log to
	ended   chan struct{} // nil: it runs in this process
	socket  net.Conn
}

// probe is the name of what is sent until the server has it. Values are without.
const probe = "otelgram_probe"

// newServer returns one that doesn't run yet.
func newServer(t *testing.T) *server {
	t.Helper()
	return &server{address: local(t), dir: t.TempDir()}
}

// file writes a file into the directory of the server, and returns where it is.
func (s *server) file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(s.dir, name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// run starts a program in the directory of the server. It is killed at the end of the test:
// what it keeps is of no use to anybody. Its log is printed if the test has failed.
func (s *server) run(t *testing.T, program string, args ...string) {
	t.Helper()
	s.program = append([]string{program}, args...)
	s.log = filepath.Join(s.dir, "log")
	log, err := os.Create(s.log)
	require.NoError(t, err)
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, log, log
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	s.ended, s.process = ended, cmd.Process
	go func() {
		defer close(ended)
		_ = cmd.Wait() // it is killed
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // unless it has ended
		<-ended
		_ = log.Close()
		if t.Failed() {
			t.Logf("%s says:\n%s", filepath.Base(program), s.logged(t))
		}
	})
}

// kill ends the server at once.
func (s *server) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, s.process.Kill())
	<-s.ended
}

// restart ends the server, and starts it again at the same address.
func (s *server) restart(t *testing.T) {
	t.Helper()
	s.kill(t)
	s.run(t, s.program[0], s.program[1:]...)
	s.ready(t, s.line)
}

// logged returns the end of the log.
func (s *server) logged(t *testing.T) string {
	t.Helper()
	if s.log == "" {
		return ""
	}
	log, err := os.ReadFile(s.log)
	require.NoError(t, err)
	return string(log[max(0, len(log)-1<<14):])
}

// jsonFile is a file of lines of JSON that is being written.
type jsonFile[T any] struct {
	path string
	mu   sync.Mutex
	read int64 // bytes
	all  []T
}

// lines returns all lines so far. The last may be cut: it comes later.
func (f *jsonFile[T]) lines() ([]T, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	file, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	written, err := io.ReadAll(io.NewSectionReader(file, f.read, math.MaxInt64-f.read))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(written)) {
		if !strings.HasSuffix(line, "\n") {
			break
		}
		var one T
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			return nil, fmt.Errorf("%w: %s", err, line)
		}
		f.all = append(f.all, one)
		f.read += int64(len(line))
	}
	return f.all, nil
}

// ready waits until the server has what is sent to it.
func (s *server) ready(t *testing.T, line string) {
	t.Helper()
	s.line = line
	network := "udp"
	if filepath.IsAbs(s.address) {
		network = "unixgram"
	}
	eventually(t, 30*time.Second, func() (err error) { // a Unix socket is not there before it listens
		s.socket, err = net.Dial(network, s.address)
		return err
	})
	t.Cleanup(func() { _ = s.socket.Close() })
	eventually(t, 30*time.Second, func() error {
		select {
		case <-s.ended:
			require.FailNow(t, "the server has ended", s.logged(t))
		default:
		}
		_, _ = s.socket.Write([]byte(line)) // refused before it listens
		v, err := s.read()
		if err == nil && !slices.ContainsFunc(slices.Collect(maps.Keys(v)), isProbe) {
			err = errors.New("the server has nothing yet")
		}
		return err
	})
}

// send sends lines in one datagram.
func (s *server) send(t *testing.T, lines ...string) {
	t.Helper()
	_, err := s.socket.Write([]byte(strings.Join(lines, "\n")))
	require.NoError(t, err)
}

// values returns what the server has of what was sent, by the series as PromQL writes it.
func (s *server) values() (values, error) {
	v, err := s.read()
	for series := range v {
		if isProbe(series) {
			delete(v, series)
		}
	}
	return v, err
}

func isProbe(series string) bool { return strings.HasPrefix(series, probe) }

// await waits until the server has the values, whatever else it has.
func (s *server) await(t *testing.T, want values) {
	t.Helper()
	s.wait(t, want, func(values) error { return nil })
}

// awaitOnly waits until the server has the values and no other series.
func (s *server) awaitOnly(t *testing.T, want values) {
	t.Helper()
	s.wait(t, want, func(got values) error {
		for series, value := range got {
			if _, ok := want[series]; !ok {
				return fmt.Errorf("not wanted: %s = %v", series, value)
			}
		}
		return nil
	})
}

func (s *server) wait(t *testing.T, want values, check func(values) error) {
	t.Helper()
	eventually(t, 20*time.Second, func() error {
		got, err := s.values()
		if err != nil {
			return err
		}
		for series, value := range want {
			if v, ok := got[series]; !ok || v != value {
				return fmt.Errorf("%s: %v, want %v; all: %v", series, v, value, got)
			}
		}
		return check(got)
	})
}
