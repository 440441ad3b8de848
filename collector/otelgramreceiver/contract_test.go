package otelgramreceiver

import (
	"context"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pipeline"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/exporter"
)

// contractGenerator sends points, each of which it can recognise, and now and then many.
type contractGenerator struct {
	t        *testing.T
	endpoint string
	next     atomic.Int64
	mu       sync.Mutex
	exp      *exporter.Exporter
}

func (g *contractGenerator) Start() {
	var err error
	g.exp, err = exporter.New(context.Background(), exporter.WithEndpoint(g.endpoint))
	require.NoError(g.t, err)
}

func (g *contractGenerator) Stop() { _ = g.exp.Shutdown(context.Background()) } // its receiver has gone

func (g *contractGenerator) Generate() []receivertest.UniqueIDAttrVal {
	first := g.next.Add(10) - 10
	data := gauge("m", 0)
	var ids []receivertest.UniqueIDAttrVal
	var points []metricdata.DataPoint[int64]
	for id := first; id <= first+first%10; id++ {
		value := strconv.FormatInt(id, 10)
		ids = append(ids, receivertest.UniqueIDAttrVal(value))
		points = append(points, metricdata.DataPoint[int64]{
			Attributes: attribute.NewSet(attribute.String(receivertest.UniqueIDAttrName, value)), Time: time.Now(), Value: id,
		})
	}
	data.ScopeMetrics[0].Metrics[0].Data = metricdata.Gauge[int64]{DataPoints: points}
	g.mu.Lock()
	defer g.mu.Unlock()
	assert.NoError(g.t, g.exp.Export(context.Background(), data))
	assert.NoError(g.t, g.exp.ForceFlush(context.Background()))
	return ids
}

// TestConsumeContract: whatever the next consumer answers, what it refuses for now is tried
// again, and the rest is not.
func TestConsumeContract(t *testing.T) {
	free, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, free.Close())
	c := createDefaultConfig().(*Config)
	c.Endpoint = free.LocalAddr().String()
	c.Retry.InitialInterval = time.Millisecond
	receivertest.CheckConsumeContract(receivertest.CheckConsumeContractParams{
		T: t, Factory: NewFactory(), Signal: pipeline.SignalMetrics, Config: c,
		Generator: &contractGenerator{t: t, endpoint: c.Endpoint}, GenerateCount: 500,
	})
}
