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
	t := page.Table{Head: []string{"program", "wall s", "from–to", "CPU s", "peak MB",
		contestants[0].Name + " ÷ it, wall", "CPU", "memory"}}
	for _, c := range contestants {
		s := series[c.Name]
		m := s.Median()
		low, high := s.Spread()
		row := []string{c.Name, seconds(m.Wall), seconds(low) + "–" + seconds(high), seconds(m.CPU), megabytes(m.Peak)}
		if c.Name == contestants[0].Name {
			row = append(row, "", "", "")
		} else {
			memory := float64(first.Median().Peak) / float64(m.Peak)
			row = append(row, times(first.Ratio(s)), times(first.CPURatio(s)), times(memory))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
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
