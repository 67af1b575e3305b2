package benthos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/redpanda-data/benthos/v4/public/service"

	"etlengine/plugins/sdk"
)

// check returns everything wrong with a step of components.
func (c *Components) check(kind sdk.Kind, config []byte) []sdk.Problem {
	r, _, err := readStep(config)
	if err != nil {
		return []sdk.Problem{{Path: "schema", Message: err.Error()}}
	}
	var problems []sdk.Problem
	for i, one := range r.Components {
		problems = append(problems, c.lint(role[kind], one, fmt.Sprintf("components.%d", i))...)
	}
	problems = append(problems, c.built(section(kind, r.Components), sections[kind], inStep[kind], problems)...)
	if len(problems) > 0 {
		return problems
	}
	for _, name := range c.inside(kind, r) {
		if why := refused[name]; why != "" {
			problems = append(problems, sdk.Problem{Path: "components.0",
				Message: name + " cannot be part of a step: " + why})
		}
	}
	if kind != sdk.KindTransform {
		problems = append(problems, endless(r.Components[0], "components.0")...)
	}
	return append(problems, served(r.Components[0], "components.0")...)
}

// sections are the paths of a full config under which a step's components stand; an
// input or output is no list there.
var sections = map[sdk.Kind]string{
	sdk.KindSource: "input", sdk.KindTransform: "pipeline.processors", sdk.KindSink: "output"}

// inStep are the same paths in the config of a step.
var inStep = map[sdk.Kind]string{
	sdk.KindSource: "components.0", sdk.KindTransform: "components", sdk.KindSink: "components.0"}

// section is a full config that has only the components of a step.
func section(kind sdk.Kind, components []json.RawMessage) map[string]any {
	if kind == sdk.KindTransform {
		return map[string]any{"pipeline": map[string]any{"processors": components}}
	}
	return map[string]any{sections[kind]: components[0]}
}

// endless finds what collects messages until it has enough, for however long: the rest
// of a batch would wait for messages that come behind it, and an input that ends waits
// for the rest.
func endless(config []byte, path string) []sdk.Problem {
	var problems []sdk.Problem
	walk(config, path, func(path string, v any) {
		b, ok := v.(map[string]any)
		batching := strings.HasSuffix(path, ".batching")
		if !ok || !batching && !strings.HasSuffix(path, ".batched.policy") {
			return
		}
		if waits(b) {
			problems = append(problems, sdk.Problem{Path: path, Message: "batching without a period would wait " +
				"for ever for the rest of a batch", Hint: "add period: 1s, or leave batching out"})
		}
	})
	return problems
}

// waits reports whether a batch policy may wait for another message for ever.
func waits(policy map[string]any) bool {
	if period, _ := policy["period"].(string); period != "" {
		return false
	}
	count, _ := policy["count"].(float64)
	size, _ := policy["byte_size"].(float64)
	check, _ := policy["check"].(string)
	return count != 1 && (count > 1 || size > 0 || check != "")
}

// served refuses servers without an address of their own: they would wait for
// Benthos's HTTP server, which pipelines do not have.
func served(config []byte, path string) []sdk.Problem {
	var problems []sdk.Problem
	walk(config, path, func(path string, v any) {
		server, ok := v.(map[string]any)
		if !ok || !strings.HasSuffix(path, ".http_server") {
			return
		}
		if address, _ := server["address"].(string); address == "" {
			problems = append(problems, sdk.Problem{Path: path, Message: "http_server has no address",
				Hint: "write address: 127.0.0.1:8080"})
		}
	})
	return problems
}

// walk visits every value below a config.
func walk(config []byte, path string, visit func(string, any)) {
	var v any
	if json.Unmarshal(config, &v) == nil {
		walkValue(v, path, visit)
	}
}

func walkValue(v any, path string, visit func(string, any)) {
	visit(path, v)
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			walkValue(inner, path+"."+key, visit)
		}
	case []any:
		for i, inner := range v {
			walkValue(inner, path+"."+strconv.Itoa(i), visit)
		}
	}
}

// Resources returns everything wrong with the resources of a file.
func (c *Components) Resources(config []byte) []sdk.Problem {
	var lists map[string][]json.RawMessage
	if err := json.Unmarshal(config, &lists); err != nil {
		return []sdk.Problem{{Message: "reading the resources: " + err.Error()}}
	}
	var problems []sdk.Problem
	for key, list := range lists {
		for i, one := range list {
			path := fmt.Sprintf("%s.%d", key, i)
			problems = append(problems, c.lint(strings.TrimSuffix(key, "_resources"), one, path)...)
			for _, name := range componentsIn(one) {
				if why := refused[name]; why != "" {
					problems = append(problems, sdk.Problem{Path: path + "." + name, Key: true,
						Message: name + " cannot be a resource of steps: " + why})
				}
			}
			problems = append(problems, endless(one, path)...)
			problems = append(problems, served(one, path)...)
			var named struct {
				Label string `json:"label"`
			}
			if json.Unmarshal(one, &named) == nil && named.Label == "" {
				problems = append(problems, sdk.Problem{Path: path, Message: "a resource without a label",
					Hint: "write label: NAME beside it, by which steps find it"})
			}
		}
	}
	return append(problems, c.built(map[string]any{}, "", "", problems)...)
}

// componentsIn is the component that a resource is of.
func componentsIn(resource []byte) []string {
	var keys map[string]json.RawMessage
	if json.Unmarshal(resource, &keys) != nil {
		return nil
	}
	delete(keys, "label")
	return slices.Sorted(maps.Keys(keys))
}

// lint asks Benthos's linter and finds the path of what each line is about.
func (c *Components) lint(typ string, config []byte, path string) []sdk.Problem {
	s, err := spread(config, path)
	if err != nil {
		return []sdk.Problem{{Path: path, Message: err.Error()}}
	}
	lints, err := c.env.NewComponentConfigLinter().SetSkipEnvVarCheck(true).
		SetEnvVarLookupFunc(noEnv).LintYAML(typ, []byte(escape(s.text.String())))
	if err != nil {
		return []sdk.Problem{{Path: path, Message: err.Error()}}
	}
	problems := make([]sdk.Problem, len(lints))
	for i, l := range lints {
		at := s.paths[min(max(l.Line, 1), len(s.paths))-1]
		p := sdk.Problem{Path: at, Message: plainly(l.What)}
		switch l.Type {
		case service.LintBadBloblang:
			p.Hint = callHint(p.Message)
			p.Message = fmt.Sprintf("line %d, column %d: %s", l.Line-s.begins[at]+1, l.Column, p.Message)
		case service.LintComponentMissing, service.LintComponentNotFound:
			p.Hint = c.whoHas(typ, l.What)
		case service.LintUnknown:
			if name := quotedWord(l.What); strings.HasSuffix(at, "."+name) {
				p.Key = true // Benthos gives the line of the key
			}
		}
		problems[i] = p
	}
	return misspelt(problems)
}

// misspelt reads an unknown field as the required one that is missing beside it
// and has nearly its name. That it is missing is not reported again.
func misspelt(problems []sdk.Problem) []sdk.Problem {
	for i := range problems {
		p := &problems[i]
		dot := strings.LastIndexByte(p.Path, '.')
		if !p.Key || dot < 0 {
			continue
		}
		missing := func(other sdk.Problem) string {
			m := missingField.FindStringSubmatch(other.Message)
			if m == nil || other.Path != p.Path[:dot] {
				return ""
			}
			return sdk.Nearest(p.Path[dot+1:], m[1:])
		}
		at := slices.IndexFunc(problems, func(other sdk.Problem) bool { return missing(other) != "" })
		if at >= 0 {
			p.Message += ", did you mean " + missing(problems[at]) + "?"
			return misspelt(slices.Delete(problems, at, at+1))
		}
	}
	return problems
}

// noEnv: variables have been filled in before, by the rules of our files.
func noEnv(context.Context, string) (string, bool) { return "", false }

var (
	fieldLint    = regexp.MustCompile(`^field (\S+) (?:not recognised|is invalid|is required)`)
	missingField = regexp.MustCompile(`^field (\S+) is required`)
	lookup       = regexp.MustCompile(`\$\{[0-9A-Za-z_.]+(:((\$\{[^}]+\})|[^}])*)?(?:\|[0-9A-Za-z]+)?\}`)
	lineBreaks   = strings.NewReplacer("\n", " ")
)

// quotedWord is the name of the field that a lint is about.
func quotedWord(what string) string {
	if m := fieldLint.FindStringSubmatch(what); m != nil {
		return m[1]
	}
	return ""
}

func plainly(what string) string { return strings.Join(strings.Fields(lineBreaks.Replace(what)), " ") }

// escape keeps Benthos from filling in what looks like a variable: they are
// filled in already, so it is text.
func escape(text string) string {
	return lookup.ReplaceAllStringFunc(text, func(v string) string { return "${{" + v[2:len(v)-1] + "}}" })
}

// spreader writes a JSON value as YAML with every value on a line of its own,
// and knows the path of what stands on each line. A text of several lines is
// followed by as many empty ones, since Benthos counts lines inside of it.
type spreader struct {
	tokens *json.Decoder
	text   strings.Builder
	paths  []string       // by line
	begins map[string]int // line of each text, by path
}

func spread(config []byte, path string) (*spreader, error) {
	s := &spreader{tokens: json.NewDecoder(bytes.NewReader(config)), begins: map[string]int{}}
	s.tokens.UseNumber()
	if err := s.value(path); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the config: %w", err)
	}
	return s, nil
}

func (s *spreader) line(path, text string) {
	s.text.WriteString(text + "\n")
	s.paths = append(s.paths, path)
}

func (s *spreader) value(path string) error {
	token, err := s.tokens.Token()
	if err != nil {
		return err
	}
	switch t := token.(type) {
	case json.Delim:
		return s.container(path, t)
	case string:
		s.line(path, quote(t))
		s.begins[path] = len(s.paths)
		for range strings.Count(t, "\n") {
			s.line(path, "")
		}
	case nil:
		s.line(path, "null")
	default:
		s.line(path, fmt.Sprint(t))
	}
	return nil
}

func (s *spreader) container(path string, open json.Delim) error {
	s.line(path, open.String())
	for i := 0; s.tokens.More(); i++ {
		if i > 0 {
			s.line(path, ",")
		}
		inner := path + "." + strconv.Itoa(i)
		if open == '{' {
			key, err := s.tokens.Token()
			if err != nil {
				return err
			}
			inner = path + "." + key.(string)
			s.line(inner, quote(key.(string))+":")
		}
		if err := s.value(inner); err != nil {
			return err
		}
	}
	end, err := s.tokens.Token()
	if err != nil {
		return err
	}
	s.line(path, end.(json.Delim).String())
	return nil
}

func quote(text string) string {
	b, _ := json.Marshal(text) // a string always encodes
	return string(b)
}
