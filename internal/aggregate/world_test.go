package aggregate

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.uber.org/goleak"

	"github.com/otelgram/otelgram/internal/account"
	"github.com/otelgram/otelgram/internal/intern"
	"github.com/otelgram/otelgram/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// points is a sink that keeps what it gets. It has room for a limited number of points.
type points struct {
	all   []wire.Point
	room  int
	books *account.Books
}

func (s *points) Await(ctx context.Context, _ bool) bool {
	if s.room == 0 {
		<-ctx.Done()
	}
	return s.room > 0
}

func (s *points) Push(p *wire.Point) {
	s.room--
	q := *p
	if p.Distribution != nil {
		d := *p.Distribution
		d.BucketCounts = slices.Clone(d.BucketCounts)
		d.Positive.Counts, d.Negative.Counts = slices.Clone(d.Positive.Counts), slices.Clone(d.Negative.Counts)
		q.Distribution = &d
	}
	s.all = append(s.all, q)
}

func (s *points) Refuse(r wire.DropReason) { s.books.Refuse(r) }
func (*points) Release()                   {}
func (*points) Done()                      {}

// world is a registry and its collector.
type world struct {
	*Registry
	*Collector
	sink  points
	books account.Books
	said  []error
	// packer is the only packer of this world: metrics and attributes carry their places in
	// its packets.
	packer *wire.Packer
}

func open(limit int) *world { return openWith(limit, math.MaxInt64/2, resource.Empty()) }

func openWith(limit int, memory int64, of *resource.Resource) *world {
	packer, err := wire.NewPacker(wire.MinPacketSize)
	if err != nil {
		panic(err) // the size is a constant
	}
	w := &world{packer: packer}
	w.sink = points{room: math.MaxInt, books: &w.books}
	w.Registry = NewRegistry(&w.books, account.NewBudget(memory), limit)
	report := func(err error) bool {
		w.said = append(w.said, err)
		return true
	}
	w.Collector = NewCollector(w.Registry, intern.NewIdentifier(of, account.NewBudget(1<<20), report), report)
	return w
}

func (w *world) collect(last bool) []wire.Point { return w.collectAt(time.Now(), last) }

func (w *world) collectAt(at time.Time, last bool) []wire.Point {
	w.Collect(context.Background(), &w.sink, at, last)
	all := w.sink.all
	w.sink.all = nil
	return all
}

// lines collects, and returns the points as "name attributes: value", sorted.
func (w *world) lines() []string {
	out := []string{}
	for _, p := range w.collect(false) {
		out = append(out, fmt.Sprint(w.label(&p), ": ", p.Bits))
	}
	slices.Sort(out)
	return out
}

// label returns "name attributes" of a point, as an independent decoder reads it.
func (w *world) label(p *wire.Point) string {
	w.packer.Start(nil)
	w.packer.Append(&wire.Point{Metric: p.Metric, Attributes: p.Attributes, Distribution: p.Distribution})
	packet := w.packer.Finish()
	wire.Stamp(packet, &wire.Header{Format: wire.Compact, Points: 1})
	var d wire.Decoder
	if err := d.Reset(packet); err != nil || !d.Next() {
		panic(fmt.Sprint("no point: ", err))
	}
	v := d.Point()
	line := string(v.Metric.Name)
	for _, kv := range v.Attributes.All() {
		line += fmt.Sprintf(" %s=%s", kv.Key, kv.Value.Text())
	}
	return line
}

func scope(name string) instrumentation.Scope { return instrumentation.Scope{Name: name} }

func counterConfig(name string) Config {
	return Config{Scope: scope("s"), Name: name, Kind: Sum, Monotonic: true}
}

func deltaConfig(name string) Config {
	c := counterConfig(name)
	c.Delta = true
	return c
}

// histogramConfig returns the Config of either kind of histogram.
func histogramConfig(name string, k Kind) Config {
	return Config{Scope: scope("s"), Name: name, Kind: k, Bounds: []float64{1, 5, 10}, MaxSize: 160, MaxScale: MaxScale}
}

// streamOf returns the stream of c, for which there must be room.
func streamOf[N Number](t testing.TB, w *world, c Config) *Stream[N] {
	t.Helper()
	s, _ := StreamOf[N](w.Registry, c, time.Now().UnixNano())
	require.NotNil(t, s)
	return s
}

func kSet(k int) attribute.Set { return attribute.NewSet(attribute.String("k", fmt.Sprint(k))) }

func (w *world) dropped(r wire.DropReason) int { return int(w.books.Settled().Dropped[r]) }

// bound is an attribute set of a stream, as a bound instrument has it.
type bound[N Number] struct {
	Handle[N]
	set attribute.Set
}

func bind[N Number](s *Stream[N], set attribute.Set) *bound[N] {
	return &bound[N]{Handle: Handle[N]{Stream: s}, set: intern.Own(set)}
}

func (b *bound[N]) record(v N) bool {
	left, again, ok := b.Record(v)
	if again {
		return b.RecordAnew(b.set, left)
	}
	return ok
}
