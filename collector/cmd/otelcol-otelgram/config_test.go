package main

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/otelcol"
	"go.yaml.in/yaml/v3"
)

// configs returns the Collector's configurations in collector/config.
func configs(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../../config/*.yaml")
	require.NoError(t, err)
	files = slices.DeleteFunc(files, func(name string) bool { return filepath.Base(name) == "kustomization.yaml" })
	require.Len(t, files, 3)
	return files
}

// validate is "otelcol-otelgram validate" with one --config for each of uris.
func validate(t *testing.T, uris ...string) error {
	t.Helper()
	set := settings()
	set.ConfigProviderSettings.ResolverSettings.URIs = uris
	collector, err := otelcol.NewCollector(set)
	require.NoError(t, err)
	return collector.DryRun(t.Context())
}

// TestConfigsAreValid checks each configuration as it is and with the variables that
// collector/deploy sets.
func TestConfigsAreValid(t *testing.T) {
	for _, name := range configs(t) {
		assert.NoError(t, validate(t, name), name)
	}
	for variable, value := range map[string]string{
		"OTELGRAM_HOST":            "",
		"OTELGRAM_SOCKET":          "/run/other/sock",
		"OTELGRAM_ALLOWED_SOURCES": "[10.0.0.0/8, 'fc00::/7']",
		"OTELGRAM_GATEWAY":         "otelgram-gateway:4317",
		"OTELGRAM_REMOTE_WRITE":    "http://prometheus.monitoring:9090/api/v1/write",
		"OTELGRAM_METRICS_HOST":    "fd00::7",
	} {
		t.Setenv(variable, value)
	}
	for _, name := range configs(t) {
		assert.NoError(t, validate(t, name), name)
	}
}

// TestConfigsAreChecked shows that a key which does not exist and a value that makes no sense
// are found in each component of each configuration.
func TestConfigsAreChecked(t *testing.T) {
	for _, name := range configs(t) {
		checked := 0
		for section, components := range sections(t, name) {
			for id := range components {
				err := validate(t, name, "yaml:"+section+"::"+id+"::no_such_key: 1")
				assert.ErrorContains(t, err, "no_such_key", "%s: %s %s", name, section, id)
				checked++
			}
		}
		assert.Greater(t, checked, 3, name)
		assert.Error(t, validate(t, name, "yaml:receivers::otelgram::endpoint: nowhere"), name)
		assert.Error(t, validate(t, name, "yaml:service::pipelines::metrics::exporters: [nothing]"), name)
		assert.Error(t, validate(t, name, "yaml:service::telemetry::metrics::no_such_key: 1"), name)
	}
}

// sections returns the components of a configuration by section and id.
func sections(t *testing.T, name string) map[string]map[string]any {
	t.Helper()
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	var all map[string]any
	require.NoError(t, yaml.Unmarshal(data, &all))
	found := map[string]map[string]any{}
	for _, section := range []string{"extensions", "receivers", "processors", "exporters"} {
		if components, ok := all[section].(map[string]any); ok {
			found[section] = components
		}
	}
	return found
}

// TestConfigsUseTodaysNames refuses the old names of renamed components, of which the
// Collector warns at every start.
func TestConfigsUseTodaysNames(t *testing.T) {
	f, err := components()
	require.NoError(t, err)
	todays := map[string][]component.Type{
		"extensions": types(f.Extensions),
		"receivers":  types(f.Receivers),
		"processors": types(f.Processors),
		"exporters":  types(f.Exporters),
	}
	for _, name := range configs(t) {
		for section, components := range sections(t, name) {
			for text := range components {
				var id component.ID
				require.NoError(t, id.UnmarshalText([]byte(text)))
				assert.Contains(t, todays[section], id.Type(), "%s: %s", name, section)
			}
		}
	}
	assert.NotContains(t, todays["exporters"], component.MustNewType("otlp"), "the test is blind")
}

// types returns the names that the factories have for themselves.
func types[F component.Factory](factories map[component.Type]F) (names []component.Type) {
	for _, factory := range factories {
		names = append(names, factory.Type())
	}
	return names
}

// TestConfigVariables checks that each environment variable has a default, so that a
// configuration runs without any, and that the comment at the top names all of them.
func TestConfigVariables(t *testing.T) {
	used := regexp.MustCompile(`\$\{[^}]*\}`)
	named := regexp.MustCompile(`(?m)^#   ([A-Z_]+) `)
	for _, name := range configs(t) {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		text := string(data)
		variables := map[string]bool{}
		for _, v := range used.FindAllString(text, -1) {
			variable, _, ok := strings.Cut(strings.TrimPrefix(v, "${env:"), ":-")
			assert.True(t, ok, "%s: %s has no default", name, v)
			variables[variable] = true
		}
		inComment := map[string]bool{}
		for _, match := range named.FindAllStringSubmatch(text, -1) {
			inComment[match[1]] = true
		}
		assert.Equal(t, slices.Sorted(maps.Keys(variables)), slices.Sorted(maps.Keys(inComment)), name)
	}
}
