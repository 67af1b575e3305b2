package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"etlengine/bench/internal/measure"
	"etlengine/bench/internal/page"
)

// comparison is a table of all contestants, and of the first one divided by
// each of the others.
func comparison(contestants []measure.Contestant, series map[string]measure.Series) page.Table {
	first := series[contestants[0].Name]
	t := page.Table{Head: headed("program", contestants[0].Name+" ÷ it, wall", "CPU", "memory")}
	for _, c := range contestants {
		s := series[c.Name]
		row := append([]string{c.Name}, cells(s)...)
		if c.Name == contestants[0].Name {
			row = append(row, "", "", "")
		} else {
			memory := float64(first.Median().Peak) / float64(s.Median().Peak)
			row = append(row, times(first.Ratio(s)), times(first.CPURatio(s)), times(memory))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// cells are the wall clock, its spread, the CPU time and the memory of a series;
// headed has their heads.
func cells(s measure.Series) []string {
	m := s.Median()
	low, high := s.Spread()
	return []string{seconds(m.Wall), seconds(low) + "–" + seconds(high), seconds(m.CPU), megabytes(m.Peak)}
}

// headed is the head of a table that has cells: what comes before and behind.
func headed(first string, more ...string) []string {
	return append([]string{first, "wall s", "from–to", "CPU s", "peak MB"}, more...)
}

// listed are contestants with their wall clock and memory, in a line.
func listed(all map[string]measure.Usage) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		u := all[name]
		out = append(out, fmt.Sprintf("%s %s s and %s MB", name, seconds(u.Wall), megabytes(u.Peak)))
	}
	return strings.Join(out, "; ")
}
