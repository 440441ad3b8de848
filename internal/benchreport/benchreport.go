// Package benchreport is what the two benchmark modules, bench and collector/bench, print
// alike: where figures were measured, beside which versions, and the figures themselves.
package benchreport

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
)

// Host returns the version of Go, the system and the processors of this process.
func Host() string {
	return fmt.Sprintf("%s %s/%s, %d CPUs%s", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), cpuModel())
}

func cpuModel() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, ok := strings.CutPrefix(lines.Text(), "model name"); ok {
			return " (" + strings.Trim(name, "\t :") + ")"
		}
	}
	return ""
}

// Versions returns the versions of some modules that this program was built with, in one
// line.
func Versions(modules ...string) string {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return "versions of the others unknown"
	}
	var versions []string
	for _, m := range build.Deps {
		if slices.Contains(modules, m.Path) {
			versions = append(versions, m.Path+" "+m.Version)
		}
	}
	return strings.Join(versions, ", ")
}

// Contents returns what a small file has, without blanks around it; "unknown" if it cannot be
// read.
func Contents(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(text))
}

// Figure shows three digits of a number, or more before the point.
func Figure(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v < 0.1:
		return fmt.Sprintf("%.4f", v)
	case v < 10:
		return fmt.Sprintf("%.2f", v)
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}
