package tidy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// sample is a small module: file names and what they hold.
type sample map[string]string

// bites shows that each rule finds what it should and nothing else. A want is
// the finding's file and line; none means that the sample is good.
var bites = []struct {
	rule  string
	name  string
	files sample
	want  []string
}{
	{"packages", "known", sample{"wire/a.go": "package wire\n"}, nil},
	{"packages", "unknown", sample{"wire/a.go": "package wire\n", "wires/a.go": "\npackage wires\n"}, []string{"wires/a.go:2"}},
	{"packages", "the root holds none", sample{"a.go": "package otelgram\n"}, []string{"a.go:1"}},
	{"packages", "elsewhere", sample{
		"bench/go.mod": "module x\n", "bench/deep/a.go": "package deep\n", "testdata/a.go": "not Go", ".ci/a.go": "not Go", "_old/a.go": "not Go",
	}, nil},

	{"our imports", "allowed", sample{"receiver/a.go": imports("receiver", "@/wire", "@/udp", "net")}, nil},
	{"our imports", "against the picture", sample{"receiver/a.go": imports("receiver", "@/wire", "@/drop")}, []string{"receiver/a.go:5"}},
	{"our imports", "leaf", sample{"udp/a.go": imports("udp", "@/wire")}, []string{"udp/a.go:4"}},
	{"our imports", "what is for tests outside of them", sample{"wire/a.go": imports("wire", "@/internal/workload")}, []string{"wire/a.go:4"}},
	{"our imports", "leaf's test", sample{"udp/a_test.go": imports("udp_test", "@/udp", "@/wire")}, []string{"udp/a_test.go:5"}},
	{"our imports", "other test", sample{"receiver/a_test.go": imports("receiver_test", "@/receiver", "@/exporter")}, nil},
	{"our imports", "unknown package", sample{"receiver/a_test.go": imports("receiver_test", "@/bench")}, []string{"receiver/a_test.go:4"}},
	{"our imports", "from an unknown package", sample{"wires/a.go": imports("wires", "@/wire")}, []string{"wires/a.go:4"}},
	{"our imports", "similar path", sample{"wire/a.go": imports("wire", "@s/udp")}, nil},

	{"other imports", "test helpers", sample{
		"exporter/a.go": imports("exporter", "go.uber.org/goleak"), "exporter/a_test.go": imports("exporter", "go.uber.org/goleak"),
		"udp/a.go": imports("udp", "github.com/stretchr/testify/require"),
	}, []string{"exporter/a.go:4", "udp/a.go:4"}},
	{"other imports", "OpenTelemetry", sample{
		"wire/a.go": imports("wire", "go.opentelemetry.io/otel"), "drop/a_test.go": imports("drop", "go.opentelemetry.io/otel/attribute"),
		"exporter/a.go": imports("exporter", "go.opentelemetry.io/otel"),
	}, []string{"drop/a_test.go:4", "wire/a.go:4"}},
	{"other imports", "sockets in wire", sample{
		"wire/a.go": imports("wire", "net", "net/netip", "golang.org/x/net/ipv4"), "udp/a.go": imports("udp", "net"),
	}, []string{"wire/a.go:4", "wire/a.go:5", "wire/a.go:6"}},
	{"other imports", "unsafe", sample{
		"ringbuf/a.go": imports("ringbuf", "unsafe"), "udp/a.go": imports("udp", "unsafe"),
	}, []string{"ringbuf/a.go:4"}},
	{"other imports", "self-metrics on the path of the data", sample{
		"internal/pipeline/a.go": imports("pipeline", "go.opentelemetry.io/otel/metric", "go.opentelemetry.io/otel/sdk/metric"),
	}, []string{"internal/pipeline/a.go:4"}},
	{"other imports", "log", sample{
		"udp/a.go": imports("udp", "log", "log/slog"), "udp/a_test.go": imports("udp", "log"), "example/a.go": imports("main", "log"),
	}, []string{"udp/a.go:4"}},

	{"gobreaker", "one file", sample{"udp/a.go": imports("udp", "github.com/sony/gobreaker/v2"), "udp/b.go": "package udp\n"}, nil},
	{"gobreaker", "two files", sample{
		"udp/a.go": imports("udp", "github.com/sony/gobreaker/v2"), "udp/a_test.go": imports("udp", "fmt", "github.com/sony/gobreaker/v2"),
	}, []string{"udp/a_test.go:5"}},

	{"self-metrics", "where they may", sample{
		"exporter/selfmetrics.go": writesTo("exporter", "m.duration.Record(ctx, 1)", "h.Record(context.Background(), 1)"),
		"exporter/watch.go":       writesTo("exporter", "e.self.latencies(l)", "n.Add(1)", "set.Add(a, b)"),
		"exporter/a_test.go":      writesTo("exporter", "n.Add(ctx, 1)"), "example/a.go": writesTo("main", "n.Add(ctx, 1)"),
		"internal/direct/a.go": writesTo("direct", "r.Record(kind, name, 1, tags)"),
	}, nil},
	{"self-metrics", "where points are recorded", sample{
		"exporter/direct.go":   writesTo("exporter", "e.self.exported(ctx, 1, nil)", "recorded.Add(ctx, 1)", "recorded.Add(context.TODO(), 1, o)"),
		"exporter/watch.go":    writesTo("exporter", "h.Record(ctx, 1)"),
		"internal/direct/a.go": writesTo("direct", "s.own.Record(ctx, 1)"),
	}, []string{"exporter/direct.go:6", "exporter/direct.go:7", "exporter/direct.go:8", "exporter/watch.go:6", "internal/direct/a.go:6"}},

	{"requires", "with its reason, and indirect", sample{
		"CONTRIBUTING.md": "| rule | why |\n| `wire`, `udp` do | x |\n| `golang.org/x/sys` | why |\n",
		"go.mod":          "module x\n\nrequire golang.org/x/sys v1.0.0\n\nrequire (\n\texample.com/y v1.0.0 // indirect\n)\n",
	}, nil},
	{"requires", "without, and a reason for nothing", sample{
		"CONTRIBUTING.md": "| `golang.org/x/net` | why |\n| `go.uber.org/goleak` | why |\n",
		"go.mod":          "module x\n\nrequire example.com/x v1.0.0\n\nrequire (\n\tgolang.org/x/net v1.0.0\n\texample.com/y v1.0.0 // why\n)\n",
	}, []string{"CONTRIBUTING.md:2", "go.mod:3", "go.mod:7"}},

	{"package docs", "complete", sample{
		"wire/doc.go": "// Package wire is.\npackage wire\n", "wire/x_test.go": "package wire\n\nfunc Example() {\n\t// Output:\n}\n",
		"internal/clock/clock.go": "// Package clock is.\npackage clock\n", "example/main.go": "// The example shows.\npackage main\n",
	}, nil},
	{"package docs", "cut off", sample{"internal/clock/a.go": "// Package clock is.\n\npackage clock\n"}, []string{"internal/clock/a.go:3"}},
	{"package docs", "only a licence", sample{"internal/clock/a.go": "// SPDX-License-Identifier: Apache-2.0\npackage clock\n"}, []string{"internal/clock/a.go:2"}},
	{"package docs", "only in a test", sample{
		"internal/clock/a.go": "package clock\n", "internal/clock/a_test.go": "// Package clock is.\npackage clock\n",
	}, []string{"internal/clock/a.go:1"}},
	{"package docs", "not in doc.go, example not runnable", sample{
		"wire/a.go": "// Package wire is.\npackage wire\n", "wire/x_test.go": "package wire\n\nfunc Example() {}\n",
	}, []string{"wire/a.go:2", "wire/a.go:2"}},

	{"aliases", "of types with documentation", sample{
		"exporter/a.go": aliases("exporter", "@/drop"), "internal/pipeline/a.go": aliases("pipeline", "@/internal/clock"), "exporter/a_test.go": aliases("exporter", "@/internal/direct"),
	}, nil},
	{"aliases", "of types without", sample{"exporter/a.go": aliases("exporter", "@/internal/direct")}, []string{"exporter/a.go:7"}},

	{"snippets", "compiled", sample{
		"README.md": "# x\n\n```\ngo run .\n```\n\n```go\nf(1)\n\tg(2)\n```\n", "wire/a_test.go": "package wire\n\nfunc h() {\n\tf(1)\n\tg(2)\n}\n",
	}, nil},
	{"snippets", "not", sample{
		"README.md": "# x\n\n```go\nf(1)\n```\n\n```go\nf(1)\ng(2)\n```\n", "wire/a_test.go": "package wire\n\nfunc h() {\n\tf(1)\n\tg(3)\n}\n", "wire/b.go": "package wire\n\nfunc h() {\n\tf(1)\n\tg(2)\n}\n",
	}, []string{"README.md:8"}},

	{"name docs", "documented", sample{"wire/a.go": documented}, nil},
	{"name docs", "not documented", sample{"wire/a.go": undocumentedNames}, []string{
		"wire/a.go:3", "wire/a.go:5", "wire/a.go:6", "wire/a.go:10", "wire/a.go:13", "wire/a.go:16", "wire/a.go:18",
	}},
	{"name docs", "tests and generated files", sample{"wire/a_test.go": undocumentedNames, "wire/b.go": "// Code generated by x. DO NOT EDIT.\n\n" + undocumentedNames}, nil},

	{"sizes", "at the caps", sample{
		"wire/a.go": long("package wire", fileCap), "wire/a_test.go": long("package wire", testFileCap),
		"wire/b.go": longFunc("wire", funcCap), "wire/b_test.go": longFunc("wire", testFuncCap),
	}, nil},
	{"sizes", "over the caps", sample{
		"wire/a.go": long("package wire", fileCap+1), "wire/a_test.go": long("package wire", testFileCap+1),
		"wire/b.go": longFunc("wire", funcCap+1), "wire/b_test.go": longFunc("wire", testFuncCap+1),
	}, []string{"wire/a.go:401", "wire/a_test.go:601", "wire/b.go:3", "wire/b_test.go:3"}},
	{"sizes", "function literal", sample{"wire/a.go": "package wire\n\nvar f = func() {\n" + strings.Repeat("\n", funcCap) + "}\n"}, []string{"wire/a.go:3"}},
	{"sizes", "generated", sample{"wire/a.go": "// Code generated by x. DO NOT EDIT.\n\n" + long("package wire", fileCap)}, nil},

	{"sleeps", "sleep", sample{
		"udp/a.go":      imports("udp", "time") + "\nfunc f() { time.Sleep(1) }\n",
		"udp/a_test.go": imports("udp", "time") + "\nfunc f() { time.Sleep(1) }\n",
		"udp/b_test.go": "package udp\n\nimport clock \"time\"\n\nvar f = clock.Sleep\n",
		"udp/c_test.go": "package udp\n\nvar time struct{ Sleep int }\n\nvar f = time.Sleep\n",
	}, []string{"udp/a_test.go:7", "udp/b_test.go:5"}},

	{"flags", "a switch", sample{
		"udp/a_test.go":     imports("udp", "flag") + "\nvar long = flag.Bool(\"long\", false, \"\")\n",
		"udp/b_test.go":     imports("udp", "flag") + "\nvar cases = flag.Int(\"cases\", 1000, \"\")\n",
		"example/main.go":   imports("main", "flag") + "\nvar direct = flag.Bool(\"direct\", false, \"\")\n",
		"example/a_test.go": "package main\n\nimport \"flag\"\n\nfunc init() { flag.BoolVar(&x, \"x\", false, \"\") }\n",
	}, []string{"example/a_test.go:5", "udp/a_test.go:7"}},

	{"leftovers", "words", sample{
		"udp/a.go": "package udp\n\n// TODO: more\nvar a = \"TODO\" // a HACK\n\n/*\nFIXME */\n// XXX\n// TODOs, hack\n",
	}, []string{"udp/a.go:3", "udp/a.go:4", "udp/a.go:7", "udp/a.go:8"}},

	{"aggregation switch", "the one file", sample{switchOwner: switches("handoff", "metricdata.Sum[int64]"), "exporter/a_test.go": switches("exporter", "metricdata.Summary")}, nil},
	{"aggregation switch", "another file", sample{
		"health/a.go": switches("health", "metricdata.Summary"), "internal/handoff/a.go": switches("handoff", "int", "*metricdata.Gauge[float64]"),
	}, []string{"health/a.go:6", "internal/handoff/a.go:6"}},
	{"aggregation switch", "readers and other types", sample{
		"example/a.go": switches("main", "metricdata.Summary"), "receiver/a.go": switches("receiver", "metricdata.Summary"),
		"health/a.go": switches("health", "metricdata.Temporality"),
	}, nil},

	{"words", "in names, comments and texts", sample{
		"drop/a.go":   "package drop\n\n// It takes the lane.\nvar foldedSums, planes = 1, 2\n",
		"README.md":   "fine\n\nTrouble comes.\n",
		"drop/b.go":   "package drop\n\n// Blankets unfold; a plane lands.\nvar links = \"lane\"\n",
		"wire/doc.go": "package wire\n",
	}, []string{"README.md:3", "drop/a.go:3", "drop/a.go:4"}},
}

// TestGateBites holds every rule against samples.
func TestGateBites(t *testing.T) {
	for _, bite := range bites {
		t.Run(bite.rule+"/"+bite.name, func(t *testing.T) {
			m, err := load(bite.files.fs())
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range sorted(check(bite.rule)(m)) {
				got = append(got, fmt.Sprintf("%s:%d", f.file, f.line))
			}
			if !slices.Equal(got, bite.want) {
				t.Errorf("found %q, want %q", got, bite.want)
			}
		})
	}
}

// TestEveryRuleBites fails when a rule has no bad sample.
func TestEveryRuleBites(t *testing.T) {
	for _, rule := range rules {
		bad := 0
		for _, bite := range bites {
			if bite.rule == rule.name {
				bad += len(bite.want)
			}
		}
		if bad == 0 {
			t.Errorf("rule %q has no bad sample", rule.name)
		}
	}
}

// TestLoadRefusesBrokenSource shows that a file the parser cannot read is an
// error and not a file without findings.
func TestLoadRefusesBrokenSource(t *testing.T) {
	if _, err := load(sample{"wire/a.go": "package wire\n\nfunc {\n"}.fs()); err == nil {
		t.Error("broken source loaded")
	}
}

func check(rule string) func(*module) []finding {
	for _, r := range rules {
		if r.name == rule {
			return r.check
		}
	}
	return func(*module) []finding { return []finding{{"no such rule", 0, rule}} }
}

func (s sample) fs() fstest.MapFS {
	fsys := fstest.MapFS{"go.mod": {Data: []byte("module " + modulePath + "\n")}}
	for name, text := range s {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

// imports makes a file whose first import stands in line 4; @ is our module.
func imports(pkg string, paths ...string) string {
	text := "package " + pkg + "\n\nimport (\n"
	for _, p := range paths {
		text += fmt.Sprintf("\t_ %q\n", strings.Replace(p, "@", modulePath, 1))
	}
	return strings.NewReplacer(`_ "time"`, `"time"`, `_ "flag"`, `"flag"`).Replace(text) + ")\n"
}

// aliases makes a file with an exported alias in line 7.
func aliases(pkg, path string) string {
	path = strings.Replace(path, "@", modulePath, 1)
	return fmt.Sprintf("package %s\n\nimport %q\n\n// T is.\n// It is.\ntype T = %s.X\n", pkg, path, path[strings.LastIndex(path, "/")+1:])
}

// switches makes a file with a type switch in line 6.
func switches(pkg string, cases ...string) string {
	return fmt.Sprintf("package %s\n\nimport %q\n\nfunc f(x any) {\n\tswitch x.(type) {\n\tcase %s:\n\t}\n}\n", pkg, metricdata, strings.Join(cases, ", "))
}

// writesTo makes a file with a function whose statements begin in line 6.
func writesTo(pkg string, statements ...string) string {
	return fmt.Sprintf("package %s\n\nimport \"context\"\n\nfunc f() {\n%s\n}\n", pkg, strings.Join(statements, "\n"))
}

// long makes a file of so many lines.
func long(first string, lines int) string {
	return first + strings.Repeat("\n", lines)
}

// longFunc makes a file with a function of so many lines in line 3.
func longFunc(pkg string, lines int) string {
	return "package " + pkg + "\n\nfunc f() {" + strings.Repeat("\n", lines-1) + "}\n"
}

const documented = `package wire

// A is.
type A[T any] struct{ F, G int }

// M does.
func (a *A[T]) M() {}

type b int

func (b) M() {}

// F is.
func F()

func f()
`

const undocumentedNames = `package wire

type A[T any] struct{ F, G int }

func F()
func (a *A[T]) M() {}

// Block of types.
type (
	B int
)

const C = 1

var (
	D, e = 1, 2
	F2   = 3 // F2 is.
	G    = 4

	// H is.
	H = 5
)

// These are.
const (
	I = iota
	J
)
`
