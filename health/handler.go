package health

import (
	"crypto/sha256"
	_ "embed" // the page
	"encoding/base64"
	"encoding/json"
	"html"
	"net/http"
	"strconv"
	"strings"
)

//go:embed page.html
var page string

// pagePolicy lets the page use its own style and script, and ask its own server. It
// allows nothing else, and nothing from elsewhere.
var pagePolicy = "default-src 'none'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"style-src " + hashOf("style") + "; script-src " + hashOf("script")

// hashOf returns the source expression for the one element of the page that has the name.
func hashOf(element string) string {
	_, rest, _ := strings.Cut(page, "<"+element+">")
	content, _, _ := strings.Cut(rest, "</"+element+">")
	sum := sha256.Sum256([]byte(content))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Option configures [Handler], which ignores a nil option: it has no error to return.
type Option interface{ apply(handler) handler }

type optionFunc func(handler) handler

func (f optionFunc) apply(h handler) handler { return f(h) }

// WithTitle sets the page's heading, such as the name of the service. The default
// is "otelgram".
func WithTitle(title string) Option {
	return optionFunc(func(h handler) handler { h.title = title; return h })
}

type handler struct{ title string }

// Handler serves the health of s to GET and HEAD. The status is 200 while s is healthy or
// degraded, and 503 while it is unhealthy. With the query ?live the status is always 200,
// for a liveness probe.
//
// Programs get the [Report] as JSON. A client that prefers text/html, as browsers do, gets
// a page that shows the same, plots the last ten minutes and keeps itself up to date. The
// page needs nothing from elsewhere. With the query ?history, which the page asks with,
// the answer is the [History] as JSON; it is empty if s is no [HistorySource].
func Handler(s Source, opts ...Option) http.Handler {
	c := handler{title: "otelgram"}
	for _, o := range opts {
		if o != nil {
			c = o.apply(c)
		}
	}
	page := []byte(strings.ReplaceAll(page, "{{title}}", html.EscapeString(c.title)))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Vary", "Accept")
		h.Set("X-Content-Type-Options", "nosniff")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "want GET or HEAD", http.StatusMethodNotAllowed)
			return
		}
		query := r.URL.Query()
		if query.Has("history") {
			writeJSON(w, http.StatusOK, historyOf(s))
			return
		}
		report, status := complete(s.Health()), http.StatusOK
		if report.Status == Unhealthy && !query.Has("live") {
			status = http.StatusServiceUnavailable
		}
		if !prefersHTML(r.Header.Values("Accept")) {
			writeJSON(w, status, report)
			return
		}
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", pagePolicy)
		h.Set("Referrer-Policy", "no-referrer")
		w.WriteHeader(status)
		_, _ = w.Write(page) // the client may have gone
	})
}

// complete fills in what a source may leave out and JSON must not have as null.
func complete(r Report) Report {
	if r.Issues == nil {
		r.Issues = []string{}
	}
	if r.Dropped == nil {
		r.Dropped = map[string]uint64{}
	}
	return r
}

func historyOf(s Source) (h History) {
	if source, ok := s.(HistorySource); ok {
		h = source.HealthHistory()
	}
	if h.Rows == nil {
		h.Rows = []Row{}
	}
	return h
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // the client may have gone
}

// prefersHTML reports whether HTML is accepted by name and with a higher quality than
// JSON, which a wildcard accepts as well (RFC 9110, section 12.5.1). Programs that were
// not told how to ask accept both alike, and get JSON.
func prefersHTML(accept []string) bool {
	page, other := 0.0, 0.0
	for _, part := range strings.Split(strings.Join(accept, ","), ",") {
		media, parameters, _ := strings.Cut(part, ";")
		q := quality(parameters)
		switch strings.ToLower(strings.TrimSpace(media)) {
		case "text/html", "application/xhtml+xml":
			page = max(page, q)
		case "application/json", "application/*", "*/*":
			other = max(other, q)
		}
	}
	return page > other
}

func quality(parameters string) float64 {
	for _, p := range strings.Split(parameters, ";") {
		if name, value, _ := strings.Cut(strings.TrimSpace(p), "="); strings.EqualFold(name, "q") {
			if q, err := strconv.ParseFloat(value, 64); err == nil {
				return q
			}
			return 0
		}
	}
	return 1
}
