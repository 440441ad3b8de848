package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/exporter"
)

// pairConfig sends on what comes. So the test sees what a Collector has received, including
// what it held when it was told to end: nobody can ask it after that.
const pairConfig = `
receivers:
  otelgram: {transport: "${env:TRANSPORT}", endpoint: "${env:ADDRESS}", async: {readers: 2}}
exporters:
  otlp_http:
    endpoint: http://${env:TARGET}
    sending_queue: {num_consumers: 1, batch: {flush_timeout: 50ms, min_size: 1000}}
service:
  pipelines:
    metrics: {receivers: [otelgram], exporters: [otlp_http]}
`

// observed is a Collector, and the numbers that came out of it.
type observed struct {
	*collectorProcess
	mu   sync.Mutex
	seen map[number]int // how often
}

// number is one of those that a counting sender sends.
type number struct{ sender, n int64 }

func startObserved(t *testing.T, transport, address string) *observed {
	t.Helper()
	o := &observed{seen: map[number]int{}}
	e, err := newEndpoint(t.Context(), o.note)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Shutdown(context.Background())) })
	o.collectorProcess = startCollector(t, pairConfig, "TRANSPORT="+transport, "ADDRESS="+address, "TARGET="+e.address)
	return o
}

func (o *observed) note(md pmetric.Metrics) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range md.ResourceMetrics().All() {
		for _, s := range r.ScopeMetrics().All() {
			for _, m := range s.Metrics().All() {
				for _, p := range m.Gauge().DataPoints().All() {
					sender, _ := p.Attributes().Get("sender")
					o.seen[number{sender.Int(), p.IntValue()}]++
				}
			}
		}
	}
}

// numbers returns those that came of a sender, in order, and fails for one that came twice.
func (o *observed) numbers(t *testing.T, sender int64) (all []int64) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	for n, times := range o.seen {
		if n.sender == sender {
			assert.Equal(t, 1, times, "%+v", n)
			all = append(all, n.n)
		}
	}
	slices.Sort(all)
	return all
}

// passesOn waits until the Collector has passed on these numbers of a sender, and no others.
func (o *observed) passesOn(t *testing.T, sender int64, want []int64) {
	t.Helper()
	eventually(t, 20*time.Second, func() error {
		if got := o.numbers(t, sender); !slices.Equal(want, got) {
			return fmt.Errorf("sender %d: %d of %d numbers", sender, len(got), len(want))
		}
		return nil
	})
}

// reaches waits until the Collector has passed on so many numbers more of each of the senders.
func (o *observed) reaches(t *testing.T, numbers int, senders ...*numbering) {
	t.Helper()
	want := map[int64]int{}
	for _, s := range senders {
		want[s.sender] = len(o.numbers(t, s.sender)) + numbers
	}
	eventually(t, 20*time.Second, func() error {
		for sender, n := range want {
			if got := len(o.numbers(t, sender)); got < n {
				return fmt.Errorf("sender %d: %d of %d numbers", sender, got, n)
			}
		}
		return nil
	})
}

// numbering exports the numbers from 1 on, one in each packet.
type numbering struct {
	sender int64
	exp    *exporter.Exporter
	last   int64
	rest   func() error
}

func startNumbering(t *testing.T, sender int, endpoint string) *numbering {
	t.Helper()
	exp, err := newExporter(t.Context(), endpoint)
	require.NoError(t, err)
	n := &numbering{sender: int64(sender), exp: exp}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		var err error
		for ; ctx.Err() == nil; <-time.After(2 * time.Millisecond) {
			n.last++
			err = errors.Join(err, n.export())
		}
		ended <- err
	}()
	n.rest = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() {
		_ = n.rest()
		_ = exp.Shutdown(context.Background()) // unless the test has done both
	})
	return n
}

func (n *numbering) export() error {
	ctx := context.Background()
	set := attribute.NewSet(attribute.Int64("sender", n.sender))
	point := metricdata.DataPoint[int64]{Attributes: set, Time: time.Now(), Value: n.last}
	err := n.exp.Export(ctx, &metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{
		{Name: "number", Data: metricdata.Gauge[int64]{DataPoints: []metricdata.DataPoint[int64]{point}}},
	}}}})
	return errors.Join(err, n.exp.ForceFlush(ctx))
}

// end ends the numbering and returns the exporter's books, which close.
func (n *numbering) end(t *testing.T) exporter.Stats {
	t.Helper()
	require.NoError(t, n.rest())
	require.NoError(t, n.exp.Shutdown(t.Context()))
	s := n.exp.Stats()
	assert.Equal(t, uint64(n.last), s.Offered)
	assert.Equal(t, s.Offered, s.Sent+s.Dropped.Total())
	return s
}

// upTo returns the numbers from one to another.
func upTo(first, last int64) (all []int64) {
	for n := first; n <= last; n++ {
		all = append(all, n)
	}
	return all
}

func needLinux(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has 127.0.0.2, and hands packets over from one socket to another")
	}
}

// TestTwoCollectorsFailover: of two Collectors behind one name the one in use ends while a
// sender works. The sender goes over to the other, and every point is accounted for:
//
//	offered = sent + dropped
//	sent    = received by the first + received by the second + sent to the first when it was gone
//
// What the first has received is what it passed on: it passes on all that it has before it
// ends. What was sent to it when it was gone nobody counts: the kernel took it, and said too
// late that nobody listened. All of that belongs to a session of which the second has never
// heard. So it is what the sender sent, less what the second knows to have been sent, less
// what the first has received. The numbers say which points these are: one run, after the
// last that the first has passed on and before the first that the second has. It is two or
// three points long, or up to a second of them where the socket is not yet a second old: no
// sender dials more often.
func TestTwoCollectorsFailover(t *testing.T) {
	need(t, "go")
	needLinux(t)
	t.Parallel()
	port := strconv.Itoa(freePort(t))
	behind := map[string]*observed{}
	for _, address := range []string{"127.0.0.1", "127.0.0.2"} {
		at := net.JoinHostPort(address, port)
		behind[at] = startObserved(t, "udp", at)
	}
	s := startNumbering(t, 0, net.JoinHostPort(twoAddresses, port))
	var inUse string
	eventually(t, 20*time.Second, func() error {
		if inUse = s.exp.Stats().Address; behind[inUse] == nil {
			return fmt.Errorf("it sends to %q", inUse)
		}
		return nil
	})
	first := behind[inUse]
	delete(behind, inUse)
	second := behind[slices.Collect(maps.Keys(behind))[0]]
	first.reaches(t, 200, s)
	assert.Empty(t, second.numbers(t, 0))
	first.terminate(t)
	second.reaches(t, 200, s)

	end := s.end(t)
	passedOn := int64(len(first.numbers(t, 0)))
	assert.Equal(t, upTo(1, passedOn), first.numbers(t, 0))
	from := second.numbers(t, 0)[0]
	received := uint64(s.last - from + 1)
	assert.Equal(t, allAccepted(received), second.settle(t, "otelgram", received))
	second.passesOn(t, 0, upTo(from, s.last))
	toNobody := end.Sent - received - uint64(passedOn)
	assert.Positive(t, toNobody)
	assert.Equal(t, uint64(from-1-passedOn), toNobody+end.Dropped.Total(), "the run that is missing")
	t.Logf("offered %d = %d to the first Collector + %d to the second + %d to nobody + %d dropped", end.Offered, passedOn, received, toNobody, end.Dropped.Total())
}

// TestTwoCollectorsHandover: a new Collector starts at the address of one that runs, which is
// told to end after that, while eight senders work. All that is sent comes out of one of the
// two, once. Over UDP nothing is dropped, either: the sockets of the new Collector have the
// address before those of the old leave it. Over a Unix socket a sender stays with the
// Collector that it has dialled. When that is gone, the kernel refuses packets until the sender
// has dialled again, as above. These are dropped, and counted as send_error.
func TestTwoCollectorsHandover(t *testing.T) {
	need(t, "go")
	needLinux(t)
	t.Parallel()
	for _, transport := range []string{"udp", "unixgram"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			address := local(t)
			endpoint := address
			if transport == "unixgram" {
				address = filepath.Join(t.TempDir(), "s")
				endpoint = "unixgram://" + address
			}
			sent, dropped := handedOver(t, transport, address, endpoint)
			assert.NotZero(t, sent)
			if transport == "udp" {
				assert.Zero(t, dropped)
			}
		})
	}
}

// handedOver lets senders work while one Collector takes the place of another. It returns
// what they sent, all of which was passed on, and what they dropped.
func handedOver(t *testing.T, transport, address, endpoint string) (sent, dropped uint64) {
	t.Helper()
	const senders = 8
	older := startObserved(t, transport, address)
	var all []*numbering
	for i := range senders {
		all = append(all, startNumbering(t, i, endpoint))
	}
	older.reaches(t, 100, all...)
	newer := startObserved(t, transport, address)
	b, err := older.books("otelgram")
	require.NoError(t, err)
	older.terminate(t)
	assert.Zero(t, b.Lost+b.Rejected+b.Overrun+b.Refused, "%+v", b)
	newer.reaches(t, 100, all...)

	received := uint64(0)
	ends := map[*numbering]exporter.Stats{}
	for _, s := range all {
		end := s.end(t)
		assert.Equal(t, end.Dropped.SendError, end.Dropped.Total(), "%+v", end)
		ends[s] = end
		sent += end.Sent
		dropped += end.Dropped.Total()
		received += uint64(len(older.numbers(t, s.sender)))
	}
	assert.Equal(t, allAccepted(sent-received), newer.settle(t, "otelgram", sent-received))
	for s, end := range ends {
		eventually(t, 20*time.Second, func() error {
			came := map[int64]bool{}
			all := append(older.numbers(t, s.sender), newer.numbers(t, s.sender)...)
			for _, n := range all {
				came[n] = true
			}
			if len(came) != len(all) || len(all) != int(end.Sent) {
				return fmt.Errorf("sender %d: %d numbers, %d different ones, %d sent", s.sender, len(all), len(came), end.Sent)
			}
			return nil
		})
	}
	t.Logf("%s: offered %d = %d to the older Collector + %d to the newer + %d dropped", transport, sent+dropped, received, sent-received, dropped)
	return sent, dropped
}
