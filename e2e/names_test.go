package e2e

import (
	"context"
	"encoding/binary"
	"io"
	"net"

	"golang.org/x/net/dns/dnsmessage"
)

// twoAddresses is a name with two addresses, as a headless service of Kubernetes has them.
const twoAddresses = "collectors.test"

// addressesOf has the names that the resolver of this process knows beside those of
// /etc/hosts. Nobody else is asked.
var addressesOf = map[string][][4]byte{
	twoAddresses + ".": {{127, 0, 0, 1}, {127, 0, 0, 2}},
}

// resolver is what the exporter resolves names with while tests run. The name server is at
// the other end of a pipe.
var resolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	go serveNames(far)
	return near, nil
}}

// serveNames answers questions until the other end is closed. Over a stream each message has
// its length before it.
func serveNames(conn net.Conn) {
	defer conn.Close()
	for {
		var length uint16
		if binary.Read(conn, binary.BigEndian, &length) != nil {
			return
		}
		question := make([]byte, length)
		if _, err := io.ReadFull(conn, question); err != nil {
			return
		}
		answer, err := answerName(question)
		if err != nil {
			return
		}
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
			return
		}
	}
}

func answerName(question []byte) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil {
		return nil, err
	}
	m.Response, m.Additionals = true, nil
	q := m.Questions[0]
	addresses, known := addressesOf[q.Name.String()]
	if !known {
		m.RCode = dnsmessage.RCodeNameError
	}
	if q.Type == dnsmessage.TypeA {
		for _, a := range addresses {
			m.Answers = append(m.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1},
				Body:   &dnsmessage.AResource{A: a},
			})
		}
	}
	return m.Pack()
}
