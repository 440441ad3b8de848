package tidy

import (
	"cmp"
	"os"
	"slices"
	"testing"
)

// rules are all rules of the gate. Each has bad samples in bites_test.go.
var rules = []struct {
	name  string
	check func(*module) []finding
}{
	{"packages", checkPicture},
	{"our imports", checkOurImports},
	{"other imports", checkOtherImports},
	{"gobreaker", checkBreaker},
	{"self-metrics", checkSelfMetrics},
	{"requires", checkRequires},
	{"package docs", checkPackageDocs},
	{"name docs", checkNameDocs},
	{"aliases", checkAliases},
	{"snippets", checkSnippets},
	{"sizes", checkSizes},
	{"sleeps", checkSleeps},
	{"flags", checkFlags},
	{"leftovers", checkLeftovers},
	{"aggregation switch", checkAggregationSwitch},
	{"words", checkWords},
}

// TestTidy holds every rule against the sources of this module.
func TestTidy(t *testing.T) {
	m, err := load(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range rules {
		t.Run(rule.name, func(t *testing.T) {
			for _, f := range sorted(rule.check(m)) {
				t.Error(f)
			}
		})
	}
}

func sorted(found []finding) []finding {
	slices.SortFunc(found, func(a, b finding) int {
		return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.line, b.line), cmp.Compare(a.reason, b.reason))
	})
	return found
}
