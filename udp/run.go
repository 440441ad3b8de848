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
	// maxStrikes is how many runs in a row the kernel may refuse, of which it took the
	// packets one by one.
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

// refused says what follows from an error of a run. again is true if the error is about the
// run: its packets are to be sent one by one.
//
//   - EIO means that this path has no segmentation: the network device computes no
//     checksums, or IPsec is on the way (udp_send_skb in net/ipv4/udp.c). Segmentation is
//     off from then on.
//   - EINVAL and EMSGSIZE may mean that the path takes smaller packets than before (older
//     kernels say EINVAL). Then the first packet alone gets TooLarge.
func (s *segmentation) refused(err error) (again bool) {
	if errors.Is(err, errNoSegments) {
		s.set(OffloadRefused)
		return true
	}
	return errors.Is(err, errInvalid) || errors.Is(err, errTooLarge)
}

// took says that the kernel took a run.
func (s *segmentation) took() { s.strikes = 0 }

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
