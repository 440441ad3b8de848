package tidy

import (
	"bytes"
	"go/ast"
	"go/printer"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// apiDir has a report for each public package: its exported names and their types.
const apiDir = "../../docs/api"

// TestAPI compares the exported names with the reports in docs/api, so that a name that
// changes is seen in review. OTELGRAM_API=write in the environment writes them anew.
func TestAPI(t *testing.T) {
	m, err := load(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for dir, files := range m.packages() {
		if !isPublic(dir, files) {
			continue
		}
		name := strings.ReplaceAll(dir, "/", "_") + ".txt"
		names = append(names, name)
		got := api(m.fset, files)
		file := filepath.Join(apiDir, name)
		if os.Getenv("OTELGRAM_API") == "write" {
			if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil || string(want) != got {
			t.Errorf("docs/api/%s is not what package %s exports: look at the change, then go test ./internal/tidy -run API with OTELGRAM_API=write (%v)", name, dir, err)
		}
	}
	entries, err := os.ReadDir(apiDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !slices.Contains(names, e.Name()) {
			t.Errorf("docs/api/%s is of no public package", e.Name())
		}
	}
}

// TestAPIReport shows what a report has and what it leaves out.
func TestAPIReport(t *testing.T) {
	m, err := load(sample{
		"p/a.go":       "package p\n\n// T is documented.\ntype T struct {\n\tA int // a\n\tb int\n}\n\nfunc (t *T) M() error { return nil }\nfunc (t *T) m() {}\n\ntype u int\n\nfunc (u) Hidden() {}\n\nconst (\n\tC = 1\n\td = 2\n)\n",
		"p/b_linux.go": "package p\n\nfunc F(x int) {}\n", "p/b_other.go": "package p\n\nfunc F(x int) {}\n", "p/a_test.go": "package p\n\nfunc Test() {}\n",
	}.fs())
	if err != nil {
		t.Fatal(err)
	}
	const want = "const (\n\tC = 1\n)\n\nfunc (t *T) M() error\n\nfunc F(x int)\n\ntype T struct {\n\tA int\n\t// contains filtered or unexported fields\n}\n"
	if got := api(m.fset, m.packages()["p"]); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// api is the exported declarations of a package, without comments and bodies, in order.
func api(fset *token.FileSet, files []*source) string {
	decls := map[string]bool{}
	for _, f := range files {
		if f.test || !ast.FileExports(f.ast) {
			continue
		}
		for _, d := range f.ast.Decls {
			if text := declaration(fset, d); text != "" {
				decls[text] = true
			}
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(decls)), "\n")
}

// declaration prints an exported declaration; imports, and the methods of types that are not
// exported, are none.
func declaration(fset *token.FileSet, d ast.Decl) string {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if !onExportedType(d) {
			return ""
		}
		d.Doc, d.Body = nil, nil
	case *ast.GenDecl:
		if d.Tok == token.IMPORT {
			return ""
		}
		d.Doc = nil
		ast.Inspect(d, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Field:
				n.Doc, n.Comment = nil, nil
			case *ast.ValueSpec:
				n.Doc, n.Comment = nil, nil
			case *ast.TypeSpec:
				n.Doc, n.Comment = nil, nil
			}
			return true
		})
	}
	var b bytes.Buffer
	config := printer.Config{Mode: printer.UseSpaces | printer.TabIndent, Tabwidth: 8}
	if err := config.Fprint(&b, fset, d); err != nil {
		panic(err) // the parser has made it
	}
	var lines []string
	for _, line := range strings.Split(b.String(), "\n") {
		words := strings.Fields(line)
		if len(words) == 0 { // where a comment stood
			continue
		}
		indent := line[:len(line)-len(strings.TrimLeft(line, "\t"))]
		lines = append(lines, indent+strings.Join(words, " ")) // however they were aligned
	}
	return strings.Join(lines, "\n") + "\n"
}
