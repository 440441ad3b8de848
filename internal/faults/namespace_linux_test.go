package faults

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/exporter"
	"github.com/otelgram/otelgram/health"
	"github.com/otelgram/otelgram/receiver"
	"github.com/otelgram/otelgram/udp"
)

// wired is an exporter and a receiver, each in a network namespace, with one cable between
// them: s on the sender's side with 10.77.0.1, r on the other with 10.77.0.2.
type wired struct {
	exp, recv *child
}

const receiverAddress = "10.77.0.2:4319"

// needNamespaces skips a test if there are no network namespaces. With OTELGRAM_TOOLS set
// to "required" it fails, so that nothing is left out unnoticed.
func needNamespaces(t *testing.T, tools ...string) {
	t.Helper()
	skip := t.Skipf
	if os.Getenv("OTELGRAM_TOOLS") == "required" {
		skip = t.Fatalf
	}
	if os.Geteuid() != 0 {
		skip("network namespaces take root")
	}
	for _, tool := range append(tools, "ip", "nsenter") {
		if _, err := exec.LookPath(tool); err != nil {
			skip("needs %s", tool)
		}
	}
	probe := exec.Command("true")
	probe.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if err := probe.Run(); err != nil {
		skip("network namespaces: %v", err)
	}
}

func newWired(t *testing.T, o exporterOptions, tools ...string) *wired {
	t.Helper()
	needNamespaces(t, tools...)
	w := &wired{recv: spawn(t, "receiver", ":4319", syscall.CLONE_NEWNET)}
	o.Endpoint = receiverAddress
	// Without a route it cannot dial yet, and does once there is one. Or it begins later.
	w.exp = spawn(t, "exporter", argument(t, o), syscall.CLONE_NEWNET)
	run(t, "ip link add s netns %d type veth peer name r netns %d", w.exp.cmd.Process.Pid, w.recv.cmd.Process.Pid)
	w.atReceiver(t, "ip addr add 10.77.0.2/24 dev r")
	w.atReceiver(t, "ip link set r up")
	w.atSender(t, "ip link set s up")
	carries(t, w.recv, "r")
	carries(t, w.exp, "s")
	w.atSender(t, "ip addr add 10.77.0.1/24 dev s")
	if o.Later {
		w.exp.begin(t)
	}
	until(t, w.exp, patience, func(s exporter.Stats) bool { return s.Sent > 0 })
	return w
}

// carries waits until a device sends what it is given. Until the kernel has noticed that
// both its ends are up, which takes a while, the device loses that silently.
func carries(t *testing.T, at *child, dev string) {
	t.Helper()
	for end := time.Now().Add(patience); !strings.Contains(run(t, "nsenter -t %d -n ip -o link show dev %s", at.cmd.Process.Pid, dev), "state UP"); {
		require.True(t, time.Now().Before(end), dev)
	}
}

func run(t *testing.T, format string, args ...any) (output string) {
	t.Helper()
	command := fmt.Sprintf(format, args...)
	words := strings.Fields(command)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, words[0], words[1:]...).CombinedOutput()
	require.NoError(t, err, "%s: %s", command, out)
	return string(out)
}

func (w *wired) atSender(t *testing.T, command string) {
	t.Helper()
	run(t, "nsenter -t %d -n %s", w.exp.cmd.Process.Pid, command)
}

func (w *wired) atReceiver(t *testing.T, command string) {
	t.Helper()
	run(t, "nsenter -t %d -n %s", w.recv.cmd.Process.Pid, command)
}

// forbid has a firewall drop what matches, at one end, on the way in or out.
func forbid(t *testing.T, at func(t *testing.T, command string), hook, match string) {
	t.Helper()
	at(t, "nft add table inet f")
	at(t, "nft add chain inet f c { type filter hook "+hook+" priority 0 ; }")
	at(t, "nft add rule inet f c "+match+" drop")
}

// settle ends the exporter. The receiver closes the exporter's last session with exactly
// the losses that are expected.
func (w *wired) settle(t *testing.T, lost func(receiver.Stats) bool) (exporter.Stats, receiver.Stats) {
	t.Helper()
	s := shutChild(t, w.exp)
	r := agreed(t, w.recv, func(r receiver.Stats) bool { return len(r.Sessions) > 0 && newest(r).Closed && lost(r) })
	return s, r
}

// newest is the session that began last. Packets of two may come at once when a link works
// again, and so the first of the list, which is in the order of the last packets, be another.
func newest(r receiver.Stats) receiver.Session {
	return slices.MaxFunc(r.Sessions, func(a, b receiver.Session) int {
		return cmp.Or(a.FirstSeen.Compare(b.FirstSeen), a.Began.Compare(b.Began))
	})
}

func nothingLost(r receiver.Stats) bool { return r.Points.Lost == 0 }

var steady = exporterOptions{Points: 50, Pause: 10 * time.Millisecond, Timeout: time.Second}

// TestFault06SlowLink sends much more than a link takes. With a short queue the link's
// queue fills, with a long one the send buffer of the socket. What finds no place is
// counted, and soon after the rush the link is as good as before.
func TestFault06SlowLink(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		rate  string
		limit int // of the queue, in bytes
		met   func(exporter.Stats) bool
	}{
		{"short queue", "200kbit", 6000, func(s exporter.Stats) bool { return s.Dropped.SendError > 0 }},
		// Five packets a second make each packet wait longer than it may.
		{"long queue", "60kbit", 100 << 20, func(s exporter.Stats) bool { return s.Dropped.WouldBlock > 0 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := steady
			o.Points = 2000
			w := newWired(t, o, "tc")
			w.atSender(t, fmt.Sprintf("tc qdisc add dev s root tbf rate %s burst 3000 limit %d", tt.rate, tt.limit))
			until(t, w.exp, patience, tt.met)
			w.atSender(t, "tc qdisc del dev s root")
			until(t, w.exp, patience, circuit(exporter.CircuitClosed))
			dropped := ask[exporter.Stats](t, w.exp, "")
			until(t, w.exp, 5*time.Second, func(s exporter.Stats) bool { return s.Sent > dropped.Sent+20_000 })
			s, r := w.settle(t, func(r receiver.Stats) bool { return r.Points.Sent > 0 })
			assert.Equal(t, s.Sent, r.Points.Delivered+r.Points.Lost, "what the queue held when it was removed is lost, and known to be")
		})
	}
}

// TestFault07Firewall drops packets on the network: the exporter gets no error, and the
// next report tells the receiver.
func TestFault07Firewall(t *testing.T) {
	t.Parallel()
	w := newWired(t, steady, "nft")
	forbid(t, w.atReceiver, "input", "udp dport 4319")
	before := ask[exporter.Stats](t, w.exp, "")
	during := until(t, w.exp, patience, func(s exporter.Stats) bool { return s.Sent > before.Sent+1000 })
	assert.Zero(t, during.Dropped.Total()-before.Dropped.Total())
	assert.Equal(t, exporter.CircuitClosed, during.Circuit)
	w.atReceiver(t, "nft delete table inet f")
	s, r := w.settle(t, func(r receiver.Stats) bool { return r.Points.Lost >= 900 })
	assert.Equal(t, s.Sent, r.Points.Delivered+r.Points.Lost)
	assert.Equal(t, r.Packets.Lost, r.NetworkLost())
}

// TestFault08LocalFirewall forbids sending. That is counted, opens the circuit, and closes
// it again when it is over.
func TestFault08LocalFirewall(t *testing.T) {
	t.Parallel()
	w := newWired(t, steady, "nft")
	forbid(t, w.atSender, "output", "udp dport 4319")
	s := until(t, w.exp, patience, circuit(exporter.CircuitOpen))
	assert.GreaterOrEqual(t, s.Dropped.SendError, uint64(10*50), "ten packets")
	until(t, w.exp, patience, func(s exporter.Stats) bool { return s.Dropped.BreakerOpen > 0 })
	w.atSender(t, "nft delete table inet f")
	until(t, w.exp, patience, circuit(exporter.CircuitClosed))
	s, r := w.settle(t, nothingLost)
	assert.Equal(t, s.Sent, r.Points.Delivered)
}

// inRuns has exports of some 50 packets, which leave in runs of up to 32.
var inRuns = exporterOptions{Points: 4000, Pause: 200 * time.Millisecond, Timeout: time.Second}

// refusesRuns waits until there are no runs any more, and for what is sent after that.
func (w *wired) refusesRuns(t *testing.T) {
	t.Helper()
	needRuns(t)
	s := until(t, w.exp, patience, func(s exporter.Stats) bool { return s.SegmentationOffload == udp.OffloadRefused })
	until(t, w.exp, patience, func(now exporter.Stats) bool { return now.Sent > s.Sent+3*uint64(inRuns.Points) })
}

// TestFault15FirewallOnLength: a firewall forbids what is longer than a packet. The kernel
// shows it whole runs. No point is lost.
func TestFault15FirewallOnLength(t *testing.T) {
	t.Parallel()
	w := newWired(t, inRuns, "nft")
	forbid(t, w.atSender, "output", "udp dport 4319 meta length > 1500")
	w.refusesRuns(t)
	s, r := w.settle(t, nothingLost)
	assert.Equal(t, s.Sent, r.Points.Delivered)
	assert.Zero(t, s.Dropped.Total()-s.Dropped.Unresolved, "%+v", s)
	assert.Equal(t, exporter.CircuitClosed, s.Circuit)
}

// TestFault15ShortQueue: the queue of the link has no room for a whole run. One run counts as
// sent and is lost. After that packets leave one by one, and nothing else is lost.
func TestFault15ShortQueue(t *testing.T) {
	t.Parallel()
	w := newWired(t, inRuns, "tc")
	w.atSender(t, "tc qdisc add dev s root tbf rate 100mbit burst 64kb limit 15000")
	w.refusesRuns(t)
	s, r := w.settle(t, func(r receiver.Stats) bool { return r.Points.Lost > 0 })
	assert.Equal(t, s.Sent, r.Points.Delivered+r.Points.Lost)
	assert.LessOrEqual(t, r.Packets.Lost, uint64(32), "the burst is a run at most")
	assert.Equal(t, exporter.CircuitClosed, s.Circuit)
}

// TestFault12LinkDown takes the interface down, and then its route away.
func TestFault12LinkDown(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, fault, repair string }{
		{"link", "ip link set s down", "ip link set s up"},
		{"route", "ip addr del 10.77.0.1/24 dev s", "ip addr add 10.77.0.1/24 dev s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWired(t, steady)
			w.atSender(t, tt.fault)
			until(t, w.exp, patience, circuit(exporter.CircuitOpen))
			until(t, w.exp, patience, func(s exporter.Stats) bool { return s.Dropped.BreakerOpen > 0 })
			w.atSender(t, tt.repair)
			until(t, w.exp, patience, circuit(exporter.CircuitClosed))
			sent := ask[exporter.Stats](t, w.exp, "").Sent
			until(t, w.exp, patience, func(s exporter.Stats) bool { return s.Sent > sent+500 })
			s, r := w.settle(t, func(r receiver.Stats) bool { return newest(r).Points.Delivered > 500 })
			assert.Positive(t, s.Dropped.SendError, "local errors have opened the circuit")
			assert.Positive(t, s.SendErrors)
			assert.Zero(t, s.ConnectionsRefused)
			last := newest(r)
			assert.Equal(t, last.Points.Sent, last.Points.Delivered, "the session since then is complete")
			// The goodbye of the session before met the same fault as its last packets.
			assert.LessOrEqual(t, r.Points.Delivered+r.Points.Lost, s.Sent)
			assert.Equal(t, s.Dropped.BreakerOpen, last.Dropped["breaker_open"])
		})
	}
}

// TestFault13AbsentNeighbour sends to a host that does not exist. The kernel takes the
// packets, keeps some until it knows that, and reports it now and then. That is no reason
// to stop.
func TestFault13AbsentNeighbour(t *testing.T) {
	t.Parallel()
	w := newWired(t, steady)
	w.atReceiver(t, "ip link set r down")
	w.atReceiver(t, "ip addr flush dev r")
	w.atReceiver(t, "ip link set r up")
	w.atSender(t, "ip neigh flush dev s")
	before := ask[exporter.Stats](t, w.exp, "")
	s := until(t, w.exp, patience, func(s exporter.Stats) bool { return s.Sent > before.Sent+25_000 })
	assert.Equal(t, exporter.CircuitClosed, s.Circuit)
	arrived := ask[receiver.Stats](t, w.recv, "").Points.Received
	w.atReceiver(t, "ip addr add 10.77.0.2/24 dev r")
	// The kernel goes on asking for the neighbour once a second.
	agreed(t, w.recv, func(r receiver.Stats) bool { return r.Points.Received > arrived })
	s, r := w.settle(t, func(r receiver.Stats) bool { return r.Points.Lost > 0 })
	assert.Zero(t, s.Dropped.BreakerOpen, "the circuit has never opened")
	assert.Equal(t, s.Sent, r.Points.Delivered+r.Points.Lost)
}

// isHealthy waits until the exporter has observed itself for a while and is healthy.
func (w *wired) isHealthy(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		h := ask[health.Report](t, w.exp, "health")
		return h.Uptime > 3 && h.Status == health.Healthy
	}, 2*patience, 100*time.Millisecond)
}

// staysHealthy asserts that the exporter observes itself twice, and finds nothing wrong.
func (w *wired) staysHealthy(t *testing.T) {
	t.Helper()
	h := ask[health.Report](t, w.exp, "health")
	for begin := h.Uptime; h.Uptime < begin+2; h = ask[health.Report](t, w.exp, "health") {
		<-time.After(100 * time.Millisecond)
		require.Equal(t, health.Healthy, h.Status, "%v", h.Issues)
	}
	require.Equal(t, health.Healthy, h.Status, "%v", h.Issues)
}

// fullPackets has exports that fill packets.
func fullPackets() exporterOptions {
	o := steady
	o.Points = 300
	return o
}

// TestFault14PathNarrows: the path narrows in the middle of a session, at the sender's own
// link. No point is lost, and the packets are smaller from then on.
func TestFault14PathNarrows(t *testing.T) {
	t.Parallel()
	o := fullPackets()
	o.Later = true // it has an address when it first looks
	w := newWired(t, o)
	require.Equal(t, 1472, ask[exporter.Stats](t, w.exp, "").PacketSize)
	w.isHealthy(t)
	w.atSender(t, "ip link set s mtu 1280")
	s := until(t, w.exp, patience, func(s exporter.Stats) bool { return s.PacketSize == 1252 })
	assert.Zero(t, s.Dropped.Total()-s.Dropped.Unresolved-s.Dropped.SendError, "%+v", s)
	sent := s.Sent
	until(t, w.exp, patience, func(s exporter.Stats) bool { return s.Sent > sent+500 })
	w.staysHealthy(t)
	s, r := w.settle(t, nothingLost)
	assert.Equal(t, s.Sent, r.Points.Delivered)
	assert.Zero(t, s.Dropped.Total()-s.Dropped.Unresolved, "%+v", s)
	assert.Zero(t, s.SendErrors, "what leaves in fragments is not refused")
}

// TestFault14RouteNarrows: the route has a limit of its own.
func TestFault14RouteNarrows(t *testing.T) {
	t.Parallel()
	w := newWired(t, fullPackets())
	w.atSender(t, "ip route add 10.77.0.2/32 dev s mtu lock 1000")
	until(t, w.exp, patience, func(s exporter.Stats) bool { return s.PacketSize == 1000-28 })
	s, r := w.settle(t, nothingLost)
	assert.Equal(t, s.Sent, r.Points.Delivered)
	assert.Zero(t, s.Dropped.Total()-s.Dropped.Unresolved, "%+v", s)
	assert.Zero(t, s.SendErrors, "what leaves in fragments is not refused")
}

// TestFault14RouterTells: a router on the path has a second link that is narrower. What is
// too large for it is lost on the network, and known to be, until the router's message has
// come. From then on packets are smaller, and all arrive.
func TestFault14RouterTells(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, sender, near, far, receiver, prefix, forwarding string
		limit                                                 int
	}{
		{"IPv4", "10.77.0.1", "10.77.0.254", "10.78.0.254", "10.78.0.2", "24", "/proc/sys/net/ipv4/ip_forward", 1280 - 28},
		{"IPv6", "fd77::1", "fd77::fe", "fd78::fe", "fd78::2", "64", "/proc/sys/net/ipv6/conf/all/forwarding", 1280 - 48},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			needNamespaces(t)
			router := spawn(t, "router", tt.forwarding, syscall.CLONE_NEWNET)
			w := &wired{recv: spawn(t, "receiver", ":4319", syscall.CLONE_NEWNET)}
			o := steady
			o.Endpoint = net.JoinHostPort(tt.receiver, "4319")
			o.Points = 500
			w.exp = spawn(t, "exporter", argument(t, o), syscall.CLONE_NEWNET)
			at := func(c *child, format string, args ...any) {
				t.Helper()
				run(t, "nsenter -t %d -n "+format, append([]any{c.cmd.Process.Pid}, args...)...)
			}
			run(t, "ip link add s netns %d type veth peer name a netns %d", w.exp.cmd.Process.Pid, router.cmd.Process.Pid)
			run(t, "ip link add r netns %d type veth peer name b netns %d", w.recv.cmd.Process.Pid, router.cmd.Process.Pid)
			for _, end := range []struct {
				at           *child
				dev, address string
			}{{w.exp, "s", tt.sender}, {router, "a", tt.near}, {router, "b", tt.far}, {w.recv, "r", tt.receiver}} {
				nodad := ""
				if tt.prefix == "64" {
					nodad = "nodad" // addresses are there at once
				}
				at(end.at, "ip addr add %s/%s dev %s %s", end.address, tt.prefix, end.dev, nodad)
				at(end.at, "ip link set dev %s up", end.dev)
			}
			at(router, "ip link set dev b mtu 1280")
			at(w.recv, "ip route add default via %s", tt.far)
			at(w.exp, "ip route add default via %s", tt.near)
			until(t, w.exp, patience, func(s exporter.Stats) bool { return s.PacketSize == tt.limit })
			// The hosts have to find each other, too.
			agreed(t, w.recv, func(r receiver.Stats) bool { return r.Points.Received > 1000 })
			<-time.After(2 * time.Second) // until what was lost counts as lost
			before := agreed(t, w.recv, func(receiver.Stats) bool { return true })
			assert.Positive(t, before.Points.Lost, "what was too large")
			sent := ask[exporter.Stats](t, w.exp, "").Sent
			until(t, w.exp, patience, func(s exporter.Stats) bool { return s.Sent > sent+5000 })
			s, r := w.settle(t, func(r receiver.Stats) bool { return r.Points.Lost > 0 })
			assert.Equal(t, before.Points.Lost, r.Points.Lost, "and nothing since then")
			assert.Equal(t, s.Sent, r.Points.Delivered+r.Points.Lost)
			assert.Equal(t, r.Packets.Lost, r.NetworkLost())
			assert.Zero(t, s.Dropped.Total()-s.Dropped.Unresolved, "%+v", s)
		})
	}
}
