// Package e2e tests otelgram with the real parts that people have: Prometheus
// scrapes the exporter's own metrics and evaluates the alert rules, and a browser
// shows the health page. It needs prometheus, promtool and chromium; tests without
// theirs are skipped.
package e2e
