package tidy

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// modulePath is the root module's path; an import below it is one of ours.
const modulePath = "github.com/otelgram/otelgram"

// module is what the rules look at: the parsed sources of the root module.
type module struct {
	fset  *token.FileSet
	files []*source         // in the order of their paths
	texts map[string]string // of the files in textFiles
	tests []string          // the texts of the files whose name ends in _test.go
}

// textFiles are read beside the sources, where they are.
var textFiles = []string{"go.mod", "README.md", "CONTRIBUTING.md"}

// source is one Go file.
type source struct {
	path      string // relative to the module, with slashes
	dir       string // the package's directory, "." for the module's root
	test      bool   // its name ends in _test.go
	generated bool
	lines     int
	ast       *ast.File
}

// finding is one broken rule at one place.
type finding struct {
	file   string
	line   int
	reason string
}

// String gives the form that editors and CI logs link to.
func (f finding) String() string {
	return fmt.Sprintf("%s:%d: %s", f.file, f.line, f.reason)
}

// load parses the Go files of the module in fsys. It leaves out nested modules,
// testdata, and directories whose name starts with a dot or an underscore.
func load(fsys fs.FS) (*module, error) {
	m := &module{fset: token.NewFileSet(), texts: map[string]string{}}
	for _, name := range textFiles {
		if text, err := fs.ReadFile(fsys, name); err == nil {
			m.texts[name] = string(text)
		}
	}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && skipDir(fsys, name):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		return m.add(fsys, name)
	})
	return m, err
}

func skipDir(fsys fs.FS, name string) bool {
	if name == "." {
		return false
	}
	base := path.Base(name)
	if base == "testdata" || base == "vendor" || base[0] == '.' || base[0] == '_' {
		return true
	}
	_, err := fs.Stat(fsys, path.Join(name, "go.mod"))
	return err == nil
}

func (m *module) add(fsys fs.FS, name string) error {
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return err
	}
	file, err := parser.ParseFile(m.fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	m.files = append(m.files, &source{
		path:      name,
		dir:       path.Dir(name),
		test:      strings.HasSuffix(name, "_test.go"),
		generated: ast.IsGenerated(file),
		lines:     bytes.Count(text, []byte("\n")),
		ast:       file,
	})
	if strings.HasSuffix(name, "_test.go") {
		m.tests = append(m.tests, string(text))
	}
	return nil
}

// at makes a finding at pos.
func (m *module) at(pos token.Pos, format string, args ...any) finding {
	p := m.fset.Position(pos)
	return finding{file: p.Filename, line: p.Line, reason: fmt.Sprintf(format, args...)}
}

// packages gives the files by directory.
func (m *module) packages() map[string][]*source {
	byDir := make(map[string][]*source)
	for _, f := range m.files {
		byDir[f.dir] = append(byDir[f.dir], f)
	}
	return byDir
}

// importPath gives an import's path without its quotes.
func importPath(spec *ast.ImportSpec) string {
	p, _ := strconv.Unquote(spec.Path.Value) // the parser has accepted it
	return p
}

// importName gives the identifier by which the file refers to the package
// with the given path, and "" when it does not import it.
func (s *source) importName(pkg string) string {
	for _, spec := range s.ast.Imports {
		if importPath(spec) != pkg {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path.Base(pkg)
	}
	return ""
}

// selects reports whether e is pkgName.name, and gives the name.
func selects(e ast.Expr, pkgName string) (name string, ok bool) {
	sel, isSel := e.(*ast.SelectorExpr)
	if !isSel || pkgName == "" {
		return "", false
	}
	id, isIdent := sel.X.(*ast.Ident)
	return sel.Sel.Name, isIdent && id.Name == pkgName
}

// within reports whether an import path is prefix or lies below it.
func within(pkg, prefix string) bool {
	return pkg == prefix || strings.HasPrefix(pkg, prefix+"/")
}
