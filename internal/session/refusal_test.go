package session

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/otelgram/otelgram/udp"
	"github.com/otelgram/otelgram/wire"
)

// TestRefusals: whatever the kernel refuses, and wherever in a batch, is sent once or counted
// once; what it takes has a session without gaps.
func TestRefusals(t *testing.T) {
	for _, tt := range []struct {
		name   string
		script []udp.Outcome
		lost   int // packets
		reason wire.DropReason
		waits  time.Duration
	}{
		{"none", nil, 0, 0, 0},
		{"the first meets an old report", []udp.Outcome{udp.Refused}, 0, 0, 0},
		{"every second", []udp.Outcome{udp.Refused, udp.Sent, udp.Refused, udp.Sent, udp.Refused, udp.Sent}, 0, 0, 0},
		{"refused twice", []udp.Outcome{udp.Sent, udp.Refused, udp.Refused}, 1, wire.SendError, 0},
		{"the third, by a full queue", []udp.Outcome{udp.Sent, udp.Sent, udp.NoBuffers}, 1, wire.SendError, time.Millisecond},
		{"a full queue again and again", repeat(udp.NoBuffers, 9), 9, wire.SendError, 327 * time.Millisecond},
		{"denied once", []udp.Outcome{udp.Denied}, 0, 0, 0},
		{"denied, then unreachable", []udp.Outcome{udp.Sent, udp.Denied, udp.Unreachable}, 1, wire.SendError, time.Millisecond},
		{"another error, once", []udp.Outcome{udp.Failed}, 0, 0, 0},
		{"another error, twice", []udp.Outcome{udp.Failed, udp.Failed}, 1, wire.SendError, time.Millisecond},
		{"a socket that is closed", []udp.Outcome{udp.Closed, udp.Closed}, 2, wire.SendError, 3 * time.Millisecond},
		{"too large for the path, once", []udp.Outcome{udp.Sent, udp.TooLarge}, 0, 0, 0},
		{"many before it were too large", append([]udp.Outcome{udp.Sent}, repeat(udp.TooLarge, 16-1)...), 0, 0, 0},
		{"too large for no reason", append([]udp.Outcome{udp.Sent}, repeat(udp.TooLarge, 16)...), 1, wire.SendError, 0},
		{"a full send buffer for a while", append([]udp.Outcome{udp.Sent}, repeat(udp.WouldBlock, 99)...), 0, 0, 99 * time.Millisecond},
		{"a full send buffer for long", append([]udp.Outcome{udp.Sent}, repeat(udp.WouldBlock, 101)...), 1, wire.WouldBlock, 100 * time.Millisecond},
		{"a mix", []udp.Outcome{udp.Refused, udp.Unreachable, udp.Sent, udp.WouldBlock, udp.Denied, udp.Sent}, 1, wire.SendError, 2 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &fakeSocket{script: tt.script}
				d := drive(t, &network{answers: []string{"a"}, only: s}, func(c *Config) { c.PacketsPerSecond = 0 })
				begin := time.Now()
				d.send(14)
				assert.Equal(t, tt.waits, time.Since(begin))
				assert.Empty(t, s.script)
				errors := 0
				for _, o := range tt.script {
					if o != udp.Sent && o != udp.WouldBlock {
						errors++
					}
				}
				st := d.Stats()
				assert.Equal(t, uint64(errors), st.SendErrors)
				assert.Equal(t, uint64(14-tt.lost), st.Packets)
				assert.Equal(t, uint64(2*tt.lost), d.dropped(tt.reason))
				packets, _ := s.headers(t)
				assert.Len(t, packets, 14-tt.lost)
				assertSession(t, packets, d.sent())
				d.end()
			})
		})
	}
}

// uncut is an encoding that cannot cut a packet.
type uncut struct{ plain }

func (uncut) Datagram(scratch, packet []byte, _, _ int) (datagram, grown []byte, next int) {
	return packet, scratch, 0
}

// TestTooLong: a packet that cannot be cut for the path is dropped alone. Those before it and
// those behind it are sent, and it takes nothing of the pace.
func TestTooLong(t *testing.T) {
	for _, tt := range []struct {
		name  string
		bytes []int // of the packets, on a path that takes 700
		lost  int
	}{
		{"none", []int{700, 100}, 0},
		{"one", []int{701}, 1},
		{"the first", []int{701, 100}, 1},
		{"the last", []int{100, 701}, 1},
		{"in between", []int{100, 100, 1472, 100}, 1},
		{"several", []int{1472, 100, 1472, 1472, 100}, 3},
		{"all", []int{1472, 1472, 1472, 1472}, 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &fakeSocket{limit: 700}
				sender, books := open(t, s, 1000)
				sender.session.encoding = uncut{}
				var packets []Packet
				for _, bytes := range tt.bytes {
					packets = append(packets, packetsOf(books, 1, bytes)...)
				}
				assert.Equal(t, len(packets), sender.Send(time.Now(), packets))
				got := books.Settled()
				assert.Equal(t, uint64(2*tt.lost), got.Dropped[wire.Oversize])
				assert.Equal(t, uint64(2*(len(packets)-tt.lost)), got.Sent)
				assert.Zero(t, sender.Stats().SendErrors, "the kernel was not asked")
				taken, _ := s.headers(t)
				assertSession(t, taken, got.Sent)
			})
		})
	}
}

// lines is an encoding without sessions, of which each part of a packet is of use by itself:
// two points of 500 bytes.
type lines struct{ plain }

func (lines) Datagram(scratch, packet []byte, _, place int) (datagram, grown []byte, next int) {
	return packet[place : place+500], scratch, (place + 500) % len(packet)
}

func (lines) Settled(place int) (points int) { return place / 500 }
func (lines) Session() bool                  { return false }

// TestWithoutSessions: what has left of a packet counts as sent though the rest is dropped, a
// packet goes on where it was on another socket, and there are no reports.
func TestWithoutSessions(t *testing.T) {
	for _, tt := range []struct {
		name    string
		script  []udp.Outcome
		next    bool // another socket takes the place of this one
		sent    uint64
		dropped uint64
	}{
		{"all", nil, false, 2, 0},
		{"half", []udp.Outcome{udp.Sent, udp.Closed}, false, 1, 1},
		{"half, and the rest on another socket", []udp.Outcome{udp.Sent, udp.WouldBlock}, true, 2, 0},
		{"none", []udp.Outcome{udp.Closed}, false, 0, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first, second := &fakeSocket{script: tt.script, limit: 700}, &fakeSocket{limit: 700}
				s, books := open(t, nil, 0)
				s.session.encoding = lines{}
				s.Begin(Dialled{first, udp.Address{Path: "a"}})
				packets := packetsOf(books, 1, 1000)
				packets = packets[s.Send(time.Now(), packets):]
				if tt.next {
					s.Begin(Dialled{second, udp.Address{Path: "a"}})
					packets = packets[s.Send(time.Now(), packets):]
				}
				assert.Empty(t, packets)
				got := books.Settled()
				assert.Equal(t, [2]uint64{tt.sent, tt.dropped}, [2]uint64{got.Sent, got.Dropped[wire.SendError]})
				<-time.After(time.Minute)
				s.Send(time.Now(), nil)
				s.End()
				assert.Len(t, append(first.taken, second.taken...), int(tt.sent), "no reports and no goodbye")
			})
		})
	}
}
