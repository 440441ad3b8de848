// Package statsd writes data points as lines for servers that speak StatsD, as etsy's
// server does, or DogStatsD, as Datadog's agent does.
//
//	requests.method.GET:5|c                                 StatsD
//	requests:5|c|#method:GET,service.name:checkout          DogStatsD
//
// Each line says one number, ends with a newline, and is whole in one datagram. The
// defaults are safe for statsd_exporter, Telegraf, etsy's statsd, collectd, the statsd
// receiver of the OpenTelemetry Collector, and the Datadog agent. [Options] says what can
// be chosen.
//
// # What becomes of a point
//
//	gauge                       name:value|g
//	sum, not monotonic          name:value|g
//	  of delta temporality      the same: the encoder adds the changes up
//	sum, monotonic              name:difference|c
//	histogram, exponential      DogStatsD: name:value|h|@rate for each bucket ([Distributions])
//	                            StatsD: name.count, name.sum, name.bucket as counters ([Counters])
//	summary                     name.count and name.sum as counters, name.quantile as gauges
//
// A number that is not finite has no form, so its point is not said. Neither is a monotonic
// sum below zero. Exemplars, descriptions, start times, minimum and maximum have no form.
// The time of a point has a form only for the Datadog agent; other servers take the time at
// which a line arrives. Units have no form, but a time in seconds is sent in milliseconds
// if its type is ms.
//
// # Differences
//
// A server adds up what it is told about a counter. The encoder remembers what it has told
// about each cumulative sum and histogram, and says what has come since:
//
//   - Nothing new makes no line.
//   - A series whose start time changes, or which has become less, began anew: all of it is
//     new. This is also the case after a restart of the process that is measured.
//   - A series that is seen for the first time is new if it began after the encoder was made.
//     If it began before, another process may have told the server of it: what it holds at
//     that time is not said, and its point counts as unknown.
//   - What was in a datagram that the sender dropped is told with the next point. What is lost
//     on the network is lost.
//   - A series that has had no point for an hour is forgotten. If it comes again, it counts as
//     unknown, too.
//
// After a restart of the server its counters begin at zero, as with any client.
//
// A sum of delta temporality is said as it is; if one is dropped it is lost. For an up-down
// counter of delta temporality the encoder says the total. The total begins at zero again
// if there was no point for an hour.
//
// If two series have everything in common, as two views of one name do, the encoder says
// the one that began later. The points of the other are not said, and count as collisions.
//
// # Fractions
//
// Several servers cut a counter to an integer. Without [Options].Fractions the integer part
// is said. The rest is said with a later point, once it amounts to an integer. What is left
// when the exporter ends is lost: less than one for each counter.
//
// # Negative gauges
//
// For all servers except the Datadog agent, a gauge with a sign is a change. So a negative
// value is said as two lines, a zero and the value, which are always in one datagram: both
// must fit.
//
// # Distributions
//
// A histogram says a value for each bucket with new measurements. The sample rate says how
// many measurements there are: for n it is the number below 1/n, since servers count
// int(1/rate). A bucket of more than 100,000 measurements takes several lines, at most ten,
// and a point has about 48 KiB of lines. What is beyond that is said with the next point of
// a cumulative histogram, and is left out of a delta.
//
// All values lie at the same fraction of their buckets, chosen so that they add up to the
// sum of the measurements. So the server gets the exact count, the sum as exactly as
// numbers are rounded, and each quantile within the right bucket. If the histogram has its
// minimum and maximum, the outermost buckets end there. Otherwise the lowest bucket begins
// at zero or, if its bound is below zero, at twice the bound, and the highest ends at twice
// its bound. If no fraction gives the sum, the values are the middles of the buckets.
// Values have nine digits. If all measurements are in one bucket, the value is their mean,
// and for a single measurement the measurement itself. In a cumulative histogram, whose
// sums are rounded, it has twelve digits.
//
// An exponential histogram with more than 80 buckets in use is downscaled until it has no
// more, in what is said. The bounds of a bucket are a factor of 2^(2^-scale) apart.
//
// Not every server understands a rate here. etsy's statsd counts right, but ignores the
// rate in sums and quantiles. collectd divides by it, and takes whole milliseconds.
// Telegraf ignores it for d, and refuses values below zero. So [Counters] are the default
// in StatsD: they are right everywhere.
//
// # Counters
//
// name.bucket counts the measurements up to the bound le, as Prometheus does. An explicit
// histogram has one for each of its bounds. An exponential histogram is downscaled, and has
// one for each power of two from 2^-10 to 2^20. A sum that has become less has no form in a
// counter.
//
// # Names and tags
//
// A name consists of ASCII letters, digits, dots and underscores, and in StatsD dashes, and
// begins with a letter. Every other byte becomes an underscore. A name that is empty, or
// begins with another character, gets m_ in front.
//
// Attributes are written as the OpenTelemetry specification says for protocols without
// types, sorted by key. An attribute without a value is left out. A key that does not begin
// with a letter gets k_ in front, and le, quantile and metric_type get an underscore
// behind. The reasons are that statsd_exporter ends, or stops serving, if a key begins with
// two underscores, or is le or quantile, and that Telegraf has a metric_type of its own. A
// key that has become like another gets a number behind.
//
// In DogStatsD commas, bars and control characters of values become underscores. The last
// tag ends in ASCII, if need be in an underscore. In StatsD every byte except ASCII
// letters, digits, dashes and underscores becomes an underscore; [AfterComma] keeps dots,
// and slashes of values. In names ([InName]) metric a with an attribute b=c and metric
// a.b.c are one. In all other cases metrics and attribute sets that look like another one
// are counted as collisions.
//
// A line that does not fit a datagram is dropped: without a tag it would be another series.
// collectd cuts names to 127 bytes: give it a MaxName.
//
// statsd_exporter stops serving if it gets a name of its own metrics, such as go_goroutines
// or process_cpu_seconds_total. All series of a name must have one type there.
//
// Sources: https://github.com/statsd/statsd/blob/v0.9.0/docs/metric_types.md,
// https://docs.datadoghq.com/developers/dogstatsd/datagram_shell/, and the servers' parsers.
package statsd
