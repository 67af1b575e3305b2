package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
)

// private are words that once had meanings of this project's own, several each, and what
// to write: a reader must be able to look a term up elsewhere.
var private = map[string]string{
	"mend": "fix, repair, retry", "judge": "classify, validate, compare", "judgement": "classify, validate, compare",
	"room": "capacity, budget, size, scratch", "held": "buffered, memory used, kept", "witness": "fingerprint",
	"testify": "verify", "twin": "staging directory", "latch": "the first error", "heed": "handle, obey",
	"shaken": "suspect", "stir": "wake", "insist": "retry", "settle": "what is done to what",
	"filler": "upstream", "extreme": "min and max", "forever": "unbounded", "tell": "report, log, return, name",
	"told": "report, log, return, name", "carry": "run, pass on", "mail": "inbox", "books": "counters, accounting",
}

// vague are words that may stand in a sentence and name nothing in code.
var vague = map[string]string{
	"take": "what is done: apply, drain, accept", "took": "what is done", "taken": "what is done",
	"cut": "stop, trim, truncate", "place": "position, target, index", "placed": "position, target",
	"look": "scan, survey, search", "note": "marker, record, log", "noted": "marker, record",
	"rest": "remaining", "sides": "side outputs", "frames": "windows", "spans": "windows", "wide": "unbounded",
	"fed": "page, column", "packed": "encoded", "heeds": "handle", "aim": "target",
}

// TestNamesAreTheFields: identifiers and comments are free of words that only their
// authors could know.
func TestNamesAreTheFields(t *testing.T) {
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "testdata"):
			return filepath.SkipDir
		case filepath.Ext(path) != ".go" || filepath.Base(path) == "words_test.go":
			return nil
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		for _, group := range file.Comments {
			for _, comment := range group.List {
				wantWords(t, set.Position(comment.Pos()), comment.Text, private)
			}
		}
		for _, name := range declared(file) {
			wantWords(t, set.Position(name.Pos()), name.Name, private)
			wantWords(t, set.Position(name.Pos()), name.Name, vague)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// declared lists the names that a file gives to something.
func declared(file *ast.File) []*ast.Ident {
	var names []*ast.Ident
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			names = append(names, n.Name)
		case *ast.TypeSpec:
			names = append(names, n.Name)
		case *ast.ValueSpec:
			names = append(names, n.Names...)
		case *ast.Field:
			names = append(names, n.Names...)
		case *ast.AssignStmt:
			for _, left := range n.Lhs {
				if name, ok := left.(*ast.Ident); ok && n.Tok == token.DEFINE {
					names = append(names, name)
				}
			}
		case *ast.RangeStmt:
			for _, e := range []ast.Expr{n.Key, n.Value} {
				if name, ok := e.(*ast.Ident); ok && n.Tok == token.DEFINE {
					names = append(names, name)
				}
			}
		}
		return true
	})
	return names
}

func wantWords(t *testing.T, at token.Position, text string, banned map[string]string) {
	t.Helper()
	for _, word := range wordsOf(text) {
		for _, stem := range []string{word, strings.TrimSuffix(word, "s"), strings.TrimSuffix(word, "d"),
			strings.TrimSuffix(word, "ed"), strings.TrimSuffix(word, "ing")} {
			if instead, ok := banned[stem]; ok {
				t.Errorf("%s: %q: write %s", at, word, instead)
				break
			}
		}
	}
}

// wordsOf splits text and camel case into words in lowercase.
func wordsOf(text string) []string {
	var b strings.Builder
	lower := false
	for _, r := range text {
		if unicode.IsUpper(r) && lower || !unicode.IsLetter(r) {
			b.WriteByte(' ')
		}
		if lower = unicode.IsLower(r); unicode.IsLetter(r) {
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return strings.Fields(b.String())
}
