package config

import (
	"strings"
	"testing"
)

func TestOrderOfKeysSurvives(t *testing.T) {
	var columns, want strings.Builder
	for i := 25; i >= 0; i-- {
		name := "c" + string(rune('a'+i)) + ".x"
		columns.WriteString("    " + name + ": string\n")
		want.WriteString(`,"` + name + `":"string"`)
	}
	pipelines := "pipelines:\n  z: &p\n    input: { a: {} }\n    output: { b: {} }\n  a: *p\n"
	f := mustLoad(t, Options{}, "schemas:\n  s:\n"+columns.String()+pipelines,
		"schemas:\n  s:\n    aa: int64\n    ca.x: string\n")
	wanted := "{" + want.String()[1:] + `,"aa":"int64"}`
	if got := string(f.Schemas.Get("s").JSON()); got != wanted {
		t.Errorf("got %s, want %s", got, wanted)
	}
	if f.Pipelines[0].Name != "z" || f.Pipelines[1].Name != "a" {
		t.Errorf("pipelines: got %s, %s, want z, a", f.Pipelines[0].Name, f.Pipelines[1].Name)
	}
}

func TestJSONChangesNoText(t *testing.T) {
	tests := []struct{ name, yaml, want string }{
		{"integer", "7", "7"},
		{"negative", "-7", "-7"},
		{"float keeps its digits", "1.10", "1.10"},
		{"exponent", "1e3", "1e3"},
		{"true", "true", "true"},
		{"True is not JSON", "True", `"True"`},
		{"yes is a text", "yes", `"yes"`},
		{"quoted number", `"7"`, `"7"`},
		{"tagged number", "!!str 7", `"7"`},
		{"leading zeros", "007", `"007"`},
		{"hexadecimal", "0x1F", `"0x1F"`},
		{"underscores", "1_000", `"1_000"`},
		{"infinity", ".inf", `".inf"`},
		{"plus", "+5", `"+5"`},
		{"empty", "", "null"},
		{"tilde", "~", "null"},
		{"empty string", `""`, `""`},
		{"date", "2026-01-02", `"2026-01-02"`},
		{"time", "12:30:00", `"12:30:00"`},
		{"block of text", "|\n          a\n          b\n", `"a\nb\n"`},
		{"list", "[1, 'a', [], {}]", `[1,"a",[],{}]`},
		{"control characters", `"\x01\"<é"`, `"\u0001\"\u003cé"`},
		{"map", "{b: 1, a.c: 2, '': 3}", `{"b":1,"a.c":2,"":3}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := mustLoad(t, Options{}, wrap("x:", test.yaml))
			if got := string(f.Pipelines[0].Input.Config.Get("x").JSON()); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// wrap makes a file whose input's config is one key.
func wrap(key, value string) string {
	return "pipelines:\n  p:\n    input:\n      in:\n        " + key + " " + value +
		"\n    output:\n      out: {}\n"
}

func TestPathsLeadToPositions(t *testing.T) {
	f := mustLoad(t, Options{}, `pipelines:
  p:
    input:
      in: {}
    output:
      out:
        list: [1, {a: 2}]
        a.b: { c: 3 }
        empty:
        "été": { ü: x }
`)
	config := f.Pipelines[0].Outputs[0].Steps[0].Config
	tests := []struct {
		path string
		key  bool
		want string
	}{
		{"", false, "a.yaml:7:9"},
		{"list", false, "a.yaml:7:15"},
		{"list", true, "a.yaml:7:9"},
		{"list.1.a", false, "a.yaml:7:23"},
		{"list.1.a", true, "a.yaml:7:20"},
		{"list.5", false, "a.yaml:7:9"},
		{"a.b.c", false, "a.yaml:8:19"},
		{"a.b.missing", false, "a.yaml:8:9"},
		{"empty", false, "a.yaml:9:9"},
		{"empty.deeper", false, "a.yaml:9:9"},
		{"été.ü", false, "a.yaml:10:21"},
		{"missing", false, "a.yaml:7:9"},
	}
	for _, test := range tests {
		if got := config.Locate(test.path, test.key).String(); got != test.want {
			t.Errorf("Locate(%q, %t): got %s, want %s", test.path, test.key, got, test.want)
		}
	}
	if got := config.Find("list.1.a.nothing").Text(); got != "2" {
		t.Errorf("Find of a path that goes too far: got %q, want the last that exists, 2", got)
	}
	if got := config.KeyPos("missing").String(); got != "a.yaml:7:9" {
		t.Errorf("KeyPos of a missing key: got %s, want that of the map", got)
	}
}

func TestNilNodeIsNull(t *testing.T) {
	var n *Node
	if n.Kind() != Null || n.Keys() != nil || n.Get("a") != nil || n.Items() != nil || n.Text() != "" ||
		n.Pos() != (Position{}) || n.KeyPos("a") != (Position{}) || n.Find("a") != nil ||
		string(n.JSON()) != "null" {
		t.Error("a nil node is not like null")
	}
}

func TestAliasesKeepTheirPositions(t *testing.T) {
	f := mustLoad(t, Options{}, `pipelines:
  a:
    input:
      in: &in
        x: 1
        y: { z: 2 }
    output: &out
      out: { q: 1 }
  b:
    input:
      in: *in
    output: *out
  c:
    input:
      in:
        w: 0
        <<: *in
        x: 5
    output:
      <<: [*out, { label: other }]
`)
	var configs []string
	for _, p := range f.Pipelines {
		configs = append(configs, string(p.Input.Config.JSON()))
	}
	want := `{"x":1,"y":{"z":2}} {"x":1,"y":{"z":2}} {"w":0,"x":5,"y":{"z":2}}`
	if got := strings.Join(configs, " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	in := f.Pipelines[1].Input.Config
	if got := in.Pos().String(); got != "a.yaml:11:11" {
		t.Errorf("the alias: got %s, want where it is used", got)
	}
	if got := in.Locate("y.z", false).String(); got != "a.yaml:6:17" {
		t.Errorf("what the alias holds: got %s, want where it is written", got)
	}
	if got := f.Pipelines[2].Input.Config.Locate("x", false).String(); got != "a.yaml:18:12" {
		t.Errorf("a key over <<: got %s, want the key's own place", got)
	}
	if got := f.Pipelines[2].Outputs[0].Label; got != "other" {
		t.Errorf("label from the second map of <<: got %s, want other", got)
	}
}

func TestAliasBombIsRefused(t *testing.T) {
	var b strings.Builder
	b.WriteString("x0: &x0 [a, a, a, a, a, a, a, a, a, a]\n")
	for i := range 12 {
		from, to := string(rune('a'+i)), string(rune('b'+i))
		if i == 0 {
			from = "x0"
		}
		b.WriteString(to + ": &" + to + " [*" + from + strings.Repeat(", *"+from, 9) + "]\n")
	}
	f, problems := load(t, Options{}, b.String())
	var codes []string
	for _, p := range problems {
		codes = append(codes, p.Code)
	}
	if got := strings.Count(strings.Join(codes, " "), "too-large"); got != 1 {
		t.Errorf("got codes %v, want too-large once", codes)
	}
	if f.Root.Kind() != Map {
		t.Errorf("root: got %s, want a map", f.Root.Kind())
	}
}
