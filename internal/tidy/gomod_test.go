package tidy

import (
	"regexp"
	"slices"
	"strings"
)

// reasonRow is a line of CONTRIBUTING.md that gives the reason for a module.
var reasonRow = regexp.MustCompile("^\\| `([^` ]+\\.[^` ]+/[^` ]+|[^` ]+\\.org/[^` ]+)` \\|")

// checkRequires holds go.mod against the table in CONTRIBUTING.md: every direct
// requirement has its reason there, and nothing else has.
func checkRequires(m *module) (found []finding) {
	var required []string
	reasons := reasons(m)
	block := false
	for i, line := range strings.Split(m.texts["go.mod"], "\n") {
		code, comment, _ := strings.Cut(line, "//")
		words := strings.Fields(code)
		switch {
		case len(words) == 0:
			continue
		case words[0] == "require" && words[len(words)-1] == "(":
			block = true
			continue
		case words[0] == ")":
			block = false
			continue
		case words[0] == "require":
			words = words[1:]
		case !block:
			continue
		}
		if strings.TrimSpace(comment) == "indirect" {
			continue
		}
		required = append(required, words[0])
		if _, ok := reasons[words[0]]; !ok {
			found = append(found, finding{"go.mod", i + 1, "direct requirement of " + words[0] + ": users download it with us, give the reason in CONTRIBUTING.md"})
		}
	}
	for path, line := range reasons {
		if !slices.Contains(required, path) {
			found = append(found, finding{"CONTRIBUTING.md", line, path + " is no direct requirement"})
		}
	}
	return found
}

// reasons returns the modules in CONTRIBUTING.md's table, by line.
func reasons(m *module) map[string]int {
	all := map[string]int{}
	for i, line := range strings.Split(m.texts["CONTRIBUTING.md"], "\n") {
		if row := reasonRow.FindStringSubmatch(line); row != nil {
			all[row[1]] = i + 1
		}
	}
	return all
}
