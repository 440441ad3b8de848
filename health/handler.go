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

// pagePolicy allows the page its own style and script, and to ask where it came
// from; nothing else, and nothing from anywhere else.
var pagePolicy = "default-src 'none'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"style-src " + hashOf("style") + "; script-src " + hashOf("script")

// hashOf returns the source expression for the page's one element of that name.
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

// Handler serves the health of s to GET and HEAD, with status 200 where it is
// healthy or degraded and 503 where it is unhealthy; with the query ?live the
// status is always 200, for a liveness probe. Programs get the [Report] as JSON.
// Who would rather have text/html, as browsers would, gets a page that shows the
// same and keeps itself up to date. The page needs nothing from elsewhere, and
// keeps what it plots in the browser.
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
		report := s.Health()
		if report.Issues == nil {
			report.Issues = []string{}
		}
		if report.Dropped == nil {
			report.Dropped = map[string]uint64{}
		}
		body := page
		if prefersHTML(r.Header.Values("Accept")) {
			h.Set("Content-Type", "text/html; charset=utf-8")
			h.Set("Content-Security-Policy", pagePolicy)
			h.Set("Referrer-Policy", "no-referrer")
		} else {
			text, err := json.Marshal(report)
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			h.Set("Content-Type", "application/json")
			body = append(text, '\n')
		}
		if report.Status == Unhealthy && !r.URL.Query().Has("live") {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = w.Write(body) // who asked may have gone
	})
}

// prefersHTML reports whether HTML is accepted by name, and rather than JSON, which
// a wildcard stands for, too (RFC 9110, section 12.5.1). Where both are as welcome
// it is JSON: that is how programs ask that were not told how to.
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
