// Package faults holds tests that do to an exporter and a receiver what networks, hosts and
// operators do. Each test asks for the same: that every point handed over arrives or is
// counted in exactly one place, and that nothing waits. The tests need Linux. Those with
// network namespaces of their own need root, too.
//
//	go test ./internal/faults
//	go test ./internal/faults -run Soak -timeout 15m -soak 10m
package faults
