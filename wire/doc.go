// Package wire is the otelgram wire format: it packs OpenTelemetry metric points into
// datagrams and reads them back. This comment is the specification. It is enough to write a
// decoder in any language.
//
// # Packets
//
// A packet is one datagram. Fixed-size integers are big-endian.
//
//	0        1                       8                16
//	+--------+-----------------------+----------------+
//	| V | F  | sequence (56 bits)    | time           |
//	+--------+-----------------------+----------------+
//	16               24       25       26     28      32
//	+----------------+--------+--------+------+-------+
//	| session        | flags  | key    | pts  | before|
//	+----------------+--------+--------+------+-------+
//	32
//	+---------------------------------+---------------+
//	| body ...                        | CRC32C (4)    |
//	+---------------------------------+---------------+
//
// The fields are:
//
//   - V, F: one byte. Its high half is the version, 1. Its low half is the format of the body:
//     2 is Compact, 3 is a sender report, 4 is a fragment.
//   - sequence: 0, 1, 2, ... within a session, for packets of all formats. A packet that the
//     sender's kernel did not take uses no number.
//   - time: Unix nanoseconds (int64) at which the packet was sent.
//   - session: a random number (uint64), one for each socket the sender dials. It identifies
//     the session, whatever address packets come from.
//   - flags: 0x02 is the goodbye. It is set on the session's last packet, which is a sender
//     report and is sent three times, byte for byte the same. It means nothing in other
//     formats. 0x10, 0x20, 0x40 and 0x80 are critical: a decoder rejects a packet that sets a
//     critical flag it does not know. At present no critical flag is defined. A decoder
//     ignores the other flags.
//   - key: 0. Other values are reserved for encryption and rejected.
//   - pts: points in this packet (uint16). 0 in a report. In the last fragment of a body, the
//     points of the body; 0 in its other fragments.
//   - before: points the session sent before this packet, modulo 2^32 (uint32): the sum of pts
//     of all packets with a lower sequence number.
//   - CRC32C: Castagnoli, of all bytes before it. The CRC32C of "123456789" is 0xe3069283.
//
// Within a session, the number of missing packets is the highest sequence number seen, plus
// one, minus the number of different packets seen. The number of missing points is the
// largest before + pts, minus the points of those packets. A packet is seen when version,
// format, flags, key and checksum are right, whatever becomes of its body. Reordering
// changes neither number. Duplicates do not either: a packet with a sequence number that
// was seen already is ignored, whatever it holds.
//
// A receiver extends before to 64 bits: to the value nearest to the before of the newest
// packet it has seen, and for the first packet to the value itself. The extended value
// never becomes less from one packet to the next. A session ends before its sequence
// numbers run out.
//
// A receiver that meets a session in the middle cannot know at first whether the packets
// before were lost, or were sent before it ran. The age of the session, in its next report,
// tells: a session that is older than the receiver has run is counted from the first packet
// seen, a younger one from 0.
//
// # Numbers and strings
//
// uvarint is LEB128: seven bits a byte, the lowest first, with the high bit set on all
// bytes except the last, at most ten bytes and 64 bits. svarint is an int64 n as a uvarint
// of its zigzag form (n << 1) ^ (n >> 63), with an arithmetic shift. Both may take more
// bytes than they need. Sums and differences wrap in 64 bits. text is a uvarint length and
// that many bytes. It is UTF-8 by convention, but any bytes are valid.
//
// A num has one of five encodings. Its encoding number is given apart from it. A metric is
// of integers or of doubles (IEEE 754), see its flags below, and so are its values, sums,
// minima, maxima and the values of its exemplars.
//
//	0  nothing               the integer 0, the double +0
//	1  svarint               the integer, or this integer as a double
//	2  8 bytes               two's complement, or IEEE 754 double
//	3  4 bytes               an IEEE 754 single as a double; rejected for integers
//	4  1 byte e, svarint m   m as a double, divided by 10^e, e from 1 to 9; rejected for integers
//
// Conversions and the division round to the nearest double, ties to even. An encoder uses
// 1, 3 and 4 only if they give all bits of its number back, and 2 for NaN: the bits of a
// NaN in encoding 3 are not specified. Encodings above 4 are rejected. tnum is one byte,
// the encoding, and then the num.
//
// # Dictionaries
//
// A body decodes alone, whether it is in one packet or came in fragments. What repeats
// inside a body is written once, where it is first used, and then referred to. A reference
// (ref below, and the 0 in its place) is a uvarint: n from 1 on is the n-th entry of its
// dictionary; 0 says that a definition follows, which becomes the next entry, even if it is
// the same as another. There are six dictionaries, each with numbers of its own. The
// dictionaries of strings, attribute sets and bounds begin with one entry: the empty
// string, set and list. So reference 1 means "none" there.
//
//	string    = ref | 0 text
//	set       = ref | 0 uvarint(count) count * (key:string value)
//	resource  = ref | 0 schemaURL:string set
//	scope     = ref | 0 resource name:string version:string schemaURL:string set
//	metric    = ref | 0 scope flags:byte name:string unit:string description:string
//	bounds    = ref | 0 uvarint(count) form:byte count * bound
//
// The flags of a metric: bits 0 to 2 are its kind (1 gauge, 2 sum, 3 histogram, 4
// exponential histogram, 5 summary). 0x08 means integers (not for a summary, which is of
// doubles). 0x10 means monotonic (only for a sum). 0x20 means delta temporality (only for a
// sum or a histogram of either kind; without the flag it is cumulative). Any other flag is
// rejected.
//
// Bounds are doubles. Form 255: 8 bytes each. Form e from 0 to 9: svarints, each the
// difference to the one before (the first to 0) of int64 numbers m, which wrap; the bound
// is m as a double, divided by 10^e. Other forms are rejected.
//
// # Attribute values
//
// A value in a set begins with a uvarint v. If v is odd, the value is a string, and v >> 1
// is its reference; as in any reference, 0 says that a text follows and becomes the next
// entry. If v is even, v >> 1 is the type and its payload follows. Inside slices, maps and
// exemplars nothing refers to a dictionary: a value there is its type, one byte, and its
// payload.
//
//	type              payload
//	 0 empty          nothing
//	 1 bool           1 byte, 0 or 1
//	 2 int64          svarint
//	 3 float64        8 bytes
//	 4 string         text (rejected in a set, where it is the odd form)
//	 5 bool slice     uvarint(count) count * bool
//	 6 int64 slice    uvarint(count) count * int64
//	 7 float64 slice  uvarint(count) count * float64
//	 8 string slice   uvarint(count) count * text
//	 9 bytes          text
//	10 slice          uvarint(count) count * (type:byte payload)
//	11 map            uvarint(count) count * (key:text type:byte payload)
//
// Slices and maps nest to a depth of 16: each value of types 5 to 8, 10 and 11 adds one,
// even if it is empty. Keys may repeat in a map and in the attributes of an exemplar. In a
// set an encoder repeats no key; a decoder need not check that.
//
// # Compact bodies
//
// The body is a sequence of records, up to the checksum, with padding at its end. A record
// is a point or an extension:
//
//	body      = (point | extension)* padding*
//	point     = tag:byte metric set [time] [start] num [distribution] [extras]
//	extension = 0x80 uvarint(kind) text
//	padding   = 0xFF
//
// Extensions are for later versions; a decoder skips them. Padding makes the packets of one
// send of one size, which the segmentation offload of a kernel asks for. Anything other
// than padding behind padding is rejected. Other tags with bit 7 set are rejected. The tag
// of a point:
//
//	bits 0-2   the encoding of num
//	bit  3     time follows: svarint, the difference to the time of the point before
//	           (first point: to 0); if not set, the time is that of the point before
//	           (first point: 0)
//	bits 4-5   0 start time as last given (none given: 0); 1 start follows: svarint,
//	           the difference to the start time last given (none given: to 0);
//	           2 the start time is not set, and what was last given stays what it
//	           was; 3 rejected
//	bit  6     extras follow
//
// The point before is the point before in the body, whatever its metric. Times are Unix
// nanoseconds (int64). -2^63 means not set, for any of them; differences are taken to and
// from that number like any other, and may yield it. num is the value of a gauge or sum,
// and the sum of the other kinds; a sum of 0 and no sum are the same. The distribution
// depends on the kind of the metric. Gauge and sum have none:
//
//	histogram    = uvarint(count) extrema bounds counts
//	exponential  = uvarint(count) extrema svarint(scale) uvarint(zero count)
//	               zero threshold:tnum side side         positive, then negative
//	side         = svarint(offset) counts                scale and offset: int32, else rejected
//	summary      = uvarint(count) uvarint(n) n * (quantile:tnum value:tnum)
//	extrema      = byte [min:tnum] [max:tnum]            bit 0: min, bit 1: max follows; others rejected
//	counts       = uvarint(n) n * uvarint
//	extras       = (uvarint(id) text)* uvarint(0)        ids from 1
//
// The fields mean what the fields of the same name mean in OTLP: bounds are inclusive upper
// bounds, the i-th count of a side (from 0) is of the bucket with index offset + i at base
// 2^(2^-scale), quantiles are from 0 to 1. By convention a histogram has one count more
// than bounds and its bounds rise. A decoder does not check that, and does not check that
// counts add up.
//
// Quantiles, their values and zero thresholds are doubles whatever the metric is. Extra 1
// holds exemplars, one after the other; the last one ends at the end of the text. Extra 1
// comes at most once, empty or not. A decoder skips extras with other ids, which may
// repeat.
//
//	exemplar     = svarint(time - time of the point) value:tnum trace:text span:text
//	               uvarint(count) count * (key:text type:byte payload)
//
// By convention trace and span are 16 and 8 bytes, or empty. A decoder passes other lengths
// on.
//
// # Fragments
//
// A packet that would be larger than the path takes travels in fragments. Each fragment is
// a packet with a header, a sequence number and a checksum of its own:
//
//	fragment = index:byte last:byte data
//
// data, of at least one byte, goes up to the checksum. The Compact body is the data of the
// fragments with index 0 to last, one after the other. last is 1 to 255 and the same in all
// of them, and the body has at most 65,536 bytes. The fragments of a body have sequence
// numbers in the order of their indexes, without a gap: session and sequence - index, which
// is never negative, name the body. An encoder makes all fragments except the last of one
// size.
//
// The header of the last fragment, and no other, says how many points the body has, which
// is at least one. So if the last fragment is lost, the points are missing, by the rule
// above. If another fragment is lost, the points came and cannot be read. A decoder takes
// fragments in any order and of any size. It bounds how many fragments of unfinished bodies
// it keeps, and for how long; which it gives up first is its own choice. A sender may give
// a body up, and begin the next body with whatever sequence number is next.
//
// A fragment is rejected if it has no data, last 0, an index above last, or an index above
// its sequence number. It is rejected if it is the last and has no points, or is not the
// last and has points. It is also rejected if its last differs from that of earlier
// fragments of its body, or if it would make the body longer than 65,536 bytes; the earlier
// fragments stay.
//
// An encoder uses fragments in two cases: if a point with its definitions does not fit a
// packet, or if metric, scope, resource and bounds of the first point take more than half
// of a packet, so that each packet would repeat them. If one fragment is lost, all points
// of the body are lost. So a body with more than one point ends when it fills four packets,
// or is twice as long as what had to be defined for the first point. A packet that was made
// for a wider path may travel in fragments, too.
//
// # Sender reports
//
// The body of a report is a sequence of pairs uvarint(field) uvarint(value) up to the
// checksum, in any order. Missing fields are 0, and unknown fields are ignored. If a field
// comes twice, the last value counts.
//
//	1  age of the session: nanoseconds since it began, at the time in the header.
//	   Without it nobody knows whether the session is older than its receiver
//	2  packets sent in the session before this one, reports included
//	3  points sent in the session
//	4  largest packet the sender makes, in bytes
//	16 + r  points dropped for reason r since the sender started, in all its sessions
//
// The reasons: 0 ring_full, 1 evicted, 2 priority, 3 sampled, 4 invalid, 5
// deadline, 6 oversize, 7 encode, 8 unresolved, 9 breaker_open, 10
// would_block, 11 send_error, 12 memory, 13 shutdown.
//
// A report comes once a second while points are sent, but not between the fragments of a
// body, every ten seconds when idle, and as the goodbye. It takes a sequence number like
// any packet.
//
// # What a decoder must reject
//
// A packet is accepted whole or not at all, and so is a body that came in fragments. What
// is called rejected above is rejected, and besides:
//
//   - a packet of fewer than 36 bytes; another version or format; an unknown critical flag or
//     key; a wrong checksum;
//
//   - a length, count or reference that points outside of the body or the dictionary; anything
//     that the end of the body cuts short; a uvarint of more than ten bytes or 64 bits; an
//     exponent, scale or offset out of its range; deeper nesting;
//
//   - a type, kind, flag of a metric, form, encoding, tag, bool or bit of extrema that is not
//     defined here; anything behind padding. Flags of the header that are not critical,
//     extensions, extras and fields of reports are skipped;
//
//   - a number of points other than pts, or any in a report;
//
//   - a set of more than 512 attributes (maps and exemplars have no such bound); more than 4,096
//     items in a body. Items are its points, its definitions of metrics, scopes and resources,
//     the attributes of the sets it defines, the exemplars and their attributes, and the elements
//     of all values among these that are slices or maps. An element counts once for each value
//     that it is inside of; the items of a set count once more for each resource that refers to
//     it after its definition;
//
//   - more than 64 definitions of resources in a body;
//
//   - a packet that unfolds to more than 128 times its length, which is that of the
//     datagram, header, checksum and padding included. It is counted thus:
//
//     point                       64 + its set + 8 * its number of bounds
//     exemplars of a point        64 * their number + 8 * the length of extra 1's text
//     metric, scope, resource     64 + the lengths of its strings, once, where it is defined;
//     a scope adds its set, a resource four times its set
//     set                         the sum of its attributes, wherever it is used
//     attribute of a string       32 + the length of the key + the length of the string
//     attribute of another type   32 + the length of the key + 8 * the length of the payload
//
// The payload is what the table of types shows, without the type. Extensions, extras that
// are skipped and padding count nothing. The length of a body that came in fragments is the
// length of the packet it would make: 36 bytes more than the body.
//
// References make small packets unfold to large data: without the bound on that, one
// datagram could fill a receiver's memory. The bounds on items and resources are about
// work: sorting a set takes more than in proportion to its length, and each resource is
// handed over by itself. Encoders close a packet before it exceeds a bound.
//
// # Points larger than a body
//
// If a point does not fit a body of 65,536 bytes, or exceeds a bound by itself, an encoder
// leaves things out until the point fits, in this order: its exemplars, the metric's
// description, half the resolution of an exponential histogram (merge buckets 2i and 2i+1,
// scale - 1). It never cuts a name, a key, a value or an attribute, because that forges
// another series. If none of that helps, the point is dropped.
//
// # Compatibility
//
// Within version 1 only these may be added: extensions, extras, fields of reports, flags
// that are not critical, and reasons. Everything else is another version. The bytes under
// testdata/golden pin the format.
package wire
