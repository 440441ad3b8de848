package otelgramreceiver

import (
	"sync"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelgram/otelgram/receiver"
	"github.com/otelgram/otelgram/wire"
)

const (
	// maxLosers is how many senders the metric of lost points names.
	maxLosers = 1000
	// maxName is the longest name of a service or instance that it tells, in bytes.
	maxName = 128
)

// senderName is what a resource says of the sender: service.name and service.instance.id.
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

// senders know the names of sessions, from the first packet of each that was decoded. They
// are bounded as the sessions are.
type senders struct {
	max int
	all []*sessionNames
}

func newSenders(maxSessions int) *senders { return &senders{max: maxSessions} }

// of returns the names that one more processor takes note of.
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

// note takes note of the name of a packet's session.
func (n *sessionNames) note(d *wire.Decoder) {
	session := d.Header().Session
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := n.names[session]; ok || len(n.names) >= n.max {
		return
	}
	metrics := d.Metrics()
	if len(metrics) == 0 {
		return
	}
	n.names[session] = nameOf(metrics[0].Scope.Resource)
}

// nameOf returns the name of the sender that a resource describes, without what is too long.
func nameOf(r *wire.ResourceView) (name senderName) {
	for _, kv := range r.Attributes.All {
		text := kv.Value.Text()
		if kv.Value.Type != wire.StringValue || len(text) > maxName {
			continue
		}
		switch string(kv.Key) {
		case "service.name":
			name.service = string(text)
		case "service.instance.id":
			name.instance = string(text)
		}
	}
	return name
}

// lost returns how many points the sessions with books have lost, by sender, and forgets
// the names of other sessions. What is not there was lost by sessions of which nothing was
// decoded, by those without books any more, or by more senders than are named.
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
		if points == 0 {
			continue
		}
		name := s.name(sessions[i].ID)
		if _, ok := lost[name]; name != (senderName{}) && (ok || len(lost) < maxLosers) {
			lost[name] += points
		}
	}
	return lost
}

// name returns the name of a session; none where nobody took note of it.
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
