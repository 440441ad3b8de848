package e2e

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"

	"github.com/otelgram/otelgram/health"
)

// minutely stands for the exporter of a service that exports once a minute, and began twelve
// minutes ago. Seconds of its life are made up until the present one whenever it is asked.
type minutely struct {
	monitor *health.Monitor
	began   time.Time
	now     health.Sample
	outage  [2]int // from which second to which nobody listens
}

func newMinutely(outageFrom, outageTo int) *minutely {
	began := time.Now().Add(-12 * time.Minute)
	return &minutely{
		monitor: health.NewMonitor(health.Config{}), began: began, outage: [2]int{outageFrom, outageTo},
		now: health.Sample{
			Time: began, Circuit: "closed", Endpoint: "telemetry.internal:4319", Address: "10.0.0.1:4319", PacketSize: 1472,
			Points: health.Points{Capacity: 16384},
		},
	}
}

func (m *minutely) Health() health.Report { m.live(); return m.monitor.Report() }

func (m *minutely) HealthHistory() health.History { m.live(); return m.monitor.History() }

// live lets the seconds pass that have passed.
func (m *minutely) live() {
	for !m.now.Time.Add(time.Second).After(time.Now()) {
		m.now.Time = m.now.Time.Add(time.Second)
		m.second(int(m.now.Time.Sub(m.began) / time.Second))
		m.monitor.Observe(m.now)
	}
}

func (m *minutely) second(n int) {
	s, out := &m.now, n >= m.outage[0] && n < m.outage[1]
	s.Latency = health.Latency{}
	switch {
	case out && n >= m.outage[0]+24:
		s.Circuit = "open"
	default:
		s.Circuit = "closed"
	}
	if n%10 == 0 && s.Circuit == "closed" {
		m.packets(1, out)
	}
	if n%60 != 7 {
		return
	}
	const points = 1240
	s.Exports++
	s.Points.Offered += points
	if s.Circuit == "open" {
		s.Points.Dropped += points
		s.Dropped = []health.Dropped{{Reason: "breaker_open", Points: s.Points.Dropped, Leaving: true, Remedy: "start the receiver, or look at the route to it"}}
		return
	}
	s.Points.Sent += points
	s.LastSend = s.Time
	s.Latency = health.Latency{P50: 0.8, P99: 2.4 + float64(n%7)/3}
	m.packets(24, out)
}

func (m *minutely) packets(n uint64, out bool) {
	m.now.Packets.Sent += n
	m.now.Packets.Bytes += n * 1400
	if out {
		m.now.Packets.Refused += (n + 1) / 2
		m.now.ConnectionsRefused += (n + 1) / 2
	}
}

// TestPageAfterTheIncident: whoever opens the page when all is over sees what was, at once.
func TestPageAfterTheIncident(t *testing.T) {
	need(t, "chromium")
	for name, tt := range map[string]struct {
		source  *minutely
		word    string
		issues  []string
		circuit string
		export  string
	}{
		"minutely":        {newMinutely(1<<30, 1<<30), "healthy", nil, "closed (sending)", "1,240 points, "},
		"minutely-outage": {newMinutely(9*60, 1<<30), "unhealthy", []string{"the port at 10.0.0.1:4319 is closed", "start the receiver"}, "open (dropping)", "1,240 dropped, "},
		"minutely-after":  {newMinutely(3*60, 5*60), "healthy", nil, "closed (sending)", "1,240 points, "},
	} {
		t.Run(name, func(t *testing.T) {
			mux := http.NewServeMux()
			mux.Handle("/health", health.Handler(tt.source, health.WithTitle("checkout service")))
			server := httptest.NewServer(mux)
			defer server.Close()
			b := newBrowser(t)
			b.run(t, chromedp.Navigate(server.URL+"/health?live")) // or the browser complains of the 503
			b.says(t, "#word", tt.word)
			b.says(t, "#circuit", tt.circuit)
			b.says(t, "#export", tt.export)
			b.says(t, "#in", "20.7 /s over 60 s")
			assert.Equal(t, min(1, len(tt.issues)), eval[int](t, b, `document.querySelectorAll("#issues li").length`), "one fault, one sentence")
			for _, issue := range tt.issues {
				b.says(t, "#issues", issue)
			}
			path := eval[string](t, b, `document.querySelector("#flow path.in").getAttribute("d")`)
			assert.Greater(t, strings.Count(path, "L"), 500, "ten minutes are there at once")
			ill := eval[float64](t, b, `[...document.querySelectorAll("#flow rect")].reduce((n, r) => n + r.width.baseVal.value, 0)`)
			assert.Equal(t, tt.source.outage[0] < 12*60, ill > 100, "%v pixels not healthy", ill)
			assert.Equal(t, tt.source.outage[0] < 12*60, eval[bool](t, b, `!byId("unhealthy").hidden`))
			b.shoot(t, name, 1280, 900, "light")
			b.shoot(t, name+"-dark", 1280, 900, "dark")
			b.shoot(t, name+"-phone", 375, 800, "light")
			b.wasClean(t, server.URL)
		})
	}
}

// TestPageFillsGaps: what the page has missed while it had no answer, or was asleep, it gets
// from the server when it is back.
func TestPageFillsGaps(t *testing.T) {
	need(t, "chromium")
	source := newMinutely(1<<30, 1<<30)
	var down atomic.Bool
	handler := health.Handler(source)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			_, _ = w.Write([]byte("not JSON"))
			return
		}
		handler.ServeHTTP(w, r)
	}))
	defer server.Close()
	b := newBrowser(t)
	b.run(t, chromedp.Navigate(server.URL))
	b.says(t, "#word", "healthy")
	whole := func(of string) string {
		return `history.length > 500 && history.every((p, i) => p.ring != null && (!i || p.t - history[i - 1].t < 1.5)) && history.at(-1).t > ` + of
	}
	b.until(t, 10*time.Second, whole("0"))
	b.run(t, chromedp.Reload())
	b.until(t, 10*time.Second, whole("0"))
	down.Store(true)
	b.says(t, "#word", "no answer")
	b.until(t, 20*time.Second, "Date.now() / 1000 - heard > 4")
	assert.False(t, eval[bool](t, b, whole("0")))
	down.Store(false)
	b.says(t, "#word", "healthy")
	b.until(t, 10*time.Second, whole("heard - 3"))

	// A hidden page that is seen again.
	b.run(t, chromedp.Evaluate(`history.splice(100, 300); document.dispatchEvent(new Event("visibilitychange"))`, nil))
	b.until(t, 10*time.Second, whole("0"))
	b.wasClean(t, server.URL)
}
