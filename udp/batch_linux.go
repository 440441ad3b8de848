package udp

import (
	"errors"
	"net"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// Batches of the ipv4 package serve IPv6 sockets, too. The family matters only in the
// addresses, which are handled for both.

// connWriter writes batches with sendmmsg.
type connWriter struct {
	conn     *ipv4.PacketConn
	messages [maxBatch]ipv4.Message
	buffers  [maxBatch][1][]byte
}

var _ batchWriter = (*connWriter)(nil)

func newConnWriter(conn *net.UDPConn) *connWriter {
	w := &connWriter{conn: ipv4.NewPacketConn(conn)}
	for i := range w.messages {
		w.messages[i].Buffers = w.buffers[i][:]
	}
	return w
}

func (w *connWriter) writeBatch(packets [][]byte) (int, error) {
	packets = packets[:min(len(packets), maxBatch)]
	for i, p := range packets {
		w.buffers[i][0] = p
	}
	n, err := w.conn.WriteBatch(w.messages[:len(packets)], unix.MSG_DONTWAIT)
	clear(w.buffers[:len(packets)])
	return n, err
}

// connReader reads batches with recvmmsg.
type connReader struct {
	conn     *ipv4.PacketConn
	messages [maxBatch]ipv4.Message
	buffers  [maxBatch][1][]byte
}

func newConnReader(conn *net.UDPConn) *connReader {
	r := &connReader{conn: ipv4.NewPacketConn(conn)}
	for i := range r.messages {
		r.messages[i].Buffers = r.buffers[i][:]
	}
	return r
}

// readBatch fills ds, which is not empty, from the front.
func (r *connReader) readBatch(ds []Datagram) (int, error) {
	ds = ds[:min(len(ds), maxBatch)]
	for i := range ds {
		r.buffers[i][0] = ds[i].Data[:cap(ds[i].Data)]
	}
	defer clear(r.buffers[:len(ds)])
	for {
		n, err := r.conn.ReadBatch(r.messages[:len(ds)], 0)
		if errors.Is(err, errInterrupted) {
			continue
		}
		if err != nil {
			return 0, err
		}
		for i := range ds[:n] {
			m := &r.messages[i]
			ds[i].Data = r.buffers[i][0][:m.N]
			ds[i].Source = sourceOf(m.Addr)
			ds[i].Truncated = m.Flags&flagTruncated != 0
		}
		return n, nil
	}
}
