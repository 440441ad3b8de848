// Package faultproxy is a UDP proxy that does to datagrams what networks do: it loses,
// delays, reorders, duplicates and damages them, controlled by a seed. It keeps books of
// what it did, in packets and in points. It is for tests and for the example.
package faultproxy
