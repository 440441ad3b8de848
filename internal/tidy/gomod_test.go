package tidy

import (
	"slices"
	"strings"
)

// directRequires are the modules our users download with us. One more needs a
// reason in CONTRIBUTING.md.
var directRequires = []string{
	"go.opentelemetry.io/otel",
	"go.opentelemetry.io/otel/metric",
	"go.opentelemetry.io/otel/sdk",
	"go.opentelemetry.io/otel/sdk/metric",
	"go.opentelemetry.io/otel/trace",
	"github.com/lightstep/go-expohisto",
	"github.com/sony/gobreaker/v2",
	"golang.org/x/net",
	"golang.org/x/sys",
	"github.com/stretchr/testify",
	"go.uber.org/goleak",
}

// checkRequires finds direct requirements in go.mod outside the list.
func checkRequires(m *module) (found []finding) {
	block := false
	for i, line := range strings.Split(m.goMod, "\n") {
		code, comment, _ := strings.Cut(line, "//")
		words := strings.Fields(code)
		switch {
		case len(words) == 0:
			continue
		case words[0] == "require" && words[len(words)-1] == "(":
			block = true
			continue
		case words[0] == ")":
			block = false
			continue
		case words[0] == "require":
			words = words[1:]
		case !block:
			continue
		}
		if strings.TrimSpace(comment) == "indirect" || slices.Contains(directRequires, words[0]) {
			continue
		}
		found = append(found, finding{"go.mod", i + 1, "direct requirement of " + words[0] +
			": give the reason in CONTRIBUTING.md and add it to directRequires in internal/tidy"})
	}
	return found
}
