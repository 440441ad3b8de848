package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.yaml.in/yaml/v3"
	"golang.org/x/mod/modfile"
)

// module is an entry of the builder's manifest.
type module struct {
	GoMod  string `yaml:"gomod"`
	Import string `yaml:"import"`
	Path   string `yaml:"path"`
}

// importPath is the package with NewFactory: that of the module, unless the entry says otherwise.
func (m module) importPath() string {
	if m.Import != "" {
		return m.Import
	}
	return m.name()
}

func (m module) name() string {
	name, _, _ := strings.Cut(m.GoMod, " ")
	return name
}

func (m module) version() string {
	_, version, _ := strings.Cut(m.GoMod, " ")
	return version
}

// manifest is what our builder.yaml uses of the builder's configuration.
type manifest struct {
	Dist struct {
		Name        string `yaml:"name"`
		Description string `yaml:"description"`
		Module      string `yaml:"module"`
		OutputPath  string `yaml:"output_path"`
		Version     string `yaml:"version"`
	} `yaml:"dist"`
	Extensions   []module `yaml:"extensions"`
	Receivers    []module `yaml:"receivers"`
	Processors   []module `yaml:"processors"`
	Exporters    []module `yaml:"exporters"`
	Telemetry    module   `yaml:"telemetry"`
	Providers    []module `yaml:"providers"`
	ConfResolver struct {
		DefaultURIScheme string `yaml:"default_uri_scheme"`
	} `yaml:"conf_resolver"`
	Replaces []string `yaml:"replaces"`
}

func readManifest(t *testing.T) (m manifest, text string) {
	t.Helper()
	data, err := os.ReadFile("builder.yaml")
	require.NoError(t, err)
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&m))
	return m, string(data)
}

func readGoMod(t *testing.T, dir string) *modfile.File {
	t.Helper()
	name := path.Join(dir, "go.mod")
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	file, err := modfile.Parse(name, data, nil)
	require.NoError(t, err)
	return file
}

// parts reads components.go: which packages' factories stand in each of its tables, and beside
// which module.
func parts(t *testing.T) map[string][]module {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "components.go", nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	imports := map[string]string{}
	for _, spec := range file.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		require.NoError(t, err)
		imports[path.Base(p)] = p
	}
	tables := map[string][]module{}
	ast.Inspect(file, func(n ast.Node) bool {
		table, ok := n.(*ast.ValueSpec)
		if !ok || len(table.Values) != 1 {
			return true
		}
		list, ok := table.Values[0].(*ast.CompositeLit)
		if !ok {
			return true
		}
		for _, row := range list.Elts {
			elements := row.(*ast.CompositeLit).Elts
			pkg := elements[0].(*ast.CallExpr).Fun.(*ast.SelectorExpr).X.(*ast.Ident).Name
			gomod, err := strconv.Unquote(elements[1].(*ast.BasicLit).Value)
			require.NoError(t, err)
			require.Contains(t, imports, pkg)
			tables[table.Names[0].Name] = append(tables[table.Names[0].Name], module{GoMod: gomod, Import: imports[pkg]})
		}
		return true
	})
	return tables
}

// TestManifest checks that the builder would make this program: builder.yaml has the components
// of components.go and the providers of main.go, in the versions of go.mod.
func TestManifest(t *testing.T) {
	m, _ := readManifest(t)
	assert.Equal(t, name, m.Dist.Name)
	assert.Equal(t, settings().BuildInfo.Description, m.Dist.Description)
	assert.Equal(t, version, m.Dist.Version)

	tables := parts(t)
	for kind, entries := range map[string][]module{
		"extensions": m.Extensions, "receivers": m.Receivers, "processors": m.Processors, "exporters": m.Exporters,
	} {
		var listed []module
		for _, e := range entries {
			listed = append(listed, module{GoMod: e.GoMod, Import: e.importPath()})
		}
		assert.NotEmpty(t, listed, kind)
		assert.Equal(t, tables[kind], listed, kind)
		delete(tables, kind)
	}
	assert.Empty(t, tables, "components.go has what the manifest has not")
	assert.Equal(t, "go.opentelemetry.io/collector/service/telemetry/otelconftelemetry", m.Telemetry.importPath())

	resolver := settings().ConfigProviderSettings.ResolverSettings
	assert.Equal(t, resolver.DefaultScheme, m.ConfResolver.DefaultURIScheme)
	require.Len(t, resolver.ProviderFactories, len(m.Providers))
	for i, p := range m.Providers {
		scheme := resolver.ProviderFactories[i].Create(confmap.ProviderSettings{}).Scheme()
		assert.Equal(t, p.GoMod, settings().ProviderModules[scheme], scheme)
		assert.Equal(t, scheme+"provider", path.Base(p.importPath()))
	}
}

// TestManifestVersions compares the manifest with go.mod.
func TestManifestVersions(t *testing.T) {
	const dir = "../.."
	m, text := readManifest(t)
	ours := readGoMod(t, dir)
	required := map[string]string{}
	for _, r := range ours.Require {
		required[r.Mod.Path] = r.Mod.Version
	}

	local := 0
	all := append(append(append(append(append(m.Extensions, m.Receivers...), m.Processors...), m.Exporters...), m.Providers...), m.Telemetry)
	for _, e := range all {
		if e.Path == "" {
			assert.Equal(t, required[e.name()], e.version(), e.name())
			continue
		}
		local++
		assert.Equal(t, dir, e.Path)
		assert.Equal(t, ours.Module.Mod.Path, e.name())
	}
	assert.Equal(t, 1, local, "modules from this clone")
	assert.Contains(t, text, "go.opentelemetry.io/collector/cmd/builder@"+required["go.opentelemetry.io/collector/otelcol"])

	// What go.mod replaces the manifest replaces as well, with the same directory.
	require.Len(t, m.Replaces, len(ours.Replace))
	for i, r := range ours.Replace {
		old, target, ok := strings.Cut(m.Replaces[i], " => ")
		require.True(t, ok)
		assert.Equal(t, r.Old.Path, old)
		assert.Equal(t, path.Join(dir, r.New.Path), path.Join(m.Dist.OutputPath, target))
		assert.Equal(t, old, readGoMod(t, path.Join(m.Dist.OutputPath, target)).Module.Mod.Path)
	}
}

// TestComponents checks what "otelcol-otelgram components" prints: each component has its
// module, the old names of renamed ones too.
func TestComponents(t *testing.T) {
	f, err := components()
	require.NoError(t, err)
	assert.Len(t, f.ReceiverModules, len(f.Receivers))
	assert.Len(t, f.ProcessorModules, len(f.Processors))
	assert.Len(t, f.ExporterModules, len(f.Exporters))
	assert.Len(t, f.ExtensionModules, len(f.Extensions))
	for kind, factory := range f.Receivers {
		assert.NotEmpty(t, f.ReceiverModules[kind], factory.Type())
	}
	for kind, factory := range f.Exporters {
		assert.NotEmpty(t, f.ExporterModules[kind], factory.Type())
	}
	assert.Greater(t, len(f.Exporters), len(exporters), "otlp_grpc was otlp")
	assert.NotNil(t, f.Telemetry)
}
