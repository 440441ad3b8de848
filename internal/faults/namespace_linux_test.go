package faults

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/health"
	"github.com/otelgram/otelgram/receiver"
)

// wired is an exporter and a receiver in a network namespace each, with one
// cable between them: s on the sender's side with 10.77.0.1, r on the other with
// 10.77.0.2.
type wired struct {
	exp, recv *child
}

const receiverAddress = "10.77.0.2:4319"

func newWired(t *testing.T, o exporterOptions, tools ...string) *wired {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces take root")
	}
	for _, tool := range append(tools, "ip", "nsenter") {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs %s", tool)
		}
	}
	w := &wired{}
	var err error
	if w.recv, err = trySpawn("receiver", ":4319", syscall.CLONE_NEWNET); err != nil {
		t.Skipf("network namespaces: %v", err)
	}
	t.Cleanup(w.recv.kill)
	o.Endpoint = receiverAddress
	// Without a route it cannot dial yet; it does once there is one.
	w.exp = spawn(t, "exporter", argument(t, o), syscall.CLONE_NEWNET)
	run(t, "ip link add s netns %d type veth peer name r netns %d", w.exp.cmd.Process.Pid, w.recv.cmd.Process.Pid)
	w.atReceiver(t, "ip addr add 10.77.0.2/24 dev r")
	w.atReceiver(t, "ip link set r up")
	w.atSender(t, "ip addr add 10.77.0.1/24 dev s")
	w.atSender(t, "ip link set s up")
	until(t, w.exp, patience, func(s exporter.Stats) bool { return s.Sent > 0 })
	return w
}

func run(t *testing.T, format string, args ...any) {
	t.Helper()
	command := fmt.Sprintf(format, args...)
	words := strings.Fields(command)
	out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
	require.NoError(t, err, "%s: %s", command, out)
}

func (w *wired) atSender(t *testing.T, command string) {
	t.Helper()
	run(t, "nsenter -t %d -n %s", w.exp.cmd.Process.Pid, command)
}

func (w *wired) atReceiver(t *testing.T, command string) {
	t.Helper()
	run(t, "nsenter -t %d -n %s", w.recv.cmd.Process.Pid, command)
}

// settle ends the exporter, whose last session the receiver closes with nothing
// lost but what is said.
func (w *wired) settle(t *testing.T, lost func(receiver.Stats) bool) (exporter.Stats, receiver.Stats) {
	t.Helper()
	s := shutChild(t, w.exp)
	r := agreed(t, w.recv, func(r receiver.Stats) bool { return len(r.Sessions) > 0 && r.Sessions[0].Closed && lost(r) })
	return s, r
}

func nothingLost(r receiver.Stats) bool { return r.Points.Lost == 0 }

var steady = exporterOptions{Points: 50, Pause: 10 * time.Millisecond, Timeout: time.Second}

// TestFault06SlowLink sends more than a megabit a second takes: the queue of the
// link fills, what finds no place is counted, and nobody waits for it; the link
// is as good as before a second after the rush.
func TestFault06SlowLink(t *testing.T) {
	w := newWired(t, steady, "tc")
	w.atSender(t, "tc qdisc add dev s root tbf rate 200kbit burst 3000 limit 6000")
	s := until(t, w.exp, patience, func(s exporter.Stats) bool { return s.Dropped.SendError+s.Dropped.WouldBlock+s.Dropped.BreakerOpen > 0 })
	assert.Positive(t, s.Refused+s.Dropped.WouldBlock)
	w.atSender(t, "tc qdisc del dev s root")
	until(t, w.exp, patience, circuit(exporter.CircuitClosed))
	dropped := ask[exporter.Stats](t, w.exp, "")
	until(t, w.exp, 5*time.Second, func(s exporter.Stats) bool { return s.Sent > dropped.Sent+500 })
	s, r := w.settle(t, func(r receiver.Stats) bool { return r.Points.Sent > 0 })
	assert.Equal(t, s.Sent, r.Points.Handed+r.Points.Lost, "what the queue held when it was removed is lost, and known to be")
}

// TestFault07Firewall drops packets on the way: nobody tells the exporter, and
// the next report tells the receiver.
func TestFault07Firewall(t *testing.T) {
	w := newWired(t, steady, "nft")
	w.atReceiver(t, "nft add table inet f")
	w.atReceiver(t, "nft add chain inet f in { type filter hook input priority 0 ; }")
	w.atReceiver(t, "nft add rule inet f in udp dport 4319 drop")
	before := ask[exporter.Stats](t, w.exp, "")
	during := until(t, w.exp, patience, func(s exporter.Stats) bool { return s.Sent > before.Sent+1000 })
	assert.Zero(t, during.Dropped.Total()-before.Dropped.Total())
	assert.Equal(t, exporter.CircuitClosed, during.Circuit)
	w.atReceiver(t, "nft delete table inet f")
	s, r := w.settle(t, func(r receiver.Stats) bool { return r.Points.Lost >= 900 })
	assert.Equal(t, s.Sent, r.Points.Handed+r.Points.Lost)
	assert.Equal(t, r.Packets.Lost, r.NetworkLost())
}

// TestFault08LocalFirewall forbids sending: that is counted, opens the circuit,
// and closes it again when it is over.
func TestFault08LocalFirewall(t *testing.T) {
	w := newWired(t, steady, "nft")
	w.atSender(t, "nft add table inet f")
	w.atSender(t, "nft add chain inet f out { type filter hook output priority 0 ; }")
	w.atSender(t, "nft add rule inet f out udp dport 4319 drop")
	s := until(t, w.exp, patience, circuit(exporter.CircuitOpen))
	assert.GreaterOrEqual(t, s.Dropped.SendError, uint64(10*50), "ten packets")
	until(t, w.exp, patience, func(s exporter.Stats) bool { return s.Dropped.BreakerOpen > 0 })
	w.atSender(t, "nft delete table inet f")
	until(t, w.exp, patience, circuit(exporter.CircuitClosed))
	s, r := w.settle(t, nothingLost)
	assert.Equal(t, s.Sent, r.Points.Handed)
}

// TestFault12LinkDown takes the interface down, and then its route away.
func TestFault12LinkDown(t *testing.T) {
	for _, tt := range []struct{ name, fault, repair string }{
		{"link", "ip link set s down", "ip link set s up"},
		{"route", "ip addr del 10.77.0.1/24 dev s", "ip addr add 10.77.0.1/24 dev s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWired(t, steady)
			w.atSender(t, tt.fault)
			until(t, w.exp, patience, circuit(exporter.CircuitOpen))
			until(t, w.exp, patience, func(s exporter.Stats) bool { return s.Dropped.BreakerOpen > 0 })
			w.atSender(t, tt.repair)
			until(t, w.exp, patience, circuit(exporter.CircuitClosed))
			sent := ask[exporter.Stats](t, w.exp, "").Sent
			until(t, w.exp, patience, func(s exporter.Stats) bool { return s.Sent > sent+500 })
			s, r := w.settle(t, func(receiver.Stats) bool { return true })
			assert.LessOrEqual(t, r.Points.Handed, s.Sent)
			assert.Zero(t, r.Sessions[0].Points.Lost, "the session since then is complete")
		})
	}
}

// TestFault13AbsentNeighbour sends to a host that is not there: the kernel takes
// the packets, keeps some until it knows, and now and then says so; that is no
// reason to stop.
func TestFault13AbsentNeighbour(t *testing.T) {
	w := newWired(t, steady)
	w.atReceiver(t, "ip link set r down")
	w.atReceiver(t, "ip addr flush dev r")
	w.atReceiver(t, "ip link set r up")
	w.atSender(t, "ip neigh flush dev s")
	before := ask[exporter.Stats](t, w.exp, "")
	s := until(t, w.exp, patience, func(s exporter.Stats) bool { return s.Sent > before.Sent+25_000 })
	assert.Equal(t, exporter.CircuitClosed, s.Circuit)
	w.atReceiver(t, "ip addr add 10.77.0.2/24 dev r")
	s, r := w.settle(t, func(r receiver.Stats) bool { return r.Points.Lost > 0 })
	assert.Equal(t, s.Sent, r.Points.Handed+r.Points.Lost)
}

// isHealthy waits until the exporter has looked at itself for a while and is healthy:
// it had no address at first.
func (w *wired) isHealthy(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		h := ask[health.Report](t, w.exp, "health")
		return h.Uptime > 3 && h.Status == health.Healthy
	}, 2*patience, 100*time.Millisecond)
}

// staysHealthy asserts that the exporter looks at itself twice, and finds nothing
// wrong.
func (w *wired) staysHealthy(t *testing.T) {
	t.Helper()
	h := ask[health.Report](t, w.exp, "health")
	for begin := h.Uptime; h.Uptime < begin+2; h = ask[health.Report](t, w.exp, "health") {
		<-time.After(100 * time.Millisecond)
		require.Equal(t, health.Healthy, h.Status, "%v", h.Issues)
	}
	require.Equal(t, health.Healthy, h.Status, "%v", h.Issues)
}

// TestFault14PathNarrows in the middle of a session: no point is lost, and the
// packets are smaller from then on. With a router that tells, the first packets
// that were too large for it are lost on the network, and known to be.
func TestFault14PathNarrows(t *testing.T) {
	w := newWired(t, steady)
	require.Equal(t, 1472, ask[exporter.Stats](t, w.exp, "").PacketSize)
	w.isHealthy(t)
	w.atSender(t, "ip link set s mtu 1280")
	s := until(t, w.exp, patience, func(s exporter.Stats) bool { return s.PacketSize == 1252 })
	assert.Zero(t, s.Dropped.Total()-s.Dropped.Unresolved-s.Dropped.SendError, "%+v", s)
	sent := s.Sent
	until(t, w.exp, patience, func(s exporter.Stats) bool { return s.Sent > sent+500 })
	w.staysHealthy(t)
	s, r := w.settle(t, nothingLost)
	assert.Equal(t, s.Sent, r.Points.Handed)
	assert.Zero(t, s.Dropped.Total()-s.Dropped.Unresolved, "%+v", s)
	assert.Zero(t, s.Refused, "packed again is not refused")
}

// TestFault14RouterTells has the route learn its limit, as from a router's
// message.
func TestFault14RouterTells(t *testing.T) {
	w := newWired(t, steady)
	w.atSender(t, "ip route add 10.77.0.2/32 dev s mtu lock 1000")
	until(t, w.exp, patience, func(s exporter.Stats) bool { return s.PacketSize == 1000-28 })
	s, r := w.settle(t, nothingLost)
	assert.Equal(t, s.Sent, r.Points.Handed)
	assert.Zero(t, s.Dropped.Total()-s.Dropped.Unresolved, "%+v", s)
	assert.Zero(t, s.Refused, "packed again is not refused")
}
