package benthos

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/redpanda-data/benthos/v4/public/service"
)

// environment knows the config's templates besides Benthos's own components.
func (c PlainConfig) environment() (*service.Environment, error) {
	env := service.NewEnvironment()
	for _, t := range c.Templates {
		if err := env.RegisterTemplateYAML(t.Text); err != nil {
			return nil, fmt.Errorf("%s: reading the template: %w", t.Path, err)
		}
	}
	return env, nil
}

// lintTemplates lints each template, and registers it for the files that use it. Nothing
// is built of one with problems.
func (c *PlainConfig) lintTemplates() (*service.Environment, []PlainProblem) {
	env := service.NewEnvironment()
	var problems []PlainProblem
	for _, t := range c.Templates {
		found := lintTemplate(env, t.Text)
		for i := range found {
			found[i].File = t.Path
		}
		problems = append(problems, found...)
		if name, _ := nameAndMapping(t.Text); len(found) > 0 && name != "" {
			env = withUnknown(env, []string{name})
			c.unbuilt = append(c.unbuilt, name)
		}
	}
	return env, problems
}

func lintTemplate(env *service.Environment, text string) []PlainProblem {
	lines := strings.Split(text, "\n")
	lints, err := env.TemplateSchema("", "").NewStreamConfigLinter().SetSkipEnvVarCheck(true).
		LintYAML([]byte(escape(text))) // Benthos fills no variables into templates
	if err != nil {
		return []PlainProblem{readingProblem(err, lines)}
	}
	if len(lints) > 0 {
		return plainProblems(env, lints, text, vocabularyOf(env, text))
	}
	if err = env.RegisterTemplateYAML(text); err == nil {
		return nil
	}
	p := readingProblem(err, lines)
	if p.Line == 1 { // it names no line of the file
		at := slices.IndexFunc(lines, mappingKey.MatchString)
		if at >= 0 && strings.Contains(p.Message, "mapping") {
			p.Line, p.Column = at+1, columnOf(lines[at], "mapping")
		}
	}
	return []PlainProblem{p}
}

var mappingKey = regexp.MustCompile(`^["']?(?:metrics_)?mapping["']?\s*:`)

// templatesWith are the names of templates whose mappings name one of the components:
// what they make of a config is known when they are built only.
func (c PlainConfig) templatesWith(components ...string) []string {
	word := regexp.MustCompile(`\b(?:` + strings.Join(components, "|") + `)\b`)
	var names []string
	for _, t := range c.Templates {
		if name, mapping := nameAndMapping(t.Text); word.MatchString(mapping) {
			names = append(names, name)
		}
	}
	return names
}

// nameAndMapping are those of a template; "" if it has none.
func nameAndMapping(text string) (name, mapping string) {
	spec := service.NewConfigSpec().Fields(service.NewStringField("name").Default(""),
		service.NewStringField("mapping").Default(""))
	conf, err := spec.ParseYAML(escape(text), nil)
	if err != nil {
		return "", "" // reading it says what is wrong
	}
	name, _ = conf.FieldString("name")
	mapping, _ = conf.FieldString("mapping")
	return name, mapping
}
