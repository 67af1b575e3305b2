package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var (
	ruleLine = regexp.MustCompile(`(?m)^(\d+)\. `)
	ruleName = regexp.MustCompile(`\brule (\d+)\b`)
)

// TestEveryRuleIsNamedWhereItIsEnforced: DESIGN.md numbers the rules of data
// integrity. Who changes code that holds one shall know which.
func TestEveryRuleIsNamedWhereItIsEnforced(t *testing.T) {
	text, err := os.ReadFile("DESIGN.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rules, _ := strings.Cut(string(text), "\n### Rules\n")
	rules, _, _ = strings.Cut(rules, "\n## ")
	var want []int
	for _, m := range ruleLine.FindAllStringSubmatch(rules, -1) {
		n, _ := strconv.Atoi(m[1])
		want = append(want, n)
	}
	if len(want) < 10 {
		t.Fatalf("DESIGN.md has the rules %v, want more", want)
	}
	var named []int
	err = filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		code, err := os.ReadFile(path)
		for _, m := range ruleName.FindAllStringSubmatch(string(code), -1) {
			n, _ := strconv.Atoi(m[1])
			named = append(named, n)
			if !slices.Contains(want, n) {
				t.Errorf("%s names rule %d, which DESIGN.md does not have", path, n)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range want {
		if !slices.Contains(named, n) {
			t.Errorf("rule %d is named nowhere in the code", n)
		}
	}
}
