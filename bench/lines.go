package main

import (
	"bytes"
	"errors"
	"net"
	"sync"
)

// lines reads StatsD lines and counts those of requestCount; the client sends
// some about itself.
type lines struct {
	*arrivals
	conn    *net.UDPConn
	reading sync.WaitGroup
}

func newLines() (sink, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	l := &lines{arrivals: newArrivals(), conn: conn}
	l.reading.Go(func() {
		packet, name := make([]byte, 65535), []byte(requestCount+":")
		for {
			n, err := l.conn.Read(packet)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			l.add(bytes.Count(packet[:n], name))
		}
	})
	return l, nil
}

func (l *lines) address() string { return l.conn.LocalAddr().String() }

func (l *lines) close() error {
	err := l.conn.Close()
	l.reading.Wait()
	return err
}
