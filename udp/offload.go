package udp

import "strconv"

// Offload says whether a socket hands several datagrams to the kernel, or takes several from
// it, as one (segmentation offload, UDP_SEGMENT and UDP_GRO in udp(7)).
type Offload uint8

const (
	// OffloadUnavailable means that the system, or the kind of socket, has no offload.
	OffloadUnavailable Offload = iota
	// OffloadDisabled means that an option has turned it off.
	OffloadDisabled
	// OffloadActive means that it is used.
	OffloadActive
	// OffloadRefused means that the kernel refused it on this path. It is off until the
	// socket is closed.
	OffloadRefused
)

var offloadNames = [...]string{
	OffloadUnavailable: "unavailable", OffloadDisabled: "disabled", OffloadActive: "active", OffloadRefused: "refused",
}

// String returns the state as one lower-case word, such as "active".
func (o Offload) String() string {
	if int(o) < len(offloadNames) {
		return offloadNames[o]
	}
	return "Offload(" + strconv.Itoa(int(o)) + ")"
}
