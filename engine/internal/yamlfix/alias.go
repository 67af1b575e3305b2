package yamlfix

import (
	"regexp"
	"strings"

	"etlengine/plugins/sdk"
)

var (
	noAnchor = regexp.MustCompile(`^unknown anchor '([^']*)' referenced$`)
	anchors  = regexp.MustCompile(`(?m)(?:^|[\s\[{,:-])&([^\s,\[\]{}]+)`)
)

// missingAnchor is the name in the parser's report of an alias without its
// anchor, or "".
func missingAnchor(reason string) string {
	if m := noAnchor.FindStringSubmatch(reason); m != nil {
		return m[1]
	}
	return ""
}

// quoteAlias reports an alias that nothing stands for, and makes text of it so
// that the rest of the file can be read. It returns whether it found the alias
// at a line or before it.
func (t *Text) quoteAlias(name string, last int, report func(Fault)) bool {
	alias := regexp.MustCompile(`(^|[\s\[{,:-])\*` + regexp.QuoteMeta(name) + `([\s,\]}]|$)`)
	for number := min(last, len(t.Lines)); number >= 1; number-- {
		line := t.Line(number)
		at := alias.FindStringSubmatchIndex(line)
		if at == nil || strings.HasPrefix(strings.TrimLeft(line, " "), "#") {
			continue
		}
		begin, end := at[3], at[4]
		p := t.fault(number, runes(line[:begin])+1, "unknown-anchor",
			"there is no anchor &"+name+" before this *"+name, "")
		switch near := sdk.Nearest(name, t.anchors()); {
		case near != "":
			p.Hint = "did you mean *" + near + "?"
		case strings.ContainsAny(name, "*./\\"):
			p.Code, p.Message = "unquoted-value", "a value that begins with * is an alias in YAML; a pattern needs quotes"
			p.Hint = "write: " + strings.TrimSpace(line[:begin]+quoteText(line[begin:end])+line[end:])
		default:
			p.Hint = "write &" + name + " at what it stands for; text that begins with * needs quotes"
		}
		report(p)
		stand := quoteText(line[begin:end])
		if strings.HasSuffix(strings.TrimRight(line[:begin], " "), "<<:") {
			stand = "{}" // a merge of text would be a second fault
		}
		t.fix(number, line[:begin]+stand+line[end:])
		return true
	}
	return false
}

// anchors are the names that stand behind a & in the file.
func (t *Text) anchors() []string {
	var names []string
	for _, line := range t.Lines {
		for _, m := range anchors.FindAllStringSubmatch(line, -1) {
			names = append(names, m[1])
		}
	}
	return names
}
