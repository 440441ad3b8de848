package main

import (
	"errors"

	"github.com/puzpuzpuz/xsync/v4"

	"github.com/otelgram/otelgram/ringbuf"
)

const (
	ringSize = 1024
	ringRun  = 32
)

// event is what goes through the rings: one cache line.
type event [8]uint64

// errRing says that a ring refused a value, or returned another.
var errRing = errors.New("a value was refused or changed")

var ringExperiment = experiment{
	name: "ring push+pop",
	lines: []line{
		{"ring push+pop, xsync", "ns", (*cost).nanos, 0, 1, target{ratioAtMost, 0.8}},
		{"ring push+pop, channel", "ns", (*cost).nanos, 0, 2, none},
		{"ring push+pop, allocations", "allocs", (*cost).allocs, 0, 1, target{valueAtMost, 0.0001}},
	},
	setup: func(quick bool) ([]side, error) {
		r, err := ringbuf.New[event](ringSize)
		if err != nil {
			return nil, err
		}
		q, c := xsync.NewMPMCQueue[event](ringSize), make(chan event, ringSize)
		n := repeats(quick, 1_000_000)
		return []side{
			{"ringbuf", func() (cost, error) { return throughRing(r, n) }, nothing},
			{"xsync", func() (cost, error) { return throughQueue(q, n) }, nothing},
			{"channel", func() (cost, error) { return throughChannel(c, n) }, nothing},
		}, nil
	},
}

var ringRunExperiment = experiment{
	name: "ring 32 pushes, pops",
	lines: []line{
		{"ring 32 pushes + pop of 32, xsync 32 pops", "ns", (*cost).nanos, 0, 1, target{ratioAtMost, 0.5}},
		{"ring 32 pushes + pop of 32, allocations", "allocs", (*cost).allocs, 0, 1, target{valueAtMost, 0.0001}},
	},
	setup: func(quick bool) ([]side, error) {
		r, err := ringbuf.New[event](ringSize)
		if err != nil {
			return nil, err
		}
		q := xsync.NewMPMCQueue[event](ringSize)
		n := repeats(quick, 1_000_000)
		return []side{
			{"ringbuf", func() (cost, error) { return runsThroughRing(r, n) }, nothing},
			{"xsync", func() (cost, error) { return runsThroughQueue(q, n) }, nothing},
		}, nil
	},
}

// repeats is n, or a little in a quick round.
func repeats(quick bool, n int) int {
	if quick {
		return max(1, n/1000)
	}
	return n
}

func throughRing(r *ringbuf.Ring[event], n int) (cost, error) {
	var in, out event
	sum := uint64(0)
	d := timed(func() {
		for i := range n {
			in[0] = uint64(i)
			if !r.TryPush(&in) || !r.TryPop(&out) {
				return
			}
			sum += out[0]
		}
	})
	return cost{points: n, elapsed: d}, checkSum(sum, n)
}

func throughQueue(q *xsync.MPMCQueue[event], n int) (cost, error) {
	var in, out event
	sum := uint64(0)
	d := timed(func() {
		for i := range n {
			in[0] = uint64(i)
			if !q.TryEnqueue(in) {
				return
			}
			out, _ = q.TryDequeue()
			sum += out[0]
		}
	})
	return cost{points: n, elapsed: d}, checkSum(sum, n)
}

func throughChannel(c chan event, n int) (cost, error) {
	var in, out event
	sum := uint64(0)
	d := timed(func() {
		for i := range n {
			in[0] = uint64(i)
			select {
			case c <- in:
			default:
				return
			}
			select {
			case out = <-c:
			default:
			}
			sum += out[0]
		}
	})
	return cost{points: n, elapsed: d}, checkSum(sum, n)
}

func runsThroughRing(r *ringbuf.Ring[event], n int) (cost, error) {
	n = max(ringRun, n/ringRun*ringRun)
	var in event
	out := make([]event, ringRun)
	sum := uint64(0)
	d := timed(func() {
		for i := 0; i < n; {
			for range ringRun {
				in[0] = uint64(i)
				if !r.TryPush(&in) {
					return
				}
				i++
			}
			for j := range r.TryPopBatch(out) {
				sum += out[j][0]
			}
		}
	})
	return cost{points: n, elapsed: d}, checkSum(sum, n)
}

func runsThroughQueue(q *xsync.MPMCQueue[event], n int) (cost, error) {
	n = max(ringRun, n/ringRun*ringRun)
	var in, out event
	sum := uint64(0)
	d := timed(func() {
		for i := 0; i < n; {
			for range ringRun {
				in[0] = uint64(i)
				if !q.TryEnqueue(in) {
					return
				}
				i++
			}
			for range ringRun {
				out, _ = q.TryDequeue()
				sum += out[0]
			}
		}
	})
	return cost{points: n, elapsed: d}, checkSum(sum, n)
}

// checkSum wants the sum of 0 to n-1: every value came out, once.
func checkSum(sum uint64, n int) error {
	if sum != uint64(n)*uint64(n-1)/2 {
		return errRing
	}
	return nil
}
