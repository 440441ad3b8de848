//go:build !windows

package udp_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/udp"
)

func unixAddress(t *testing.T) (address, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "s")
	return "unixgram://" + path, path
}

// TestUnix: a full queue takes no packet, nothing is lost, and it shows at once that a
// receiver has gone.
func TestUnix(t *testing.T) {
	address, path := unixAddress(t)
	l := listen(t, address)
	assert.Equal(t, path, l.Addr().String())
	s := dial(t, address)
	assert.False(t, s.RemoteAddr().IsValid())
	assert.False(t, s.LocalAddr().IsValid())
	assert.Zero(t, s.PayloadLimit())
	assert.Equal(t, udp.Sent, s.Pending())

	packets := make([][]byte, 2000)
	for i := range packets {
		packets[i] = []byte{byte(i), byte(i >> 8)}
	}
	sent := 0
	for received := 0; received < len(packets); {
		n, outcome := s.Send(packets[sent:])
		sent += n
		if sent < len(packets) {
			require.Equal(t, udp.WouldBlock, outcome)
		}
		require.Positive(t, sent-received, "the queue is empty and takes nothing")
		for _, d := range receive(t, l, sent-received) {
			require.Equal(t, packets[received], d.Data)
			require.False(t, d.Source.IsValid())
			received++
		}
	}

	require.NoError(t, l.Close())
	_, err := os.Stat(path)
	require.ErrorIs(t, err, os.ErrNotExist)
	n, outcome := s.Send(packets)
	assert.Zero(t, n)
	assert.Equal(t, udp.Refused, outcome)
	_, err = udp.Dial(context.Background(), address)
	assert.ErrorContains(t, err, address)
	require.NoError(t, s.Close())
	_, outcome = s.Send(packets)
	assert.Equal(t, udp.Closed, outcome)
}

func TestUnixTruncates(t *testing.T) {
	address, _ := unixAddress(t)
	l := listen(t, address, udp.WithMaxDatagramSize(3))
	sendAll(t, dial(t, address), []byte("too long"), nil, []byte("ok"))
	ds := receive(t, l, 3)
	assert.Equal(t, "too", string(ds[0].Data))
	assert.True(t, ds[0].Truncated)
	assert.Empty(t, ds[1].Data, "a datagram of no bytes")
	assert.Equal(t, "ok", string(ds[2].Data))
	assert.False(t, ds[2].Truncated)
}

// TestUnixTakesOver: a socket that a killed process has left behind is replaced. A socket
// in use and a file are errors.
func TestUnixTakesOver(t *testing.T) {
	address, path := unixAddress(t)
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_DGRAM, 0)
	require.NoError(t, err)
	require.NoError(t, syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}))
	require.NoError(t, syscall.Close(fd)) // as the kernel does for a process that ends
	l := listen(t, address)
	_, err = udp.Listen(address)
	require.ErrorContains(t, err, "address already in use")
	sendAll(t, dial(t, address), []byte("still here"))
	assert.Equal(t, "still here", string(receive(t, l, 1)[0].Data))
	require.NoError(t, l.Close())

	require.NoError(t, os.WriteFile(path, []byte("precious"), 0o600))
	_, err = udp.Listen(address)
	require.Error(t, err)
	kept, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "precious", string(kept))
}

// TestUnixSuccessor: closing a listener leaves the files of its successor alone.
func TestUnixSuccessor(t *testing.T) {
	address, path := unixAddress(t)
	first := listen(t, address)
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Remove(path+".lock"))
	second := listen(t, address)
	require.NoError(t, first.Close())
	sendAll(t, dial(t, address), []byte("to the second"))
	assert.Equal(t, "to the second", string(receive(t, second, 1)[0].Data))
	require.NoError(t, second.Close())
	require.ErrorIs(t, second.Close(), net.ErrClosed)
	assert.NoFileExists(t, path)
	assert.NoFileExists(t, path+".lock")
}

func TestUnixSendDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	address, _ := unixAddress(t)
	l := listen(t, address)
	s := dial(t, address)
	packets := [][]byte{[]byte("one"), []byte("two")}
	ds := make([]udp.Datagram, 1)
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		n, _ := s.Send(packets)
		for range n {
			if _, err := l.ReadBatch(ds); err != nil {
				t.Error(err)
			}
		}
	}))
}
