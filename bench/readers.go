package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelgram/otelgram/receiver"
	"github.com/otelgram/otelgram/wire"
)

// slowPacket is how long the slow reader is busy with each packet.
const slowPacket = 10 * time.Microsecond

// plainReader reads a UDP socket as a simple server does: one goroutine, one
// packet at a time, the receive buffer that the system gives.
type plainReader struct {
	*arrivals
	conn    *net.UDPConn
	reading sync.WaitGroup
	busy    time.Duration
	bad     error // of the reading goroutine
}

func newPlainReader(busy time.Duration) (sink, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	r := &plainReader{arrivals: newArrivals(), conn: conn, busy: busy}
	r.reading.Go(r.read)
	return r, nil
}

func (r *plainReader) read() {
	packet := make([]byte, 65535)
	for {
		n, _, err := r.conn.ReadFromUDPAddrPort(packet)
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				r.bad = err
			}
			return
		}
		h, cause := wire.CheckHeader(packet[:n])
		if cause != wire.Accepted {
			r.bad = fmt.Errorf("packet of %d bytes: %v", n, cause)
			continue
		}
		r.add(int(h.Points))
		for start := time.Now(); r.busy > 0 && time.Since(start) < r.busy; {
		}
	}
}

func (r *plainReader) address() string { return r.conn.LocalAddr().String() }

func (r *plainReader) close() error {
	err := r.conn.Close()
	r.reading.Wait()
	return errors.Join(err, r.bad)
}

// decoder is otelgram's receiver with a handler that counts the points.
type decoder struct {
	*arrivals
	receiver *receiver.Receiver
}

func newDecoder() (sink, error) {
	d := &decoder{arrivals: newArrivals()}
	var err error
	d.receiver, err = receiver.Listen("127.0.0.1:0", func(rm *metricdata.ResourceMetrics) { d.add(countPoints(rm)) })
	return d, err
}

func (d *decoder) address() string { return d.receiver.Addr().String() }

func (d *decoder) close() error { return d.receiver.Close() }

// books wants, once the receiver knows what was lost, each point to be in one
// place.
func (d *decoder) books(sent uint64) error {
	var p receiver.Counts
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		p = d.receiver.Stats().Points
		if p.Sent == sent && p.Sent == p.Received+p.Lost && p.Received == p.Handed+p.Rejected+p.Overrun &&
			p.Handed == d.points.Load() && p.Rejected == 0 {
			return nil
		}
	}
	return fmt.Errorf("books: %d points sent, %d seen by the handler, receiver: %+v", sent, d.points.Load(), p)
}

// collector is an OTLP/HTTP endpoint that reads what it gets and forgets it.
type collector struct {
	*arrivals
	listener net.Listener
	server   http.Server
	serving  sync.WaitGroup
}

func newCollector() (sink, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &collector{arrivals: newArrivals(), listener: listener}
	c.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	})
	c.serving.Go(func() { _ = c.server.Serve(listener) }) // ends with close
	return c, nil
}

func (c *collector) address() string { return c.listener.Addr().String() }

func (c *collector) close() error {
	err := c.server.Close()
	c.serving.Wait()
	return err
}
