package expr

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"etlengine/plugins/sdk"
)

// otherNames are functions of neighbouring languages that have a counterpart here.
var otherNames = map[string]string{"length": "size", "len": "size", "tolower": "lower", "lcase": "lower",
	"lowercase": "lower", "toupper": "upper", "ucase": "upper", "uppercase": "upper", "ifnull": "coalesce",
	"nvl": "coalesce", "strip": "trim", "isnull": "has", "float": "double", "hour": "getHours",
	"lowerascii": "lower", "upperascii": "upper", "str": "string", "regex": "matches",
	"starts_with": "startsWith", "ends_with": "endsWith", "regexp_matches": "matches"}

// clocks are functions of neighbouring languages that read the wall clock.
var clocks = []string{"now", "today", "current_timestamp", "current_date", "current_time", "getdate",
	"sysdate", "localtime", "localtimestamp", "utcnow", "curdate", "unix_timestamp"}

// noFunction is what is wrong with a call of a function that there is none of.
func (c *compiler) noFunction(name string) (message, hint string) {
	message = "no function named " + name
	lower := strings.ToLower(name)
	if slices.Contains(clocks, lower) {
		return message + ": there is no clock in expressions",
			"the same rows then give the same result; compare with a time column, or a literal such as " +
				`timestamp("2026-01-31T00:00:00Z")`
	}
	known := c.functionNames()
	if other, ok := otherNames[lower]; ok {
		return message + ", did you mean " + other + "?", ""
	}
	if near := sdk.Nearest(name, known); near != "" {
		return message + ", did you mean " + near + "?", ""
	}
	slices.Sort(known)
	return message + " (have " + strings.Join(slices.Compact(known), ", ") + ")",
		"a mapping step has more functions of text, numbers and times"
}

// functionNames are those that can be written.
func (c *compiler) functionNames() []string {
	names := []string{"has", "coalesce", "col", "all", "exists", "exists_one", "map", "filter"}
	for _, f := range c.functions {
		if r, _ := utf8.DecodeRuneInString(f.Name()); unicode.IsLetter(r) {
			names = append(names, f.Name())
		}
	}
	return names
}

// onlyMember reports whether a function is called as value.name() and never as
// name(value).
func (c *compiler) onlyMember(name string) bool {
	for _, f := range c.functions {
		if f.Name() != name {
			continue
		}
		for _, o := range f.OverloadDecls() {
			if !o.IsMemberFunction() {
				return false
			}
		}
		return true
	}
	return false
}

// asMember is a call with its first argument in front: type.lower().
func (c *compiler) asMember(name string, part ast.Expr) string {
	if part == nil || part.Kind() != ast.CallKind || len(part.AsCall().Args()) == 0 {
		return "x." + name + "()"
	}
	args := part.AsCall().Args()
	after := make([]string, len(args)-1)
	for i, a := range args[1:] {
		after[i] = written(a)
	}
	return written(args[0]) + "." + name + "(" + strings.Join(after, ", ") + ")"
}

// written is a column or text as it is written, and … for all else.
func written(e ast.Expr) string {
	switch e.Kind() {
	case ast.IdentKind:
		return e.AsIdent()
	case ast.SelectKind:
		return written(e.AsSelect().Operand()) + "." + e.AsSelect().FieldName()
	case ast.LiteralKind:
		if text, ok := e.AsLiteral().(types.String); ok {
			return strconv.Quote(string(text))
		}
	}
	return "…"
}

// tupleAt is the offset in code points of a ( that opens a list of values, as in
// type in ("a", "b"), where the parser stopped between before and after; -1 if
// that is not what it stumbled over.
func tupleAt(before, after string) int {
	open := strings.LastIndexByte(before, '(')
	if open < 0 || !strings.HasPrefix(after, ",") ||
		!strings.HasSuffix(strings.TrimRight(before[:open], " \t\n"), " in") {
		return -1
	}
	return utf8.RuneCountInString(before[:open])
}
