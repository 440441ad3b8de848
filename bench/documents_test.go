package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestDocuments: the figures in the documents are those that are saved.
func TestDocuments(t *testing.T) {
	r, err := readResults("results.json")
	require.NoError(t, err)
	w, err := newWriter(&r)
	require.NoError(t, err)
	for _, name := range documents {
		text, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(name)))
		require.NoError(t, err)
		want, err := w.filled(string(text))
		require.NoError(t, err)
		assert.True(t, want == string(text), "%s is not what is saved: (cd bench && go run . -write ..)", name)
	}
}

// TestNothingMeasured: the documents can be written before all is measured.
func TestNothingMeasured(t *testing.T) {
	w, err := newWriter(&results{})
	require.NoError(t, err)
	text, err := w.filled("a\n<!-- bench: costs -->\nb\n<!-- end -->\nc\n<!-- bench: rows -->\n<!-- end -->\n")
	require.NoError(t, err)
	assert.Contains(t, text, "not measured")
	assert.NotContains(t, text, "\nb\n")
	assert.True(t, strings.HasPrefix(text, "a\n<!-- bench: costs -->\n") && strings.HasSuffix(text, "\n<!-- end -->\n"))
}

// TestBlocksBite: a block that does not end, one that nobody knows, and a row that nobody
// measures are errors.
func TestBlocksBite(t *testing.T) {
	w, err := newWriter(&results{})
	require.NoError(t, err)
	_, err = w.filled("<!-- bench: costs -->\n")
	assert.ErrorContains(t, err, "does not end")
	_, err = w.filled("<!-- bench: cost -->\n<!-- end -->\n")
	assert.ErrorContains(t, err, `"cost"`)
	_, err = w.ours("ring push")
	assert.ErrorContains(t, err, `no experiment has the row "ring push"`)
}

// TestRowText: a promise that was missed and another who wins are marked.
func TestRowText(t *testing.T) {
	other := summary{2, 1, 3}
	r := &row{Name: "a", Ours: summary{3, 3, 3}, Beside: "SDK", Other: &other, Lost: counted(4), Rounds: 9, Date: "2026-01-02 03:04", Load: "0.10"}
	for _, tt := range []struct {
		unit   string
		target target
		want   string
	}{
		{"ns", target{ratioAtMost, 1}, "| a | ns | 3.00 | SDK: 2.00 (1.00..3.00) | 1.500 **the other wins** | ratio <= 1: **missed** | - | 4 | 2026-01-02 03:04, load 0.10, 9 rounds |\n"},
		{"M points/s", target{valueAtLeast, 3}, "| a | M points/s | 3.00 | SDK: 2.00 (1.00..3.00) | 1.500 | >= 3: kept | - | 4 | 2026-01-02 03:04, load 0.10, 9 rounds |\n"},
		{"ns", none, "| a | ns | 3.00 | SDK: 2.00 (1.00..3.00) | 1.500 **the other wins** | - | - | 4 | 2026-01-02 03:04, load 0.10, 9 rounds |\n"},
	} {
		assert.Equal(t, tt.want, rowText(r, &line{name: "a", unit: tt.unit, target: tt.target}))
	}
	assert.Contains(t, rowText(nil, &line{name: "a"}), "| a |  | not measured |")
	r.Beside = "unpaced"
	assert.False(t, peerWins(&line{}, r))
}

func TestFigure(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 12.34: "12.3", 999: "999", 1234: "1,234", 1_234_567: "1,234,567"} {
		assert.Equal(t, want, figure(v))
	}
}

// TestResults: what is saved is read again, a row that is measured anew takes the place of
// the older one, and rows stand in the order of the table.
func TestResults(t *testing.T) {
	of := func(names ...string) []experiment {
		return []experiment{{name: "e", lines: []line{{name: names[0]}, {name: names[1]}}}}
	}
	saved := experiments
	defer func() { experiments = saved }()
	experiments = of("a", "b")
	file := filepath.Join(t.TempDir(), "r.json")
	require.NoError(t, save(file, []row{{Name: "b", Lost: counted(3), Rounds: 1}}))
	r, err := readResults(file)
	require.NoError(t, err)
	assert.False(t, r.has(&experiments[0]))
	require.NoError(t, save(file, []row{{Name: "b", Ours: summary{1, 0.5, 2}, Other: &summary{5, 5, 5}, Beside: "x"}, {Name: "a", Dropped: counted(0)}}))
	r, err = readResults(file)
	require.NoError(t, err)
	assert.Equal(t, []row{{Name: "a", Dropped: counted(0)}, {Name: "b", Ours: summary{1, 0.5, 2}, Other: &summary{5, 5, 5}, Beside: "x"}}, r.Rows)
	assert.True(t, r.has(&experiments[0]))

	experiments = of("b", "c")
	require.NoError(t, save(file, nil))
	r, err = readResults(file)
	require.NoError(t, err)
	assert.Len(t, r.Rows, 1, "there is no line of the other any more")

	assert.ErrorContains(t, save(file, []row{{Name: "c", Ours: summary{math.NaN(), 0, 0}}}), "c: ")
	r.Versions = "others"
	require.NoError(t, r.write(file))
	assert.ErrorContains(t, save(file, nil), "other versions")
	require.NoError(t, os.WriteFile(file, []byte("{"), 0o600))
	_, err = readResults(file)
	assert.ErrorContains(t, err, file)
}

// TestResume leaves out what is saved, and runs what is not.
func TestResume(t *testing.T) {
	runs := 0
	count := func() (cost, error) { runs++; return cost{points: 7}, nil }
	saved := experiments
	defer func() { experiments = saved }()
	experiments = []experiment{made("1", count, line{"first", "", points, 0, 1, none}), made("2", count, line{"second", "", points, 0, alone, none})}
	s := settings{rows: regexp.MustCompile("first"), rounds: 2, file: filepath.Join(t.TempDir(), "r.json"), save: true, resume: true}
	var out strings.Builder
	require.NoError(t, run(s, &out))
	assert.Equal(t, 3, runs)
	s.rows = regexp.MustCompile("")
	require.NoError(t, run(s, &out))
	assert.Equal(t, 6, runs, "only the second")
	r, err := readResults(s.file)
	require.NoError(t, err)
	assert.Equal(t, "[first second]", fmt.Sprint([]string{r.Rows[0].Name, r.Rows[1].Name}))
	assert.Equal(t, summary{7, 7, 7}, r.Rows[0].Ours)
	assert.Equal(t, 2, r.Rows[0].Rounds)
	assert.Equal(t, "nothing", r.Rows[0].Beside)
	assert.Error(t, run(settings{rows: s.rows, quick: true, save: true}, &out))
}
