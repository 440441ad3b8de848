//go:build !windows

package udp_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/udp"
)

// child is another process that listens on command.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func spawn(t *testing.T, role string) *child {
	t.Helper()
	c := &child{cmd: exec.Command(os.Args[0])}
	c.cmd.Env = append(os.Environ(), roleVariable+"="+role)
	c.cmd.Stderr = os.Stderr
	in, err := c.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := c.cmd.StdoutPipe()
	require.NoError(t, err)
	c.in, c.out = in, bufio.NewScanner(out)
	require.NoError(t, c.cmd.Start())
	t.Cleanup(func() {
		_ = c.in.Close()
		_ = c.cmd.Wait()
	})
	return c
}

// ask sends a line to the child.
func (c *child) ask(t *testing.T, line string) {
	t.Helper()
	_, err := fmt.Fprintln(c.in, line)
	require.NoError(t, err)
}

// answer returns the next line of the child.
func (c *child) answer(t *testing.T) string {
	t.Helper()
	require.True(t, c.out.Scan(), "the child has ended")
	return c.out.Text()
}

func init() {
	roles["listener"] = func() {
		var l *udp.Listener
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			var err error
			if address := lines.Text(); address == "close" {
				err = l.Close()
			} else {
				l, err = udp.Listen(address)
			}
			fmt.Println(reason(err))
		}
	}
	// It gives up its privileges, then sends to each address that it is told.
	roles["stranger"] = func() {
		if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(strangerID), syscall.Setuid(strangerID)); err != nil {
			fmt.Println(err)
		}
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			s, err := udp.Dial(context.Background(), lines.Text())
			if err != nil {
				fmt.Println(reason(err))
				continue
			}
			_, outcome := s.Send([][]byte{[]byte("from a stranger")})
			fmt.Println(outcome, s.Close())
		}
	}
}

const strangerID = 65534

func reason(err error) string {
	if e := (*udp.AddressError)(nil); errors.As(err, &e) {
		return e.Err.Error()
	}
	return fmt.Sprint(err)
}

// leaveStale leaves a socket at path, as a killed process does.
func leaveStale(t *testing.T, path string) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_DGRAM, 0)
	require.NoError(t, err)
	require.NoError(t, syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}))
	require.NoError(t, syscall.Close(fd))
}

// TestUnixOneWins: if several start at once in place of a killed process, one gets the
// socket, and the others get the error that it is in use.
func TestUnixOneWins(t *testing.T) {
	const goroutines, processes, rounds = 4, 3, 300
	const inUse = "address already in use"
	children := make([]*child, processes)
	for i := range children {
		children[i] = spawn(t, "listener")
	}
	directory := t.TempDir()
	for round := range rounds {
		path := filepath.Join(directory, "s")
		leaveStale(t, path)
		if round%2 == 1 {
			require.NoError(t, os.WriteFile(path+".lock", nil, 0o600))
		}
		for _, c := range children {
			c.ask(t, "unixgram://"+path)
		}
		var starting sync.WaitGroup
		ls, failures := make([]*udp.Listener, goroutines), make([]error, goroutines)
		for i := range goroutines {
			starting.Go(func() { ls[i], failures[i] = udp.Listen("unixgram://" + path) })
		}
		starting.Wait()
		winners := 0
		var close []func()
		for i, err := range failures {
			if err == nil {
				winners++
				close = append(close, func() { require.NoError(t, ls[i].Close()) })
				continue
			}
			require.ErrorIs(t, err, syscall.EADDRINUSE)
		}
		for _, c := range children {
			if said := c.answer(t); said == "<nil>" {
				winners++
				close = append(close, func() {
					c.ask(t, "close")
					require.Equal(t, "<nil>", c.answer(t))
				})
			} else {
				require.Equal(t, inUse, said)
			}
		}
		require.Equal(t, 1, winners, "round %d", round)
		sendAll(t, dial(t, "unixgram://"+path), []byte("to the winner"))
		close[0]()
		left, err := os.ReadDir(directory)
		require.NoError(t, err)
		require.Empty(t, left, "round %d", round)
	}
}

// TestUnixKilledOwner: what a killed process leaves behind does not prevent a new listener.
func TestUnixKilledOwner(t *testing.T) {
	address, path := unixAddress(t)
	owner := spawn(t, "listener")
	owner.ask(t, address)
	require.Equal(t, "<nil>", owner.answer(t))
	_, err := udp.Listen(address)
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	require.NoError(t, owner.cmd.Process.Kill())
	_ = owner.cmd.Wait()
	assert.FileExists(t, path+".lock")
	l := listen(t, address)
	sendAll(t, dial(t, address), []byte("to the next"))
	assert.Equal(t, "to the next", string(receive(t, l, 1)[0].Data))
	require.NoError(t, l.Close())
	assert.NoFileExists(t, path)
	assert.NoFileExists(t, path+".lock")
}

// TestUnixLockOfOthers: a lock file that cannot be opened is named, and a symbolic link is
// not followed.
func TestUnixLockOfOthers(t *testing.T) {
	address, path := unixAddress(t)
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	require.NoError(t, os.Symlink(elsewhere, path+".lock"))
	_, err := udp.Listen(address)
	require.ErrorIs(t, err, syscall.ELOOP)
	assert.ErrorContains(t, err, "open the lock file "+quote(path+".lock")+": ")
	assert.NoFileExists(t, elsewhere)
	assert.NoFileExists(t, path)
}

// TestUnixMode: the file has the mode that was asked for, whatever the umask is.
func TestUnixMode(t *testing.T) {
	for _, umask := range []int{0, 0o022, 0o077, 0o777} {
		for _, tt := range []struct {
			opts []udp.Option
			want fs.FileMode
		}{
			{nil, 0o666},
			{[]udp.Option{udp.WithSocketMode(0o600)}, 0o600},
			{[]udp.Option{udp.WithSocketMode(0o660)}, 0o660},
			{[]udp.Option{udp.WithSocketMode(0o200)}, 0o200},
			{[]udp.Option{udp.WithSocketMode(0o777)}, 0o777},
			{[]udp.Option{udp.WithSocketMode(0o600), udp.WithSocketMode(0o622)}, 0o622},
		} {
			address, path := unixAddress(t)
			old := syscall.Umask(umask)
			l, err := udp.Listen(address, tt.opts...)
			syscall.Umask(old)
			require.NoError(t, err)
			info, err := os.Stat(path)
			require.NoError(t, err)
			assert.Equal(t, tt.want, info.Mode().Perm(), "umask %#o", umask)
			require.NoError(t, l.Close())
		}
	}
}

// TestUnixGroup: the file has the group that was asked for.
func TestUnixGroup(t *testing.T) {
	own := os.Getgid()
	for group, want := range map[string]int{fmt.Sprint(own): own, "12345": 12345, "root": 0} {
		if want != own && os.Getuid() != 0 {
			t.Logf("group %s: only root can give files to any group", group)
			continue
		}
		address, path := unixAddress(t)
		listen(t, address, udp.WithSocketGroup(group), udp.WithSocketMode(0o660))
		info, err := os.Stat(path)
		require.NoError(t, err)
		status, ok := info.Sys().(*syscall.Stat_t)
		require.True(t, ok)
		assert.Equal(t, uint32(want), status.Gid, group)
		assert.Equal(t, fs.FileMode(0o660), info.Mode().Perm())
	}
}

// TestUnixStranger: another user can send if the directory lets that user in, unless the
// mode of the socket says otherwise. That user cannot take over the socket.
func TestUnixStranger(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can become another user")
	}
	stranger := spawn(t, "stranger")
	directory, err := os.MkdirTemp("", "otelgram")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(directory) })
	for _, tt := range []struct {
		directory fs.FileMode
		opts      []udp.Option
		says      string
	}{
		{0o755, nil, "sent <nil>"},
		{0o711, nil, "sent <nil>"},
		{0o700, nil, "permission denied"},
		{0o755, []udp.Option{udp.WithSocketMode(0o600)}, "permission denied"},
		{0o755, []udp.Option{udp.WithSocketMode(0o660)}, "permission denied"},
		{0o755, []udp.Option{udp.WithSocketMode(0o660), udp.WithSocketGroup(fmt.Sprint(strangerID))}, "sent <nil>"},
	} {
		require.NoError(t, os.Chmod(directory, tt.directory))
		address := "unixgram://" + filepath.Join(directory, "s")
		l := listen(t, address, tt.opts...)
		stranger.ask(t, address)
		assert.Equal(t, tt.says, stranger.answer(t))
		if strings.HasPrefix(tt.says, "sent") {
			assert.Equal(t, "from a stranger", string(receive(t, l, 1)[0].Data))
		}
		require.NoError(t, l.Close())
	}
}
