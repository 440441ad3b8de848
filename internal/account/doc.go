// Package account keeps the books of one exporter: how many points were offered, sent and
// dropped, and for what reason, and how much memory is left. It knows neither what a point
// is nor where it goes.
package account
