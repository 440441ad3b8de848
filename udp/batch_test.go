//go:build !windows

package udp

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
)

// step is the answer of a scripted writer to one call.
type step struct {
	n   int
	err error
}

// script is a batchWriter that plays its steps and then takes nothing. It
// records the first packet and the length of every batch offered, and whether it was offered
// in runs.
type script struct {
	steps   []step
	offered [][2]int
	runs    []bool
}

func (s *script) writeBatch(packets [][]byte, runs bool) (int, error) {
	s.offered, s.runs = append(s.offered, [2]int{int(packets[0][0]), len(packets)}), append(s.runs, runs)
	if len(s.steps) == 0 {
		return 0, nil
	}
	next := s.steps[0]
	s.steps = s.steps[1:]
	return next.n, next.err
}

func repeat(n int, s step) []step {
	steps := make([]step, n)
	for i := range steps {
		steps[i] = s
	}
	return steps
}

func TestSendAll(t *testing.T) {
	wrapped := func(errno syscall.Errno) error {
		return &net.OpError{Op: "write", Net: "udp", Err: os.NewSyscallError("sendmmsg", errno)}
	}
	interrupted := step{-1, os.NewSyscallError("sendmmsg", errInterrupted)}
	const stuck = maxFruitless + 1
	for _, tc := range []struct {
		name    string
		packets int
		steps   []step
		sent    int
		outcome Outcome
		calls   int
	}{
		{"nothing", 0, nil, 0, Sent, 0},
		{"one", 1, []step{{1, nil}}, 1, Sent, 1},
		{"all at once, but for the first", 5, []step{{1, nil}, {4, nil}}, 5, Sent, 2},
		{"in chunks", 150, []step{{1, nil}, {64, nil}, {64, nil}, {21, nil}}, 150, Sent, 4},
		{"short counts", 5, []step{{1, nil}, {1, nil}, {1, nil}, {2, nil}}, 5, Sent, 4},
		{"short count in a chunk", 70, []step{{1, nil}, {59, nil}, {10, nil}}, 70, Sent, 3},
		{"refused at first", 5, []step{{-1, wrapped(syscall.ECONNREFUSED)}}, 0, Refused, 1},
		{"refused at the second", 5, []step{{1, nil}, {-1, wrapped(syscall.ECONNREFUSED)}}, 1, Refused, 2},
		{"refused in the middle", 5, []step{{1, nil}, {2, nil}, {-1, wrapped(syscall.EMSGSIZE)}}, 3, TooLarge, 3},
		{"refused at the last", 5, []step{{1, nil}, {3, nil}, {-1, wrapped(syscall.EAGAIN)}}, 4, WouldBlock, 3},
		{"refused between chunks", 70, []step{{1, nil}, {64, nil}, {-1, wrapped(syscall.ENOBUFS)}}, 65, NoBuffers, 3},
		{"error with 0", 5, []step{{0, wrapped(syscall.EPERM)}}, 0, Denied, 1},
		{"error next to a count", 5, []step{{1, nil}, {2, wrapped(syscall.EMSGSIZE)}}, 3, TooLarge, 2},
		{"closed half way", 5, []step{{1, nil}, {0, net.ErrClosed}}, 1, Closed, 2},
		{"unknown error", 5, []step{{1, nil}, {-1, errors.New("?")}}, 1, Failed, 2},
		{"0 for a while", 5, append(repeat(maxFruitless, step{}), step{1, nil}, step{4, nil}), 5, Sent, stuck + 1},
		{"-1 without error", 5, []step{{-1, nil}, {1, nil}, {4, nil}}, 5, Sent, 3},
		{"0 for ever", 5, nil, 0, Failed, stuck},
		{"0 for ever half way", 5, []step{{1, nil}, {1, nil}}, 2, Failed, 2 + stuck},
		{"interrupted once", 5, []step{interrupted, {1, nil}, {4, nil}}, 5, Sent, 3},
		{"interrupted next to a count", 5, []step{{1, errInterrupted}, {1, errInterrupted}, {3, nil}}, 5, Sent, 3},
		{"interrupted for ever", 5, repeat(100, interrupted), 0, Failed, stuck},
		{"progress renews patience", 3, append(append(repeat(maxFruitless, interrupted), step{1, nil}),
			append(repeat(maxFruitless, step{}), step{2, nil})...), 3, Sent, 2 * stuck},
		{"more than offered", 5, []step{{9, nil}, {9, nil}}, 5, Sent, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			packets := make([][]byte, tc.packets)
			for i := range packets {
				packets[i] = []byte{byte(i)}
			}
			w := &script{steps: tc.steps}
			n, outcome := sendAll(w, &segmentation{}, packets)
			assert.Equal(t, tc.sent, n)
			assert.Equal(t, tc.outcome, outcome)
			assert.Len(t, w.offered, tc.calls)
			at := 0
			for i, offer := range w.offered {
				most := maxBatch
				if at == 0 {
					most = 1
				}
				assert.Equal(t, [2]int{at, min(tc.packets-at, most)}, offer, "call %d starts at the first packet not taken", i)
				if i < len(tc.steps) {
					at += min(max(tc.steps[i].n, 0), offer[1])
				}
			}
		})
	}
}

func TestClassify(t *testing.T) {
	for errno, want := range map[error]Outcome{
		syscall.EAGAIN:       WouldBlock,
		syscall.ENOBUFS:      NoBuffers,
		syscall.ECONNREFUSED: Refused,
		syscall.ENOTCONN:     Refused,
		syscall.EMSGSIZE:     TooLarge,
		syscall.EPERM:        Denied,
		syscall.EACCES:       Denied,
		syscall.ENETUNREACH:  Unreachable,
		syscall.ENETDOWN:     Unreachable,
		syscall.EHOSTUNREACH: Unreachable,
		syscall.EHOSTDOWN:    Unreachable,
		syscall.EPROTO:       Failed,
		syscall.EINVAL:       Failed,
		syscall.EIO:          Failed,
		syscall.EINTR:        Failed,
		net.ErrClosed:        Closed,
		os.ErrClosed:         Failed,
		errors.New("other"):  Failed,
	} {
		for _, err := range []error{
			errno,
			os.NewSyscallError("sendmmsg", errno),
			&net.OpError{Op: "write", Err: &net.OpError{Op: "raw-write", Err: os.NewSyscallError("sendmmsg", errno)}},
			fmt.Errorf("sending: %w", errno),
		} {
			assert.Equal(t, want, classify(err), "%v", err)
		}
	}
	assert.Equal(t, Sent, classify(nil))
}

func TestOutcomeString(t *testing.T) {
	for o, want := range map[Outcome]string{
		Sent: "sent", WouldBlock: "would block", NoBuffers: "no buffers", Refused: "refused", TooLarge: "too large",
		Denied: "denied", Unreachable: "unreachable", Closed: "closed", Failed: "failed", Failed + 1: "Outcome(9)",
	} {
		assert.Equal(t, want, o.String())
	}
	assert.Equal(t, Sent, Outcome(0), "the zero value")
}
