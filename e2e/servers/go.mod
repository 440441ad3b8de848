module github.com/otelgram/otelgram/e2e/servers

go 1.26.0

require (
	github.com/influxdata/telegraf v1.37.2
	github.com/prometheus/statsd_exporter v0.31.0
)
