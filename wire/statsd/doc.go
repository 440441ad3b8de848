// Package statsd writes data points as lines for servers that speak StatsD, as etsy's does,
// or DogStatsD, as Datadog's agent does.
//
//	requests.method.GET:5|c                                 StatsD
//	requests:5|c|#method:GET,service.name:checkout          DogStatsD
//
// Each line says one number, ends with a newline, and is whole in one datagram. The safe
// defaults suit statsd_exporter, Telegraf, etsy's statsd, collectd, the statsd receiver of the
// OpenTelemetry Collector, and the Datadog agent; [Options] says what can be chosen.
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
// A number that is not finite has no form: its point is not said. Nor is a monotonic sum
// below zero. Exemplars, descriptions, start times, minimum and maximum have no form; the time
// of a point has one for the Datadog agent alone. A server takes the time at which a line
// arrives. Units have no form, but that a time in seconds is sent in milliseconds where its
// type is ms.
//
// # Differences
//
// A server adds up what it is told of a counter. The encoder remembers what it has told of
// each cumulative sum and histogram, and says what has come since:
//
//   - Nothing new makes no line.
//   - A series whose start time changes, or which has become less, began anew: all of it is
//     new. So it is after a restart of the process that is measured.
//   - A series that is seen for the first time is new if it began after the encoder was made.
//     One that began before may have been told by another: what it holds then is not said,
//     and its point counts as unknown.
//   - What was to be told in a datagram that the sender dropped is told with the next point.
//     What is lost on the network is lost.
//   - A series that has had no point for an hour is forgotten. When it comes again it counts
//     as unknown, too.
//
// After a restart of the server its counters begin at zero, as those of any client do.
//
// A sum of delta temporality is said as it is; one that is dropped is lost. Of an up-down
// counter of delta temporality the encoder says the total, which begins at zero again where
// there was no point for an hour.
//
// Of two series with everything in common, as two views of one name make them, the one that
// began later is said, and the points of the other are not: they count as collisions.
//
// # Fractions
//
// Several servers cut a counter to an integer. Without [Options].Fractions the integer part is
// said, and the rest is said with a later point, once it is an integer. What is left when the
// exporter ends is lost: less than one of each counter.
//
// # Negative gauges
//
// A gauge with a sign is a change, to all servers but the Datadog agent. A negative value is
// said as two lines, a zero and the value, which are always in one datagram: both must fit.
//
// # Distributions
//
// A histogram says a value for each bucket with new measurements. The sample rate says how
// many there are: for n it is the number below 1/n, since servers count int(1/rate). A bucket
// of more than 100,000 takes several lines, at most ten, and a point has some 48 KiB of lines:
// what is beyond that is said with the next point of a cumulative histogram, and is left out
// of a delta.
//
// The values lie all in the same part of their bucket, such that their sum is that of the
// measurements. So the server gets the exact count, the sum as exactly as numbers are rounded,
// and each quantile within the bucket that has it. Where the histogram has its minimum and
// maximum the outermost buckets end there. Where it has not, the lowest bucket begins at zero
// or, if it is below, at twice its bound, and the highest ends at twice its bound. If the sum
// cannot be, the values are the middles of the buckets. They have nine digits. Where all are
// in one bucket the value is their mean, and a single measurement itself: of a cumulative
// histogram, whose sums are rounded, with twelve digits.
//
// An exponential histogram of more than 80 buckets in use is downscaled until it has no more,
// in what is said: the bounds of a bucket are 2^(2^-scale) apart.
//
// Not every server knows what a rate means here: etsy's statsd counts right, but its sums and
// quantiles do not know the rate; collectd divides by it, and takes whole milliseconds; Telegraf
// does not know it for d, and refuses values below zero. So [Counters] are the default in
// StatsD: they are right everywhere.
//
// # Counters
//
// name.bucket counts the measurements up to the bound le, as Prometheus does, for each bound
// of an explicit histogram, and for the powers of two from 2^-10 to 2^20 of an exponential
// one, which is downscaled to them. A sum that has become less has no form in a counter.
//
// # Names and tags
//
// A name consists of ASCII letters, digits, dots and underscores, and in StatsD dashes, and
// begins with a letter: every other byte becomes an underscore, and what begins with another
// character, or is empty, gets m_ in front. Attributes are written as the OpenTelemetry
// specification has it for protocols without types, sorted by key. One without a value is left
// out. A key that does not begin with a letter gets k_ in front, and le, quantile and
// metric_type an underscore behind: statsd_exporter ends, or serves nothing any more, when it
// gets one that begins with two underscores, or one of the first two, and Telegraf has a
// metric_type of its own. A key that has become like another gets a number behind.
//
// In DogStatsD commas, bars and control characters of values become underscores. The last tag
// ends in ASCII, if need be in an underscore. In StatsD everything but ASCII letters, digits,
// dashes and underscores does; [AfterComma] keeps dots, and slashes of values. In names
// ([InName]) metric a with an attribute b=c and metric a.b.c are one. Otherwise metrics and
// attribute sets that look like another one are counted as collisions.
//
// A line that does not fit a datagram is dropped: without a tag it would be another series.
// collectd cuts names to 127 bytes: give it a MaxName.
//
// statsd_exporter serves nothing any more when it gets a name of its own metrics, such as
// go_goroutines or process_cpu_seconds_total, and wants one type of all series of a name.
//
// Sources: https://github.com/statsd/statsd/blob/v0.9.0/docs/metric_types.md,
// https://docs.datadoghq.com/developers/dogstatsd/datagram_shell/, and the servers' parsers.
package statsd
