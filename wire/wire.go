package wire

import "strconv"

// Limits that every encoder obeys and every decoder enforces. They are part of the wire
// format: if one is lowered, packets of older encoders cannot be decoded; if one is raised,
// older decoders cannot decode ours.
const (
	// HeaderSize is the length in bytes of the header of every packet.
	HeaderSize = 32
	// TrailerSize is the length in bytes of the checksum that ends every packet.
	TrailerSize = 4
	// MinPacketSize is the smallest packet limit that a Packer accepts, in bytes. Every
	// IPv4 host takes datagrams of this size in one piece (RFC 791, 3.1).
	MinPacketSize = 512
	// MaxPacketSize is the largest UDP payload over IPv4, in bytes.
	MaxPacketSize = 65507
	// MaxDepth is how deep slices and maps may nest in an attribute value. A slice of plain
	// values has depth 1.
	MaxDepth = 16
	// MaxBody is the largest body that travels in fragments, in bytes.
	MaxBody = 64 << 10
	// MaxExpansion bounds what a body unfolds to: the weights of its points and definitions
	// add up to at most MaxExpansion times the length of its packet. For a body in
	// fragments that is the packet that the whole body would make. The package
	// documentation defines the weights.
	MaxExpansion = 128
	// MaxAttributes is the most attributes that a set may have.
	MaxAttributes = 512
	// MaxItems is the most items that a body may have: points, definitions of metrics,
	// scopes and resources, attributes of the sets that it defines, exemplars and their
	// attributes, and the elements of all values among these that are slices or maps. An
	// element counts once for each value that it is inside of, and the items of a set count
	// once more for each resource that refers to it. An item may take one byte: without
	// this bound a packet could make much work, such as sorting sets, which takes more than
	// in proportion to their length.
	MaxItems = 4096
	// MaxResources is the most resources that a body may have. It bounds how often a
	// receiver has to hand something over for one packet.
	MaxResources = 64
)

// NoTime is the Time of a point or exemplar whose time is not set. Every other value is
// nanoseconds since the Unix epoch.
const NoTime int64 = -1 << 63

// The weights that MaxExpansion limits, in bytes of the unfolded form.
const (
	pointWeight      = 64
	definitionWeight = 64
	attributeWeight  = 32
	valueFactor      = 8 // per byte of an attribute value that is not a string
	boundWeight      = 8
	resourceFactor   = 4 // of its set: a receiver copies the set, sorts it, and makes another
)

// Cause says why a packet was rejected.
type Cause uint8

// The causes of rejection, in the order in which a decoder can meet them.
const (
	// Accepted is the zero Cause: nothing is wrong.
	Accepted Cause = iota
	// TooShort packets cannot hold a header and a checksum.
	TooShort
	// UnknownVersion packets carry another version, or a format that this version does not
	// have.
	UnknownVersion
	// UnknownFlag packets set a critical flag that this version does not know.
	UnknownFlag
	// BadChecksum packets do not end with the CRC32C of what comes before.
	BadChecksum
	// Malformed packets break the grammar, although their checksum is right.
	Malformed
	// OverBudget packets exceed MaxExpansion, MaxAttributes, MaxItems or MaxResources.
	OverBudget

	// Causes is the number of causes, for tables indexed by Cause.
	Causes = int(OverBudget) + 1
)

var causeNames = [Causes]string{
	"accepted", "too_short", "unknown_version", "unknown_flag", "bad_checksum", "malformed", "over_budget",
}

// String returns the cause as metrics and logs have it.
func (c Cause) String() string {
	if int(c) < len(causeNames) {
		return causeNames[c]
	}
	return "unknown"
}

// Error is what a decoder returns for a packet that it rejects. It names the field that was
// being read, and the offset in the packet at which reading stopped.
type Error struct {
	Cause  Cause
	Field  string
	Offset int
}

// Error describes the rejection.
func (e *Error) Error() string {
	return "wire: " + e.Cause.String() + " packet: " + e.Field + " at byte " + strconv.Itoa(e.Offset)
}

// LeftOut counts what an encoding other than Compact could not say of points that it took.
type LeftOut struct {
	// Exemplars counts the points that were said without their exemplars. Parts counts the
	// points that were said without something else that has no form.
	Exemplars, Parts uint64
	// Unchanged counts the points of which there was nothing to say: the server is told
	// differences, and there was none. Unknown counts the points of which nothing was said
	// since they began before the encoder did, or were forgotten meanwhile: what the server
	// was told of them is not known. The next point of their series says what has come
	// since.
	Unchanged, Unknown uint64
	// Shortened counts the names and attribute sets that were cut to the length that a
	// server takes.
	Shortened uint64
	// Collisions counts the metrics and attribute sets that look like another one to the
	// server.
	Collisions uint64
}
