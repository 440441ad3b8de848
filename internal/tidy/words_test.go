package tidy

import (
	"fmt"
	"go/ast"
	"regexp"
	"strings"
	"unicode"
)

// oldWords are words that the project has given up for others, with those that it uses. What
// they mean is in the terminology of internal/pipeline/doc.go.
var oldWords = map[string]string{
	"lane": "queue", "lanes": "queues",
	"fold": "aggregate", "folds": "aggregates", "folded": "aggregated", "folding": "aggregating",
	"emission": "collection", "emissions": "collections",
	"thinned": "sampled", "outranked": "of low priority",
	"blame": "note the error", "blamed": "noted", "blames": "notes", "forgive": "forget the error", "forgiven": "forgotten", "forgives": "forgets",
	"trouble": "error, retry", "troubles": "errors",
	"halve": "downscale", "halved": "downscaled", "halves": "lowers the scale", "halving": "downscaling",
	"pressed": "under pressure",
	"crowded": "beyond the limit, overflow", "relieve": "end the pressure", "relieved": "below the mark", "lookers": "readers",
}

var word = regexp.MustCompile(`[A-Za-z]+`)

// checkWords finds old words in identifiers, comments and the texts beside the sources.
func checkWords(m *module) (found []finding) {
	for _, f := range m.files {
		for _, group := range f.ast.Comments {
			for _, c := range group.List {
				for _, w := range oldWordsIn(c.Text) {
					found = append(found, m.at(c.Pos(), "%s", instead(w)))
				}
			}
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && id.Name != "EqualFold" { // of package strings
				for _, w := range oldWordsIn(split(id.Name)) {
					found = append(found, m.at(id.Pos(), "%s", instead(w)))
				}
			}
			return true
		})
	}
	for name, text := range m.texts {
		for i, line := range strings.Split(text, "\n") {
			for _, w := range oldWordsIn(line) {
				found = append(found, finding{name, i + 1, instead(w)})
			}
		}
	}
	return found
}

func oldWordsIn(text string) (words []string) {
	for _, w := range word.FindAllString(text, -1) {
		if w = strings.ToLower(w); oldWords[w] != "" {
			words = append(words, w)
		}
	}
	return words
}

func instead(w string) string {
	return fmt.Sprintf("%q is not a word of this project any more: say %q (internal/pipeline/doc.go)", w, oldWords[w])
}

// split puts a blank in front of each word of a name in camel case.
func split(name string) string {
	var b strings.Builder
	for _, r := range name {
		if unicode.IsUpper(r) {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}
