package tidy

import (
	"go/ast"
	"slices"
)

// selfMetricsFile has all that writes to OpenTelemetry's instruments, and
// selfMetricsUsers are the files that may have it do so: once a second, and once an
// Export. The other files of the sending side are reachable where points are recorded.
const selfMetricsFile = "exporter/selfmetrics.go"

var selfMetricsUsers = []string{selfMetricsFile, "exporter/exporter.go", "exporter/watch.go"}

// checkSelfMetrics finds, on the sending side, writes to instruments of the meter API
// and uses of the exporter's own outside of the files that may. A write is what looks
// like one: Add or Record with a context as the first argument.
func checkSelfMetrics(m *module) (found []finding) {
	for _, f := range m.files {
		if f.test || f.dir != "exporter" && f.dir != "internal/direct" {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if f.path != selfMetricsFile && writes(f, n) {
					found = append(found, m.at(n.Pos(), "an instrument is written to where points are recorded: self-metrics read the counters (%s)", selfMetricsFile))
				}
			case *ast.SelectorExpr:
				if f.dir == "exporter" && n.Sel.Name == "self" && !slices.Contains(selfMetricsUsers, f.path) {
					found = append(found, m.at(n.Sel.Pos(), "%s must not use the self-metrics: points are recorded there", f.path))
				}
			}
			return true
		})
	}
	return found
}

// writes reports whether a call is of an Add or Record with a context.
func writes(f *source, call *ast.CallExpr) bool {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || method.Sel.Name != "Add" && method.Sel.Name != "Record" || len(call.Args) < 2 {
		return false
	}
	switch first := call.Args[0].(type) {
	case *ast.Ident:
		return first.Name == "ctx"
	case *ast.CallExpr:
		_, ok := selects(first.Fun, f.importName("context"))
		return ok
	}
	return false
}
