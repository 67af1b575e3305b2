package yamlfix

import (
	"fmt"
	"slices"
	"strings"
)

// tabWidths are what editors show a tab as, the most usual first.
var tabWidths = []int{4, 2, 8, 3, 6, 1}

// expandTabs reports tabs in the indentation as one fault, if that is what
// stopped the parser, and replaces them all by as many spaces as let the parser
// get furthest. Whether that is past the trouble is in t.tabsExpanded: else
// nothing more can be said of the file.
func (t *Text) expandTabs(stopped *stop, report func(Fault)) bool {
	var tabbed []int
	for n := 1; n <= len(t.Lines); n++ {
		if tabColumn(t.Line(n)) > 0 {
			tabbed = append(tabbed, n)
		}
	}
	if len(tabbed) == 0 || tabColumn(t.Line(stopped.line)) == 0 ||
		!strings.Contains(stopped.reason, "cannot start any token") {
		return false
	}
	p := t.fault(stopped.line, tabColumn(t.Line(stopped.line)), "tab",
		"a tab in the indentation, which YAML does not allow", "indent with spaces")
	if len(tabbed) > 1 {
		p.Hint += fmt.Sprintf("; %d lines have a tab", len(tabbed))
	}
	report(p)
	t.tabsExpanded = t.replaceTabs(tabbed, stopped)
	return true
}

// replaceTabs returns whether the parser gets past the trouble.
func (t *Text) replaceTabs(tabbed []int, stopped *stop) bool {
	var best []string
	furthest := stopped.line
	for _, width := range tabWidths {
		lines := slices.Clone(t.lines())
		for _, n := range tabbed {
			text := strings.TrimLeft(lines[n-1], " \t-")
			indent := lines[n-1][:len(lines[n-1])-len(text)]
			lines[n-1] = strings.ReplaceAll(indent, "\t", strings.Repeat(" ", width)) + text
		}
		text := strings.Join(lines, "\n")
		if t.tried += len(text); t.tried > maxTried {
			break
		}
		_, _, again := parseYAML(text)
		if again == nil {
			best = lines
			break
		}
		if again.line > furthest {
			best, furthest = lines, again.line
		}
	}
	if best == nil {
		return false
	}
	t.fixed = best
	return true
}

// tabColumn is the column of the first tab in the indentation of a line, or 0.
func tabColumn(line string) int {
	indent := line[:len(line)-len(strings.TrimLeft(line, " \t-"))]
	return strings.IndexByte(indent, '\t') + 1
}
