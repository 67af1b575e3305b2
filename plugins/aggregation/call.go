package aggregation

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"etlengine/plugins/sdk"
)

// Aggregate is one new column: a call, and in the long form a condition.
type Aggregate struct {
	Call  Call   `json:"call" required:"true" doc:"What is computed, such as sum(amount)."`
	Where string `json:"where" doc:"Which rows count, such as: priorite == 'high'."`
	short bool   // written as a scalar: problems point at it, not at a key inside
}

// ConfigType is the type's name in the documentation.
func (Aggregate) ConfigType() string { return "call" }

// FromText reads the short form, which is the call alone.
func (a *Aggregate) FromText(text string) error {
	a.short = true
	return a.Call.UnmarshalText([]byte(text))
}

// Call is a function and its column: sum(amount). Columns whose names are not
// plain words stand in double quotes: sum("unit price").
type Call struct {
	Function string
	Column   string  // "" for count()
	Quantile float64 // of quantile, from 0 to 1
}

// ConfigType is the type's name in the documentation.
func (Call) ConfigType() string { return "call" }

// String is the call as it is written.
func (c Call) String() string {
	args := c.Column
	if strings.IndexFunc(c.Column, func(r rune) bool { return !plain(r) }) >= 0 {
		args = strconv.Quote(c.Column)
	}
	if c.Function == "quantile" {
		args += ", " + strconv.FormatFloat(c.Quantile, 'g', -1, 64)
	}
	return c.Function + "(" + args + ")"
}

var functions = []string{"count", "sum", "avg", "min", "max", "first", "last", "quantile",
	"count_distinct", "approx_count_distinct"}

// What neighbouring tools call ours.
var (
	otherNames = map[string]string{"mean": "avg", "average": "avg", "minimum": "min", "maximum": "max",
		"total": "sum", "nunique": "count_distinct", "distinct": "count_distinct",
		"earliest": "first", "latest": "last", "distinct_count": "count_distinct", "uniq": "approx_count_distinct",
		"approx_distinct": "approx_count_distinct", "percentile": "quantile", "median": "quantile"}
)

// UnmarshalText reads a call.
func (c *Call) UnmarshalText(text []byte) error {
	p := callParser{remaining: strings.TrimSpace(string(text))}
	name := p.word()
	if name == "" || !p.accept('(') {
		return fmt.Errorf("want a call such as count() or sum(amount), got %q", text)
	}
	if err := checkFunction(name); err != nil {
		return err
	}
	args, err := p.args()
	if err != nil {
		return p.explain(name, string(text), err)
	}
	switch {
	case name == "quantile":
		return c.quantile(args, text)
	case name == "count" && len(args) == 1 && args[0] == "*":
		return fmt.Errorf("want count() for all rows, got %q", text)
	case len(args) > 1:
		return fmt.Errorf("%s takes one column, got %d in %q", name, len(args), text)
	case len(args) == 0 && name != "count":
		return fmt.Errorf("%s takes a column, such as %s(amount), got none", name, name)
	}
	*c = Call{Function: name}
	if len(args) == 1 {
		c.Column = args[0]
	}
	return nil
}

var whereBehind = regexp.MustCompile(`(?i)^(?:where|filter|if)\b\s*(.*)$`)

// explain says how to write what people write that know SQL or pandas: an
// expression in a call, or a condition behind it.
func (p *callParser) explain(name, text string, err error) error {
	if m := whereBehind.FindStringSubmatch(p.remaining); m != nil {
		call := strings.TrimSpace(text[:strings.LastIndex(text, p.remaining)])
		condition := strings.TrimSuffix(strings.TrimPrefix(m[1], "("), ")")
		if condition == "" {
			condition = "…"
		}
		return sdk.Problem{Message: fmt.Sprintf("a condition stands beside its call, got %q", text),
			Hint: fmt.Sprintf("write: { call: %s, where: %s }", yamlText(call), yamlText(condition))}
	}
	if strings.ContainsAny(p.remaining, "([+-*/%?=<>&|!") && strings.HasSuffix(strings.TrimSpace(text), ")") {
		return sdk.Problem{Message: fmt.Sprintf("%s takes a column, not an expression, got %q", name, text),
			Hint: "compute it before, in a derive step, as in derive: { x: 'size(name)' }, and write " + name + "(x)"}
	}
	return fmt.Errorf("%w in %q", err, text)
}

// yamlText is a text as a scalar within { }.
func yamlText(text string) string {
	if strings.ContainsAny(text, ",:{}[]#&*!|>%@`\"'") {
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	}
	return text
}

// quantile sets the arguments of that function, the one that has two.
func (c *Call) quantile(args []string, text []byte) error {
	if len(args) != 2 {
		return fmt.Errorf("quantile takes a column and a number from 0 to 1, "+
			"such as quantile(amount, 0.95), got %q", text)
	}
	q, err := strconv.ParseFloat(args[1], 64)
	switch {
	case err != nil:
		return fmt.Errorf("quantile wants a number from 0 to 1 behind its column, got %q", args[1])
	case q > 1 && q <= 100:
		return fmt.Errorf("quantile wants a number from 0 to 1, got %s; write quantile(%s, %s)", args[1], args[0],
			strconv.FormatFloat(q/100, 'g', 15, 64))
	case !(q >= 0 && q <= 1):
		return fmt.Errorf("quantile wants a number from 0 to 1, got %s", args[1])
	}
	*c = Call{Function: "quantile", Column: args[0], Quantile: q}
	return nil
}

func checkFunction(name string) error {
	if slices.Contains(functions, name) {
		return nil
	}
	near := sdk.Nearest(name, functions)
	if other, ok := otherNames[strings.ToLower(name)]; ok {
		near = other
	}
	if near != "" {
		return fmt.Errorf("no aggregate named %q, did you mean %s?", name, near)
	}
	return fmt.Errorf("no aggregate named %q (have %s)", name, strings.Join(functions, ", "))
}

// callParser reads a call from left to right.
type callParser struct {
	remaining string
}

func plain(r rune) bool {
	return r == '_' || r == '.' || r == '-' || unicode.IsLetter(r) || unicode.IsDigit(r)
}

// word reads a plain word, which may be empty.
func (p *callParser) word() string {
	end := strings.IndexFunc(p.remaining, func(r rune) bool { return !plain(r) })
	if end < 0 {
		end = len(p.remaining)
	}
	word := p.remaining[:end]
	p.remaining = strings.TrimLeft(p.remaining[end:], " \t")
	return word
}

func (p *callParser) accept(mark byte) bool {
	if p.remaining == "" || p.remaining[0] != mark {
		return false
	}
	p.remaining = strings.TrimLeft(p.remaining[1:], " \t")
	return true
}

// args reads everything behind the opening parenthesis.
func (p *callParser) args() ([]string, error) {
	var args []string
	for !p.accept(')') {
		if len(args) > 0 && !p.accept(',') {
			return nil, fmt.Errorf("want , or ), got %s", p.next())
		}
		arg, err := p.arg()
		if err != nil {
			return nil, err
		}
		args = append(args, arg)
	}
	if p.remaining != "" {
		return nil, fmt.Errorf("want nothing after ), got %s", p.next())
	}
	return args, nil
}

func (p *callParser) arg() (string, error) {
	if p.accept('*') {
		return "*", nil
	}
	if !strings.HasPrefix(p.remaining, `"`) {
		if word := p.word(); word != "" {
			return word, nil
		}
		return "", fmt.Errorf("want a column, got %s", p.next())
	}
	quoted, err := strconv.QuotedPrefix(p.remaining)
	if err != nil {
		return "", fmt.Errorf("want a closing quote after %s", p.remaining)
	}
	p.remaining = strings.TrimLeft(p.remaining[len(quoted):], " \t")
	name, _ := strconv.Unquote(quoted) // QuotedPrefix has checked it
	if name == "" {
		return "", fmt.Errorf("want a column, got an empty name")
	}
	return name, nil
}

// next describes what stands where something else was wanted.
func (p *callParser) next() string {
	if p.remaining == "" {
		return "the end"
	}
	r, _ := utf8.DecodeRuneInString(p.remaining)
	return strconv.QuoteRune(r)
}
