//go:build linux

package faults

import (
	"fmt"
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/receiver"
)

// TestFault09ReceiverKilled opens the circuit within five seconds, and closes it
// once the receiver is back, without anybody touching the exporter.
func TestFault09ReceiverKilled(t *testing.T) {
	first := spawn(t, "receiver", "127.0.0.1:0", 0)
	address := first.first
	exp := spawn(t, "exporter", argument(t, exporterOptions{Endpoint: address, Points: 50, Pause: 20 * time.Millisecond, Timeout: 3 * time.Second}), 0)
	until(t, exp, patience, func(s exporter.Stats) bool { return s.Sent > 500 })
	first.kill()
	until(t, exp, 5*time.Second, circuit(exporter.CircuitOpen))
	opened := time.Now()
	before := until(t, exp, patience, func(s exporter.Stats) bool { return s.Dropped.BreakerOpen > 0 })
	second := spawn(t, "receiver", address, 0)
	after := until(t, exp, 3600*time.Millisecond+time.Second, circuit(exporter.CircuitClosed))
	assert.Less(t, time.Since(opened), 5*time.Second)
	assert.Less(t, after.Sent-before.Sent, uint64(500), "while it was open")
	assert.Zero(t, after.Dropped.SendError, "a refusal is about an earlier packet")
	until(t, exp, patience, func(s exporter.Stats) bool { return s.Sent > after.Sent+500 })
	s := shutChild(t, exp)
	r := agreed(t, second, func(r receiver.Stats) bool { return len(r.Sessions) > 0 && r.Sessions[0].Closed })
	assert.Zero(t, r.Points.Lost, "what it heard of is complete: %+v", r)
	assert.GreaterOrEqual(t, r.Points.Handed, s.Sent-after.Sent)
	assert.Equal(t, s.Dropped.BreakerOpen, r.Sessions[0].Dropped["breaker_open"])
}

// TestFault10ExporterKilled: the next one is another session; what the first had
// sent by its last packet is in the books.
func TestFault10ExporterKilled(t *testing.T) {
	recv := spawn(t, "receiver", "127.0.0.1:0", 0)
	options := argument(t, exporterOptions{Endpoint: recv.first, Points: 50, Pause: 10 * time.Millisecond, Timeout: time.Second})
	for range 3 {
		exp := spawn(t, "exporter", options, 0)
		until(t, exp, patience, func(s exporter.Stats) bool { return s.Sent > 500 })
		exp.kill()
	}
	exp := spawn(t, "exporter", options, 0)
	until(t, exp, patience, func(s exporter.Stats) bool { return s.Sent > 500 })
	s := shutChild(t, exp)
	r := agreed(t, recv, func(r receiver.Stats) bool { return r.Sessions[0].Closed })
	require.Len(t, r.Sessions, 4)
	assert.Equal(t, s.Sent, r.Sessions[0].Points.Handed)
	assert.Zero(t, r.Points.Lost+r.Points.Duplicate+r.Points.Late)
	for _, one := range r.Sessions[1:] {
		assert.False(t, one.Closed)
		assert.GreaterOrEqual(t, one.Points.Handed, uint64(500))
	}
}

// TestFault17NoFilesLeft: an exporter that finds no descriptor starts all the
// same, and sends once there are some again; it keeps its socket if a new one
// cannot be had.
func TestFault17NoFilesLeft(t *testing.T) {
	recv := spawn(t, "receiver", "127.0.0.1:0", 0)
	o := exporterOptions{Endpoint: recv.first, Points: 10, Pause: 10 * time.Millisecond, Timeout: time.Second, Files: 3}
	exp := spawn(t, "exporter", argument(t, o), 0)
	until(t, exp, patience, func(s exporter.Stats) bool { return s.Dropped.Unresolved > 100 && s.Sent == 0 })
	ask[exporter.Stats](t, exp, "files 1000")
	until(t, exp, patience, func(s exporter.Stats) bool { return s.Sent > 100 })
	ask[exporter.Stats](t, exp, "files 3")
	sent := ask[exporter.Stats](t, exp, "").Sent
	until(t, exp, patience, func(s exporter.Stats) bool { return s.Sent > sent+500 })
	s := shutChild(t, exp)
	assert.Equal(t, s.Offered, s.Sent+s.Dropped.Unresolved)
	agreed(t, recv, func(r receiver.Stats) bool { return r.Points.Handed == s.Sent })
}

// TestFault31Stopped: one processor, a collector that never rests, and two
// seconds in which the exporter does not run at all.
func TestFault31Stopped(t *testing.T) {
	recv := spawn(t, "receiver", "127.0.0.1:0", 0)
	o := exporterOptions{Endpoint: recv.first, Points: 50, Pause: 10 * time.Millisecond, Timeout: time.Second}
	exp := spawn(t, "exporter", argument(t, o), 0, "GOMAXPROCS=1", "GOGC=1", "GOMEMLIMIT=16MiB")
	until(t, exp, patience, func(s exporter.Stats) bool { return s.Sent > 500 })
	exp.signal(t, syscall.SIGSTOP)
	<-time.After(2 * time.Second)
	exp.signal(t, syscall.SIGCONT)
	sent := ask[exporter.Stats](t, exp, "").Sent
	until(t, exp, patience, func(s exporter.Stats) bool { return s.Sent > sent+500 })
	s := shutChild(t, exp)
	assert.Zero(t, s.Dropped.Total(), "%+v", s)
	r := agreed(t, recv, func(r receiver.Stats) bool { return r.Sessions[0].Closed })
	assert.Equal(t, s.Sent, r.Points.Handed)
}

// TestFaultUnixReceiverKilled: the socket file that a killed receiver leaves
// behind is taken over by the next one, which the exporter finds.
func TestFaultUnixReceiverKilled(t *testing.T) {
	address := "unixgram://" + filepath.Join(t.TempDir(), "s")
	first := spawn(t, "receiver", address, 0)
	o := exporterOptions{Endpoint: address, Points: 10, Pause: 10 * time.Millisecond, Timeout: time.Second}
	exp := spawn(t, "exporter", argument(t, o), 0)
	until(t, exp, patience, func(s exporter.Stats) bool { return s.Sent > 100 })
	first.kill()
	sent := until(t, exp, patience, func(s exporter.Stats) bool { return s.Dropped.SendError > 0 }).Sent
	second := spawn(t, "receiver", address, 0)
	until(t, exp, patience, func(s exporter.Stats) bool { return s.Sent > sent+100 })
	s := shutChild(t, exp)
	r := agreed(t, second, func(r receiver.Stats) bool { return r.Sessions[0].Closed })
	assert.Zero(t, r.Points.Lost)
	assert.LessOrEqual(t, r.Points.Handed, s.Sent)
}

// TestFault11Names: a name that moves is followed as soon as the old address
// refuses, one that vanishes leaves the old address in use, and a resolver that
// is slow holds up nobody.
func TestFault11Names(t *testing.T) {
	server := newNameServer(t)
	listen := func() *receiver.Receiver {
		r, err := receiver.Listen("127.0.0.1:0", nop)
		require.NoError(t, err)
		return r
	}
	first := listen()
	port := first.Addr().(*net.UDPAddr).Port
	server.answer("127.0.0.1")
	exp, err := exporter.New(t.Context(), exporter.WithEndpoint(fmt.Sprintf("receiver.test:%d", port)), exporter.WithLogger(silent))
	require.NoError(t, err)
	export(t, exp, 100, 1)
	require.Equal(t, uint64(100), exp.Stats().Sent)

	server.answer("") // no such name
	export(t, exp, 100, 1)
	assert.Equal(t, uint64(200), exp.Stats().Sent)
	assert.Equal(t, fmt.Sprintf("127.0.0.1:%d", port), exp.Stats().Address)

	second, err := receiver.Listen(fmt.Sprintf("127.0.0.2:%d", port), nop)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return first.Stats().Points.Handed == 200 }, patience, time.Millisecond)
	server.answer("127.0.0.2")
	require.NoError(t, first.Close())
	moved := time.Now()
	require.Eventually(t, func() bool {
		export(t, exp, 10, 1)
		return exp.Stats().Address == fmt.Sprintf("127.0.0.2:%d", port)
	}, patience, 50*time.Millisecond)
	assert.Less(t, time.Since(moved), patience)
	sent := exp.Stats().Sent
	export(t, exp, 100, 1)
	s := shut(t, exp)
	require.Equal(t, sent+100, s.Sent)
	require.Eventually(t, func() bool { return second.Stats().Points.Handed >= 100 }, patience, time.Millisecond)
	assert.Equal(t, exporter.CircuitClosed, s.Circuit)
	require.NoError(t, second.Close())
}

func TestFault11SlowResolver(t *testing.T) {
	server := newNameServer(t)
	server.answer("127.0.0.1")
	server.delay(700 * time.Millisecond)
	r, err := receiver.Listen("127.0.0.1:0", nop)
	require.NoError(t, err)
	begin := time.Now()
	exp, err := exporter.New(t.Context(), exporter.WithLogger(silent),
		exporter.WithEndpoint(fmt.Sprintf("slow.test:%d", r.Addr().(*net.UDPAddr).Port)))
	require.NoError(t, err)
	assert.Less(t, time.Since(begin), 600*time.Millisecond, "New does not wait for it")
	callerNeverWaits(t, exp, func() {
		export(t, exp, 100, 1)
		assert.GreaterOrEqual(t, exp.Stats().Dropped.Unresolved, uint64(100))
		require.Eventually(t, func() bool { return exp.Stats().Address != "" }, patience, time.Millisecond)
	})
	export(t, exp, 100, 1)
	s := shut(t, exp)
	assert.Equal(t, s.Sent, closed(t, r, s.Sent, 0).Points.Handed)
	require.NoError(t, r.Close())
}
