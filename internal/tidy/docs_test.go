package tidy

import (
	"go/ast"
	"go/doc"
	"go/token"
	"path"
	"slices"
	"strings"
)

// isPublic reports whether other programs may import the package in dir.
func isPublic(dir string, files []*source) bool {
	return files[0].ast.Name.Name != "main" && !within(dir, "internal") && !strings.Contains(dir, "/internal/")
}

// checkAliases finds exported aliases of types that users cannot look up, because
// they are in an internal package.
func checkAliases(m *module) (found []finding) {
	for dir, files := range m.packages() {
		if !isPublic(dir, files) {
			continue
		}
		for _, f := range files {
			ast.Inspect(f.ast, func(n ast.Node) bool {
				if t, ok := n.(*ast.TypeSpec); ok && t.Assign.IsValid() && t.Name.IsExported() && !f.test && isInternal(f, t.Type) {
					found = append(found, m.at(t.Pos(), "%s is an alias of an internal type, which has no documentation for users", t.Name.Name))
				}
				return true
			})
		}
	}
	return found
}

// isInternal reports whether a type is from an internal package.
func isInternal(f *source, t ast.Expr) bool {
	return slices.ContainsFunc(f.ast.Imports, func(spec *ast.ImportSpec) bool {
		p := importPath(spec)
		_, from := selects(t, f.importName(p))
		return from && strings.Contains(p, "/internal/")
	})
}

// checkPackageDocs finds packages without a package comment, and public ones
// without a doc.go or a runnable example.
func checkPackageDocs(m *module) (found []finding) {
	for dir, files := range m.packages() {
		here := files[0].ast.Package
		if !slices.ContainsFunc(files, hasPackageComment) {
			found = append(found, m.at(here, "package %s has no package comment (is it cut off by a blank line?)", dir))
		}
		if !isPublic(dir, files) {
			continue
		}
		if !slices.ContainsFunc(files, func(f *source) bool { return f.path == path.Join(dir, "doc.go") && hasPackageComment(f) }) {
			found = append(found, m.at(here, "public package %s has no doc.go with its package comment", dir))
		}
		if !slices.ContainsFunc(files, hasRunnableExample) {
			found = append(found, m.at(here, "public package %s has no Example with an Output comment in a _test.go file", dir))
		}
	}
	return found
}

// hasPackageComment wants a comment that go doc shows: one attached to the
// package clause that begins as such comments do. A licence line does not.
func hasPackageComment(f *source) bool {
	if f.test || f.ast.Doc == nil {
		return false
	}
	text := f.ast.Doc.Text()
	if f.ast.Name.Name == "main" {
		return strings.TrimSpace(text) != ""
	}
	return strings.HasPrefix(text, "Package "+f.ast.Name.Name+" ")
}

func hasRunnableExample(f *source) bool {
	return f.test && slices.ContainsFunc(doc.Examples(f.ast), func(e *doc.Example) bool {
		return e.Output != "" || e.EmptyOutput
	})
}

// checkNameDocs finds exported names without a doc comment. Fields and the
// methods of interfaces may be covered by the comment of their type.
func checkNameDocs(m *module) (found []finding) {
	for _, f := range m.files {
		if f.test || f.generated {
			continue
		}
		for _, d := range f.ast.Decls {
			for _, name := range undocumented(d) {
				found = append(found, m.at(name.Pos(), "exported name %s has no doc comment", name.Name))
			}
		}
	}
	return found
}

func undocumented(d ast.Decl) (names []*ast.Ident) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && onExportedType(d) && d.Doc.Text() == "" {
			names = append(names, d.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			names = append(names, undocumentedSpec(d, spec)...)
		}
	}
	return names
}

func undocumentedSpec(d *ast.GenDecl, spec ast.Spec) (names []*ast.Ident) {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		// The comment on a block of types is about the block, not about each.
		inBlock := d.Lparen != token.NoPos
		if spec.Name.IsExported() && spec.Doc.Text() == "" && (inBlock || d.Doc.Text() == "") {
			names = append(names, spec.Name)
		}
	case *ast.ValueSpec:
		if d.Doc.Text() != "" || spec.Doc.Text() != "" || spec.Comment.Text() != "" {
			return nil
		}
		for _, name := range spec.Names {
			if name.IsExported() {
				names = append(names, name)
			}
		}
	}
	return names
}

// onExportedType reports whether d is a function or a method that go doc shows.
func onExportedType(d *ast.FuncDecl) bool {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return true
	}
	t := d.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.ParenExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return false
		}
	}
}
