// Package flat is what the encodings share that know nothing but named numbers with tags:
// Plain, StatsD, DogStatsD and Influx.
//
// A [Packer] fills packets with entries. A [Dialect] writes the entries of one point. A
// [Table] keeps the text of names and attribute sets, and remembers what a server was told of
// a series where it wants differences. Nothing here is safe for concurrent use, but for
// [Packer.LeftOut].
//
// An entry is a line or an event: it says one number, and is whole in one datagram. A packet
// is one datagram or, where a point has more entries than that holds, several. A server was
// told what stands in a datagram that the kernel took: whether it got that nobody knows.
package flat
