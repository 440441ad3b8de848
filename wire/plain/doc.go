// Package plain is the encoding Plain: packets of numbers in a layout of fixed fields,
// without a dictionary. A reader for it is a page of code in any language. The encoding
// Compact, in package wire, takes a quarter of the bytes and carries all that OpenTelemetry
// has. This comment is the specification of Plain.
//
// # Packets
//
// A packet is one datagram. All integers are big-endian and, unless something else is said,
// unsigned.
//
//	0                       8                       16
//	+-----------------------+-----------------------+
//	| sequence (8)          | timestamp (8)         |
//	+-----------------------+-----------------------+
//	16
//	+---------------------------------+-------------+
//	| event ... event                 | CRC32C (4)  |
//	+---------------------------------+-------------+
//
// The fields are:
//
//   - sequence: 0, 1, 2, ... counts the packets of one socket of the sender. A packet that the
//     sender's kernel did not take uses no number. It stays below 2^56, so that the first byte
//     is 0. In a Compact packet that byte is not 0.
//   - timestamp: Unix nanoseconds (int64) at which the packet was sent.
//   - CRC32C: Castagnoli, of all bytes before it. The CRC32C of "123456789" is 0xe3069283.
//
// A packet without events is valid: with it a sender probes whether a receiver is there.
//
// # Events
//
//	+--------+----------+------+-----------+--------+-----+-----+--------+
//	| type   | name len | name | value     | time   | tag | ... | 0x0000 |
//	| (1)    | (2)      |      | (8)       | (8)    |     |     | (2)    |
//	+--------+----------+------+-----------+--------+-----+-----+--------+
//
//	+---------+-----+-----------+-------+
//	| key len | key | value len | value |     a tag
//	| (2)     |     | (2)       |       |
//	+---------+-----+-----------+-------+
//
// The fields are:
//
//   - type: bits 0 to 2 are the kind, 1 gauge or 2 sum. 0x08 means that the value is an int64;
//     otherwise it is an IEEE 754 double. 0x10 means monotonic and 0x20 delta temporality, both
//     only for a sum; a sum without 0x20 is cumulative. Nothing else is defined. The numbers are
//     the flags of a metric in Compact.
//   - time: Unix nanoseconds (int64) of the value; -2^63 means not set.
//   - tags: strings. A key is never empty: a key length of 0 ends the event. If a key comes
//     twice in one event, the last value counts.
//
// Names, keys and values are UTF-8 by convention, but any bytes are valid. There are only
// numbers: a sender of histograms makes several numbers of each. Resource, scope, unit,
// description and start time have no place.
//
// Here are the 56 bytes of a packet with one event: a monotonic, cumulative sum of integers
// named "hits", with the value 3 and the tag code=200:
//
//	00 00 00 00 00 00 00 07   sequence 7
//	00 00 00 00 3b 9a ca 00   sent a second after the epoch
//	1a                        sum, int64, monotonic
//	00 04  68 69 74 73        "hits"
//	00 00 00 00 00 00 00 03   3
//	00 00 00 00 3b 9a c9 ff   a nanosecond before it was sent
//	00 04  63 6f 64 65        "code"
//	00 03  32 30 30           "200"
//	00 00                     the end of the event
//	be 12 ce 9b               CRC32C
//
// # What a decoder must reject
//
// A packet is accepted whole or not at all. These are rejected:
//
//   - a packet of fewer than 20 bytes, with a first byte other than 0, or with a wrong checksum;
//   - a length that points behind the last event; an event that the checksum cuts short;
//   - a type that is not defined here, such as a gauge with a flag of sums;
//   - a packet of more than 65,507 bytes, an event of more than 512 tags, a packet of more than
//     4,000 items. An event counts as two items, and each of its tags as one. A packet of up to
//     20,000 bytes cannot have as many.
//
// # Sessions
//
// A packet does not say which sender it is from. A receiver takes all packets of one source
// address for one session. The number of missing packets is the highest sequence number
// seen, plus one, minus the number of different packets seen. How many points were in them
// is not known. A packet whose sequence number was seen before is a duplicate if its
// timestamp is no later than the latest one seen. If the timestamp is later, a sender has
// begun anew at the same address.
package plain
