package exporter

import (
	"fmt"
	"os"
	"reflect"
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

// TestDroppedHasAFieldForEachReason: the fields are in the order of the reasons, and named
// like them.
func TestDroppedHasAFieldForEachReason(t *testing.T) {
	fields := reflect.TypeFor[Dropped]()
	require.Equal(t, wire.DropReasons, fields.NumField())
	counters, total := [wire.DropReasons]uint64{}, uint64(0)
	for r := range wire.DropReason(wire.DropReasons) {
		name := strings.ReplaceAll(strings.ToLower(r.String()), "_", "")
		assert.Equal(t, name, strings.ToLower(fields.Field(int(r)).Name))
		counters[r] = 1 << r
		total += 1 << r
	}
	d := droppedBy(counters)
	assert.Equal(t, counters, d.byReason())
	assert.Equal(t, uint64(1)<<wire.Deadline, d.Deadline)
	assert.Equal(t, total, d.Total())
}

// TestReasonsInTheDocuments: the README's table has the rows of wire's, and the alert rules
// mean by points on their way out what Health does.
func TestReasonsInTheDocuments(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	want := "| reason | what happened | what to do |\n|---|---|---|\n"
	var leaving []string
	for r := range wire.DropReason(wire.DropReasons) {
		want += fmt.Sprintf("| `%v` | %s | %s |\n", r, r.Meaning(), r.Remedy())
		if r.Stage() == wire.Leaving {
			leaving = append(leaving, r.String())
		}
	}
	_, table, _ := strings.Cut(string(readme), "| reason |")
	table, _, _ = strings.Cut("| reason |"+table, "\n\n")
	assert.Equal(t, want, table+"\n", "README.md has to say what the table in wire/reason.go says")

	rules, err := os.ReadFile("../docs/alerts.yml")
	require.NoError(t, err)
	selected := regexp.MustCompile(`reason=~"([a-z_|]+)"`).FindAllStringSubmatch(string(rules), -1)
	require.NotEmpty(t, selected)
	slices.Sort(leaving)
	for _, s := range selected {
		assert.Equal(t, leaving, slices.Sorted(slices.Values(strings.Split(s[1], "|"))))
	}
}
