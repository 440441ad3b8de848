package udp

import (
	"errors"
	"sync/atomic"
)

// A run is packets of one size that go to the kernel as one message. The last one may be
// shorter. The network sees a datagram for each packet, as without runs.

const (
	// maxSegments is how many packets a run may have. Newer kernels take 128
	// (UDP_MAX_SEGMENTS in include/linux/udp.h).
	maxSegments = 64
	// maxRunBytes is the payload of the largest IPv4 datagram, which bounds a run as well.
	maxRunBytes = 65507
	// maxStrikes is how many runs in a row may be split for nothing: the kernel refuses the
	// run, and takes its packets one by one.
	maxStrikes = 4
)

// segmentation is whether a socket sends runs, and what speaks against it. It belongs to the
// goroutine that sends, except for state.
type segmentation struct {
	state   atomic.Uint32 // an Offload
	strikes int
}

func (s *segmentation) offload() Offload { return Offload(s.state.Load()) }
func (s *segmentation) set(o Offload)    { s.state.Store(uint32(o)) }
func (s *segmentation) active() bool     { return s.offload() == OffloadActive }

// verdict is what follows from an error that the kernel gave to a run.
type verdict uint8

const (
	runStays  verdict = iota // nothing of it was sent: the error is about its first packet
	runSplits                // nothing of it was sent: its packets are to be sent one by one
	runGone                  // some of its packets may have been sent: it counts as sent
)

// refused says what follows from an error of a run.
//
//   - EIO says that runs do not work on this path: IPsec is on the way or, in older kernels, the
//     network device computes no checksums (udp_send_skb in net/ipv4/udp.c). There are none from
//     then on.
//   - EINVAL and EMSGSIZE may mean that the path takes smaller packets than before (older
//     kernels say EINVAL). EPERM may be the answer of a firewall to the length of the run. Sent
//     alone, the first packet gets the answer that is about it.
//   - ENOBUFS and ENETDOWN come from below the socket: a queue is full, or the device is down. A
//     run may be in packets by then, and some of them sent (dev_hard_start_xmit in
//     net/core/dev.c). If they were sent again they would arrive twice. So the run counts as
//     sent, and the receiver finds out what is lost. There are no runs from then on, and the
//     next packet gets the error. ENOBUFS may also mean that there was no memory for the run.
//     Nobody can tell.
//   - All other errors come before anything is sent: the send buffer is full, there is no way to
//     the host, or a router has reported an earlier packet.
func (s *segmentation) refused(err error) verdict {
	switch {
	case errors.Is(err, errNoSegments):
		s.set(OffloadRefused)
		return runSplits
	case errors.Is(err, errInvalid), classify(err) == TooLarge, classify(err) == Denied:
		return runSplits
	case errors.Is(err, errNetworkDown), classify(err) == NoBuffers:
		s.set(OffloadRefused)
		return runGone
	}
	return runStays
}

// took says that the kernel took packets in runs.
func (s *segmentation) took(packets [][]byte) {
	for s.strikes > 0 && len(packets) > 0 {
		n := runLength(packets)
		if n > 1 {
			s.strikes = 0
		}
		packets = packets[n:]
	}
}

// strike says that the kernel refused a run and took its packets one by one. So nothing was
// wrong with the packets.
func (s *segmentation) strike() {
	if s.strikes++; s.strikes >= maxStrikes {
		s.set(OffloadRefused)
	}
}

// runLength returns how many packets, from the front, make one run. packets is not empty.
func runLength(packets [][]byte) int {
	size := len(packets[0])
	bytes := size
	for n := 1; n < len(packets); n++ {
		next := len(packets[n])
		if next == 0 || next > size || n == maxSegments || bytes+next > maxRunBytes {
			return n
		}
		if bytes += next; next < size {
			return n + 1
		}
	}
	return len(packets)
}
