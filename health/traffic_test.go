package health

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// rhythm is an exporter that exports so many points every so many seconds, of which
// a part is lost. What it exports leaves within two seconds.
type rhythm struct {
	*world
	every, points int
	part          float64

	seconds, rest int
	owed          float64 // lost points, not yet a whole one
	changes       int
	status        Status
}

func newRhythm(c Config, every, points int, part float64) *rhythm {
	return &rhythm{world: newWorld(c), every: every, points: points, part: part, status: Healthy}
}

// pass lets seconds pass, until the status is what is wanted, if it gets there.
func (h *rhythm) pass(seconds int, until ...Status) (passed int) {
	for passed < seconds {
		passed++
		r := h.second(h.change)
		if r.Status != h.status {
			h.status = r.Status
			h.changes++
		}
		if len(until) > 0 && r.Status == until[0] {
			break
		}
	}
	return passed
}

func (h *rhythm) change(s *Sample) {
	leave := h.rest
	h.rest = 0
	if h.seconds++; h.every > 0 && h.seconds%h.every == 0 {
		s.Points.Offered += uint64(h.points)
		s.Packets.Sent += uint64(1 + h.points/50)
		leave += h.points
		if h.every > 1 {
			h.rest = h.points / 2
			leave -= h.rest
		}
	}
	if leave > 0 && h.rest == 0 {
		s.Exports++
	}
	h.owed += h.part * float64(leave)
	lost := uint64(h.owed + 1e-9)
	h.owed -= float64(lost)
	s.Points.Sent += uint64(leave) - lost
	s.Points.Dropped += lost
	s.Dropped[2].Points += lost
}

// TestRhythms: however seldom a service exports, and however little, a loss that
// lasts is one status, one change, one alert; it is over a few exports after the loss
// is. Where too little is exported to tell, nothing is said.
func TestRhythms(t *testing.T) {
	const hour = 3600
	for _, every := range []int{1, 10, 15, 30, 60, 300} {
		for _, points := range []int{1, 5, 19, 1000} {
			for _, part := range []float64{1, 0.05} {
				t.Run(fmt.Sprintf("%d points every %d s, %v lost", points, every, part), func(t *testing.T) {
					want := Degraded
					switch {
					case part == 1:
						want = Unhealthy
					case points < 5 || points < few/2 && every > 1:
						want = Healthy // too little to tell
					}
					alerts := 0
					h := newRhythm(Config{Alert: func(Report) { alerts++ }}, every, points, part)
					h.pass(hour)
					assert.Equal(t, want, h.status)
					if want == Healthy {
						assert.Zero(t, alerts)
						assert.Zero(t, h.changes)
						return
					}
					assert.Equal(t, 1, alerts)
					assert.Equal(t, 1, h.changes)

					h.part, h.owed = 0, 0
					took := h.pass(hour, Healthy)
					assert.Equal(t, Healthy, h.status, "the loss has stopped")
					assert.LessOrEqual(t, took, 3*every+21, "some exports, the window and the hold")
					assert.LessOrEqual(t, h.changes, 3, "unhealthy, degraded, healthy")

					h.pass(hour) // it stays so
					assert.LessOrEqual(t, h.changes, 3)
					assert.Equal(t, 1, alerts)
				})
			}
		}
	}
}

// TestUnderWay: nothing is judged while points are neither sent nor dropped, although none waits in
// a queue: the pump has them.
func TestUnderWay(t *testing.T) {
	w := newWorld(Config{})
	w.second(fine)
	w.second(func(s *Sample) { s.Points.Offered += 100; s.Points.Sent += 40; s.Exports++ })
	assert.NotEqual(t, w.now.Time, w.monitor.exports[1].end.Time)
	w.second(func(s *Sample) { s.Points.Sent += 60 })
	e := w.monitor.exports[1]
	assert.Equal(t, w.now.Time, e.end.Time)
	assert.Equal(t, uint64(100), e.end.Points.Sent-e.begin.Points.Sent, "the export as a whole")
}

// TestDetection: the first export that is lost is noticed at once, whatever was well
// before, and the second where there are few points.
func TestDetection(t *testing.T) {
	for _, tt := range []struct{ points, exports int }{{1000, 1}, {40, 1}, {19, 2}, {1, 2}} {
		for _, every := range []int{10, 60, 300} {
			h := newRhythm(Config{}, every, tt.points, 0)
			h.pass(1200)
			assert.Equal(t, Healthy, h.status)
			h.part = 1
			assert.LessOrEqual(t, h.pass(3600, Unhealthy), tt.exports*every+1, "%d points every %d s", tt.points, every)
			assert.Equal(t, Unhealthy, h.status)
		}
	}
}

// TestIdleIsForgotten, ten minutes after the last that was lost, and not before.
func TestIdleIsForgotten(t *testing.T) {
	for _, every := range []int{1, 60} {
		h := newRhythm(Config{}, every, 1000, 1)
		h.pass(600)
		assert.Equal(t, Unhealthy, h.status)
		h.every = 0
		assert.InDelta(t, (memory + 10*time.Second).Seconds(), h.pass(3600, Healthy), 3)
		assert.Empty(t, h.monitor.Report().Issues)
	}
}

// TestRefusedSeldom: the reports that an exporter sends between its exports do not
// make good what is refused of each.
func TestRefusedSeldom(t *testing.T) {
	w := newWorld(Config{})
	changes, status := 0, Healthy
	for i := range 3600 {
		r := w.second(func(s *Sample) {
			switch {
			case i%60 == 0:
				s.Exports, s.Points.Offered, s.Points.Sent = s.Exports+1, s.Points.Offered+5000, s.Points.Sent+5000
				s.Packets.Sent, s.Packets.Refused = s.Packets.Sent+100, s.Packets.Refused+10
			case i%10 == 0:
				s.Packets.Sent++
			}
		})
		if r.Status != status {
			status = r.Status
			changes++
		}
	}
	assert.Equal(t, Unhealthy, status)
	assert.Equal(t, 1, changes)
}

// TestMonitorIsSmall, whatever it has seen.
func TestMonitorIsSmall(t *testing.T) {
	h := newRhythm(Config{Window: maxWindow}, 60, 1000, 1)
	h.pass(3600)
	assert.LessOrEqual(t, len(h.monitor.samples), 102)
	assert.LessOrEqual(t, cap(h.monitor.samples), 2*maxSamples)
}

// TestTwoRhythms: a lossy export once a minute, beside a sound one every ten seconds,
// is one fault that goes on, and an alert; and it is over soon after it ends.
func TestTwoRhythms(t *testing.T) {
	alerts, changes := 0, 0
	w := newWorld(Config{Alert: func(Report) { alerts++ }})
	last, ill := Healthy, 3600
	for i := range 2 * ill {
		r := w.second(func(s *Sample) {
			if i%10 == 0 {
				s.Points.Offered, s.Points.Sent, s.Packets.Sent = s.Points.Offered+50, s.Points.Sent+50, s.Packets.Sent+5
				s.Exports++
			}
			if i%60 == 5 && i < ill {
				s.Points.Offered, s.Points.Sent, s.Points.Dropped = s.Points.Offered+40_000, s.Points.Sent+32_000, s.Points.Dropped+8000
				s.Dropped[2].Points += 8000
				s.Exports++
				s.Packets.Sent, s.Packets.Refused = s.Packets.Sent+400, s.Packets.Refused+100
			}
		})
		if r.Status != last {
			last = r.Status
			changes++
		}
		if i == ill-1 {
			assert.Equal(t, Unhealthy, last)
			assert.LessOrEqual(t, changes, 3)
			assert.Equal(t, 1, alerts)
		}
		if i == ill+180 {
			assert.Equal(t, Healthy, last)
		}
	}
	assert.LessOrEqual(t, changes, 5)
}

// TestEdgeOfTheWindow: an export that takes two seconds is judged whole, also when the
// window begins in the middle of it; reports are packets, too.
func TestEdgeOfTheWindow(t *testing.T) {
	for _, tt := range []struct {
		window time.Duration
		every  int // seconds
	}{
		{10 * time.Second, 60}, {20 * time.Second, 60}, {100 * time.Second, 120}, {10 * time.Second, 7}, {11 * time.Second, 5},
		{10 * time.Second, 11}, {10 * time.Second, 61}, {20 * time.Second, 21}, // a report just before
	} {
		w := newWorld(Config{Window: tt.window})
		for i := range 1800 {
			since := (i + tt.every/2) % tt.every // the last export
			r := w.second(func(s *Sample) {
				if since == 2 || since > 2 && since%10 == 0 {
					s.Packets.Sent++
				}
				if since > 1 {
					return
				}
				s.Points.Offered, s.Points.Sent, s.Packets.Sent = s.Points.Offered+500, s.Points.Sent+500, s.Packets.Sent+500
				if since == 1 { // 8 % of these packets and 1.6 % of these points, half that of all
					s.Packets.Refused, s.Packets.Sent = s.Packets.Refused+40, s.Packets.Sent-40
					s.Points.Sent, s.Points.Dropped = s.Points.Sent-8, s.Points.Dropped+8
					s.Dropped[2].Points += 8
					s.Exports++
				}
			})
			require.Equal(t, Healthy, r.Status, "%v, %d: %v", tt, i, r.Issues)
		}
	}
}

// TestBeforeTheWindow: an export that has ended when the window begins is not in it.
func TestBeforeTheWindow(t *testing.T) {
	w := newWorld(Config{})
	w.seconds(3, nil)
	w.second(drops(0, 100))
	w.seconds(4, nil)
	w.second(fine)
	r := w.seconds(4, nil)
	assert.Positive(t, r.Metrics.DropRate)
	r = w.second(fine)
	assert.Zero(t, r.Metrics.DropRate)
}

// TestNeverAtRest: traffic that never pauses is judged in pieces, and what is over is over.
func TestNeverAtRest(t *testing.T) {
	w := newWorld(Config{})
	busy := func(of func(*Sample)) func(*Sample) {
		return func(s *Sample) {
			before := s.Exports
			of(s)
			s.Exports, s.Points.Queued = before, 100
		}
	}
	w.seconds(100, busy(fine))
	assert.Equal(t, Healthy, w.monitor.Report().Status)
	assert.Equal(t, Degraded, w.second(busy(drops(0, 500))).Status)
	w.seconds(100, busy(drops(0, 500)))
	seconds := 0
	for w.monitor.Report().Status != Healthy {
		w.second(busy(fine))
		seconds++
		require.Less(t, seconds, 100)
	}
	assert.LessOrEqual(t, seconds, 30, "the window, the piece at its begin, and the hold")
	assert.Equal(t, uint64(5000), w.monitor.Report().LastExport.Sent)
}

// TestNextExportUnderWay: a sample in the middle of an export is no border between two, even
// if another export ended in the second before it.
func TestNextExportUnderWay(t *testing.T) {
	w := newWorld(Config{})
	w.second(nil)
	w.second(func(s *Sample) { s.Points.Offered, s.Points.Sent, s.Points.Queued, s.Exports = 150, 120, 30, 1 })
	assert.Nil(t, w.monitor.Report().LastExport)
	w.second(func(s *Sample) { s.Points.Sent, s.Points.Queued, s.Exports = 150, 0, 2 })
	assert.Equal(t, uint64(150), w.monitor.Report().LastExport.Sent)
}

// TestRefusedReports: between exports it is the reports that are refused. Two of them tell,
// however far apart, and two that are taken are the end of it. They are no exports.
func TestRefusedReports(t *testing.T) {
	for _, every := range []int{10, 30, 290} {
		w := newWorld(Config{})
		w.seconds(3, fine)
		refused := 0
		report := func(change func(*Sample)) func(*Sample) {
			return func(s *Sample) {
				if int(s.Time.Sub(start)/time.Second)%every == 0 {
					change(s)
				}
			}
		}
		for range 5 * every {
			r := w.second(report(func(s *Sample) { s.Packets.Refused++; refused++ }))
			require.Equal(t, refused >= 2, r.Status == Unhealthy, "%d refused, every %d s", refused, every)
		}
		assert.Equal(t, &LastExport{Time: start.Add(3 * time.Second), Sent: 1000}, w.monitor.Report().LastExport)
		r := w.seconds(2*every+21, report(func(s *Sample) { s.Packets.Sent++ }))
		assert.Equal(t, Healthy, r.Status, "%v", r.Issues)
	}
}

// TestRates are those between two exports, until the next is overdue; or those of the window
// if it holds exports.
func TestRates(t *testing.T) {
	h := newRhythm(Config{}, 60, 600, 0)
	assert.Zero(t, h.monitor.Report().Rates)
	h.pass(60 + 59)
	assert.InDelta(t, 10, h.monitor.Report().Rates.Offered, 0.2)
	assert.InDelta(t, 60, h.monitor.Report().Rates.Seconds, 1, "the time before the first export counts")
	for range 300 {
		h.pass(1)
		r := h.monitor.Report().Rates
		if since := h.seconds % 60; since > 1 && since < 59 {
			assert.InDelta(t, 60, r.Seconds, 1)
			assert.InDelta(t, 10, r.Sent, 0.2)
			assert.Zero(t, r.Dropped)
		}
	}
	h.every, h.rest = 0, 0
	h.pass(300)
	assert.Less(t, h.monitor.Report().Rates.Sent, 3.0, "the next one is overdue")

	h = newRhythm(Config{}, 1, 10, 0.5)
	h.pass(100)
	assert.Equal(t, Rates{Offered: 10, Sent: 5, Dropped: 5, Seconds: 10}, h.monitor.Report().Rates)
}

// TestLastExport is the last that was settled, with what became of it.
func TestLastExport(t *testing.T) {
	h := newRhythm(Config{}, 60, 600, 0.25)
	h.pass(60)
	assert.Nil(t, h.monitor.Report().LastExport, "half of it has left")
	h.pass(1)
	last := LastExport{Time: start.Add(61 * time.Second), Sent: 450, Dropped: 150}
	assert.Equal(t, &last, h.monitor.Report().LastExport)
	assert.Nil(t, h.monitor.Report().LastSend)
	h.now.LastSend = start
	h.pass(30)
	assert.Equal(t, &last, h.monitor.Report().LastExport)
	assert.Equal(t, &start, h.monitor.Report().LastSend)
}
