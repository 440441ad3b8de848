package exporter

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/health"
	"github.com/otelgram/otelgram/wire"
)

// TestAged: an old report says that it is, and is no more than degraded.
func TestAged(t *testing.T) {
	for status := health.Unhealthy; status <= health.Healthy; status++ {
		r := health.Report{Status: status, Healthy: status != health.Unhealthy, Issues: []string{"before"}}
		assert.Equal(t, r, aged(r, staleAfter), "not yet")
		old := aged(r, staleAfter+time.Second)
		assert.Equal(t, min(status, health.Degraded), old.Status)
		assert.Equal(t, old.Status != health.Unhealthy, old.Healthy)
		assert.Equal(t, []string{"before", "the exporter has not looked at itself for 6s: something holds it up"}, old.Issues)
	}
}

// reasons are the names of the drop reasons that are chosen.
func reasons(chosen func(wire.DropReason) bool) (names []string) {
	for r := range wire.DropReason(wire.DropReasons) {
		if chosen(r) {
			names = append(names, r.String())
		}
	}
	slices.Sort(names)
	return names
}

// TestReasonsInTheDocuments: the README explains each, and the alert rules mean by
// points on their way out what Health does.
func TestReasonsInTheDocuments(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	var explained []string
	_, table, _ := strings.Cut(string(readme), "## Why are points missing?")
	table, _, _ = strings.Cut(table, "\n## ")
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(table, -1) {
		explained = append(explained, row[1])
	}
	slices.Sort(explained)
	assert.Equal(t, reasons(func(wire.DropReason) bool { return true }), explained)

	rules, err := os.ReadFile("../docs/alerts.yml")
	require.NoError(t, err)
	selected := regexp.MustCompile(`reason=~"([a-z_|]+)"`).FindAllStringSubmatch(string(rules), -1)
	require.NotEmpty(t, selected)
	for _, s := range selected {
		assert.Equal(t, reasons(leaving), slices.Sorted(slices.Values(strings.Split(s[1], "|"))))
	}
}
