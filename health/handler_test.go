package health

import (
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fixed is a source that always says the same.
type fixed Report

func (f fixed) Health() Report { return Report(f) }

func ask(t *testing.T, s Status, method, target, accept string) *httptest.ResponseRecorder {
	t.Helper()
	w := newWorld(Config{})
	w.second(fine)
	r := w.monitor.Report()
	r.Status, r.Healthy = s, s != Unhealthy
	request := httptest.NewRequest(method, target, nil)
	if accept != "" {
		request.Header.Set("Accept", accept)
	}
	answer := httptest.NewRecorder()
	Handler(fixed(r), nil, WithTitle(`a "<b>" & c`), nil).ServeHTTP(answer, request)
	return answer
}

func TestHandler(t *testing.T) {
	const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	tests := []struct {
		status                 Status
		method, target, accept string
		code                   int
		html                   bool
	}{
		{Healthy, "GET", "/health", "", 200, false},
		{Degraded, "GET", "/health", "*/*", 200, false},
		{Unhealthy, "GET", "/health", "*/*", 503, false},
		{Unhealthy, "HEAD", "/health", "", 503, false},
		{Unhealthy, "GET", "/health?live", "", 200, false},
		{Unhealthy, "GET", "/health?live=1", "application/json", 200, false},
		{Unhealthy, "GET", "/health?alive", "application/json", 503, false},
		{Unhealthy, "GET", "/health", browser, 503, true},
		{Unhealthy, "HEAD", "/health", browser, 503, true},
		{Unhealthy, "GET", "/health?live", browser, 200, true},
		{Degraded, "GET", "/health", browser, 200, true},
		{Healthy, "GET", "/health", "text/html, application/json", 200, false},
		{Healthy, "GET", "/health", "text/html, */*", 200, false},
		{Healthy, "GET", "/health", "application/*;q=0.9, text/html;q=0.5", 200, false},
		{Healthy, "GET", "/health", "text/html, image/gif, */*; q=.2", 200, true},
		{Healthy, "GET", "/health", "application/json, text/html;q=0.5", 200, false},
		{Healthy, "GET", "/health", "application/json;q=0.5, TEXT/HTML", 200, true},
		{Healthy, "GET", "/health", "application/json; Q=0.5, text/html", 200, true},
		{Healthy, "GET", "/health", "text/html;q=0", 200, false},
		{Healthy, "GET", "/health", "text/html;q=x", 200, false},
		{Healthy, "GET", "/health", "text/plain", 200, false},
		{Healthy, "POST", "/health", "", 405, false},
		{Healthy, "DELETE", "/health", browser, 405, false},
	}
	for _, tt := range tests {
		a := ask(t, tt.status, tt.method, tt.target, tt.accept)
		assert.Equal(t, tt.code, a.Code, "%+v", tt)
		assert.Equal(t, "no-store", a.Header().Get("Cache-Control"))
		assert.Equal(t, "Accept", a.Header().Get("Vary"))
		switch {
		case tt.code == http.StatusMethodNotAllowed:
			assert.Equal(t, "GET, HEAD", a.Header().Get("Allow"))
		case tt.html:
			assert.Equal(t, "text/html; charset=utf-8", a.Header().Get("Content-Type"))
			assert.Contains(t, a.Body.String(), "a &#34;&lt;b&gt;&#34; &amp; c")
			assert.NotContains(t, a.Body.String(), "{{")
		default:
			assert.Equal(t, "application/json", a.Header().Get("Content-Type"))
			var r Report
			require.NoError(t, json.Unmarshal(a.Body.Bytes(), &r))
			assert.Equal(t, tt.status, r.Status)
		}
	}
}

// TestHandlerOfNothing: what a source of one's own leaves out is empty, and not null.
func TestHandlerOfNothing(t *testing.T) {
	a := ask(t, Healthy, "GET", "/health", "")
	assert.Contains(t, a.Body.String(), `"issues":[]`)
	assert.Contains(t, a.Body.String(), `"dropped":{}`)
}

// TestPageNeedsNothingElse: no address but its own, no style or script outside of
// the two elements that the policy allows by their hashes.
func TestPageNeedsNothingElse(t *testing.T) {
	a := ask(t, Healthy, "GET", "/health", "text/html")
	body := a.Body.String()
	assert.Equal(t, 1, strings.Count(body, "<style>"))
	assert.Equal(t, 1, strings.Count(body, "<script>"))
	policy := a.Header().Get("Content-Security-Policy")
	for _, source := range []string{"default-src 'none'", "connect-src 'self'", "script-src " + hashOf("script"), "style-src " + hashOf("style"), "frame-ancestors 'none'"} {
		assert.Contains(t, policy, source)
	}
	assert.NotEqual(t, hashOf("script"), hashOf("style"))
	addresses := regexp.MustCompile(`[a-z]+://[^"'\s]*`).FindAllString(body, -1)
	assert.Equal(t, []string{"http://www.w3.org/2000/svg"}, addresses, "the namespace of SVG is no request")
	assert.NotRegexp(t, `\s(style|on[a-z]+)="`, body)
	assert.NotContains(t, body, "innerHTML", "what comes from outside is text")
	for _, id := range regexp.MustCompile(`text\("([a-z0-9]+)"`).FindAllStringSubmatch(body, -1) {
		assert.Contains(t, body, `id="`+id[1]+`"`)
	}
}

// remembering is a source with a history.
type remembering struct {
	fixed
	history History
}

func (r remembering) HealthHistory() History { return r.history }

// TestHandlerHistory: the history is JSON for whoever asks for it, whatever the status; of a
// source without one it is empty.
func TestHandlerHistory(t *testing.T) {
	w := newWorld(Config{})
	w.seconds(3, drops(0, 500))
	for want, s := range map[string]Source{
		`{"rows":[]}`:  fixed{},
		`{"rows":[]} `: remembering{},
		`{"rows":[` +
			`{"time":"2026-01-02T03:04:07Z","status":"degraded","offered":1000,"sent":500,"dropped":500,"buffer_utilization":0,"p99_latency_ms":0,"reasons":{"ring_full":500}},` +
			`{"time":"2026-01-02T03:04:08Z","status":"degraded","offered":1000,"sent":500,"dropped":500,"buffer_utilization":0,"p99_latency_ms":0,"reasons":{"ring_full":500}}]}`: remembering{history: w.monitor.History()},
	} {
		for _, accept := range []string{"", "text/html", "application/json"} {
			request := httptest.NewRequest(http.MethodGet, "/health?history", nil)
			request.Header.Set("Accept", accept)
			answer := httptest.NewRecorder()
			Handler(s).ServeHTTP(answer, request)
			assert.Equal(t, http.StatusOK, answer.Code)
			assert.Equal(t, "application/json", answer.Header().Get("Content-Type"))
			assert.Equal(t, "no-store", answer.Header().Get("Cache-Control"))
			assert.Equal(t, strings.TrimSpace(want), strings.TrimSpace(answer.Body.String()))
		}
	}
}

// TestHandlerOfBadNumbers: a source of one's own may say what JSON cannot.
func TestHandlerOfBadNumbers(t *testing.T) {
	answer := httptest.NewRecorder()
	Handler(fixed{Metrics: Metrics{DropRate: math.NaN()}}).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/health", nil))
	assert.Equal(t, http.StatusInternalServerError, answer.Code)
	assert.Contains(t, answer.Body.String(), "NaN")
}
