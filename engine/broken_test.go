package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// found is one problem as lint reports it, or as a test wants it: then Text is a
// part of the message.
type found struct {
	file         string
	line, column int
	code, text   string
}

func (f found) String() string {
	return fmt.Sprintf("%s:%d:%d %s: %s", f.file, f.line, f.column, f.code, f.text)
}

// lint runs engine lint and returns all problems.
func lint(t *testing.T, args ...string) (code int, all []found) {
	t.Helper()
	code, stdout, stderr := run(append([]string{"lint", "--json"}, args...)...)
	var list []struct {
		File, Code, Message, Hint, Severity string
		Line, Column                        int
	}
	if err := json.Unmarshal([]byte(stdout), &list); err != nil {
		t.Fatalf("lint --json %v: %v\n%s%s", args, err, stdout, stderr)
	}
	errors := 0
	for _, p := range list {
		if p.Severity == "error" {
			errors++
		}
		text := p.Message
		if p.Hint != "" {
			text += " (" + p.Hint + ")"
		}
		all = append(all, found{p.File, p.Line, p.Column, p.Code, text})
	}
	if want := map[bool]int{true: 2, false: 0}[errors > 0]; code != want {
		t.Errorf("exit code %d with %d errors, want %d", code, errors, want)
	}
	return code, all
}

// planted reads what is wrong with a file out of the comments in it:
//
//	csv: { pth: out }
//	#      ^ unknown-field: did you mean path?
//
// stands below the line it is about, with the caret below the place. In the
// first column it is #<; #! wants no place, and #@12:7 stands where no comment
// can be below the line. The text is a part of the message.
//
//	#$ with/over.yaml --set a.b=c NAME=value
//
// gives more arguments, and variables of the environment.
func planted(t *testing.T, path string) (wants []found, args []string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	mark := regexp.MustCompile(`^#(?:( *)\^|(<)|(!)|@(\d+):(\d+)) ([a-z0-9-]+): (.*)$`)
	about := 0 // number of the last line that is no mark
	for i, line := range strings.Split(strings.ReplaceAll(string(data), "\r", ""), "\n") {
		if arguments, ok := strings.CutPrefix(line, "#$ "); ok {
			args = append(args, strings.Fields(arguments)...)
			continue
		}
		m := mark.FindStringSubmatch(line)
		if m == nil {
			about = i + 1
			continue
		}
		want := found{file: path, line: about, column: len(m[1]) + 2, code: m[6], text: m[7]}
		switch {
		case m[2] != "":
			want.column = 1
		case m[3] != "":
			want.file, want.line, want.column = "", 0, 0
		case m[4] != "":
			want.line, _ = strconv.Atoi(m[4])
			want.column, _ = strconv.Atoi(m[5])
		}
		wants = append(wants, want)
	}
	return wants, args
}

// TestEveryPlantedMistakeIsFoundInOnePass: all of them, where they are, and
// nothing else.
func TestEveryPlantedMistakeIsFoundInOnePass(t *testing.T) {
	t.Chdir("testdata/broken")
	paths, err := filepath.Glob("*.yaml")
	if err != nil || len(paths) < 90 {
		t.Fatalf("got %d broken files (%v), want at least 90", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(path, ".yaml"), func(t *testing.T) {
			wants, more := planted(t, path)
			args := []string{path}
			for _, arg := range more {
				name, value, assigned := strings.Cut(arg, "=")
				if assigned && strings.ToUpper(name) == name {
					t.Setenv(name, value)
					continue
				}
				if strings.HasPrefix(arg, "with/") {
					others, _ := planted(t, arg)
					wants = append(wants, others...)
				}
				args = append(args, arg)
			}
			_, got := lint(t, args...)
			compareFound(t, got, wants)
		})
	}
}

func compareFound(t *testing.T, got, wants []found) {
	t.Helper()
	if len(wants) == 0 {
		t.Error("nothing is planted")
	}
	for _, want := range wants {
		at := slices.IndexFunc(got, func(g found) bool {
			samePosition := want.line == 0 || g.file == want.file && g.line == want.line && g.column == want.column
			return samePosition && g.code == want.code && strings.Contains(g.text, want.text)
		})
		if at < 0 {
			t.Errorf("missing %s", want)
			continue
		}
		got = slices.Delete(got, at, at+1)
	}
	for _, g := range got {
		t.Errorf("too much %s", g)
	}
}
