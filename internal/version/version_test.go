package version

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestVersion(t *testing.T) {
	other := &debug.Module{Path: "example.com/other", Version: "v9.9.9"}
	for want, info := range map[string]debug.BuildInfo{
		"v1.2.3": {Main: *other, Deps: []*debug.Module{other, {Path: modulePath, Version: "v1.2.3"}}},
		"v1.2.4": {Main: debug.Module{Path: modulePath, Version: "v1.2.4"}, Deps: []*debug.Module{other}},
		"":       {Main: debug.Module{Path: modulePath, Version: "(devel)"}},
	} {
		assert.Equal(t, want, of(&info))
	}
	assert.Empty(t, of(&debug.BuildInfo{}))
	assert.NotContains(t, Version(), "devel")
}
