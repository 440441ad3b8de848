// Package flat is what the encodings share that know nothing but named numbers with tags:
// Plain, StatsD, DogStatsD and Influx.
//
// A [Packer] fills packets with entries, which are lines or events. A [Dialect] writes the
// entries of one point. A [Table] keeps the text of names and attribute sets, and remembers
// what a server was told of a series where it wants differences. Nothing here is safe for
// concurrent use, but for [Packer.LeftOut].
package flat
