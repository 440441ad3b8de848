//go:build !windows

package udp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
)

// socketFile is the file of a Unix socket, with the lock that keeps it from others.
type socketFile struct {
	path string
	lock *fileLock
	made os.FileInfo // the file that was made; nil until then
}

// listenUnix opens a socket at path.
func listenUnix(path string, c config) (*Listener, error) {
	if err := checkUnixPath(path); err != nil {
		return nil, err
	}
	lock, err := lockFile(path+lockSuffix, c.shared)
	if err != nil {
		return nil, failed(opListen, unixScheme+path, err)
	}
	file := &socketFile{path: path, lock: lock}
	conn, err := file.open(c)
	if c.shared && errors.Is(err, syscall.EADDRINUSE) {
		conn, err = file.replace(c) // the listener that has the path shares it, too: otherwise the lock would have failed
	}
	if err != nil {
		file.remove()
		return nil, failed(opListen, unixScheme+path, err)
	}
	growReceiveBuffer(conn, c.receiveBuffer)
	return &Listener{conn: conn, reader: unixReader{conn, make([]byte, c.maxDatagram)}, asked: c.receiveBuffer, file: file}, nil
}

const (
	lockSuffix = ".lock"
	// newSuffix ends the name of a socket that is about to replace another.
	newSuffix = ".new"
)

// open makes the socket and its file.
func (f *socketFile) open(c config) (*net.UnixConn, error) {
	if err := removeStale(f.path); err != nil {
		return nil, err
	}
	return f.bind(f.path, c)
}

// replace makes the socket and puts its file in the place of a file that is in use. The
// file is made under another name and then renamed, so that there is a file at the path at
// all times.
func (f *socketFile) replace(c config) (*net.UnixConn, error) {
	made := f.path + newSuffix
	if err := checkUnixPath(made); err != nil {
		return nil, err
	}
	lock, err := lockFile(made+lockSuffix, false)
	if err != nil {
		return nil, err
	}
	defer lock.release()
	if err := removeStale(made); err != nil {
		return nil, err
	}
	conn, err := f.bind(made, c)
	if err != nil {
		return nil, err
	}
	if err := os.Rename(made, f.path); err != nil {
		_ = removeSame(made, f.made)
		_ = conn.Close() // the first error is the one to report
		return nil, err
	}
	return conn, nil
}

// bind makes the socket and its file at path, with the group and the mode of c. The mode
// comes last: until then only the owner may use the file.
func (f *socketFile) bind(path string, c config) (*net.UnixConn, error) {
	conn, err := bindUnix(path, c.socketMode&0o700)
	if err != nil {
		return nil, err
	}
	if f.made, err = os.Lstat(path); err == nil && c.gid != keepGroup {
		if err = os.Lchown(path, -1, c.gid); err != nil {
			err = fmt.Errorf("give the socket to group %q: %w", c.group, reasonOf(err))
		}
	}
	if err == nil {
		err = os.Chmod(path, c.socketMode)
	}
	if err != nil {
		_ = removeSame(path, f.made)
		_ = conn.Close() // the first error is the one to report
		return nil, err
	}
	return conn, nil
}

// bindUnix opens a socket at path. Its file has at most the permissions of mode.
func bindUnix(path string, mode fs.FileMode) (*net.UnixConn, error) {
	// On Linux the file takes the mode of the socket, without the bits of the umask: see
	// unix_bind_bsd in net/unix/af_unix.c. Other systems do not let the mode of a socket be
	// changed. There the umask alone decides until the mode of the file is changed.
	narrow := func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) { _ = syscall.Fchmod(int(fd), uint32(mode)) })
	}
	lc := net.ListenConfig{Control: narrow}
	packetConn, err := lc.ListenPacket(context.Background(), "unixgram", path)
	if err != nil {
		return nil, err
	}
	conn, ok := packetConn.(*net.UnixConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("got a %T", packetConn), packetConn.Close())
	}
	return conn, nil
}

// removeStale removes a socket on which no process listens any more, so that a process can
// listen again after it was killed. It leaves anything else alone, and returns an error
// that says what is there.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSocket == 0 {
		return fmt.Errorf("%s is at the path: want a socket or nothing there", kindOf(info))
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	switch {
	case err == nil:
		_ = conn.Close()
		return syscall.EADDRINUSE
	case errors.Is(err, syscall.EPROTOTYPE), errors.Is(err, syscall.EPERM):
		// The socket is of another type, or connected to another socket: it is in use.
		return syscall.EADDRINUSE
	case errors.Is(err, fs.ErrNotExist):
		return nil // its owner has just removed it
	case !errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("ask the socket at the path whether it is in use: %w", reasonOf(err))
	}
	if err := removeSame(path, info); err != nil {
		return fmt.Errorf("remove the socket that is left at the path: %w", reasonOf(err))
	}
	return nil
}

// kindOf names the kind of a file.
func kindOf(info os.FileInfo) string {
	switch {
	case info.Mode().IsRegular():
		return "a file"
	case info.IsDir():
		return "a directory"
	case info.Mode()&fs.ModeSymlink != 0:
		return "a symbolic link"
	}
	return "a special file"
}

// remove removes the file and gives up the lock. It leaves the file of a successor alone.
func (f *socketFile) remove() {
	if f.made != nil {
		_ = removeSame(f.path, f.made) // if the file stays, the next Listen says so
	}
	f.lock.release()
}

// removeSame removes the file at path if it is the given one.
func removeSame(path string, file os.FileInfo) error {
	if file == nil {
		return nil
	}
	if now, err := os.Lstat(path); err != nil || !os.SameFile(now, file) {
		return nil
	}
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
