package sdk

import (
	"fmt"
	"slices"
	"strings"
)

// OneOf reports a value that is none of the words it may be, with the nearest of
// them, as a problem at path for Validate. nil: it is one of them.
func OneOf(path, got string, words ...string) error {
	if slices.Contains(words, got) {
		return nil
	}
	last := len(words) - 1
	p := Problem{Path: path, Message: fmt.Sprintf("want %s or %s, got %s",
		strings.Join(words[:last], ", "), words[last], quote(got))}
	if near := Nearest(got, words); near != "" {
		p.Hint = "did you mean " + near + "?"
	}
	return p
}

// Nearest returns the candidate most like name, or "" if none is near enough
// to be what was meant: at most one edit in three characters, two swapped
// neighbours counting as one, and of about the same length; or the only
// candidate that begins with name.
func Nearest(name string, candidates []string) string {
	name = strings.ToLower(name)
	most := max(1, len(name)/3)
	best, least := "", most
	for _, c := range candidates {
		longer := len(c) - len(name)
		if longer > max(1, len(name)/4) || -longer > max(1, len(name)/4) {
			continue // substring is not a misspelling of string
		}
		if n := edits(name, strings.ToLower(c)); n <= least && (best == "" || n < least) {
			best, least = c, n
		}
	}
	if best == "" && len(name) > 1 {
		return onlyCompletion(name, candidates)
	}
	return best
}

// IsTypo reports whether name is one edit away from the name that Nearest found
// for it, so likely a slip that what stands under it can be checked as meant.
func IsTypo(name, near string) bool {
	return near != "" && edits(strings.ToLower(name), strings.ToLower(near)) <= 1
}

// onlyCompletion returns the one candidate that begins with a name, or "".
func onlyCompletion(name string, candidates []string) string {
	found := ""
	for _, c := range candidates {
		if !strings.HasPrefix(strings.ToLower(c), name) || c == found {
			continue
		}
		if found != "" {
			return ""
		}
		found = c
	}
	return found
}

// edits is the number of insertions, deletions, substitutions and swaps of
// neighbours between a and b (optimal string alignment).
func edits(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(row[j-1]+1, last[j]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
