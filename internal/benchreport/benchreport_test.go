package benchreport

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFigure(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.00012: "0.0001", 0.0678: "0.0678", 1.234: "1.23", 12.34: "12.3", 99.96: "100.0", 1234.5: "1234"} {
		assert.Equal(t, want, Figure(v))
	}
}

func TestHost(t *testing.T) {
	assert.Contains(t, Host(), runtime.Version()+" "+runtime.GOOS+"/"+runtime.GOARCH)
	assert.Empty(t, Versions("example.com/none"))
	file := filepath.Join(t.TempDir(), "f")
	assert.Equal(t, "unknown", Contents(file))
	require.NoError(t, os.WriteFile(file, []byte(" a b \n"), 0o600))
	assert.Equal(t, "a b", Contents(file))
}
