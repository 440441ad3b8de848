// Package version knows the version of this module.
package version

import "runtime/debug"

const modulePath = "github.com/otelgram/otelgram"

// Version returns the version of this module that the program was built with, such
// as v1.2.3, or "" where the build does not tell.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	return of(info)
}

func of(info *debug.BuildInfo) string {
	for _, m := range append([]*debug.Module{&info.Main}, info.Deps...) {
		if m.Path == modulePath && m.Version != "(devel)" {
			return m.Version
		}
	}
	return ""
}
