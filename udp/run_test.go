//go:build !windows

package udp

import (
	"net"
	"os"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
)

// sized returns packets of these sizes, each with its number at the front.
func sized(sizes ...int) [][]byte {
	packets := make([][]byte, len(sizes))
	for i, size := range sizes {
		if packets[i] = make([]byte, size); size > 0 {
			packets[i][0] = byte(i)
		}
	}
	return packets
}

func TestRunLength(t *testing.T) {
	for _, tt := range []struct {
		name  string
		sizes []int
		want  int
	}{
		{"one", []int{5}, 1},
		{"equal", []int{5, 5, 5}, 3},
		{"a shorter one ends the run", []int{5, 5, 3, 3}, 3},
		{"a shorter one behind the first", []int{5, 3, 5}, 2},
		{"a larger one begins the next", []int{5, 5, 6}, 2},
		{"an empty one goes alone", []int{0, 0}, 1},
		{"an empty one is in no run", []int{5, 5, 0}, 2},
		{"as many as the kernel takes", slices.Repeat([]int{5}, 100), maxSegments},
		{"as many bytes as a datagram has", slices.Repeat([]int{1472}, 60), 44},
		{"with a shorter one at its end", append(slices.Repeat([]int{1472}, 44), 739), 45},
		{"which is a byte too long", append(slices.Repeat([]int{1472}, 44), 740), 44},
		{"two that are too long together", []int{40_000, 40_000}, 1},
		{"longer than a datagram", []int{70_000, 1}, 1},
	} {
		assert.Equal(t, tt.want, runLength(sized(tt.sizes...)), tt.name)
	}
}

// TestRefusedRuns: a run that the kernel refuses for what it is goes packet by packet. An
// outcome is always about one packet, and each packet is offered until it is taken, and never
// after that.
func TestRefusedRuns(t *testing.T) {
	no := func(errno syscall.Errno) step { return step{-1, os.NewSyscallError("sendmmsg", errno)} }
	all := func(n int) step { return step{n, nil} }
	equal := slices.Repeat([]int{9}, 10)
	for _, tt := range []struct {
		name    string
		sizes   []int
		steps   []step
		sent    int
		outcome Outcome
		offered [][2]int
		runs    []bool
		state   Offload
		strikes int
	}{
		{"one run", equal, []step{all(10)}, 10, Sent, [][2]int{{0, 10}}, []bool{true}, OffloadActive, 0},
		{
			"the first run alone", []int{9, 9, 8, 9, 9, 8}, []step{all(3), all(3)},
			6, Sent, [][2]int{{0, 3}, {3, 3}}, []bool{true, true}, OffloadActive, 0,
		},
		{
			"EIO turns it off", equal, []step{no(syscall.EIO), all(1), all(9)},
			10, Sent, [][2]int{{0, 10}, {0, 1}, {1, 9}}, []bool{true, false, false}, OffloadRefused, 1,
		},
		{
			"EINVAL is held against it", equal, []step{no(syscall.EINVAL), all(1), all(9)},
			10, Sent, [][2]int{{0, 10}, {0, 1}, {1, 9}}, []bool{true, false, false}, OffloadActive, 1,
		},
		{
			"EMSGSIZE is, too", equal, []step{no(syscall.EMSGSIZE), all(1), all(9)},
			10, Sent, [][2]int{{0, 10}, {0, 1}, {1, 9}}, []bool{true, false, false}, OffloadActive, 1,
		},
		{
			"but not if a packet is too large", equal, []step{no(syscall.EINVAL), no(syscall.EMSGSIZE)},
			0, TooLarge, [][2]int{{0, 10}, {0, 1}}, []bool{true, false}, OffloadActive, 0,
		},
		{
			"or one in the middle of it", equal, []step{no(syscall.EMSGSIZE), all(1), all(4), no(syscall.EMSGSIZE)},
			5, TooLarge, [][2]int{{0, 10}, {0, 1}, {1, 9}, {5, 5}}, []bool{true, false, false, false}, OffloadActive, 0,
		},
		{
			"in the second run", []int{9, 9, 8, 7, 7, 7, 6}, []step{all(3), no(syscall.EIO), all(2), all(2)},
			7, Sent, [][2]int{{0, 3}, {3, 4}, {3, 4}, {5, 2}}, []bool{true, true, false, false}, OffloadRefused, 1,
		},
		{
			"in the second run, told with the first", []int{9, 8, 7, 7, 9, 9}, []step{all(2), {2, syscall.EINVAL}, all(2)},
			6, Sent, [][2]int{{0, 2}, {2, 4}, {4, 2}}, []bool{true, true, false}, OffloadActive, 1,
		},
		{
			"a short count ends with a run", []int{9, 8, 7, 7, 9, 9}, []step{all(2), all(2), no(syscall.EAGAIN)},
			4, WouldBlock, [][2]int{{0, 2}, {2, 4}, {4, 2}}, []bool{true, true, true}, OffloadActive, 0,
		},
		{"no room for a run", equal, []step{no(syscall.EAGAIN)}, 0, WouldBlock, [][2]int{{0, 10}}, []bool{true}, OffloadActive, 0},
		{
			"EPERM may be about the length of the run", equal, []step{no(syscall.EPERM), all(1), all(9)},
			10, Sent, [][2]int{{0, 10}, {0, 1}, {1, 9}}, []bool{true, false, false}, OffloadActive, 1,
		},
		{
			"or about each packet", equal, []step{no(syscall.EACCES), no(syscall.EACCES)},
			0, Denied, [][2]int{{0, 10}, {0, 1}}, []bool{true, false}, OffloadActive, 0,
		},
		{"a queue drops a run, or a part of it", equal, []step{no(syscall.ENOBUFS)}, 10, Sent, [][2]int{{0, 10}}, []bool{true}, OffloadRefused, 0},
		{
			"the second one, and says so of the next packet", []int{9, 8, 7, 7, 6, 6}, []step{all(2), no(syscall.ENOBUFS), no(syscall.ENOBUFS)},
			5, NoBuffers, [][2]int{{0, 2}, {2, 4}, {5, 1}}, []bool{true, true, false}, OffloadRefused, 0,
		},
		{"a queue drops a packet", []int{9, 10}, []step{no(syscall.ENOBUFS)}, 0, NoBuffers, [][2]int{{0, 1}}, []bool{true}, OffloadActive, 0},
		{"the device goes down", equal, []step{no(syscall.ENETDOWN)}, 10, Sent, [][2]int{{0, 10}}, []bool{true}, OffloadRefused, 0},
		{"a router reports an earlier packet", equal, []step{no(syscall.EPROTO)}, 0, Failed, [][2]int{{0, 10}}, []bool{true}, OffloadActive, 0},
		{"no way to the host", equal, []step{no(syscall.EHOSTUNREACH)}, 0, Unreachable, [][2]int{{0, 10}}, []bool{true}, OffloadActive, 0},
		{"closed", equal, []step{{0, net.ErrClosed}}, 0, Closed, [][2]int{{0, 10}}, []bool{true}, OffloadActive, 0},
		{"an answer to an earlier packet", equal, []step{no(syscall.ECONNREFUSED)}, 0, Refused, [][2]int{{0, 10}}, []bool{true}, OffloadActive, 0},
		{"interrupted", equal, []step{no(syscall.EINTR), all(10)}, 10, Sent, [][2]int{{0, 10}, {0, 10}}, []bool{true, true}, OffloadActive, 0},
		{"a packet that is invalid by itself", []int{9}, []step{no(syscall.EINVAL)}, 0, Failed, [][2]int{{0, 1}}, []bool{true}, OffloadActive, 0},
		{"a packet that fails by itself", []int{9}, []step{no(syscall.EIO)}, 0, Failed, [][2]int{{0, 1}}, []bool{true}, OffloadActive, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var s segmentation
			s.set(OffloadActive)
			w := &script{steps: tt.steps}
			n, outcome := sendAll(w, &s, sized(tt.sizes...))
			assert.Equal(t, tt.sent, n)
			assert.Equal(t, tt.outcome, outcome)
			assert.Equal(t, tt.offered, w.offered)
			assert.Equal(t, tt.runs, w.runs)
			assert.Equal(t, tt.state, s.offload())
			assert.Equal(t, tt.strikes, s.strikes)
		})
	}
}

// TestStrikes: a socket gives runs up when several in a row were refused for nothing, and not
// when the kernel takes one in between.
func TestStrikes(t *testing.T) {
	equal := sized(9, 9)
	refused := []step{{-1, syscall.EINVAL}, {1, nil}, {1, nil}}
	var s segmentation
	s.set(OffloadActive)
	send := func(steps []step) {
		n, outcome := sendAll(&script{steps: slices.Clone(steps)}, &s, equal)
		assert.Equal(t, 2, n)
		assert.Equal(t, Sent, outcome)
	}
	for range 3 {
		for range maxStrikes - 1 {
			send(refused)
			assert.Equal(t, OffloadActive, s.offload())
		}
		send([]step{{2, nil}})
	}
	_, _ = sendAll(&script{steps: []step{{-1, syscall.EINVAL}, {1, nil}, {1, nil}, {4, nil}}}, &s, sized(9, 9, 10, 11, 11, 11))
	assert.Zero(t, s.strikes, "a run behind others counts, too")
	for range maxStrikes {
		send(refused)
	}
	assert.Equal(t, OffloadRefused, s.offload())
	w := &script{steps: []step{{1, nil}, {1, nil}}}
	_, _ = sendAll(w, &s, equal)
	assert.Equal(t, []bool{false, false}, w.runs)
}

func TestOffloadString(t *testing.T) {
	for o, want := range map[Offload]string{
		OffloadUnavailable: "unavailable", OffloadDisabled: "disabled", OffloadActive: "active", OffloadRefused: "refused",
		OffloadRefused + 1: "Offload(4)",
	} {
		assert.Equal(t, want, o.String())
	}
}
