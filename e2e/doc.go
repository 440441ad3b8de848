// Package e2e tests otelgram with the real parts that people have: Prometheus
// scrapes the exporter's own metrics and evaluates the alert rules, a browser shows the
// health page, and Collectors with the receiver of otelgram take what programs send and
// write it to Prometheus. It needs prometheus, promtool, chromium and the go command;
// tests without theirs are skipped.
package e2e
