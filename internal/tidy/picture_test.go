package tidy

import (
	"slices"
	"strings"
)

// mayImport is the picture of the module: what each package may import of our own,
// besides the packages below it in a directory "internal". Imports go one way. A package
// with an empty list is a leaf. The tests of a leaf import nothing of ours but the leaf
// itself and what forTests names. The tests of all others may import any package of ours.
var mayImport = map[string][]string{
	"wire":    {},
	"ringbuf": {},
	"drop":    {},
	"udp":     {},
	"health":  {},

	// Encodings that know numbers and no more, and what they share. They take points,
	// causes and limits from wire.
	"wire/internal/number": {},
	"wire/internal/cursor": {"wire/internal/number"},
	"wire/internal/flat":   {"wire"},
	"wire/internal/points": {"wire"},
	"wire/plain":           {"wire", "wire/internal/flat"},
	"wire/statsd":          {"wire", "wire/internal/flat"},
	"wire/influx":          {"wire", "wire/internal/flat"},

	"internal/clock":       {},
	"internal/latency":     {},
	"internal/version":     {},
	"internal/benchreport": {},
	"internal/faultproxy":  {"wire", "udp"},
	"internal/faults":      {"exporter", "receiver", "internal/faultproxy"},
	"internal/tidy":        {},
	"internal/workload":    {},
	"internal/allocs":      {},
	"internal/testsize":    {},
	"internal/randomdata":  {"wire", "wire/plain"},
	"internal/hostile":     {"wire"},

	// What the parts of the sending side share.
	"internal/account":     {"wire"},
	"internal/waker":       {},
	"internal/selfmetrics": {"internal/version"},
	"internal/table":       {},
	"internal/notice":      {"wire"},
	"internal/intern":      {"wire", "internal/account"},
	// The ways in: measurements into series and events, points into the point queue.
	"internal/aggregate": {"wire", "drop", "internal/account", "internal/intern", "internal/table"},
	"internal/direct":    {"wire", "drop", "internal/account", "internal/aggregate", "internal/intern", "internal/table"},
	"internal/event":     {"wire", "ringbuf", "drop", "internal/account", "internal/clock", "internal/intern", "internal/waker"},
	"internal/handoff":   {"wire", "ringbuf", "internal/account", "internal/intern", "internal/notice", "internal/waker"},
	// The way out, and the pump between them, which wires them together.
	"internal/session": {"wire", "udp", "internal/account", "internal/latency", "internal/waker"},
	"internal/pipeline": {"wire", "drop", "internal/account", "internal/event", "internal/handoff", "internal/intern", "internal/notice",
		"internal/session", "internal/waker"},

	// The exporter asks udp whether an endpoint is well formed and wire for its limits.
	"exporter": {"internal/pipeline", "internal/session", "internal/direct", "internal/account", "internal/aggregate", "internal/latency", "internal/selfmetrics", "internal/waker", "health", "drop", "udp",
		"wire", "wire/plain", "wire/statsd", "wire/influx"},
	"receiver/internal/window":  {},
	"receiver/internal/build":   {"wire"},
	"receiver/internal/compact": {"wire", "wire/plain"},
	"receiver":                  {"wire", "wire/plain", "udp", "internal/selfmetrics"},
	"relay":                     {"internal/selfmetrics"},
	"example":                   {"exporter", "receiver", "health", "wire", "internal/faultproxy"},
}

// forTests is what the tests of leaves may import, too: data that they share with
// bench/, how to count allocations, and how much a test does.
var forTests = []string{"internal/workload", "internal/allocs", "internal/testsize"}

// checkPicture finds packages that nobody has drawn into the picture yet.
func checkPicture(m *module) (found []finding) {
	for dir, files := range m.packages() {
		if _, known := mayImport[dir]; !known {
			found = append(found, m.at(files[0].ast.Package, "unknown package %s: add it to the picture (mayImport in internal/tidy)", dir))
		}
	}
	return found
}

// checkOurImports finds imports of our own packages against the picture.
func checkOurImports(m *module) (found []finding) {
	for _, f := range m.files {
		for _, spec := range f.ast.Imports {
			if p := importPath(spec); within(p, modulePath) && !ourImportAllowed(f, p) {
				found = append(found, m.at(spec.Pos(), "%s must not import %s: the picture (mayImport in internal/tidy) does not allow it", f.dir, p))
			}
		}
	}
	return found
}

func ourImportAllowed(f *source, pkg string) bool {
	rel := strings.TrimPrefix(strings.TrimPrefix(pkg, modulePath), "/")
	allowed, known := mayImport[f.dir]
	if strings.HasPrefix(rel, f.dir+"/internal/") {
		return true // a part of the package
	}
	if f.test && (rel == f.dir || slices.Contains(forTests, rel)) {
		return true // an external test imports the package it tests
	}
	if f.test && known && len(allowed) > 0 {
		_, drawn := mayImport[rel]
		return drawn
	}
	return slices.Contains(allowed, rel)
}

// dataPath is where points are on their way, from when they are handed over.
var dataPath = []string{"internal/handoff", "internal/event", "internal/session", "internal/pipeline", "internal/notice"}

// wirePackages are bytes and points: they know no OpenTelemetry and no sockets.
var wirePackages = []string{"wire", "wire/internal/number", "wire/internal/cursor", "wire/internal/flat", "wire/plain", "wire/statsd", "wire/influx"}

// restriction forbids an import, and what lies below it, in some files.
type restriction struct {
	pkgs   []string
	exact  bool // packages below pkgs are welcome
	in     func(*source) bool
	reason string
}

var restrictions = []restriction{
	{
		pkgs:   []string{"github.com/stretchr/testify", "go.uber.org/goleak"},
		in:     func(f *source) bool { return !f.test },
		reason: "a test helper: only _test.go files may import it, users must not download it",
	},
	{
		pkgs: []string{"go.opentelemetry.io"},
		in: func(f *source) bool {
			return f.dir == "internal/session" && !f.test || inPackages(wirePackages...)(f) || inPackages("ringbuf", "drop", "udp")(f)
		},
		reason: "this package knows nothing of OpenTelemetry",
	},
	{
		pkgs:   []string{"net", "golang.org/x/net"},
		in:     inPackages(wirePackages...),
		reason: "wire is bytes and points, it knows no sockets",
	},
	{
		pkgs:   []string{"unsafe"},
		in:     inPackages("ringbuf"),
		reason: "the ring is checked by the race detector, which unsafe would blind",
	},
	{
		pkgs:   []string{"go.opentelemetry.io/otel/metric"},
		in:     func(f *source) bool { return slices.Contains(dataPath, f.dir) && !f.test },
		reason: "the path of the data writes no instruments: self-metrics read the counters",
	},
	{
		pkgs:   []string{"log"},
		exact:  true, // log/slog is fine
		in:     func(f *source) bool { return !f.test && f.dir != "example" },
		reason: "a library does not write to the global logger: use otel.Handle or the given slog.Logger",
	},
}

// inPackages selects the files of the named packages, their tests included.
func inPackages(dirs ...string) func(*source) bool {
	return func(f *source) bool { return slices.Contains(dirs, f.dir) }
}

// forbids reports whether the restriction forbids file f to import pkg.
func (r restriction) forbids(f *source, pkg string) bool {
	if !r.in(f) {
		return false
	}
	return slices.ContainsFunc(r.pkgs, func(p string) bool {
		return pkg == p || !r.exact && within(pkg, p)
	})
}

// checkOtherImports finds restricted imports of packages that are not ours.
func checkOtherImports(m *module) (found []finding) {
	for _, f := range m.files {
		for _, spec := range f.ast.Imports {
			for _, r := range restrictions {
				if p := importPath(spec); r.forbids(f, p) {
					found = append(found, m.at(spec.Pos(), "%s must not import %s: %s", f.path, p, r.reason))
				}
			}
		}
	}
	return found
}

// checkBreaker allows gobreaker one file, so that it can be replaced there.
func checkBreaker(m *module) (found []finding) {
	first := ""
	for _, f := range m.files {
		for _, spec := range f.ast.Imports {
			if !within(importPath(spec), "github.com/sony/gobreaker") {
				continue
			}
			if first == "" {
				first = f.path
			} else if f.path != first {
				found = append(found, m.at(spec.Pos(), "gobreaker is imported by one file only, and that is %s", first))
			}
		}
	}
	return found
}
