package aggregation

import (
	"fmt"
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
	Where string `json:"where" doc:"Which rows count (not available yet)."`
	short bool   // written as a scalar: problems point at it, not at a key inside
}

// ConfigType is the type's name in the documentation.
func (Aggregate) ConfigType() string { return "call" }

// FromText reads the short form, which is the call alone.
func (a *Aggregate) FromText(text string) error {
	a.short = true
	return a.Call.UnmarshalText([]byte(text))
}

// Validate refuses what is not there yet.
func (a *Aggregate) Validate() error {
	if a.Where != "" {
		return sdk.Fieldf("where", "is not available yet; filter the rows before this step")
	}
	return nil
}

// Call is a function and its column: sum(amount). Columns whose names are not
// plain words stand in double quotes: sum("unit price").
type Call struct {
	Function string
	Column   string // "" for count()
}

// ConfigType is the type's name in the documentation.
func (Call) ConfigType() string { return "call" }

// String is the call as it is written.
func (c Call) String() string {
	if c.Column == "" {
		return c.Function + "()"
	}
	if strings.IndexFunc(c.Column, func(r rune) bool { return !plain(r) }) >= 0 {
		return c.Function + "(" + strconv.Quote(c.Column) + ")"
	}
	return c.Function + "(" + c.Column + ")"
}

var functions = []string{"count", "sum", "avg", "min", "max", "first", "last",
	"count_distinct", "approx_count_distinct"}

// Functions that come later, and what neighbouring tools call ours.
var (
	comingFunctions = []string{"quantile"}
	otherNames      = map[string]string{"mean": "avg", "average": "avg", "minimum": "min", "maximum": "max",
		"total": "sum", "nunique": "count_distinct", "distinct": "count_distinct",
		"earliest": "first", "latest": "last", "distinct_count": "count_distinct", "uniq": "approx_count_distinct",
		"approx_distinct": "approx_count_distinct", "percentile": "quantile", "median": "quantile"}
)

// UnmarshalText reads a call.
func (c *Call) UnmarshalText(text []byte) error {
	p := callParser{rest: strings.TrimSpace(string(text))}
	name := p.word()
	if name == "" || !p.take('(') {
		return fmt.Errorf("want a call such as count() or sum(amount), got %q", text)
	}
	if err := checkFunction(name); err != nil {
		return err
	}
	args, err := p.args()
	if err != nil {
		return fmt.Errorf("%w in %q", err, text)
	}
	switch {
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

func checkFunction(name string) error {
	if slices.Contains(functions, name) {
		return nil
	}
	if slices.Contains(comingFunctions, name) {
		return fmt.Errorf("%s is not available yet (have %s)", name, strings.Join(functions, ", "))
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

// callParser eats a call from the left.
type callParser struct {
	rest string
}

func plain(r rune) bool {
	return r == '_' || r == '.' || r == '-' || unicode.IsLetter(r) || unicode.IsDigit(r)
}

// word takes a plain word, which may be empty.
func (p *callParser) word() string {
	end := strings.IndexFunc(p.rest, func(r rune) bool { return !plain(r) })
	if end < 0 {
		end = len(p.rest)
	}
	word := p.rest[:end]
	p.rest = strings.TrimLeft(p.rest[end:], " \t")
	return word
}

func (p *callParser) take(mark byte) bool {
	if p.rest == "" || p.rest[0] != mark {
		return false
	}
	p.rest = strings.TrimLeft(p.rest[1:], " \t")
	return true
}

// args takes everything behind the opening parenthesis.
func (p *callParser) args() ([]string, error) {
	var args []string
	for !p.take(')') {
		if len(args) > 0 && !p.take(',') {
			return nil, fmt.Errorf("want , or ), got %s", p.next())
		}
		arg, err := p.arg()
		if err != nil {
			return nil, err
		}
		args = append(args, arg)
	}
	if p.rest != "" {
		return nil, fmt.Errorf("want nothing after ), got %s", p.next())
	}
	return args, nil
}

func (p *callParser) arg() (string, error) {
	if p.take('*') {
		return "*", nil
	}
	if !strings.HasPrefix(p.rest, `"`) {
		if word := p.word(); word != "" {
			return word, nil
		}
		return "", fmt.Errorf("want a column, got %s", p.next())
	}
	quoted, err := strconv.QuotedPrefix(p.rest)
	if err != nil {
		return "", fmt.Errorf("want a closing quote after %s", p.rest)
	}
	p.rest = strings.TrimLeft(p.rest[len(quoted):], " \t")
	name, _ := strconv.Unquote(quoted) // QuotedPrefix has checked it
	if name == "" {
		return "", fmt.Errorf("want a column, got an empty name")
	}
	return name, nil
}

// next describes what stands where something else was wanted.
func (p *callParser) next() string {
	if p.rest == "" {
		return "the end"
	}
	r, _ := utf8.DecodeRuneInString(p.rest)
	return strconv.QuoteRune(r)
}
