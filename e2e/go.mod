module github.com/otelgram/otelgram/e2e

go 1.26.0

require (
	github.com/otelgram/otelgram v0.0.0-00010101000000-000000000000
)

replace github.com/otelgram/otelgram => ../
