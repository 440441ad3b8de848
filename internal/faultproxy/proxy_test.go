package faultproxy

import (
	"encoding/binary"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/otelgram/otelgram/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// report makes a packet without points, numbered.
func report(n uint64) []byte {
	b := wire.AppendReport(nil, &wire.Report{PacketsSent: n + 1, PacketLimit: 1472})
	wire.Stamp(b, &wire.Header{Format: wire.SenderReport, Sequence: n})
	return b
}

func sequence(b []byte) uint64 { return binary.BigEndian.Uint64(b) & (1<<56 - 1) }

// ends is a proxy with a socket on both sides.
type ends struct {
	proxy *Proxy
	from  net.Conn
	to    *net.UDPConn
}

func open(t *testing.T, f Faults) *ends {
	t.Helper()
	to, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	require.NoError(t, to.SetReadBuffer(1<<20))
	p, err := Listen(to.LocalAddr().String(), 1, f)
	require.NoError(t, err)
	from, err := net.Dial("udp", p.Addr())
	require.NoError(t, err)
	t.Cleanup(func() {
		p.Close()
		_ = from.Close()
		_ = to.Close()
	})
	return &ends{p, from, to}
}

// through sends n packets and returns what arrives, in order.
func (e *ends) through(t *testing.T, n int) (got [][]byte) {
	t.Helper()
	for i := range n {
		_, err := e.from.Write(report(uint64(i)))
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool {
		b := e.proxy.Books()
		return b.Received.Packets == uint64(n) && b.Held.Packets == 0
	}, 30*time.Second, time.Millisecond)
	b := e.proxy.Books()
	require.Equal(t, b.Received.Packets, b.Forwarded.Packets+b.Lost.Packets)
	require.NoError(t, e.to.SetReadDeadline(time.Now().Add(5*time.Second)))
	for range b.Forwarded.Packets + b.Duplicated.Packets {
		buffer := make([]byte, 2048)
		n, _, err := e.to.ReadFromUDP(buffer)
		require.NoError(t, err, "%d of %+v", len(got), b)
		got = append(got, buffer[:n])
	}
	return got
}

func numbers(packets [][]byte) (n []uint64) {
	for _, b := range packets {
		n = append(n, sequence(b))
	}
	return n
}

// TestFaults: each fault does what it says, is counted, and does nothing else.
func TestFaults(t *testing.T) {
	const n = 200
	tests := []struct {
		name   string
		faults Faults
		want   func(b Books) (got, want uint64)
		kept   bool // what arrives is in order
	}{
		{"none", Faults{}, func(b Books) (uint64, uint64) { return b.Forwarded.Packets, n }, true},
		{"one of five", Faults{Lose: 1, Of: 5}, func(b Books) (uint64, uint64) { return b.LostByPattern.Packets, n / 5 }, true},
		{"half by chance", Faults{Loss: 0.5}, func(b Books) (uint64, uint64) { return b.LostByChance.Packets, 111 }, true},
		{"spared", Faults{Loss: 1, Lose: 1, Of: 1, SpareReports: true}, func(b Books) (uint64, uint64) { return b.Forwarded.Packets, n }, true},
		{"too large", Faults{MTU: 41}, func(b Books) (uint64, uint64) { return b.LostBySize.Packets, n - 127 }, true},
		{"black hole", Faults{BlackHole: true}, func(b Books) (uint64, uint64) { return b.LostByHole.Packets, n }, true},
		{"every third twice", Faults{Duplicate: 3}, func(b Books) (uint64, uint64) { return b.Duplicated.Packets, n / 3 }, false},
		{"every fourth damaged", Faults{Damage: 4}, func(b Books) (uint64, uint64) { return b.Damaged.Packets, n / 4 }, false},
		{"reordered", Faults{Reorder: 20}, func(b Books) (uint64, uint64) { return b.Forwarded.Packets, n }, false},
		{"delayed", Faults{Delay: 30 * time.Millisecond}, func(b Books) (uint64, uint64) { return b.Forwarded.Packets, n }, true},
		{"jittered", Faults{Jitter: 30 * time.Millisecond}, func(b Books) (uint64, uint64) { return b.Forwarded.Packets, n }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := open(t, tt.faults)
			begin := time.Now()
			packets := e.through(t, n)
			got, want := tt.want(e.proxy.Books())
			assert.Equal(t, want, got, "%+v", e.proxy.Books())
			assert.GreaterOrEqual(t, time.Since(begin), tt.faults.Delay)
			if tt.kept {
				assert.True(t, slices.IsSorted(numbers(packets)))
			} else if tt.faults.Damage == 0 {
				all := numbers(packets)
				slices.Sort(all)
				assert.Len(t, slices.Compact(all), n)
			}
			if tt.faults.Reorder > 0 || tt.faults.Jitter > 0 {
				assert.False(t, slices.IsSorted(numbers(packets)))
			}
		})
	}
}

// TestRate: a rate makes a queue, and loses what does not fit it.
func TestRate(t *testing.T) {
	d := newDice(1)
	now := time.Now()
	f := Faults{Rate: 1_000_000}
	for i := range 300 {
		x := d.decide(&f, 1000, false, now)
		if wait := time.Duration(i) * time.Millisecond; wait <= MaxWait {
			require.Equal(t, fate{wait: wait}, x)
		} else {
			require.Equal(t, fate{lost: byRate}, x)
		}
	}
	assert.Equal(t, fate{}, d.decide(&f, 1000, false, now.Add(time.Second)), "the queue has emptied")
}

// TestSeed: the same seed decides the same, and another does not. No fault shifts another,
// and no spared report shifts the rest.
func TestSeed(t *testing.T) {
	decide := func(seed uint64, f Faults, reports int) (all []fate) {
		d := newDice(seed)
		for i := range 200 {
			if reports > 0 && i%reports == 0 {
				require.Equal(t, fate{}, d.decide(&f, 100, true, time.Time{}))
			}
			all = append(all, d.decide(&f, 100, false, time.Time{}))
		}
		return all
	}
	f := Faults{Loss: 0.3, Reorder: 9, Jitter: time.Second, SpareReports: true}
	assert.Equal(t, decide(7, f, 0), decide(7, f, 0))
	assert.Equal(t, decide(7, f, 0), decide(7, f, 3))
	assert.NotEqual(t, decide(7, f, 0), decide(8, f, 0))
	for _, one := range []Faults{{Loss: 0.3}, {Reorder: 9}, {Jitter: time.Second}} {
		for i, x := range decide(7, one, 0) {
			switch all := decide(7, f, 0)[i]; {
			case one.Loss > 0:
				require.Equal(t, all.lost, x.lost)
			case all.lost != none:
			case one.Reorder > 0:
				require.Equal(t, all.after, x.after)
			case one.Jitter > 0:
				require.Equal(t, all.wait, x.wait)
			}
		}
	}
}

// TestDamage: the checksum shows damage that is not repaired, and does not show repaired
// damage.
func TestDamage(t *testing.T) {
	for _, repair := range []bool{false, true} {
		e := open(t, Faults{Damage: 1, Repair: repair})
		for i, b := range e.through(t, 100) {
			_, cause := wire.CheckHeader(b)
			if repair {
				assert.Equal(t, wire.Accepted, cause)
				assert.Equal(t, uint64(i), sequence(b))
				assert.NotEqual(t, report(uint64(i)), b)
			} else {
				assert.NotEqual(t, wire.Accepted, cause)
			}
		}
	}
}

// TestDownAndUp: senders get connection refused while the proxy is down, and it comes back
// at the same port. A new target and new source ports are used from one datagram to the
// next.
func TestDownAndUp(t *testing.T) {
	e := open(t, Faults{})
	e.proxy.Down()
	require.Eventually(t, func() bool {
		_, err := e.from.Write(report(0))
		return err != nil
	}, 30*time.Second, time.Millisecond, "refused")
	require.NoError(t, e.proxy.Up())
	require.NoError(t, e.proxy.Up(), "it is up")
	_, _ = e.from.Write(report(0)) // may still get connection refused
	require.NoError(t, e.to.SetReadDeadline(time.Now().Add(5*time.Second)))
	source := func() string {
		_, err := e.from.Write(report(1))
		require.NoError(t, err)
		for {
			buffer := make([]byte, 2048)
			n, from, err := e.to.ReadFromUDP(buffer)
			require.NoError(t, err)
			if sequence(buffer[:n]) == 1 {
				return from.String()
			}
		}
	}
	before := source()
	assert.Equal(t, before, source())
	after := before
	for i := 0; i < 4 && after == before; i++ { // the kernel may give a port again
		e.proxy.Rebind()
		after = source()
	}
	assert.NotEqual(t, before, after)

	other, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	defer func() { require.NoError(t, other.Close()) }()
	require.NoError(t, e.proxy.SetTarget(other.LocalAddr().String()))
	_, err = e.from.Write(report(2))
	require.NoError(t, err)
	require.NoError(t, other.SetReadDeadline(time.Now().Add(5*time.Second)))
	n, _, err := other.ReadFromUDP(make([]byte, 2048))
	require.NoError(t, err)
	assert.Positive(t, n)
	require.ErrorContains(t, e.proxy.SetTarget("nowhere"), `"nowhere"`)
	_, err = Listen("nowhere", 1, Faults{})
	require.ErrorContains(t, err, `"nowhere"`)
}

// TestCloseLosesWhatIsHeld: what is held is lost, and counted.
func TestCloseLosesWhatIsHeld(t *testing.T) {
	e := open(t, Faults{Delay: time.Hour})
	for i := range 10 {
		_, err := e.from.Write(report(uint64(i)))
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { return e.proxy.Books().Held.Packets == 10 }, 30*time.Second, time.Millisecond)
	e.proxy.Close()
	b := e.proxy.Books()
	assert.Equal(t, uint64(10), b.LostByClose.Packets)
	assert.Zero(t, b.Held)
	require.NoError(t, e.proxy.Up())
	e.proxy.Close()
}
