// Package intern makes objects of what points have in common: resources, scopes, metrics
// and attribute sets in wire form. An object carries its place in the open packet's
// dictionary, so that whoever encodes compares pointers instead of strings. What is kept
// is bounded, and keeps no string of a caller alive.
//
// Nothing here is safe for concurrent use: each user has its own. The places belong to
// the pump, whoever made the objects.
package intern
