//go:build unix && !aix

package udp

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// fileLock is a file that this process has locked, for as long as the process lives. A
// shared lock keeps out exclusive locks, and an exclusive lock keeps out all others.
type fileLock struct {
	file   *os.File
	shared bool
}

// maxLockAttempts is how often lockFile tries again because the owner of the file has
// removed it in the same moment.
const maxLockAttempts = 100

// lockFile makes the file at path if there is none, and locks it. It does not wait: if
// another process has the lock, the error is syscall.EADDRINUSE. Only its owner can open
// the file, so that no other user can take the lock.
func lockFile(path string, shared bool) (*fileLock, error) {
	for range maxLockAttempts {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
		if err != nil {
			if _, missing := os.Lstat(path); missing == nil {
				err = fmt.Errorf("open the lock file %q: %w", path, reasonOf(err))
			}
			return nil, err
		}
		l := &fileLock{file, shared}
		how := unix.LOCK_EX
		if shared {
			how = unix.LOCK_SH
		}
		switch err := l.lock(how); {
		case errors.Is(err, errors.ErrUnsupported):
			l.release()
			return nil, nil // some file systems have no locks
		case err != nil:
			_ = file.Close()
			return nil, err
		}
		// An owner removes the file before it unlocks it, so this may be a removed file.
		made, err := file.Stat()
		now, gone := os.Lstat(path)
		if err == nil && gone == nil && os.SameFile(made, now) {
			return l, nil
		}
		_ = file.Close()
	}
	return nil, syscall.EADDRINUSE
}

func (l *fileLock) lock(how int) error {
	for {
		err := unix.Flock(int(l.file.Fd()), how|unix.LOCK_NB)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EWOULDBLOCK):
			return syscall.EADDRINUSE
		}
		return err
	}
}

// release removes the file, then unlocks it. The file stays if others share the lock.
// Without a lock release does nothing.
func (l *fileLock) release() {
	if l == nil {
		return
	}
	if l.shared && l.lock(unix.LOCK_EX) != nil {
		_ = l.file.Close()
		return
	}
	if made, err := l.file.Stat(); err == nil {
		if now, err := os.Lstat(l.file.Name()); err == nil && os.SameFile(made, now) {
			_ = os.Remove(l.file.Name()) // a file that stays does no harm
		}
	}
	_ = l.file.Close()
}
