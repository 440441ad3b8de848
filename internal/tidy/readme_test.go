package tidy

import "strings"

// checkSnippets finds Go code in the README that nobody compiles: it has to stand,
// but for its indentation, in a test.
func checkSnippets(m *module) (found []finding) {
	var tests []string
	for _, text := range m.tests {
		tests = append(tests, flush(text))
	}
	for line, code := range snippets(m.texts["README.md"]) {
		if !strings.Contains(strings.Join(tests, ""), flush(code)) {
			found = append(found, finding{"README.md", line, "this code stands in no test: nobody knows whether it compiles"})
		}
	}
	return found
}

// snippets returns the blocks of Go code in a Markdown text, by their first line.
func snippets(text string) map[int]string {
	found := map[int]string{}
	begin := 0 // of the block; 0: there is none
	for i, line := range strings.Split(text, "\n") {
		switch {
		case begin == 0 && line == "```go":
			begin = i + 2
		case begin > 0 && line == "```":
			begin = 0
		case begin > 0:
			found[begin] += line + "\n"
		}
	}
	return found
}

// flush takes the indentation from all lines.
func flush(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "\n")
}
