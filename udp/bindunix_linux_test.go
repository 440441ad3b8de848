package udp

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestBindUnixIsNarrow: from its first moment the file has no permission that was not asked
// for, whatever the umask is.
func TestBindUnixIsNarrow(t *testing.T) {
	for _, mode := range []fs.FileMode{0o600, 0o200, 0o700} {
		path := filepath.Join(t.TempDir(), "s")
		old := syscall.Umask(0)
		conn, err := bindUnix(path, mode)
		syscall.Umask(old)
		require.NoError(t, err)
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, mode, info.Mode().Perm())
		require.NoError(t, conn.Close())
	}
}
