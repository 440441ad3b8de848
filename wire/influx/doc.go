// Package influx writes data points as lines of InfluxDB's line protocol, for Telegraf,
// InfluxDB and VictoriaMetrics.
//
//	requests,method=GET,service.name=checkout value=5i 1760000420987654321
//
// Each line ends with a newline and is whole in one datagram. [Options] says what can be
// chosen.
//
// # What becomes of a point
//
//	gauge, sum               name value=
//	histogram, exponential   name count=,sum=,min=,max=
//	                         name,le=BOUND bucket=      measurements up to BOUND, for each
//	summary                  name count=,sum=
//	                         name,quantile=Q value=     for each quantile
//
// Sums are said as they are: cumulative sums, which are the default, as cumulative, and
// deltas as deltas. Nothing in a line tells them apart.
//
// The bounds of an explicit histogram are its own. The bounds of an exponential histogram
// are both ends of its buckets that are not empty, in a scale of 2 at most. In that scale a
// bucket ends 19 % above its begin, which is the error of a quantile. A histogram with more
// than 80 buckets in use has a lower scale. The last bound is +Inf. VictoriaMetrics names
// the series name_value, name_count, name_sum and name_bucket, as Prometheus names the
// series of a histogram.
//
// An integer is written with an i, unless [Options].Floats is set. A number that is not
// finite has no form: the point is not said, or a minimum, maximum or quantile is left out.
// Exemplars, descriptions, units and start times have no form. A point without a time gets
// the time of the server.
//
// # Names and tags
//
// Commas and spaces, and in tags equals signs, get a backslash in front. A backslash
// becomes a slash, since servers treat a backslash in different ways. Control characters,
// such as newlines, and bytes that are not UTF-8 become underscores: if a server does not
// understand one line, all others of its datagram are lost.
//
// Attributes are written as the OpenTelemetry specification says for protocols without
// types, sorted by key. An attribute without a value is left out. The keys time, _field,
// _measurement, __name__, le, quantile and the empty key get an underscore behind. A key
// that has become like another gets a number. A name that begins with # or _, or is empty,
// gets m_ in front. After that, metrics and attribute sets that look like another one are
// counted as collisions.
//
// A line that does not fit a datagram is dropped: without a tag it would be another series.
//
// InfluxDB takes one type for a field of a measurement, the first: see [Options].Floats.
// VictoriaMetrics keeps times in milliseconds and numbers with about 15 digits. It cuts
// names and values to 16,384 bytes, keys to 256 bytes and tags to 30.
//
// Source: https://docs.influxdata.com/influxdb/v1/write_protocols/line_protocol_reference/.
package influx
