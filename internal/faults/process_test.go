//go:build linux

package faults

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/internal/testsize"
	"github.com/otelgram/otelgram/receiver"
)

// TestFault09ReceiverKilled: the circuit opens within five seconds, and closes when the
// receiver is back, without any intervention at the exporter. The books of the exporter and
// of both receivers agree to the point.
func TestFault09ReceiverKilled(t *testing.T) {
	t.Parallel()
	// In the long form the receiver is back after ten seconds, and the timeout is the
	// breaker's default.
	timeout, away := testsize.Pick(3*time.Second, 30*time.Second), testsize.Pick(0, 10*time.Second)
	first := spawn(t, "receiver", "127.0.0.1:0", 0)
	address := first.first
	o := exporterOptions{Endpoint: address, Points: 50, Pause: 20 * time.Millisecond, Timeout: timeout}
	exp := spawn(t, "exporter", argument(t, o), 0)
	// The clock of the exporter's own process does not run while a busy machine keeps the
	// process waiting.
	took := func(from, to exporter.Stats) time.Duration {
		return time.Duration(to.Offered-from.Offered) / time.Duration(o.Points) * o.Pause
	}
	until(t, exp, patience, func(s exporter.Stats) bool { return s.Sent > 500 })
	r := agreed(t, first, func(r receiver.Stats) bool { return r.Points.Delivered > 500 })
	first.kill()
	killed := ask[exporter.Stats](t, exp, "")
	assert.LessOrEqual(t, r.Points.Delivered, killed.Sent)
	opened := until(t, exp, patience, circuit(exporter.CircuitOpen))
	assert.Less(t, took(killed, opened), 5*time.Second)
	open := until(t, exp, patience, func(s exporter.Stats) bool { return s.Dropped.BreakerOpen > 0 })
	assert.Positive(t, open.ConnectionsRefused)
	<-time.After(away)
	second := spawn(t, "receiver", address, 0)
	limit := timeout*6/5 + time.Second
	after := until(t, exp, limit+patience, circuit(exporter.CircuitClosed))
	t.Logf("open after %v, and closed again after %v", took(killed, opened), took(opened, after))
	assert.Less(t, took(opened, after), limit)
	assert.Zero(t, after.Dropped.SendError, "a refusal is about an earlier packet")
	until(t, exp, patience, func(s exporter.Stats) bool { return s.Sent > after.Sent+500 })
	s := shutChild(t, exp)
	r = agreed(t, second, func(r receiver.Stats) bool { return len(r.Sessions) > 0 && r.Sessions[0].Closed })
	assert.Equal(t, s.Sent-open.Sent, r.Points.Delivered, "all that was sent since the circuit was open")
	assert.Zero(t, r.Points.Lost, "%+v", r)
	assert.Equal(t, s.Dropped.BreakerOpen, r.Sessions[0].Dropped["breaker_open"])
}

// TestFault10ExporterKilled: the next exporter has another session. What the first had sent
// by its last packet is in the books.
func TestFault10ExporterKilled(t *testing.T) {
	t.Parallel()
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
	assert.Equal(t, s.Sent, r.Sessions[0].Points.Delivered)
	assert.Zero(t, r.Points.Lost+r.Points.Duplicate+r.Points.Late)
	for _, one := range r.Sessions[1:] {
		assert.False(t, one.Closed)
		assert.GreaterOrEqual(t, one.Points.Delivered, uint64(500))
	}
}

// TestFault17NoFilesLeft: an exporter that finds no descriptor starts all the same, and
// sends once there are some again. It keeps its socket if it cannot get a new one.
func TestFault17NoFilesLeft(t *testing.T) {
	t.Parallel()
	recv := spawn(t, "receiver", "127.0.0.1:0", 0)
	o := exporterOptions{Endpoint: recv.first, Points: 10, Pause: 10 * time.Millisecond, Timeout: time.Second, Files: 3}
	exp := spawn(t, "exporter", argument(t, o), 0)
	until(t, exp, patience, func(s exporter.Stats) bool { return s.Dropped.Unresolved > 100 && s.Sent == 0 })
	ask[exporter.Stats](t, exp, "files 1000")
	until(t, exp, patience, func(s exporter.Stats) bool { return s.Sent > 100 })
	ask[exporter.Stats](t, exp, "files 3")
	recv.kill() // so that the exporter wants a new socket, again and again
	open := until(t, exp, patience, func(s exporter.Stats) bool { return s.Dropped.BreakerOpen > 100 })
	recv = spawn(t, "receiver", recv.first, 0)
	until(t, exp, patience, func(s exporter.Stats) bool { return s.Circuit == exporter.CircuitClosed && s.Sent > open.Sent+500 })
	s := shutChild(t, exp)
	assert.Equal(t, uint64(1), s.Sessions, "it has kept its socket")
	assert.Equal(t, s.Offered, s.Sent+s.Dropped.Unresolved+s.Dropped.BreakerOpen)
	r := agreed(t, recv, func(r receiver.Stats) bool { return len(r.Sessions) == 1 && r.Sessions[0].Closed })
	assert.True(t, r.Sessions[0].Joined, "what came before is none of its books")
	assert.Zero(t, r.Points.Lost)
	assert.Equal(t, s.Sent-open.Sent, r.Points.Delivered)
}

// TestFault31Stopped: one processor, a garbage collector that never rests, and two seconds
// in which the exporter does not run at all.
func TestFault31Stopped(t *testing.T) {
	t.Parallel()
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
	assert.Equal(t, s.Sent, r.Points.Delivered)
}

// TestFaultUnixReceiverKilled: the socket file that a killed receiver leaves
// behind is taken over by the next one, which the exporter finds.
func TestFaultUnixReceiverKilled(t *testing.T) {
	t.Parallel()
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
	r := agreed(t, second, func(r receiver.Stats) bool { return len(r.Sessions) > 0 && r.Sessions[0].Closed })
	assert.Zero(t, r.Points.Lost)
	assert.Equal(t, s.Sent-sent, r.Points.Delivered, "nothing was sent while nobody listened")
}

// TestFault11Names: a name that moves is followed when the old address gives connection
// refused. A name that vanishes leaves the old address in use. A slow resolver holds up
// nothing.
func TestFault11Names(t *testing.T) {
	server := newNameServer(t)
	first, err := receiver.Listen("127.0.0.1:0", nop)
	require.NoError(t, err)
	t.Cleanup(func() { _ = first.Close() })
	port := first.Addr().(*net.UDPAddr).Port
	server.answer("127.0.0.1")
	exp, err := exporter.New(t.Context(), exporter.WithEndpoint(fmt.Sprintf("receiver.test:%d", port)), exporter.WithLogger(silent))
	require.NoError(t, err)
	t.Cleanup(func() { _ = exp.Shutdown(context.Background()) })
	export(t, exp, 100, 1)
	require.Equal(t, uint64(100), exp.Stats().Sent)

	server.answer("") // no such name
	export(t, exp, 100, 1)
	assert.Equal(t, uint64(200), exp.Stats().Sent)
	assert.Equal(t, fmt.Sprintf("127.0.0.1:%d", port), exp.Stats().Address)

	seen := newWitness()
	second, err := receiver.Listen(fmt.Sprintf("127.0.0.2:%d", port), seen.handle)
	require.NoError(t, err)
	t.Cleanup(func() { _ = second.Close() })
	require.Eventually(t, func() bool { return first.Stats().Points.Delivered == 200 }, patience, time.Millisecond)
	server.answer("127.0.0.2")
	require.NoError(t, first.Close())
	before := exp.Stats().Sent // to the old address
	for end := time.Now().Add(patience); exp.Stats().Address != fmt.Sprintf("127.0.0.2:%d", port); <-time.After(50 * time.Millisecond) {
		require.True(t, time.Now().Before(end), "the new address is not followed")
		before = exp.Stats().Sent
		export(t, exp, 10, 1)
	}
	export(t, exp, 100, 1)
	s := shut(t, exp)
	assert.Equal(t, exporter.CircuitClosed, s.Circuit)
	require.Eventually(t, func() bool {
		sessions := second.Stats().Sessions
		return len(sessions) > 0 && sessions[0].Closed
	}, patience, time.Millisecond)
	r := closed(t, second, second.Stats().Points.Sent, 0)
	assert.GreaterOrEqual(t, r.Points.Delivered, uint64(100))
	assert.LessOrEqual(t, r.Points.Delivered, s.Sent-before)
	seen.agrees(t, r.Points.Delivered)
}

func TestFault11SlowResolver(t *testing.T) {
	server := newNameServer(t)
	server.answer("127.0.0.1")
	server.hold()
	r, err := receiver.Listen("127.0.0.1:0", nop)
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	exp, err := exporter.New(t.Context(), exporter.WithLogger(silent),
		exporter.WithEndpoint(fmt.Sprintf("slow.test:%d", r.Addr().(*net.UDPAddr).Port)))
	require.NoError(t, err, "New does not wait for it")
	t.Cleanup(func() { _ = exp.Shutdown(context.Background()) })
	callerNeverWaits(t, exp, func() {
		export(t, exp, 100, 1)
		assert.GreaterOrEqual(t, exp.Stats().Dropped.Unresolved, uint64(100))
		server.release()
		require.Eventually(t, func() bool { return exp.Stats().Address != "" }, patience, time.Millisecond)
	})
	export(t, exp, 100, 1)
	s := shut(t, exp)
	assert.Equal(t, s.Sent, closed(t, r, s.Sent, 0).Points.Delivered)
}
