package benthos

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/redpanda-data/benthos/v4/public/service"

	"etlengine/engine/internal/yamlfix"
	"etlengine/plugins/sdk"
)

// PlainProblem is one thing wrong with a plain Benthos config.
type PlainProblem struct {
	File         string // the path of another file of the config, or ""
	Set          string // the path of an assignment, and then no line; or ""
	Line, Column int    // from 1
	Component    string // that there is none of, or ""
	sdk.Problem
}

// FillVariables puts variables into a plain config, as Benthos does before it
// reads the YAML.
func FillVariables(text string, lookup func(string) (string, bool)) string {
	filled, _ := fillVariables(text, lookup)
	return filled
}

// Lint asks Benthos's linter about a plain config, and then reads it as a run does:
// the linter does not know what components make of their values. Its other files are
// linted likewise.
func (c PlainConfig) Lint() []PlainProblem {
	env, problems := c.lintTemplates()
	var shared []part
	for _, more := range c.Resources {
		filled, _ := fillVariables(more.Text, c.Lookup)
		parts, err := partsOf(env, filled)
		if err == nil { // else its own linting says what is wrong
			shared = append(shared, parts...)
		}
	}
	text, err := c.overridden()
	if wrong, ok := errors.AsType[*setError](err); ok {
		return append(problems, PlainProblem{Set: wrong.path, Problem: sdk.Problem{Message: wrong.cause}})
	}
	if err != nil {
		return append(problems, readingProblem(err, strings.Split(c.Text, "\n")))
	}
	for _, p := range c.lintFile(env, text.text, shared) {
		problems = append(problems, text.written(p))
	}
	if len(c.Set) > 0 { // the text has none
		_, missing := fillVariables(c.Text, c.Lookup)
		problems = append(problems, missingVariables(c.Text, missing)...)
	}
	for _, more := range c.Resources {
		for _, p := range c.lintFile(env, more.Text, shared) {
			p.File = more.Path
			problems = append(problems, p)
		}
	}
	if len(problems) == 0 {
		if _, _, err := c.builder(env, text.text); err != nil {
			return []PlainProblem{text.written(readingProblem(err, strings.Split(text.text, "\n")))}
		}
	}
	return problems
}

// lintFile lints one file. shared are the parts of all files of resources.
func (c PlainConfig) lintFile(env *service.Environment, text string, shared []part) []PlainProblem {
	lines := strings.Split(text, "\n")
	filled, missing := fillVariables(text, c.Lookup)
	problems := missingVariables(text, missing)
	lints, err := env.FullConfigSchema("", "").NewStreamConfigLinter().SetSkipEnvVarCheck(true).
		SetEnvVarLookupFunc(func(_ context.Context, name string) (string, bool) { return c.Lookup(name) }).
		LintYAML([]byte(text))
	if err != nil {
		return append(problems, readingProblem(err, lines))
	}
	if len(lints) > 0 {
		known := vocabularyOf(env, text)
		problems = append(problems, plainProblems(env, lints, text, known)...)
		known.guess(problems)
	}
	if strings.HasPrefix(text, lintDisabled) {
		return problems
	}
	problems = append(problems, c.partProblems(env, filled, shared, problems)...)
	if slices.ContainsFunc(problems, func(p PlainProblem) bool { return !p.Warning }) {
		return problems
	}
	alone := PlainConfig{Templates: c.Templates, Lookup: c.Lookup}
	if _, _, err := alone.builder(env, text); err != nil {
		return append(problems, readingProblem(err, lines))
	}
	return append(problems, warnings(text, lines)...)
}

// lintDisabled begins a config that Benthos does not lint.
const lintDisabled = "# BENTHOS LINT DISABLE"

// missingVariables is a problem for each, where it stands.
func missingVariables(text string, missing []missingVariable) []PlainProblem {
	var problems []PlainProblem
	for _, m := range missing {
		before := text[:m.at]
		start := strings.LastIndexByte(before, '\n') + 1
		problems = append(problems, PlainProblem{Line: 1 + strings.Count(before, "\n"),
			Column: 1 + utf8.RuneCountInString(before[start:]),
			Problem: sdk.Problem{Message: "the environment has no variable " + m.name,
				Hint: "set it, or give a default: ${" + m.name + ":text}"}})
	}
	return problems
}

// partProblems are the components of a config, its variables being filled in, whose
// constructors refuse their values, and those that may wait for ever. linted is what is
// known to be wrong.
func (c PlainConfig) partProblems(env *service.Environment, text string, shared []part,
	linted []PlainProblem) []PlainProblem {
	var unknown []string
	for _, p := range linted {
		if p.Component != "" {
			unknown = append(unknown, p.Component)
		}
	}
	parts, err := partsOf(withUnknown(env, unknown), text)
	if err != nil {
		return nil // the linter has said so, or the reader will
	}
	lines := strings.Split(text, "\n")
	var problems []PlainProblem
	add := func(p *part, field string, problem sdk.Problem) {
		line, column := p.position(field, lines)
		problems = append(problems, PlainProblem{Line: line, Column: column, Problem: problem})
	}
	own := len(parts)
	parts = append(parts, others(shared, parts)...)
	acting := append(c.templatesWith(actingComponents...), c.unbuilt...)
	for _, r := range refusals(env, parts, func(p *part) bool {
		return slices.Contains(acting, p.name) || slices.ContainsFunc(linted, func(l PlainProblem) bool {
			return p.first <= l.Line && l.Line <= p.last
		})
	}) {
		if !r.other {
			add(r.part, r.field(), sdk.Problem{Message: r.cause})
		}
	}
	parts = parts[:own]
	for i := range parts {
		if field := parts[i].waits(); field != "" {
			add(&parts[i], field, sdk.Problem{Warning: true, Message: "batching without a period: the rest of a batch " +
				"waits for more messages, and the run for the rest, if the input ends", Hint: "add period: 1s"})
		}
	}
	return problems
}

// others are the parts of resources in other files, under paths of their own.
func others(shared, own []part) []part {
	var all []part
	for _, p := range shared {
		label, _ := p.config["label"].(string)
		same := func(q part) bool { return resourcePath.MatchString(q.path) && q.config["label"] == label }
		if resourcePath.MatchString(p.path) && label != "" && !slices.ContainsFunc(own, same) {
			p.path, p.first, p.last, p.other = "other."+p.path, 0, 0, true
			all = append(all, p)
		}
	}
	return all
}

// plainProblems is what Benthos's linter says of a text whose components known is of.
func plainProblems(env *service.Environment, lints []service.Lint, text string, known *vocabulary) (
	problems []PlainProblem,
) {
	kinds, lines := newWrongKinds(yamlfix.Values(text), known), strings.Split(text, "\n")
	for _, l := range lints {
		problems = append(problems, plainProblem(env, l, lines, kinds))
	}
	return problems
}

func plainProblem(env *service.Environment, l service.Lint, lines []string, kinds *wrongKinds) PlainProblem {
	p := PlainProblem{Line: min(max(l.Line, 1), len(lines)), Column: l.Column}
	p.Message = plainly(l.What)
	word := optionWord(l.What)
	switch l.Type {
	case service.LintBadBloblang:
		p.Line, p.Column = inBlock(lines, p.Line, p.Column)
	case service.LintUnknown, service.LintShouldOmit:
		p.Key, word = true, quotedWord(l.What)
	case service.LintComponentMissing, service.LintComponentNotFound:
		component(env, &p, l.What)
		word = p.Component
	case service.LintExpectedArray, service.LintExpectedObject, service.LintExpectedScalar:
		kinds.explain(&p, l)
	}
	if p.Column <= 1 {
		p.Column = columnOf(lines[p.Line-1], word)
	}
	return p
}

// component explains why it is not clear which component an item is of.
func component(env *service.Environment, p *PlainProblem, what string) {
	names := strings.Fields(several.FindString(what))
	if len(names) == 0 {
		p.Component, p.Hint = missingName(what), whoHas(env, "", what)
		return
	}
	names[0] = strings.TrimPrefix(names[0], "[")
	names[len(names)-1] = strings.TrimSuffix(names[len(names)-1], "]")
	names = slices.DeleteFunc(names, func(name string) bool {
		return name == "label" || name == "processors" || name == "type" || name == "plugin"
	})
	known := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !hasComponent(env, name) })
	unknown := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return hasComponent(env, name) })
	switch {
	case len(known) > 1:
		p.Component = known[len(known)-1]
		p.Message = "several components in one item: " + strings.Join(known, " and ")
		p.Hint = "give each its own - in the list"
	case len(unknown) > 0:
		p.Component = unknown[0]
		p.Message = "unable to infer component type: " + unknown[0]
		p.Hint = whoHas(env, "", p.Message)
		if len(known) == 1 {
			p.Message += " beside " + known[0]
		}
	}
}

var several = regexp.MustCompile(`\[[^\]]*\]`)

func hasComponent(env *service.Environment, name string) bool {
	found := false
	has := func(n string, _ *service.ConfigView) { found = found || n == name }
	for _, each := range []func(func(string, *service.ConfigView)){env.WalkInputs, env.WalkProcessors,
		env.WalkOutputs, env.WalkCaches, env.WalkRateLimits, env.WalkBuffers, env.WalkScanners} {
		each(has)
	}
	return found
}

var badOption = regexp.MustCompile(`^value (.+) is not a valid option`)

// optionWord is the value that is none of those a field has.
func optionWord(what string) string {
	if m := badOption.FindStringSubmatch(what); m != nil {
		return m[1]
	}
	return ""
}

// readingProblem finds where in the file an error of reading it is.
func readingProblem(err error, lines []string) PlainProblem {
	text := plainly(err.Error())
	p := PlainProblem{Line: 1, Column: 1}
	if m := atPair.FindStringSubmatch(text); m != nil {
		p.Line, _ = strconv.Atoi(m[1])
		p.Column, _ = strconv.Atoi(m[2])
		text = strings.Replace(text, m[0], "", 1)
	} else if m := atLine.FindStringSubmatch(text); m != nil {
		p.Line, _ = strconv.Atoi(m[1])
		text = strings.Replace(text, m[0], "", 1)
	}
	p.Line = min(max(p.Line, 1), len(lines))
	if p.Column <= 1 {
		p.Column = columnOf(lines[p.Line-1], "")
	}
	text = strings.TrimPrefix(text, "reading the config: ")
	text = strings.ReplaceAll(text, "yaml: unmarshal errors: ", "")
	p.Message = inOurWords(text)
	if m := noBlank.FindStringSubmatch(lines[p.Line-1]); m != nil {
		p.Hint = "write " + m[1] + ": with a blank behind the colon"
	}
	return p
}

// inOurWords says what Benthos's reader says as everything else here does.
func inOurWords(text string) string {
	if m := wrongScalar.FindStringSubmatch(text); m != nil && goKinds[m[2]] != "" {
		text = strings.Replace(text, m[0], fmt.Sprintf("want %s, got %q", goKinds[m[2]], m[1]), 1)
	}
	text = yamlKinds.Replace(text)
	if m := wrongKind.FindStringSubmatch(text); m != nil {
		text = strings.Replace(text, m[0], "want "+goKinds[m[2]]+", got "+m[1], 1)
	}
	for path := fieldPath.FindStringSubmatch(text); path != nil; path = fieldPath.FindStringSubmatch(text) {
		text = path[1] + "." + path[2] + ": " + text[len(path[0]):]
	}
	if m := oneField.FindStringSubmatch(text); m != nil {
		text = m[1] + ": " + text[len(m[0]):]
	}
	return text
}

var (
	atPair = regexp.MustCompile(`\((\d+),(\d+)\) `)
	atLine = regexp.MustCompile(`line (\d+): `)

	noBlank     = regexp.MustCompile(`^[\s-]*([a-z_]+):[^\s/]`)
	wrongScalar = regexp.MustCompile("cannot unmarshal !!(?:[a-z]+) `([^`]*)` into ([a-z0-9]+)")
	wrongKind   = regexp.MustCompile(`invalid type (.+), expected ([a-z]+)`)
	fieldPath   = regexp.MustCompile(`^(?:field ')?([a-z0-9_.]+)'?: field '([a-z0-9_]+)': `)
	oneField    = regexp.MustCompile(`^field '([a-z0-9_]+)': `)
	goKinds     = map[string]string{"int": "a whole number", "int64": "a whole number", "float64": "a number",
		"bool": "true or false", "string": "a text", "object": "a map", "array": "a list"}
	// yamlKinds replaces YAML's names for what a value is.
	yamlKinds = strings.NewReplacer("!!str", "a string", "!!int", "a whole number", "!!float", "a number",
		"!!bool", "a bool", "!!map", "a map", "!!seq", "a list", "!!null", "nothing")
)

// columnOf is where a word stands in a line, or else its first character that
// is not indentation: Benthos's linter mostly knows the line only.
func columnOf(line, word string) int {
	at := strings.Index(line, word)
	if at < 0 || word == "" {
		at = len(line) - len(strings.TrimLeft(line, " -"))
	}
	return utf8.RuneCountInString(line[:at]) + 1
}

// warnings are of what is legal and does not do what it seems to.
func warnings(text string, lines []string) []PlainProblem {
	strict := slices.IndexFunc(lines, func(l string) bool { return strictKey.MatchString(l) })
	caught := slices.IndexFunc(lines, func(l string) bool { return catchKey.MatchString(l) })
	if strict < 0 || caught < 0 {
		return nil
	}
	return []PlainProblem{{Line: caught + 1, Column: columnOf(lines[caught], "catch"), Problem: sdk.Problem{
		Warning: true, Message: fmt.Sprintf("catch recovers nothing: with error_handling.strict (line %d) a message "+
			"that failed is rejected before", strict+1), Hint: "wrap the step that fails in try_catch or retry"}}}
}

var (
	strictKey = regexp.MustCompile(`^[^#]*\bstrict["']?:\s*true\b`)
	catchKey  = regexp.MustCompile(`^[^#]*(?:^|[\s{,-])catch["']?:`)
)
