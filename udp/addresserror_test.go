//go:build !windows

package udp_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/udp"
)

// TestAddressError: the reason alone says what is wrong, and wraps its cause.
func TestAddressError(t *testing.T) {
	const want = `want host:port, such as "localhost:4319", or a path, such as unixgram:///run/otelgram.sock`
	directory := t.TempDir()
	file := filepath.Join(directory, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	link := filepath.Join(directory, "link")
	require.NoError(t, os.Symlink(file, link))
	fifo := filepath.Join(directory, "fifo")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	socket := filepath.Join(directory, "socket")
	listen(t, "unixgram://"+socket)
	stream, err := net.Listen("unix", filepath.Join(directory, "stream"))
	require.NoError(t, err)
	defer stream.Close()
	taken := listen(t, "127.0.0.1:0").Addr().String()

	open := func(address string) error { _, err := udp.Listen(address); return err }
	openTwo := func(address string) error { _, err := udp.ListenMany(address, 2); return err }
	connect := func(address string) error { _, err := udp.Dial(t.Context(), address); return err }
	resolve := func(address string) error { _, err := udp.Resolve(t.Context(), address); return err }
	for _, tt := range []struct {
		name             string
		try              func(string) error
		address, op, err string
		is               error
	}{
		{"in use", open, taken, "listen on", "address already in use", syscall.EADDRINUSE},
		{"in use by two", openTwo, taken, "listen on", "address already in use", syscall.EADDRINUSE},
		{"a socket in use", open, "unixgram://" + socket, "listen on", "address already in use", syscall.EADDRINUSE},
		{"a stream in use", open, "unixgram://" + stream.Addr().String(), "listen on", "address already in use", syscall.EADDRINUSE},
		{"not of this host", open, "192.0.2.1:0", "listen on", "cannot assign requested address", syscall.EADDRNOTAVAIL},
		{"no directory", open, "unixgram:///no/such/s", "listen on", "no such file or directory", os.ErrNotExist},
		{"a file", open, "unixgram://" + file, "listen on", "a file is at the path: want a socket or nothing there", nil},
		{"a directory", open, "unixgram://" + directory, "listen on", "a directory is at the path: want a socket or nothing there", nil},
		{"a link", openTwo, "unixgram://" + link, "listen on", "a symbolic link is at the path: want a socket or nothing there", nil},
		{"a FIFO", open, "unixgram://" + fifo, "listen on", "a special file is at the path: want a socket or nothing there", nil},
		{"nothing", open, "", "address", want, nil},
		{"nothing, twice", openTwo, "", "address", want, nil},
		{"a colon", open, ":", "address", "the port is missing: " + want, nil},
		{"no port", open, "localhost:", "address", "the port is missing: " + want, nil},
		{"blanks", open, "  ", "address", "missing port in address: " + want, nil},
		{"half a bracket", open, "[::1:4319", "address", "missing ']' in address: " + want, nil},
		{"a scheme", open, "udp://:4319", "address", `leave out "udp://": want ":4319"`, nil},
		{"an unknown service", open, "127.0.0.1:no-such", "listen on", "unknown port", nil},
		{"a port that is none", open, "127.0.0.1:65536", "listen on", "invalid port", nil},
		{"a relative path", open, "unixgram://s", "address", "the path is not absolute: want unixgram:///path", nil},
		{"to nobody", connect, "unixgram://" + socket + "s", "connect to", "no such file or directory", os.ErrNotExist},
		{"to a file", connect, "unixgram://" + file, "connect to", "connection refused", syscall.ECONNREFUSED},
		{"to a name", connect, "localhost", "address", `the port is missing: want "localhost:4319"`, nil},
		{"of a name", resolve, "localhost", "address", `the port is missing: want "localhost:4319"`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.try(tt.address)
			var a *udp.AddressError
			require.True(t, errors.As(err, &a), "%v", err)
			assert.Equal(t, tt.op, a.Op)
			assert.Equal(t, tt.address, a.Address)
			assert.EqualError(t, a.Err, tt.err)
			assert.EqualError(t, err, "udp: "+tt.op+" "+quote(tt.address)+": "+tt.err)
			if tt.is != nil {
				assert.ErrorIs(t, err, tt.is)
			}
		})
	}
	kept, err := os.Readlink(link)
	require.NoError(t, err)
	assert.Equal(t, file, kept)
	assert.FileExists(t, file)
	entries, err := os.ReadDir(directory)
	require.NoError(t, err)
	assert.Len(t, entries, 6, "what failed leaves no lock: %v", entries)

	for _, try := range []func(string) error{open, connect, resolve} {
		err := try("name.invalid:4319")
		var a *udp.AddressError
		require.True(t, errors.As(err, &a), "%v", err)
		assert.NotContains(t, a.Err.Error(), "name.invalid")
		var dns *net.DNSError
		assert.True(t, errors.As(err, &dns), "%v", err)
	}
}

// TestListenWithoutHost: an address without a host means all addresses.
func TestListenWithoutHost(t *testing.T) {
	l := listen(t, ":0")
	address := net.JoinHostPort("", portString(t, l))
	require.NoError(t, l.Close())
	assert.Equal(t, port(t, l), port(t, listen(t, address)))
}
