package main

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestLoad: every request that is due is sent, also while one is not answered, and those
// that fail are counted. What waits for its answer is slow.
func TestLoad(t *testing.T) {
	var requests atomic.Int32
	others := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch n := requests.Add(1); n {
		case 1:
			<-others // the first is answered after the last
		case 20:
			close(others)
		case 2:
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	defer server.Close()
	p := loadPlan{URL: server.URL, Rate: 200, For: 100 * time.Millisecond}
	r := p.run()
	assert.Equal(t, 20, r.Requests)
	assert.Equal(t, 1, r.Failed)
	assert.EqualValues(t, 20, requests.Load())
	assert.GreaterOrEqual(t, r.P999, r.P50)
	assert.Positive(t, r.P50)
}

// TestPrograms: what a program answers, and that one which does not start is an error.
func TestPrograms(t *testing.T) {
	p, err := startProgram(loadProgram, loadPlan{URL: "http://127.0.0.1:1", Rate: 10, For: 200 * time.Millisecond})
	require.NoError(t, err)
	assert.Equal(t, "ready", p.at)
	var r loadReport
	require.NoError(t, p.ask("wait", &r))
	assert.Equal(t, loadReport{Requests: 2, Failed: 2}, loadReport{Requests: r.Requests, Failed: r.Failed})
	require.NoError(t, p.close())
	_, err = startProgram(serviceProgram, servicePlan{Way: "by post"})
	assert.Error(t, err)
}

// TestDue: what an export at each interval has.
func TestDue(t *testing.T) {
	r := serviceReport{Points: 100, Elapsed: 5 * time.Second, Interval: 2 * time.Second}
	assert.InDelta(t, 250, r.due(), 1e-9)
}

// TestOperations: each pair names operations that there are, and an unknown one is an error.
func TestOperations(t *testing.T) {
	for _, p := range instructionPairs {
		assert.Contains(t, operations, p.ours)
		assert.Contains(t, operations, p.other)
	}
	_, err := operation{Name: "guess"}.count(true)
	assert.Error(t, err)
}

// TestGatewayTable is arithmetic with figures that are given.
func TestGatewayTable(t *testing.T) {
	w, err := newWriter(&results{Rows: []row{{Name: gatewayCPU, Ours: summary{Median: 200}}, {Name: gatewayBytes, Ours: summary{Median: 30}}}})
	require.NoError(t, err)
	rows, err := w.gatewayTable()
	require.NoError(t, err)
	assert.Equal(t, "10,000 | 10,000 | 10,000,000 | 2.00 | 300", rows[len(rows)-1])
	text, err := w.perSecond(gatewayCPU)
	require.NoError(t, err)
	assert.Equal(t, "5,000,000", text)
}
