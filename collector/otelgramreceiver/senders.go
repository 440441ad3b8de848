package otelgramreceiver

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelgram/otelgram/receiver"
	"github.com/otelgram/otelgram/wire"
)

const (
	// maxLosers is how many senders the metric of lost points names.
	maxLosers = 1000
	// maxName is the longest name of a service or instance in that metric, in bytes.
	maxName = 128
	// provenAfter is how many packets a session must have for its sender to be named. So
	// forged sessions of a few packets are not named.
	provenAfter = 8
)

// senderName is what a resource says about the sender: service.name and
// service.instance.id.
type senderName struct{ service, instance string }

func (n senderName) attributes() []attribute.KeyValue {
	var kvs []attribute.KeyValue
	if n.service != "" {
		kvs = append(kvs, attribute.String("service.name", n.service))
	}
	if n.instance != "" {
		kvs = append(kvs, attribute.String("service.instance.id", n.instance))
	}
	return kvs
}

// senders knows the names of sessions, from the first decoded packet of each. It keeps at
// most twice as many as there may be sessions. If strangers fill the names of a processor,
// these are forgotten, and learned again from the next packet of each session.
type senders struct {
	max int
	all []*sessionNames
}

// newSenders returns senders for processors that may remember that many names each.
func newSenders(names int) *senders { return &senders{max: names} }

// of returns the names that one more processor remembers.
func (s *senders) of() *sessionNames {
	n := &sessionNames{max: s.max, names: map[uint64]senderName{}}
	s.all = append(s.all, n)
	return n
}

// sessionNames are the names of the sessions that one processor serves.
type sessionNames struct {
	max int

	mu    sync.Mutex
	names map[uint64]senderName
}

// note remembers the name of a packet's session.
func (n *sessionNames) note(d *wire.Decoder) {
	session := d.Header().Session
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := n.names[session]; ok {
		return
	}
	if len(n.names) >= n.max {
		clear(n.names)
	}
	metrics := d.Metrics()
	if len(metrics) == 0 {
		return
	}
	n.names[session] = nameOf(metrics[0].Scope.Resource)
}

// nameOf returns the name of the sender that a resource describes. It leaves out what is
// too long.
func nameOf(r *wire.ResourceView) (name senderName) {
	for _, kv := range r.Attributes.All() {
		text := kv.Value.Text()
		if kv.Value.Type != wire.StringValue || len(text) > maxName {
			continue
		}
		switch string(kv.Key) {
		case "service.name":
			name.service = valid(text)
		case "service.instance.id":
			name.instance = valid(text)
		}
	}
	return name
}

// lost returns how many points the sessions with books have lost, by sender. If there are
// many senders, it returns those that lost most. It forgets the names of sessions that have
// no books.
func (s *senders) lost(sessions []receiver.Session) map[senderName]int64 {
	lost := map[senderName]int64{}
	known := make(map[uint64]bool, len(sessions))
	for i := range sessions {
		known[sessions[i].ID] = true
	}
	for _, n := range s.all {
		n.mu.Lock()
		for id := range n.names {
			if !known[id] {
				delete(n.names, id)
			}
		}
		n.mu.Unlock()
	}
	for i := range sessions {
		points := int64(sessions[i].Points.Lost)
		if points == 0 || sessions[i].Packets.Received < provenAfter {
			continue
		}
		if name := s.name(sessions[i].ID); name != (senderName{}) {
			lost[name] += points
		}
	}
	if len(lost) > maxLosers {
		names := slices.SortedFunc(maps.Keys(lost), func(a, b senderName) int { return cmp.Compare(lost[b], lost[a]) })
		for _, name := range names[maxLosers:] {
			delete(lost, name)
		}
	}
	return lost
}

// name returns the name of a session, or no name if none was remembered.
func (s *senders) name(session uint64) senderName {
	for _, n := range s.all {
		n.mu.Lock()
		name, ok := n.names[session]
		n.mu.Unlock()
		if ok {
			return name
		}
	}
	return senderName{}
}
