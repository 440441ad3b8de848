//go:build !unix || aix

package udp

// fileLock stands for no lock: this system has no locks that end with their process.
type fileLock struct{}

func lockFile(string, bool) (*fileLock, error) { return nil, nil }

func (*fileLock) release() {}
