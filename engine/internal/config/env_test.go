package config

import (
	"bytes"
	"strings"
	"testing"
)

func contains(text, part string) bool { return strings.Contains(text, part) }

func TestVariablesAreFilledIn(t *testing.T) {
	lookup := env("A", "alpha", "EMPTY", "", "NUMBER", "7", "TRICKY", `x", "y: ${A} # }`)
	tests := []struct{ name, yaml, want string }{
		{"a variable", "${A}", `"alpha"`},
		{"a default that is not needed", "${A:x}", `"alpha"`},
		{"a default", "${MISSING:x y}", `"x y"`},
		{"an empty default", "${MISSING:}", `""`},
		{"a default with a colon", "${MISSING:localhost:9092}", `"localhost:9092"`},
		{"set but empty wins over the default", "${EMPTY:x}", `""`},
		{"a number is a text until its field says otherwise", "${NUMBER}", `"7"`},
		{"in the middle", "a-${A}-${NUMBER}-b", `"a-alpha-7-b"`},
		{"a literal", "$${A}", `"${A}"`},
		{"a literal beside a variable", "$${A}${A}", `"${A}alpha"`},
		{"Benthos's own", `'${! json("a") } ${A}'`, `"${! json(\"a\") } alpha"`},
		{"a dollar", "$A $ 5$", `"$A $ 5$"`},
		{"what is filled in is not read again, nor as YAML", "${TRICKY}", `"x\", \"y: ${A} # }"`},
		{"in quotes", `"${A}"`, `"alpha"`},
		{"in a block of text", "|\n          a ${A}\n", `"a alpha\n"`},
		{"in flow style", `[ "${A}", { b: "${NUMBER}" } ]`, `["alpha",{"b":"7"}]`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := mustLoad(t, Options{LookupEnv: lookup}, wrap("x:", test.yaml))
			if got := string(f.Pipelines[0].Input.Config.Get("x").JSON()); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestMissingVariableIsNamedAtItsPosition(t *testing.T) {
	tests := []struct{ name, yaml, want string }{
		{"plain", "a ${X}", "a.yaml:5:14"},
		{"the second of two", "${A:} ${X}", "a.yaml:5:18"},
		{"behind wide characters", "éé ${X}", "a.yaml:5:15"},
		{"in quotes", `"${X}"`, "a.yaml:5:13"},
		{"in a block of text", "|\n          first\n          second ${X}\n", "a.yaml:7:18"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, problems := load(t, Options{}, wrap("x:", test.yaml))
			want := test.want + ": pipelines.p.input.in.x: the variable X is not set" +
				" (set it, or give a default: ${X:text})"
			if len(problems) != 1 || problems[0].Code != "missing-variable" || problems[0].Error() != want {
				t.Errorf("got %v, want %s", problems, want)
			}
		})
	}
}

func TestAnOverriddenVariableNeedNotBeSet(t *testing.T) {
	text := wrap("topic:", "${TOPIC}")
	mustLoad(t, Options{}, text, wrap("topic:", "fixed"))
	mustLoad(t, Options{Set: []string{"pipelines.p.input.in.topic=fixed"}}, text)
}

func TestFilledValueIsNeverPrinted(t *testing.T) {
	lookup := env("SECRET", "hunter2")
	f, problems := load(t, Options{LookupEnv: lookup}, wrap("password:", "${SECRET}"))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	pos := f.Pipelines[0].Input.Config.Locate("password", false)
	var out bytes.Buffer
	f.Render(&out, []Problem{{Position: pos, Path: "pipelines.p.input.in.password", Message: "too short"}})
	want := "a.yaml:5:19: pipelines.p.input.in.password: too short, filled from ${SECRET}\n" +
		"    5 |         password: ${SECRET}\n" +
		"      |                   ^^^^^^^^^\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestVariablesReachTheStructure(t *testing.T) {
	f := mustLoad(t, Options{LookupEnv: env("EVERY", "2m", "NAME", "first")}, `checkpoint_interval: ${EVERY}
pipelines:
  p:
    input:
      label: ${NAME}
      in: {}
    output:
      out: {}
`)
	if got := f.CheckpointInterval.String(); got != "2m0s" {
		t.Errorf("checkpoint_interval: got %s, want 2m", got)
	}
	if got := f.Pipelines[0].Input.Label; got != "first" {
		t.Errorf("label: got %s, want first", got)
	}
}
