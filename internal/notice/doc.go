// Package notice says, once for each metric, what happens to its points: that they are
// dropped, or sent with less, since they are too large or have no form in the encoding.
package notice
