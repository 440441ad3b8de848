package pipeline

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/internal/session"
	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
	"github.com/otelgram/otelgram/wire/influx"
	"github.com/otelgram/otelgram/wire/statsd"
)

// lineConfig is a configuration with an encoding of lines.
func lineConfig(s session.Socket) Config {
	c := testConfig(s)
	c.NewEncoder = func(bytes int, m *account.Budget) (Encoder, error) {
		return influx.New(influx.Options{}, bytes, account.NewShares(m, 8)), nil
	}
	return c
}

// countingConfig is one with an encoding that tells differences.
func countingConfig(s session.Socket) Config {
	c := testConfig(s)
	c.NewEncoder = func(bytes int, m *account.Budget) (Encoder, error) {
		return statsd.New(statsd.StatsD, statsd.Options{}, bytes, account.NewShares(m, 8))
	}
	return c
}

// lines returns what was taken, line by line. No line is in two datagrams, and no datagram
// is larger than size.
func (f *fakeSender) lines(t *testing.T, size int) (lines []string) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.taken {
		require.LessOrEqual(t, len(p.bytes), size)
		text := string(p.bytes)
		require.True(t, strings.HasSuffix(text, "\n"))
		lines = append(lines, strings.Split(strings.TrimSuffix(text, "\n"), "\n")...)
	}
	return lines
}

// requireOnce fails if a line was sent twice.
func requireOnce(t *testing.T, lines []string) {
	t.Helper()
	seen := map[string]bool{}
	for _, l := range lines {
		require.False(t, seen[l], l)
		seen[l] = true
	}
}

// TestLargePointsInLines: whatever the kernel refuses, and wherever in a point of many lines,
// it is sent once or counted once, and no line is sent twice.
func TestLargePointsInLines(t *testing.T) {
	for name, script := range map[string][]udp.Outcome{
		"taken": nil, "unreachable twice": {udp.Sent, udp.Unreachable, udp.Unreachable},
		"too large for no reason": {udp.Sent, udp.TooLarge, udp.TooLarge}, "no buffers": append(repeat(udp.Sent, 5), udp.NoBuffers),
		"a full send buffer": append([]udp.Outcome{udp.Sent}, repeat(udp.WouldBlock, 20)...),
		"for long":           append([]udp.Outcome{udp.Sent}, repeat(udp.WouldBlock, 200)...),
		"the circuit opens":  append([]udp.Outcome{udp.Sent}, repeat(udp.Closed, 10)...),
	} {
		for _, size := range []int{512, 1472, 7800} {
			t.Run(fmt.Sprintf("%s, %d", name, size), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := &fakeSender{script: append([]udp.Outcome(nil), script...)}
					c := lineConfig(s)
					c.Session.PacketSize = size
					p := start(t, c)
					require.NoError(t, p.Export(t.Context(), boundedBy(20, 200)))
					require.NoError(t, p.Flush(t.Context()))
					requireClosedBooks(t, p)
					lines := s.lines(t, size)
					requireOnce(t, lines)
					if sent := p.Stats().Sent; len(script) == 0 {
						assert.Equal(t, uint64(20), sent)
						assert.Len(t, lines, 20*202)
					}
					require.NoError(t, p.Close(t.Context()))
					requireOnce(t, s.lines(t, size))
				})
			})
		}
	}
}

// TestLinesGoOnWhereTheyWere: after the socket has changed, or the path has narrowed, the
// lines that are left are sent, and no other again.
func TestLinesGoOnWhereTheyWere(t *testing.T) {
	for name, change := range map[string]func(*testing.T, *Pipeline, *fakeSender){
		"another socket": func(t *testing.T, p *Pipeline, s *fakeSender) { p.renew(t, s) },
		"a narrow path":  func(_ *testing.T, _ *Pipeline, s *fakeSender) { s.set(func(s *fakeSender) { s.limit = 1000 }) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &fakeSender{}
				c := lineConfig(s)
				c.Session.PacketsPerSecond, c.Session.Burst = 10, 1
				p := start(t, c)
				require.NoError(t, p.Export(t.Context(), boundedBy(1, 400)))
				<-time.After(250 * time.Millisecond)
				change(t, p, s)
				require.NoError(t, p.Flush(t.Context()))
				assert.Equal(t, uint64(1), p.Stats().Sent)
				lines := s.lines(t, 1472)
				requireOnce(t, lines)
				assert.Len(t, lines, 402)
				require.NoError(t, p.Close(t.Context()))
				requireClosedBooks(t, p)
			})
		})
	}
}

// TestLineThatFitsNoMore: a line that was packed for a wider path is dropped, and those
// behind it are sent.
func TestLineThatFitsNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSender{limit: 600}
		p := start(t, lineConfig(s))
		rm := sums(2)
		rm.ScopeMetrics[0].Metrics[0].Name = strings.Repeat("n", 800)
		require.NoError(t, p.Export(t.Context(), rm))
		require.NoError(t, p.Flush(t.Context()))
		require.NoError(t, p.Export(t.Context(), sums(3)))
		require.NoError(t, p.Flush(t.Context()))
		assert.Equal(t, uint64(2), p.Stats().Dropped[wire.Oversize])
		assert.Len(t, s.lines(t, 600), 3)
		require.NoError(t, p.Close(t.Context()))
		requireClosedBooks(t, p)
	})
}

// TestLinesHaveNoSessions: nothing but points is sent, for hours, and no goodbye.
func TestLinesHaveNoSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSender{}
		p := start(t, lineConfig(s))
		require.NoError(t, p.Export(t.Context(), sums(1)))
		<-time.After(time.Hour)
		require.NoError(t, p.Close(t.Context()))
		assert.Len(t, s.lines(t, 1472), 1)
	})
}

// TestProbeIsAnEmptyLine: while nothing else is sent, since the circuit is open, an empty
// line asks whether anybody is there.
func TestProbeIsAnEmptyLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeSender{script: repeat(udp.Closed, 10)}
		p := start(t, lineConfig(s))
		for range 10 {
			require.NoError(t, p.Export(t.Context(), sums(1)))
			require.NoError(t, p.Flush(t.Context()))
		}
		assert.Equal(t, session.CircuitOpen, p.Stats().Circuit)
		<-time.After(time.Minute)
		assert.Equal(t, []string{""}, s.lines(t, 1472))
		assert.Equal(t, session.CircuitClosed, p.Stats().Circuit)
		require.NoError(t, p.Close(t.Context()))
	})
}

// counterAt makes a counter of that value.
func counterAt(begin time.Time, v int64) *metricdata.ResourceMetrics {
	rm := sums(1)
	rm.ScopeMetrics[0].Metrics[0].Data = metricdata.Sum[int64]{
		Temporality: metricdata.CumulativeTemporality, IsMonotonic: true,
		DataPoints: []metricdata.DataPoint[int64]{{StartTime: begin, Time: begin, Value: v}},
	}
	return rm
}

// TestCountersAddUp: whatever is refused, what the server was told of a counter is its last
// value, once a packet got through.
func TestCountersAddUp(t *testing.T) {
	for name, script := range map[string][]udp.Outcome{
		"some are lost": {udp.Sent, udp.Unreachable, udp.Unreachable, udp.Sent, udp.NoBuffers, udp.NoBuffers, udp.Sent},
		"the circuit":   append([]udp.Outcome{udp.Sent}, repeat(udp.Closed, 10)...),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &fakeSender{script: script}
				p := start(t, countingConfig(s))
				begin := time.Now().Add(time.Second)
				total := int64(0)
				for i := range int64(100) {
					rm := counterAt(begin, i)
					total = i
					require.NoError(t, p.Export(t.Context(), rm))
					require.NoError(t, p.Flush(t.Context()))
					<-time.After(time.Second)
				}
				told := int64(0)
				for _, l := range s.lines(t, 1472) {
					if l != "" {
						var n int64
						_, err := fmt.Sscanf(l, "sum:%d|c", &n)
						require.NoError(t, err)
						told += n
					}
				}
				assert.Equal(t, total, told)
				assert.Positive(t, p.Stats().Offered-p.Stats().Sent, "some points were dropped")
				require.NoError(t, p.Close(t.Context()))
				requireClosedBooks(t, p)
			})
		})
	}
}
