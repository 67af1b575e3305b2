package sdk

import "strings"

// Nearest returns the candidate most like name, or "" if none is near enough
// to be what was meant: at most one edit in three characters, two swapped
// neighbours counting as one.
func Nearest(name string, candidates []string) string {
	best, least := "", len(name)/3+1
	for _, c := range candidates {
		if n := edits(strings.ToLower(name), strings.ToLower(c)); n <= least && (best == "" || n < least) {
			best, least = c, n
		}
	}
	return best
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
