package sdktest

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"etlengine/plugins/sdk"
)

// configChecks are the promises of every kind of plugin.
func configChecks() []check {
	return []check{
		{"PluginDocumentsItself", pluginDocumentsItself},
		{"ConfigIsAccepted", configIsAccepted},
		{"UnknownKeyIsAProblem", unknownKeyIsAProblem},
		{"WrongTypesAreProblems", wrongTypesAreProblems},
		{"MissingKeysAreProblems", missingKeysAreProblems},
		{"FaultyConfigIsNotOpened", faultyConfigIsNotOpened},
		{"DescribeIsPure", describeIsPure},
	}
}

func pluginDocumentsItself(t testing.TB, s *suite) {
	p := s.plugin
	if p.Name == "" || strings.ToLower(p.Name) != p.Name {
		t.Errorf("name: want a lowercase word, got %q", p.Name)
	}
	if !strings.HasSuffix(p.Summary, ".") {
		t.Errorf("summary: want one sentence, got %q", p.Summary)
	}
	if !strings.HasPrefix(strings.TrimSpace(p.Example), p.Name+":") {
		t.Errorf("example: want YAML that begins with %s:, got %q", p.Name, p.Example)
	}
	documented(t, "", p.Fields)
}

func documented(t testing.TB, path string, fields []sdk.Field) {
	for _, f := range fields {
		if f.Doc == "" || f.Type == "" {
			t.Errorf("field %s%s: want a doc and a type, got %q and %q", path, f.Name, f.Doc, f.Type)
		}
		documented(t, path+f.Name+".", f.Fields)
	}
}

func configIsAccepted(t testing.TB, s *suite) {
	if problems := sdk.Faults(s.describe([]byte(s.config)).Problems); len(problems) > 0 {
		t.Errorf("the config of this suite has problems: %v", problems)
	}
	s.out(t)
}

// object is the config as its keys, and false if it is not a map.
func (s *suite) object() (map[string]json.RawMessage, bool) {
	fields := map[string]json.RawMessage{}
	err := json.Unmarshal([]byte(s.config), &fields)
	return fields, err == nil
}

// with is the config with a key of another value; nil removes it.
func (s *suite) with(t testing.TB, key string, value any) []byte {
	t.Helper()
	fields, ok := s.object()
	if !ok {
		fields = map[string]json.RawMessage{}
	}
	delete(fields, key)
	if value != nil {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		fields[key] = text
	}
	text, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func unknownKeyIsAProblem(t testing.TB, s *suite) {
	if _, ok := s.object(); !ok || len(s.plugin.Fields) == 0 {
		return // the config is a scalar or a list, or all its keys are the user's
	}
	const unknown = "qqqqqqqqqqqqqqqqqqqqqqqqqqqq"
	want := sdk.Problem{Path: unknown, Key: true, Message: "unknown field"}
	s.wantProblem(t, s.with(t, unknown, 1), want)
	for _, f := range s.plugin.Fields {
		if len(f.Name) >= 4 { // a shorter name may be nearer to another
			want.Path, want.Message = f.Name+"q", "unknown field, did you mean "
			s.wantProblem(t, s.with(t, want.Path, 1), want)
		}
	}
}

// wantProblem wants a problem with this path whose message begins like this.
func (s *suite) wantProblem(t testing.TB, config []byte, want sdk.Problem) {
	t.Helper()
	problems := s.describe(config).Problems
	for _, p := range problems {
		if p.Path == want.Path && p.Key == want.Key && strings.HasPrefix(p.Message, want.Message) && !p.Warning {
			return
		}
	}
	t.Errorf("config %s: want the problem %q, got %v", config, want.Error()+"…", problems)
}

// wrongTypesAreProblems holds plugins to the words of sdk.Decode, which users
// see whatever process a plugin lives in.
func wrongTypesAreProblems(t testing.TB, s *suite) {
	type nested map[string]int
	wants := map[string]string{"int": "want a whole number", "number": "want a number, got a map",
		"bool": "want true or false, got a map", "string": "want a string, got a map",
		"secret": "want a string, got a map", "duration": "want a scalar, got a map",
		"size": "want a scalar, got a map", "timestamp": "want a scalar, got a map"}
	for _, f := range s.plugin.Fields {
		want, known := wants[f.Type]
		if strings.HasPrefix(f.Type, "list of ") {
			want, known = "want a list, got a map", true
		}
		if known {
			s.wantProblem(t, s.with(t, f.Name, nested{"a": 1}), sdk.Problem{Path: f.Name, Message: want})
		}
		if f.Type == "int" || f.Type == "number" || f.Type == "bool" {
			s.wantProblem(t, s.with(t, f.Name, "so-so"), sdk.Problem{Path: f.Name, Message: "want "})
		}
	}
}

func missingKeysAreProblems(t testing.TB, s *suite) {
	if _, ok := s.object(); !ok {
		return
	}
	for _, f := range s.plugin.Fields {
		if f.Required {
			s.wantProblem(t, s.with(t, f.Name, nil), sdk.Problem{Message: f.Name + " is missing"})
		}
	}
}

func faultyConfigIsNotOpened(t testing.TB, s *suite) {
	// A map is wrong even where the keys are the user's.
	config := s.with(t, "qqqqqqqqqqqqqqqqqqqqqqqqqqqq", map[string]int{})
	if instance, err := s.plugin.Open(t.Context(), config, s.in(), s.world(t)); err == nil {
		instance.Close(t.Context())
		t.Errorf("opening with %s: got no error", config)
	}
}

func describeIsPure(t testing.TB, s *suite) {
	bad := s.with(t, "qqqqqqqqqqqqqqqqqqqqqqqqqqqq", 1)
	for _, config := range [][]byte{[]byte(s.config), bad} {
		before := string(config)
		one, two := s.describe(config), s.describe(config)
		if !reflect.DeepEqual(one, two) {
			t.Errorf("describing %s twice: got %+v and then %+v", config, one, two)
		}
		if string(config) != before {
			t.Errorf("describing %s changed it to %s", before, config)
		}
	}
}
