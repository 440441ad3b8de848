// Package e2e tests otelgram with the real parts that people have: Prometheus
// scrapes the exporter's own metrics and evaluates the alert rules, a browser shows the
// health page, Collectors with the receiver of otelgram take what programs send and
// write it to Prometheus, and servers of StatsD, DogStatsD and Influx lines say what they
// have got. It needs prometheus, promtool, chromium, the go command and what
// servers/install installs; tests without theirs are skipped.
package e2e
