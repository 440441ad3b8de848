// Package flat is what all encodings except Compact share. They know nothing but named
// numbers with tags.
//
// A [Packer] fills packets with entries. A [Dialect] writes the entries of one point. A
// [Table] keeps the text of names and attribute sets, and, for a server that takes
// differences, remembers what the server was told about a series. Nothing here is safe for
// concurrent use, except [Packer.LeftOut].
//
// An entry is a line or an event: it says one number, and is whole in one datagram. A
// packet is one datagram, or several if a point has more entries than one datagram holds. A
// server was told what is in a datagram that the kernel took; whether the server got it is
// not known.
package flat
