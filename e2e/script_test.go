package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/health"
)

// script is the health of an exporter that a test makes up, behind the real handler.
// Its clock is an hour behind the browser's.
type script struct {
	server *httptest.Server
	report atomic.Pointer[func(now time.Time) health.Report]
	// instead answers programs, if it is set.
	instead atomic.Pointer[http.HandlerFunc]
}

// play serves a script and opens its page, which must need nothing else.
func play(t *testing.T, report func(now time.Time) health.Report) (*script, *browser) {
	t.Helper()
	need(t, "chromium")
	s := &script{}
	s.report.Store(&report)
	handler := health.Handler(s)
	s.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if instead := s.instead.Load(); instead != nil && !strings.Contains(r.Header.Get("Accept"), "html") {
			(*instead)(w, r)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(s.server.Close)
	b := newBrowser(t)
	t.Cleanup(func() { b.wasClean(t, s.server.URL) })
	b.run(t, chromedp.Navigate(s.server.URL))
	return s, b
}

// Health implements [health.Source].
func (s *script) Health() health.Report { return (*s.report.Load())(time.Now().Add(-time.Hour)) }

func (s *script) is(report func(now time.Time) health.Report) { s.report.Store(&report) }

func (s *script) answers(instead http.HandlerFunc) { s.instead.Store(&instead) }

// steady is an exporter that was made so many seconds ago and looks at itself once a
// second: each time ten points more have come in, 8 sent and 2 dropped.
func steady(ago uint64) func(now time.Time) health.Report {
	began := time.Now().Add(-time.Hour - time.Duration(ago)*time.Second)
	return func(now time.Time) health.Report {
		up := now.Sub(began).Truncate(time.Second)
		n := uint64(up / time.Second)
		looked := began.Add(up)
		sent := looked.Add(-3 * time.Second)
		return health.Report{
			Healthy: true, Status: health.Healthy, Issues: []string{}, Time: looked, Since: began, InState: up.Seconds(), Uptime: up.Seconds(),
			Metrics: health.Metrics{BufferUtilization: 0.25, P99Latency: 0.5},
			Points:  health.Points{Offered: 10 * n, Sent: 8 * n, Dropped: 2 * n, Capacity: 1024},
			Dropped: map[string]uint64{"oversize": 2 * n}, Circuit: "closed", Endpoint: "there:4319", LastSend: &sent, Delivery: health.Unconfirmed,
		}
	}
}

// eval returns what an expression says in the page.
func eval[T any](t *testing.T, b *browser, expression string) (v T) {
	t.Helper()
	b.run(t, chromedp.Evaluate(expression, &v))
	return v
}

// until waits for an expression to be true.
func (b *browser) until(t *testing.T, limit time.Duration, expression string) {
	t.Helper()
	eventually(t, limit, func() error {
		if !eval[bool](t, b, expression) {
			return fmt.Errorf("not so: %s, in %s", expression, eval[string](t, b, "JSON.stringify(history)"))
		}
		return nil
	})
}

const (
	// plotted are the points of the history, cuts is how many marks separate them.
	plotted = `history.filter(p => p.ring != null)`
	cuts    = `history.filter(p => p.ring == null).length`
	// strokes is of how many pieces the line of the ring's use is.
	strokes = `(document.querySelector("#use path")?.getAttribute("d").split("M").length ?? 1) - 1`
)

// TestPageNoAnswer: a server that hangs, or talks of something else, is one that does
// not answer, and breaks the lines once.
func TestPageNoAnswer(t *testing.T) {
	s, b := play(t, steady(100))
	b.says(t, "#word", "healthy")
	b.until(t, 10*time.Second, plotted+".length > 2")
	s.answers(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	hung := time.Now()
	b.says(t, "#word", "no answer")
	assert.Less(t, time.Since(hung), 10*time.Second)
	assert.Contains(t, b.text(t, "#since"), "since")
	assert.Equal(t, []string{"–", "–", "–"}, []string{b.text(t, "#in"), b.text(t, "#ring"), b.text(t, "#circuit")})
	s.answers(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("not JSON")) })
	b.until(t, 20*time.Second, `Date.now() / 1000 - heard > 9`)
	s.instead.Store(nil)
	b.says(t, "#word", "healthy")
	b.until(t, 10*time.Second, strokes+" == 2")
	assert.Equal(t, 1, eval[int](t, b, cuts))
}

// TestPageTime: the exporter's clock is what counts. Rates are exact, whenever the
// page asks; a restart is none; and where the clock stands still, nothing is well.
func TestPageTime(t *testing.T) {
	s, b := play(t, steady(100))
	const rates = plotted + `.filter(p => p.in != null)`
	b.until(t, 20*time.Second, rates+".length > 5")
	const exact = rates + `.every(p => Math.abs(p.in - 10) < .1 && Math.abs(p.out - 8) < .1 && Math.abs(p.lost - 2) < .1)`
	assert.True(t, eval[bool](t, b, exact), eval[string](t, b, "JSON.stringify(history)"))
	b.says(t, "#last", "3 s ago")

	// A page that asks more often than the exporter looks.
	points := eval[int](t, b, plotted+".length")
	began := time.Now()
	for time.Since(began) < 3*time.Second {
		b.run(t, chromedp.Evaluate(`fetch(location.href, {headers: {Accept: "application/json"}}).then(a => a.json()).then(r => { const now = Date.now() / 1000; take(r, now); show(r, now); })`, nil))
		<-time.After(100 * time.Millisecond)
	}
	assert.LessOrEqual(t, eval[int](t, b, plotted+".length"), points+5)
	assert.True(t, eval[bool](t, b, exact), eval[string](t, b, "JSON.stringify(history)"))
	assert.Equal(t, 0, eval[int](t, b, cuts))

	for i, ago := range []uint64{20, 500} { // started again; another process, which has been running for longer
		before := eval[int](t, b, rates+".length")
		s.is(steady(ago))
		b.until(t, 10*time.Second, fmt.Sprintf("%s == %d && %s == %d", cuts, i+1, strokes, i+2))
		b.until(t, 10*time.Second, fmt.Sprintf("%s.length > %d", rates, before+2))
		assert.True(t, eval[bool](t, b, exact), eval[string](t, b, "JSON.stringify(history)"))
	}

	stuck := steady(100)(time.Now().Add(-time.Hour))
	s.is(func(time.Time) health.Report { return stuck })
	b.says(t, "#issues", "the exporter has not looked at itself since")
	b.says(t, "#word", "unknown")
	assert.Contains(t, b.text(t, "#since"), "as of")
	assert.Equal(t, "–", b.text(t, "#in"))
	points = eval[int](t, b, plotted+".length")
	<-time.After(2500 * time.Millisecond)
	assert.Equal(t, points, eval[int](t, b, plotted+".length"))

	shut := stuck
	shut.Status, shut.Healthy, shut.Issues = health.Unhealthy, false, []string{"the exporter was shut down"}
	s.is(func(time.Time) health.Report { return shut })
	b.says(t, "#word", "unhealthy")
	assert.Contains(t, b.text(t, "#issues"), "shut down")
	s.is(func(time.Time) health.Report { return health.NewMonitor(health.Config{}).Report() })
	b.says(t, "#issues", "the exporter has not looked at itself yet")
	b.says(t, "#word", "unknown")
	s.is(steady(100))
	b.says(t, "#word", "healthy")
	assert.Empty(t, b.text(t, "#issues"))
}

// TestPageInBackground: a browser asks seldom for pages that nobody sees. Their lines
// go on.
func TestPageInBackground(t *testing.T) {
	s, b := play(t, steady(100))
	b.until(t, 10*time.Second, plotted+".length > 2")
	for minute := range 3 {
		later := time.Duration(minute+1) * time.Minute
		report := *s.report.Load()
		s.is(func(now time.Time) health.Report { return report(now.Add(time.Minute)) })
		b.run(t, chromedp.Evaluate(fmt.Sprintf(`Date.now = () => new Date().getTime() + %d`, later.Milliseconds()), nil))
		b.until(t, 10*time.Second, fmt.Sprintf("history.at(-1).t - history[0].t > %v && history.at(-1).in != null", later.Seconds()))
	}
	assert.Equal(t, 1, eval[int](t, b, strokes))
	assert.Equal(t, 0, eval[int](t, b, cuts))
	b.says(t, "#in", "10")
}

// TestPageHistory: whatever a server answers that keeps no history, the plots begin with
// what the page sees, and are not broken by it.
func TestPageHistory(t *testing.T) {
	for _, answer := range []string{"not JSON", "null", "{}", "7", `{"rows":null}`, `{"rows":[]}`} {
		s, b := play(t, steady(100))
		s.answers(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Has("history") {
				_, _ = w.Write([]byte(answer))
				return
			}
			health.Handler(s).ServeHTTP(w, r)
		})
		b.run(t, chromedp.Reload())
		b.says(t, "#word", "healthy")
		b.until(t, 10*time.Second, plotted+`.filter(p => p.in != null).length > 2`)
		assert.Equal(t, 0, eval[int](t, b, cuts))
	}
}

// losing is like steady, but that all points are lost, each of the reasons the same
// number of them a second.
func losing(lost uint64, reasons ...string) func(now time.Time) health.Report {
	report := steady(100)
	return func(now time.Time) health.Report {
		r := report(now)
		n := uint64(r.Uptime)
		r.Points.Sent, r.Points.Dropped, r.Dropped = 0, lost*uint64(len(reasons))*n, map[string]uint64{}
		for _, reason := range reasons {
			r.Dropped[reason] = lost * n
		}
		return r
	}
}

// TestPageFlow: what comes in and what goes out are on one plot, and points that are lost are
// plain to see.
func TestPageFlow(t *testing.T) {
	s, b := play(t, steady(100))
	b.says(t, "#in", "10")
	assert.Equal(t, "word,news", eval[string](t, b, `[...document.querySelectorAll("[aria-live], [role=status]")].map(e => e.id).join()`), "read aloud")
	b.says(t, "#out", "8")
	b.says(t, "#lost", "2")
	b.until(t, 10*time.Second, `document.querySelector("#flow path.in") != null && document.querySelector("#flow path.out") != null`)
	assert.Empty(t, b.text(t, "[data-read=in]"), "no pointer is at a point")
	const point = `pointer = { id: "flow", x: 1e4 }; draw()`
	b.run(t, chromedp.Evaluate(point, nil))
	require.Equal(t, "10", b.text(t, "[data-read=in]"))

	s.is(losing(8, "unresolved"))
	b.says(t, "#lost", "8")
	b.says(t, "#drops", "unresolved")
	b.says(t, "#drops", "8/s")
	const height = `(() => { const p = document.querySelector("#losses path.lost0"); return p ? p.getBBox().height : 0 })()`
	b.until(t, 10*time.Second, height+" > 30")
	b.run(t, chromedp.Evaluate(point, nil))
	assert.Equal(t, "0", b.text(t, "[data-read=out]"))
}

// TestPageDrops: nothing is red while nothing is dropped; then each reason has its
// rate, its total and its line.
func TestPageDrops(t *testing.T) {
	s, b := play(t, losing(0))
	b.says(t, "#lost", "0")
	b.says(t, "#drops", "nothing")
	const plotted = `document.querySelector("#losses").checkVisibility()`
	assert.False(t, eval[bool](t, b, plotted))
	assert.Empty(t, eval[string](t, b, `byId("lost").className`))
	s.is(losing(3, "ring_full", "oversize"))
	b.says(t, "#drops", "3/s now")
	assert.Regexp(t, `ring_full [\d,]+ since the start, \d+ (s|min) ago; 3/s now`, b.text(t, "#drops"))
	assert.Regexp(t, `oversize [\d,]+ since the start, \d+ (s|min) ago; 3/s now`, b.text(t, "#drops"))
	assert.True(t, eval[bool](t, b, plotted))
	b.until(t, 10*time.Second, `document.querySelectorAll("#losses path").length == 2`)
	assert.Equal(t, "lost", eval[string](t, b, `byId("lost").className`))
}

// TestPageInWords: the state is in the title, delivery beside it; a new issue is read
// aloud once, an address that is the endpoint not repeated, latency that nothing had
// is a gap, and what is old is dim.
func TestPageInWords(t *testing.T) {
	report := steady(100)
	with := func(change func(*health.Report)) func(time.Time) health.Report {
		return func(now time.Time) health.Report {
			r := report(now)
			r.Address = r.Endpoint
			change(&r)
			return r
		}
	}
	s, b := play(t, with(func(*health.Report) {}))
	b.says(t, "#word", "healthy")
	assert.Equal(t, "\u25CF healthy \u2013 otelgram", eval[string](t, b, "document.title"))
	assert.Equal(t, "delivery unconfirmed", b.text(t, "#delivery"))
	assert.Equal(t, "there:4319", b.text(t, "#endpoint"))
	assert.Contains(t, eval[string](t, b, `byId("use").getAttribute("aria-label")`), "worst: 25 now")
	b.until(t, 10*time.Second, plotted+".every(p => p.p99 == 0.5)")

	issue := "3 % of the points were dropped"
	s.is(with(func(r *health.Report) {
		r.Status, r.Issues, r.Address, r.Metrics.P99Latency = health.Degraded, []string{issue}, "192.0.2.1:4319", 0
	}))
	b.says(t, "#word", "degraded")
	assert.Equal(t, issue, eval[string](t, b, `byId("news").textContent`))
	assert.Equal(t, "there:4319 at 192.0.2.1:4319", b.text(t, "#endpoint"))
	b.until(t, 10*time.Second, `history.at(-1).p99 === null`)
	assert.Contains(t, b.text(t, "#p99"), "0.50 ms, 3 s ago", "the last that there was")
	b.run(t, chromedp.Evaluate(`byId("news").textContent = ""`, nil))
	s.is(with(func(r *health.Report) {
		r.Status, r.Issues = health.Degraded, []string{"4.5 % of the points were dropped"}
	}))
	b.says(t, "#issues", "4.5 %")
	assert.Empty(t, eval[string](t, b, `byId("news").textContent`), "it has other numbers, and is the same")
	s.is(with(func(r *health.Report) { r.Status, r.Issues = health.Degraded, []string{"another fault"} }))
	b.until(t, 10*time.Second, `byId("news").textContent === "another fault"`)
	s.is(with(func(*health.Report) {}))
	b.says(t, "#word", "healthy")
	assert.Empty(t, eval[string](t, b, `byId("news").textContent`), "it is over")

	const dim = `getComputedStyle(byId("sent").closest("section")).opacity`
	assert.Equal(t, "1", eval[string](t, b, dim))
	s.answers(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("not JSON")) })
	b.says(t, "#word", "no answer")
	assert.Equal(t, "0.5", eval[string](t, b, dim))
}
