package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"syscall"
	"time"
)

// isChild reports whether the arguments of a process say that it is a child.
func isChild(args []string) bool { return len(args) == 2 && args[1] == serveFlag }

const (
	serveFlag = "-serve"
	// progressFile is the file to which a child writes how many points it has taken, as
	// eight bytes.
	progressFile = 3
)

// What a parent asks of a child.
const (
	askStart   = "start"   // a receiver
	askProfile = "profile" // the CPU from now on
	askBegin   = "begin"   // a round
	askEnd     = "end"     // a round
	askBooks   = "books"
	askSum     = "sum" // of the values of all points that were handed over
)

// request is what a parent asks, as JSON.
type request struct {
	Ask      string
	Role     string        // of start
	Interval time.Duration // of start: how often statsdreceiver hands over
	Grain    uint64        // of start: how many points it takes to tell of them
	Path     string        // of profile
	Points   uint64        // of begin: how many the round has
	Sum      float64       // of sum: what it will be
}

// reply is what a child answers, as JSON.
type reply struct {
	Error         string
	Address       string           // of start
	CPU           time.Duration    // of begin and end: user and system
	Mallocs       uint64           // of begin and end
	Points, Calls uint64           // of begin and end: since the start
	Books         map[string]int64 // of books: what the receiver tells of itself
	Sum           float64          // of sum
}

// server is a child: a receiver of a Collector, and a consumer that counts.
type server struct {
	counts   *counts
	receiver *runningReceiver
	profile  *os.File
	patience time.Duration // how long a sum may take
}

// serve is what a child does: it answers the questions of its parent until in ends.
func serve(in io.Reader, out io.Writer, progress io.Writer) error {
	s := &server{counts: newCounts(progress)}
	questions, answers := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var q request
		if err := questions.Decode(&q); errors.Is(err, io.EOF) {
			return s.close()
		} else if err != nil {
			return errors.Join(err, s.close())
		}
		r, err := s.answer(&q)
		if err != nil {
			r.Error = err.Error()
		}
		if err := answers.Encode(r); err != nil {
			return errors.Join(err, s.close())
		}
	}
}

func (s *server) answer(q *request) (r reply, err error) {
	switch q.Ask {
	case askStart:
		s.counts.grain, s.patience = q.Grain, 3*q.Interval
		s.receiver, err = startReceiver(q.Role, q.Interval, s.counts)
		if err == nil {
			r.Address = s.receiver.address
		}
		return r, err
	case askProfile:
		if s.profile, err = os.Create(q.Path); err == nil {
			err = pprof.StartCPUProfile(s.profile)
		}
		return r, err
	case askBegin:
		s.counts.expect(q.Points)
		runtime.GC() // lest this round pay for the garbage of another
		r.Mallocs = mallocCount()
		r.CPU, err = cpuTime()
	case askEnd:
		r.CPU, err = cpuTime()
		r.Mallocs = mallocCount()
	case askBooks:
		r.Books, err = s.receiver.books()
		return r, err
	case askSum:
		r.Sum, err = s.counts.waitForSum(q.Sum, s.patience)
		return r, err
	default:
		return r, fmt.Errorf("unknown question %q", q.Ask)
	}
	r.Points, r.Calls = s.counts.points.Load(), s.counts.calls.Load()
	return r, err
}

func (s *server) close() (err error) {
	if s.profile != nil {
		pprof.StopCPUProfile()
		err = s.profile.Close()
	}
	if s.receiver != nil {
		err = errors.Join(err, s.receiver.stop(context.Background()))
	}
	return err
}

// mallocCount is how often the process has allocated.
func mallocCount() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}

// cpuTime is what the process has used, user and system.
func cpuTime() (time.Duration, error) {
	var u syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), err
}
