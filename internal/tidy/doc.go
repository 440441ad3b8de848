// Package tidy is the repository's style and import gate. It holds no code of
// the product, only tests: they read the sources of this module and fail, with
// file, line and reason, where a rule of CONTRIBUTING.md is broken.
//
//	go test ./internal/tidy
//
// The rules are the table in tidy_test.go. What may import what is the table
// mayImport in picture_test.go. Each rule is itself tested on a bad sample in
// bites_test.go, so that a gate that has gone blind is noticed.
package tidy
