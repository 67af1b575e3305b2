package expr

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"cel.dev/cel-go/checker"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/sdk"
)

// at is a fault at an offset, in code points.
func (c *compiler) at(offset int, message, hint string) *Error {
	runes := []rune(c.text)
	offset = max(0, min(offset, len(runes)))
	if offset < len(runes) && runes[offset] == '(' { // of a call: its name is what is meant
		for offset > 0 && isWord(runes[offset-1]) {
			offset--
		}
	}
	before := string(runes[:offset])
	lineStart := strings.LastIndexByte(before, '\n') + 1
	return &Error{Line: 1 + strings.Count(before, "\n"),
		Column: 1 + utf8.RuneCountInString(before[lineStart:]),
		Offset: offset, Message: message, Hint: hint}
}

func isWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// atPart is a fault of a part of the expression.
func (c *compiler) atPart(a *ast.AST, id int64, message, hint string) *Error {
	where, _ := a.SourceInfo().GetOffsetRange(id)
	return c.at(int(where.Start), message, hint)
}

// atError is a fault where CEL found one.
func (c *compiler) atError(e *common.Error, message, hint string) *Error {
	offset, ok := c.source.LocationOffset(e.Location)
	if !ok {
		offset = 0
	}
	return c.at(int(offset), message, hint)
}

// syntax puts what the parser found into our words.
func (c *compiler) syntax(e *common.Error) *Error {
	found := strings.TrimPrefix(e.Message, "Syntax error: ")
	at := c.atError(e, found, "")
	after := string([]rune(c.text)[at.Offset:])
	switch {
	case strings.HasPrefix(found, "unterminated string") || strings.HasPrefix(found, "unterminated"):
		at.Message = "the text that begins here has no closing quote"
	case strings.HasPrefix(found, "expression code point size"):
		at.Message = "the expression is longer than 16384 characters"
	case strings.HasPrefix(found, "expression recursion"):
		at.Message = "the expression is nested too deeply"
	case strings.HasPrefix(found, "reserved identifier: "):
		name := strings.TrimPrefix(found, "reserved identifier: ")
		at.Message = name + " is a word of the language"
		at.Hint = `write col("` + name + `") for the column`
	case strings.TrimSpace(after) == "":
		at.Message = "the expression ends where something must follow"
		if strings.Count(c.text, "(") > strings.Count(c.text, ")") {
			at.Message = "a ) is missing here"
		}
	case strings.HasPrefix(found, "invalid int literal"):
		at.Message = "a whole number of over 63 bits, as a uint64 may be, ends in u: 9223372036854775808u"
	case strings.HasPrefix(after, ">") && strings.HasSuffix(c.text[:len(c.text)-len(after)], "<"):
		at = c.at(at.Offset-1, "no operator <>", "write !=")
	case tupleAt(c.text[:len(c.text)-len(after)], after) >= 0:
		at = c.at(tupleAt(c.text[:len(c.text)-len(after)], after), "a list is written in [ ]",
			"such as type in [\"a\", \"b\"]")
	case strings.HasPrefix(found, "unexpected") || strings.HasPrefix(found, "mismatched"):
		at.Message, at.Hint = unexpected(after)
	}
	return at
}

// Marks of other languages, and what they are here.
var foreign = []struct{ pattern, want string }{
	{`(?i)^and\b`, "&&"}, {`(?i)^or\b`, "||"}, {`(?i)^not\b`, "!"}, {`^=`, "=="},
	{`^&`, "&&"}, {`^\|`, "||"}, {`(?i)^is\s+not\s+null\b`, "!= null"}, {`(?i)^is\s+null\b`, "== null"},
	{`(?i)^i?like\b`, ".contains(…) or .matches(…)"}, {`(?i)^between\b`, "x >= a && x <= b"},
}

func unexpected(after string) (message, hint string) {
	for _, f := range foreign {
		if found := regexp.MustCompile(f.pattern).FindString(after); found != "" {
			return "no operator " + found, "write " + f.want
		}
	}
	if first, _ := utf8.DecodeRuneInString(after); first > unicode.MaxASCII || first == '`' {
		return "names in expressions are of the letters a to z, digits and _",
			`write col("…") for a column of another name`
	}
	word := regexp.MustCompile(`^(\w+|\S)`).FindString(after)
	return "did not expect " + word + " here", "text is written in quotes; conditions are joined by && and ||"
}

var (
	undeclared = regexp.MustCompile(`^undeclared reference to '(.*?)'`)
	noOverload = regexp.MustCompile(`^found no matching overload for '(.*?)' applied to '(.*)'$`)
	mismatch   = regexp.MustCompile(`^expected type '(.*?)' but found '(.*)'$`)
	noField    = regexp.MustCompile(`^type '(.*)' does not support field selection$`)
)

// mistake puts what the checker found into our words.
func (c *compiler) mistake(e *common.Error) *Error {
	at := c.atError(e, e.Message, "")
	part := c.part(e.ExprID)
	if m := undeclared.FindStringSubmatch(e.Message); m != nil {
		if part != nil && part.Kind() == ast.CallKind {
			at.Message, at.Hint = c.noFunction(m[1])
		} else {
			at.Message, at.Missing = c.noColumn(m[1]), m[1]
		}
	} else if m := noOverload.FindStringSubmatch(e.Message); m != nil {
		at.Message, at.Hint = c.wrongTypes(m[1], m[2], part)
	} else if m := mismatch.FindStringSubmatch(e.Message); m != nil {
		at.Message = "want " + withArticle(ours(m[1])) + ", got " + withArticle(ours(m[2]))
		if m[1] == "bool" {
			at.Hint = "make it a condition, such as x > 0 or x != null"
		}
	} else if m := noField.FindStringSubmatch(e.Message); m != nil {
		at.Message = withArticle(ours(m[1])) + " has no fields"
		if m[1] == "string" {
			at.Hint = "functions of a text are called with (), such as name.lower()"
		}
		if part != nil && part.Kind() == ast.SelectKind && strings.HasPrefix(m[1], "struct") {
			at.Message = c.noFieldOf(part.AsSelect())
		}
	}
	return at
}

// part finds a part of the expression as it was before the checker saw it.
func (c *compiler) part(id int64) (found ast.Expr) {
	ast.PostOrderVisit(c.ast.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.ID() == id {
			found = e
		}
	}))
	return found
}

func (c *compiler) noColumn(name string) string {
	var names []string
	var fields []arrow.Field
	for _, v := range c.variables {
		names = append(names, v.name)
		if len(v.path) == 1 {
			fields = append(fields, v.field)
		}
	}
	if near := sdk.Nearest(name, names); near != "" {
		return "no column named " + name + ", did you mean " + near + "?"
	}
	if word, ok := literalOf[strings.ToLower(name)]; ok {
		return "no column named " + name + "; write " + word
	}
	_, err := sdk.FindColumn(arrow.NewSchema(fields, nil), name)
	if err == nil {
		return "no field of this name in " + name
	}
	return err.Error()
}

// literalOf is how a value is written that other languages call so.
var literalOf = map[string]string{"null": "null", "none": "null", "nil": "null",
	"true": "true", "false": "false", "nan": "double(\"NaN\")"}

// noFieldOf is a field that a struct has not.
func (c *compiler) noFieldOf(s ast.SelectExpr) string {
	name := s.FieldName()
	of := s.Operand()
	column := ""
	for ; of.Kind() == ast.SelectKind; of = of.AsSelect().Operand() {
		column = "." + of.AsSelect().FieldName() + column
	}
	if of.Kind() == ast.IdentKind {
		column = of.AsIdent() + column
	}
	var fields []string
	for _, v := range c.variables {
		if field, ok := strings.CutPrefix(v.name, column+"."); ok && !strings.Contains(field, ".") {
			fields = append(fields, field)
		}
	}
	if near := sdk.Nearest(name, fields); near != "" {
		return column + " has no field " + name + ", did you mean " + near + "?"
	}
	return column + " has no field " + name + " (have " + strings.Join(fields, ", ") + ")"
}

// operatorWords says what an operator does, for "cannot … a string and a bool".
var operatorWords = map[string]string{fnEqual: "compare", fnUnequal: "compare",
	operators.Less: "compare", operators.LessEquals: "compare", operators.Greater: "compare",
	operators.GreaterEquals: "compare", operators.Add: "add", operators.Subtract: "subtract",
	operators.Multiply: "multiply", operators.Divide: "divide", operators.Modulo: "take the remainder of",
	fnCoalesce: "choose between"}

func (c *compiler) wrongTypes(name, signature string, part ast.Expr) (message, hint string) {
	args, target := typesOf(signature)
	var named []string
	for _, a := range args {
		named = append(named, withArticle(ours(a)))
	}
	hint = c.typeHint(name, args, part)
	word, isOperator := operatorWords[name]
	switch {
	case isOperator && len(args) == 2:
		return "cannot " + word + " " + named[0] + " and " + named[1], hint
	case name == operators.In && len(args) == 2:
		return "cannot look for " + named[0] + " in " + named[1], hint
	case name == operators.LogicalAnd || name == operators.LogicalOr || name == operators.LogicalNot:
		for i, a := range args {
			if a != "bool" {
				return "want a condition, got " + named[i],
					"make it a condition, such as x > 0 or x != null"
			}
		}
	case name == fnIsTrue:
		return "want a condition before ?, got " + strings.Join(named, ", "),
			"make it a condition, such as x > 0 or x != null"
	case name == operators.Conditional && len(args) == 3:
		return "both sides of : must be of one type, got " + named[1] + " and " + named[2], hint
	case name == operators.Negate:
		return "cannot take the negative of " + strings.Join(named, ", "), hint
	case name == operators.Index && len(args) == 2:
		return "cannot take an item of " + named[0] + " by " + named[1], hint
	}
	if target != "" {
		on := withArticle(ours(target))
		if len(args) == 0 {
			return "there is no " + name + "() of " + on, hint
		}
		return name + " of " + on + " does not take " + strings.Join(named, " and "), hint
	}
	if len(args) == 0 {
		return name + " wants a value, got none", hint
	}
	if c.onlyMember(name) {
		return name + " is called on its value", "write " + c.asMember(name, part)
	}
	return name + " does not take " + strings.Join(named, " and "), hint
}

// typeHint says how to make the types fit, if it is plain.
func (c *compiler) typeHint(name string, args []string, part ast.Expr) string {
	has := func(t string) bool {
		for _, a := range args {
			if a == t || a == "list("+t+")" {
				return true
			}
		}
		return false
	}
	number := has("int") || has("uint") || has("double")
	switch {
	case name == fnIsTrue:
		return ""
	case has("timestamp") && has("string"):
		return `write a time as timestamp("2026-01-31T00:00:00Z")`
	case has("duration") && (has("string") || number):
		return `write a duration as duration("90s")`
	case has("string") && number && name == operators.Add:
		return "make text of the number: string(x)"
	case has("string") && number:
		return "put the number in quotes, or make a number of the text: double(x)"
	case name == operators.Conditional && has("int") && has("double"):
		return "write the whole number as 1.0, or double(x)"
	}
	for _, a := range args {
		if strings.HasPrefix(a, "decimal") {
			return "make a number of it before: select: {cast: {column: float64}}"
		}
	}
	return ""
}

// typesOf splits "string.(int, bool)" or "(int, bool)".
func typesOf(signature string) (args []string, target string) {
	at := strings.Index(signature, "(")
	if dot := strings.Index(signature, ".("); dot >= 0 {
		at, target = dot+1, signature[:dot]
	}
	inner := strings.TrimSuffix(signature[at+1:], ")")
	depth, start := 0, 0
	for i, r := range inner + "," {
		switch {
		case r == '(':
			depth++
		case r == ')':
			depth--
		case r == ',' && depth == 0:
			if arg := strings.TrimSpace(inner[start:i]); arg != "" {
				args = append(args, arg)
			}
			start = i + 1
		}
	}
	return args, target
}

// ours is a CEL type as a column's type is called.
func ours(cel string) string {
	names := map[string]string{"int": "int64", "uint": "uint64", "double": "float64",
		"google.protobuf.Timestamp": "timestamp", "google.protobuf.Duration": "duration"}
	if name, ok := names[cel]; ok {
		return name
	}
	if inner, ok := strings.CutPrefix(cel, "list("); ok {
		return "list(" + ours(strings.TrimSuffix(inner, ")")) + ")"
	}
	return cel
}

func nameOf(t *types.Type) string { return ours(checker.FormatCELType(t)) }

func typeName(t arrow.DataType) string { return sdk.TypeName(t) }

func withArticle(name string) string { return sdk.WithArticle(name) }
