//go:build !unix || aix

package udp

// fileLock stands for no lock: this system has none of the kind that ends with its
// process.
type fileLock struct{}

func lockFile(string, bool) (*fileLock, error) { return nil, nil }

func (*fileLock) release() {}
