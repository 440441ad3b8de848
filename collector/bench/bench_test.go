package main

import (
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) {
	if isChild(os.Args) {
		exit(serve(os.Stdin, os.Stdout, os.NewFile(progressFile, "progress")))
	}
	os.Exit(m.Run())
}

// TestAllPointsArrive: each receiver takes all points of each load, as many as the others.
func TestAllPointsArrive(t *testing.T) {
	all, err := run(settings{quick: true}, testWriter{t})
	require.NoError(t, err)
	require.Len(t, all, len(workloads))
	for i, results := range all {
		l := &workloads[i]
		require.Len(t, results, len(l.sides(settings{})))
		for j := range results {
			r := &results[j]
			require.Len(t, r.costs, 1, "%s, %s", l.name, r.way.name)
			assert.EqualValues(t, l.points, r.costs[0].received, "%s, %s", l.name, r.way.name)
			assert.Zero(t, r.lost, "%s, %s", l.name, r.way.name)
			assert.Positive(t, r.costs[0].cpu, "%s, %s", l.name, r.way.name)
		}
	}
}

// TestLoads: each export has as many points as it says, and so have its lines. Those fit
// datagrams, and each is of another series.
func TestLoads(t *testing.T) {
	for i := range workloads {
		l := &workloads[i]
		assert.Zero(t, l.points%statsdGrain, l.name)
		if !l.counters {
			continue
		}
		lines, sum := dogStatsD(l.data())
		assert.Len(t, lines, l.points, l.name)
		assert.Positive(t, sum, l.name)
		packed := 0
		for _, d := range pack(lines) {
			packed += d.lines
			assert.LessOrEqual(t, len(d.data), packetSize, l.name)
		}
		assert.Equal(t, l.points, packed, l.name)
	}
}

// TestLossIsSaid: a round with a loss does not count, and the table says so.
func TestLossIsSaid(t *testing.T) {
	r := result{way: &ways[0], lossy: 2, lost: 7}
	var text textWriter
	r.print(&text, 0)
	assert.Contains(t, string(text), "7")
	assert.Contains(t, string(text), "0, 2 with a loss left out")
}

// TestProgressEnds: nobody waits for a child that is gone.
func TestProgressEnds(t *testing.T) {
	from, to := io.Pipe()
	p := newProgress(from)
	require.NoError(t, to.Close())
	assert.False(t, p.wait(1))
	assert.False(t, p.room(5, 5, 5))
	require.NoError(t, p.close())
}

type textWriter []byte

func (w *textWriter) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}

// testWriter writes to the log of a test.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(string(p))
	return len(p), nil
}
