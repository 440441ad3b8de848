package tidy

import (
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"slices"
)

// Caps in lines. Half of each is the usual size.
const (
	fileCap     = 400
	testFileCap = 600
	funcCap     = 70
	testFuncCap = 120
)

// checkSizes finds files and functions that nobody can hold in the head.
func checkSizes(m *module) (found []finding) {
	for _, f := range m.files {
		if f.generated {
			continue
		}
		maxFile, maxFunc := fileCap, funcCap
		if f.test {
			maxFile, maxFunc = testFileCap, testFuncCap
		}
		if f.lines > maxFile {
			found = append(found, finding{f.path, f.lines, tooLong("file", f.lines, maxFile)})
		}
		found = append(found, m.longFuncs(f, maxFunc)...)
	}
	return found
}

// longFuncs finds the functions of f over the cap, function literals included.
// What stands inside a long function is not reported again.
func (m *module) longFuncs(f *source, maxLines int) (found []finding) {
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch n.(type) {
		case *ast.FuncDecl, *ast.FuncLit:
			start := n.Pos() // of the func keyword, after the doc comment
			if lines := m.line(n.End()) - m.line(start) + 1; lines > maxLines {
				found = append(found, m.at(start, "%s", tooLong("function", lines, maxLines)))
				return false
			}
		}
		return true
	})
	return found
}

func tooLong(what string, lines, maxLines int) string {
	return fmt.Sprintf("a %s of %d lines, the cap is %d: split it", what, lines, maxLines)
}

func (m *module) line(pos token.Pos) int { return m.fset.Position(pos).Line }

// checkSleeps finds tests that wait for the wall clock: they are slow where
// they pass and flaky where they do not.
func checkSleeps(m *module) (found []finding) {
	for _, f := range m.files {
		pkg := f.importName("time")
		if !f.test || pkg == "" {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if e, ok := n.(ast.Expr); ok {
				if name, ok := selects(e, pkg); ok && name == "Sleep" {
					found = append(found, m.at(n.Pos(), "a test does not sleep: wait for an event, or use testing/synctest with a timer"))
				}
			}
			return true
		})
	}
	return found
}

// checkFlags finds switches of tests beside the one that there is.
func checkFlags(m *module) (found []finding) {
	for _, f := range m.files {
		pkg := f.importName("flag")
		if !f.test || pkg == "" {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if e, ok := n.(ast.Expr); ok {
				if name, ok := selects(e, pkg); ok && (name == "Bool" || name == "BoolVar" || name == "BoolFunc") {
					found = append(found, m.at(n.Pos(), "a test has no switch of its own: ask internal/testsize whether its form is the long one"))
				}
			}
			return true
		})
	}
	return found
}

var leftover = regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b`)

// checkLeftovers finds notes to self: what is left to do is an issue, not a comment.
func checkLeftovers(m *module) (found []finding) {
	for _, f := range m.files {
		for _, group := range f.ast.Comments {
			for _, c := range group.List {
				if at := leftover.FindStringIndex(c.Text); at != nil {
					found = append(found, m.at(c.Pos()+token.Pos(at[0]), "%s in a comment: do it, or open an issue", c.Text[at[0]:at[1]]))
				}
			}
		}
	}
	return found
}

// The type switch over OTel's aggregations stands in one file of the sending side, so that a
// new aggregation is added in one place. Packages that read what has arrived may switch, too.
var (
	metricdata         = "go.opentelemetry.io/otel/sdk/metric/metricdata"
	aggregations       = []string{"Gauge", "Sum", "Histogram", "ExponentialHistogram", "Summary"}
	switchOwner        = "internal/handoff/convert.go"
	aggregationReaders = []string{"receiver", "example"}
)

// checkAggregationSwitch finds such a switch in another file.
func checkAggregationSwitch(m *module) (found []finding) {
	for _, f := range m.files {
		if f.test || f.path == switchOwner || slices.Contains(aggregationReaders, f.dir) {
			continue
		}
		for _, pos := range f.aggregationSwitches() {
			found = append(found, m.at(pos, "a type switch over OTel's aggregations: the one in %s is the only one", switchOwner))
		}
	}
	return found
}

func (s *source) aggregationSwitches() (found []token.Pos) {
	pkg := s.importName(metricdata)
	ast.Inspect(s.ast, func(n ast.Node) bool {
		sw, ok := n.(*ast.TypeSwitchStmt)
		if ok && slices.ContainsFunc(sw.Body.List, func(c ast.Stmt) bool { return namesAggregation(c, pkg) }) {
			found = append(found, sw.Pos())
		}
		return true
	})
	return found
}

// namesAggregation reports whether a case clause names an aggregation type.
func namesAggregation(c ast.Stmt, pkg string) bool {
	clause, ok := c.(*ast.CaseClause)
	return ok && slices.ContainsFunc(clause.List, func(e ast.Expr) bool {
		if x, ok := e.(*ast.StarExpr); ok {
			e = x.X
		}
		if x, ok := e.(*ast.IndexExpr); ok {
			e = x.X
		}
		name, ok := selects(e, pkg)
		return ok && slices.Contains(aggregations, name)
	})
}
