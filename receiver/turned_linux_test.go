package receiver

import (
	"encoding/binary"
	"hash/crc32"
	"hash/maphash"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/internal/hostile"
	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

// bench is a receiver without sockets and goroutines. With it the cost of a packet is
// measured from the datagram to the handler.
type bench struct {
	*Receiver
	now time.Time
}

func newBench(t *testing.T) *bench {
	t.Helper()
	c, err := newConfig("Listen", []Option{WithWorkers(1)})
	require.NoError(t, err)
	r := &Receiver{config: c, table: newTable(c.maxSessions, begin), reassembly: newReassembly(c.reassemblySize), notices: newNotices()}
	r.workers = []*worker{{receiver: r, handle: newMetricdata(drop, defaultCacheSize), queue: newQueue(c.queue)}}
	r.seed = maphash.MakeSeed()
	return &bench{r, begin}
}

// take takes a datagram and serves what it brings to the queue.
func (b *bench) take(packet []byte, from netip.AddrPort) {
	b.now = b.now.Add(time.Millisecond)
	d := udp.Datagram{Data: packet, Source: from}
	h, ok := b.check(&d)
	b.expire(b.now)
	if ok {
		b.Receiver.take(&h, &d, b.now)
	}
	for w := b.workers[0]; w.queue.jobs > 0; {
		j := w.queue.pop()
		w.serve(j)
	}
}

// turned returns the packet with each byte changed to each of a few values, one at a time,
// and the checksum made right. If the changed byte is not in the header, the packets have
// consecutive sequence numbers.
func turned(packet []byte, from int) [][][]byte {
	var all [][][]byte
	sequence := binary.BigEndian.Uint64(packet)
	for at := from; at < len(packet)-wire.TrailerSize; at++ {
		var here [][]byte
		for _, v := range []byte{0, 1, 2, 0x3F, 0x7F, 0x80, 0xFF, packet[at] + 1, packet[at] ^ 0x40} {
			p := slices.Clone(packet)
			if at >= wire.HeaderSize {
				sequence++
				binary.BigEndian.PutUint64(p, sequence)
			}
			p[at] = v
			here = append(here, restamped(p))
		}
		all = append(all, here)
	}
	return all
}

// restamped makes the checksum right.
func restamped(p []byte) []byte {
	end := len(p) - wire.TrailerSize
	binary.BigEndian.PutUint32(p[end:], crc32.Checksum(p[:end], crc32.MakeTable(crc32.Castagnoli)))
	return p
}

// TestTurnedFields: packets of all formats with any byte changed make the receiver allocate
// no more than a bound for each byte, and what stays of them is bounded.
func TestTurnedFields(t *testing.T) {
	var seeds [][]byte
	for n := range hostile.Shapes {
		shape, size := &hostile.Shapes[n], 196
		if shape.Name == "schema URLs" || shape.Name == "references to one long key" || shape.Name == "strings" || shape.Name == "bounds in turns" {
			size = 1436
		}
		seeds = append(seeds, shape.Packet(size, n, wire.Header{Session: uint64(n), Sequence: 9, PointsBefore: 40}))
	}
	report := wire.AppendReport(nil, &wire.Report{Age: 1 << 40, PacketsSent: 9, PointsSent: 1 << 33, PacketLimit: 1472, Dropped: [wire.DropReasons]uint64{1, 2, 3}})
	wire.Stamp(report, &wire.Header{Format: wire.SenderReport, Session: 100, Sequence: 5, PointsBefore: 7})
	seeds = append(seeds, report)
	for i, f := range fragmentsOf(t, 101, 3, 5, 40) {
		if i < 3 {
			seeds = append(seeds, f)
		}
	}
	b := newBench(t)
	for _, seed := range seeds {
		b.take(seed, source)
		from := 0
		if len(seed) > 200 {
			from = len(seed) - 150
		}
		for at, here := range turned(seed, from) {
			bytes := 0
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for _, p := range here {
				b.take(p, source)
				bytes += len(p)
			}
			runtime.ReadMemStats(&after)
			// All sessions of a table share the cost when the table doubles.
			spread := uint64(256 << 10)
			require.LessOrEqual(t, after.TotalAlloc-before.TotalAlloc, uint64(maxAllocated*bytes)+spread, "byte %d of % x", from+at, seed)
		}
	}
	books := newBooks(b.table.totals, b.table.duplicates, b.table.lates, b.table.overruns, b.delivered.load(), b.rejected.load())
	waiting := tally{}
	for _, e := range b.reassembly.partials {
		waiting.add(e.Value.(*partial).tally())
	}
	for _, c := range []struct {
		Counts
		waiting uint64
	}{{books.Packets, waiting.packets}, {books.Points, waiting.points}} {
		assert.Equal(t, c.Received, c.Delivered+c.Rejected+c.Overrun+c.waiting)
		assert.Less(t, c.Sent, uint64(1)<<40, "nobody is believed to have sent that")
	}
	t.Logf("%d packets received, %d rejected, %d sessions; sent by their account %d packets and %d points",
		books.Packets.Received, books.Packets.Rejected, b.table.len(), books.Packets.Sent, books.Points.Sent)
}
