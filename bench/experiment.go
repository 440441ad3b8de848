package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// experiment measures two or more ways to do one thing, in turns, and fills
// one or more lines of the table.
type experiment struct {
	name  string
	lines []line
	// setup returns the sides, ready to run, also with an error those it has
	// made. quick asks for rounds that are as small as they can be.
	setup func(quick bool) ([]side, error)
	// rounds is how many there are at most; 0: as many as asked for. atLeast is
	// how many there are at least.
	rounds, atLeast int
	// cold says that the first round counts, too.
	cold bool
	// long says that it is only measured when asked for.
	long bool
	// needs is a program without which it is left out.
	needs string
}

// side is one way to do it.
type side struct {
	name string
	// round does it once. Its error says that a point was not accounted for.
	round func() (cost, error)
	// end says whether the books close, and releases what setup took.
	end func() error
}

// cost is what one round took.
type cost struct {
	points  int
	elapsed time.Duration // timed parts only
	cpu     time.Duration // of the process, user and system
	idle    time.Duration // the same, while nothing was recorded
	there   time.Duration // the same of another process
	kernel  time.Duration // of there, what was in the kernel
	mallocs uint64        // of the process
	bytes   int           // of what was encoded
	padding int           // bytes of it that only fill packets up
	packets int
	lines   int // of text, or events

	dropped, lost tally // points

	// short says that less was offered than what the round is about.
	short bool

	p50, p99, p9999  time.Duration // of single points or calls
	used, collecting time.Duration // CPU of the process while points were exported, and of collecting them
	series           int
	instructions     int // of the process, without the kernel's

	// service is what a service took, requests how long its answers did.
	service  serviceReport
	requests loadReport

	// heap is how many bytes live, heapBefore how many did at first.
	heap, heapBefore int
}

// tally is a count that somebody made, or that nobody did.
type tally struct {
	n       int
	counted bool
}

// MarshalJSON writes null if nobody counted.
func (t tally) MarshalJSON() ([]byte, error) {
	if !t.counted {
		return []byte("null"), nil
	}
	return json.Marshal(t.n)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (t *tally) UnmarshalJSON(text []byte) error {
	t.counted = string(text) != "null"
	return json.Unmarshal(text, &t.n)
}

func counted(n int) tally { return tally{n, true} }

// add adds what was counted.
func (t *tally) add(other tally) {
	t.n += other.n
	t.counted = t.counted || other.counted
}

func (t tally) text() string {
	if !t.counted {
		return "-"
	}
	return fmt.Sprint(t.n)
}

func (c *cost) nanos() float64          { return float64(c.elapsed) / float64(c.points) }
func (c *cost) cpuNanos() float64       { return float64(c.cpu) / float64(c.points) }
func (c *cost) allocs() float64         { return float64(c.mallocs) / float64(c.points) }
func (c *cost) size() float64           { return float64(c.bytes) / float64(c.points) }
func (c *cost) paddingPercent() float64 { return 100 * float64(c.padding) / float64(c.bytes) }
func (c *cost) density() float64        { return float64(c.points) / float64(c.packets) }
func (c *cost) lineNanos() float64      { return float64(c.elapsed) / float64(c.lines) }
func (c *cost) lineSize() float64       { return float64(c.bytes) / float64(c.lines) }
func (c *cost) millis() float64         { return float64(c.elapsed) / float64(time.Millisecond) }
func (c *cost) lostPercent() float64    { return 100 * float64(c.lost.n) / float64(c.points) }

func (c *cost) p99Nanos() float64       { return float64(c.p99) }
func (c *cost) p9999Nanos() float64     { return float64(c.p9999) }
func (c *cost) p50Millis() float64      { return float64(c.p50) / float64(time.Millisecond) }
func (c *cost) p99Millis() float64      { return float64(c.p99) / float64(time.Millisecond) }
func (c *cost) megabytes() float64      { return float64(c.heap) / 1e6 }
func (c *cost) heapPercent() float64    { return 100 * float64(c.heap) / float64(c.heapBefore) }
func (c *cost) droppedPercent() float64 { return 100 * float64(c.dropped.n) / float64(c.points) }

// thousands is how many points were not dropped in a second, in thousands.
func (c *cost) thousands() float64 { return float64(c.points-c.dropped.n) / c.elapsed.Seconds() / 1e3 }

// millions is what arrived in a second, in millions of points.
func (c *cost) millions() float64 { return float64(c.points-c.lost.n) / c.elapsed.Seconds() / 1e6 }

var experiments = slices.Concat([]experiment{
	ringExperiment, ringRunExperiment,
	instrumentsExperiment, seriesExperiment,
	wideExperiment, sharedExperiment,
}, textExperiments, []experiment{
	sameProcessExperiment, otherProcessExperiment,
	burstExperiment, slowReaderExperiment,
	stopExperiment, stopLoopbackExperiment, stopUnixExperiment, exportLatencyExperiment,
	refusedExperiment, shutdownExperiment,
	addExperiment, distributionExperiment, recordExperiment, coldExperiment,
}, concurrentExperiments, []experiment{
	busyExperiment, aggregatedExperiment,
	selfExperiment, unrecordedExperiment, unaddedExperiment,
	eventExperiment, steadyExperiment, throughputExperiment,
	heapExperiment, flatExperiment, flatForeverExperiment,
	idleExperiment,
	sessionsExperiment, receiveExperiment,
	serviceExperiment, loadExperiment, instructionsExperiment,
}, scaleExperiments)

func (e *experiment) matches(rows *regexp.Regexp) bool {
	for i := range e.lines {
		if rows.MatchString(e.lines[i].name) {
			return true
		}
	}
	return false
}

// result is what all rounds of one side took.
type result struct {
	side  string
	costs []cost // of the rounds that count
	// dropped and lost are those of every round.
	dropped, lost tally
}

// short says that most rounds were not what the line is about.
func (r *result) short() bool {
	short := 0
	for i := range r.costs {
		if r.costs[i].short {
			short++
		}
	}
	return 2*short > len(r.costs)
}

// measure runs the sides in turns, each round in the other order, after one
// round each that does not count.
func (e *experiment) measure(rounds int, quick bool) (results []result, err error) {
	rounds = max(rounds, e.atLeast)
	if e.rounds > 0 {
		rounds = min(rounds, e.rounds)
	}
	if quick {
		rounds = 1
	}
	sides, err := e.setup(quick)
	defer func() {
		for _, s := range sides {
			err = errors.Join(err, s.end())
		}
	}()
	if err != nil {
		return nil, err
	}
	results = make([]result, len(sides))
	first := 0
	if e.cold {
		first = 1
	}
	for i := first; i <= rounds; i++ {
		for k := range sides {
			j := k
			if i%2 == 0 {
				j = len(sides) - 1 - k
			}
			c, err := sides[j].run()
			if err != nil {
				return nil, err
			}
			results[j].add(sides[j].name, c, i > 0)
		}
	}
	return results, nil
}

// add adds a round, of which only what became of the points may count.
func (r *result) add(side string, c cost, counts bool) {
	r.side = side
	r.dropped.add(c.dropped)
	r.lost.add(c.lost)
	if counts {
		r.costs = append(r.costs, c)
	}
}

// run runs one round and adds what the process used meanwhile.
func (s *side) run() (cost, error) {
	runtime.GC() // lest one side pay for the garbage of the other
	mallocs, cpu := mallocCount(), cpuTime()
	c, err := s.round()
	c.cpu = cpuTime() - cpu
	c.mallocs = mallocCount() - mallocs
	if err != nil {
		return c, fmt.Errorf("%s: %w", s.name, err)
	}
	return c, nil
}

// mallocCount is how often the process has allocated.
func mallocCount() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}

// cpuTime is what the process has used, user and system.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// kernelTime is what of that was in the kernel.
func kernelTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Stime.Nano())
}

// timed returns how long f takes.
func timed(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

// nothing is the end of a side that holds nothing.
func nothing() error { return nil }
