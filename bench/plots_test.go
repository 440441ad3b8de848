package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// svgTexts returns the texts of an SVG, and how many shapes it has that begin so.
func svgTexts(t *testing.T, svg []byte) (all []string, arcs, paths int) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(string(svg)))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all, arcs, paths
		}
		require.NoError(t, err)
		switch token := token.(type) {
		case xml.CharData:
			if text := strings.TrimSpace(string(token)); text != "" {
				all = append(all, text)
			}
		case xml.StartElement:
			for _, a := range token.Attr {
				if a.Name.Local == "d" {
					paths++
					arcs += min(1, strings.Count(a.Value, "A"))
				}
			}
		}
	}
}

// fixed are results that have every figure of a chart, but for so many of its points.
func fixed(c *chart, without int) *results {
	r := &results{}
	v := 1.0
	for _, curve := range c.curves {
		for _, p := range curve.points {
			v++
			if r.find(p.row) == nil {
				r.Rows = append(r.Rows, row{Name: p.row, Ours: summary{v, v, v}, Other: &summary{2 * v, v, v}})
			}
		}
	}
	r.Rows = r.Rows[:len(r.Rows)-without]
	return r
}

// TestPlots: each is well-formed, has its titles and names, and a mark for each figure.
func TestPlots(t *testing.T) {
	for _, c := range charts() {
		r := fixed(&c, 0)
		svg, err := c.svg(r)
		require.NoError(t, err, c.file)
		again, err := c.svg(r)
		require.NoError(t, err)
		assert.Equal(t, string(svg), string(again))
		all, arcs, paths := svgTexts(t, svg)
		for _, want := range []string{c.title, c.x, c.y} {
			if want != "" {
				assert.Contains(t, all, want, c.file)
			}
		}
		points := 0
		for _, curve := range c.curves {
			assert.Contains(t, all, curve.name, c.file)
			points += len(curve.points)
		}
		if c.bars == nil {
			assert.Equal(t, points+len(c.curves), arcs, "%s: a dot for each point, and one in the legend", c.file)
		} else {
			assert.GreaterOrEqual(t, paths, points, c.file)
			assert.Subset(t, all, c.bars)
		}
		_, err = c.svg(fixed(&c, 1))
		assert.NoError(t, err, "one was not measured")
		_, err = c.svg(&results{})
		assert.NoError(t, err, "nothing was measured")
	}
}

// TestPlotsOfRows: each point of a chart is a row that is measured.
func TestPlotsOfRows(t *testing.T) {
	w, err := newWriter(&results{})
	require.NoError(t, err)
	for _, c := range charts() {
		for _, curve := range c.curves {
			for _, p := range curve.points {
				assert.Contains(t, w.lines, p.row)
				if p.other {
					assert.NotEqual(t, alone, w.lines[p.row].other)
				}
			}
		}
	}
}

// TestPlotsAreSaved: the plots are those of what is saved.
func TestPlotsAreSaved(t *testing.T) {
	r, err := readResults("results.json")
	require.NoError(t, err)
	for _, c := range charts() {
		want, err := c.svg(&r)
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join("..", "docs", c.file))
		require.NoError(t, err)
		assert.True(t, string(want) == string(got), "%s is not what is saved: (cd bench && go run . -write ..)", c.file)
	}
}
