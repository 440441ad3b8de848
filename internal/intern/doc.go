// Package intern makes objects of what points have in common: resources, scopes, metrics
// and attribute sets in wire form. An object carries its place in the dictionary of the
// open packet, so that encoding compares pointers and not strings. What is kept is bounded,
// and keeps no string of a caller in memory.
//
// Nothing here is safe for concurrent use: each user has its own. The places belong to the
// pump, whichever goroutine made the objects.
package intern
