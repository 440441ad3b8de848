//go:build linux

package faults

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
)

// nameServer answers every question with one address, and is the resolver's only server
// while a test runs.
type nameServer struct {
	conn *net.UDPConn
	done chan struct{}

	mu      sync.Mutex
	address string // empty: there is no such name
	held    chan struct{}
}

func newNameServer(t *testing.T) *nameServer {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	s := &nameServer{conn: conn, done: make(chan struct{})}
	before := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	go s.serve()
	t.Cleanup(func() {
		net.DefaultResolver = before
		s.release()
		_ = conn.Close()
		<-s.done
	})
	return s
}

func (s *nameServer) answer(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.address = address
}

// hold keeps the answers back until release.
func (s *nameServer) hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = make(chan struct{})
}

func (s *nameServer) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held != nil {
		close(s.held)
		s.held = nil
	}
}

func (s *nameServer) serve() {
	defer close(s.done)
	buffer := make([]byte, 2048)
	for {
		n, from, err := s.conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return
		}
		s.mu.Lock()
		address, held := s.address, s.held
		s.mu.Unlock()
		if held != nil {
			<-held
		}
		if reply, err := replyTo(buffer[:n], address); err == nil {
			_, _ = s.conn.WriteToUDPAddrPort(reply, from) // the resolver asks again
		}
	}
}

func replyTo(question []byte, address string) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil {
		return nil, err
	}
	m.Response, m.Additionals = true, nil
	q := m.Questions[0]
	switch {
	case address == "":
		m.RCode = dnsmessage.RCodeNameError
	case q.Type == dnsmessage.TypeA:
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1},
			Body:   &dnsmessage.AResource{A: netip.MustParseAddr(address).As4()},
		}}
	}
	return m.Pack()
}
