package sdk

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

type inner struct {
	Size  Bytes    `json:"size"`
	Every Duration `json:"every"`
}

type shared struct {
	Path string `json:"path" required:"true" doc:"Where."`
}

type call struct {
	Call  string `json:"call"`
	Where string `json:"where"`
}

func (c *call) FromText(text string) error {
	if !strings.HasSuffix(text, ")") {
		return fmt.Errorf("want a call such as count(), got %s", text)
	}
	c.Call = text
	return nil
}

type sample struct {
	shared
	Count      int64         `json:"count" doc:"How many."`
	Rate       *float64      `json:"rate"`
	Brokers    []string      `json:"brokers" alias:"seed_brokers,bootstrap_servers"`
	On         bool          `json:"on"`
	Delimiter  string        `json:"delimiter"`
	Password   Secret        `json:"password"`
	Roll       inner         `json:"roll"`
	Aggregates Ordered[call] `json:"aggregates"`
	Schema     Schema        `json:"schema"`
}

func (s *sample) Validate() error {
	var all []error
	if s.Count < 1 {
		all = append(all, Fieldf("count", "want at least 1, got %d", s.Count))
	}
	if s.Delimiter == "" {
		all = append(all, Fieldf("delimiter", "want one character"))
	}
	return errors.Join(all...)
}

func defaults() sample {
	return sample{Count: 1, Delimiter: ",", Roll: inner{Size: 128 << 20, Every: Duration(time.Minute)}}
}

func TestProblemsOfAConfig(t *testing.T) {
	tests := []struct{ name, config, want string }{
		{"defaults are valid", `{"path": "x"}`, ""},
		{"required", `{}`, "path is missing (it is required: Where.)"},
		{"unknown field", `{"path": "x", "cuont": 1}`, "cuont: unknown field, did you mean count?"},
		{"a neighbour's name", `{"path": "x", "seed_brokers": []}`, "seed_brokers: unknown field, did you mean brokers?"},
		{"nothing near", `{"path": "x", "zzzzzz": 1}`, "zzzzzz: unknown field (have path, count, rate, brokers, " +
			"on, delimiter, password, roll, aggregates, schema)"},
		{"nested unknown", `{"path": "x", "roll": {"sise": 1}}`, "roll.sise: unknown field, did you mean size?"},
		{"out of range", `{"path": "x", "count": 0}`, "count: want at least 1, got 0"},
		{"not a number", `{"path": "x", "count": "many"}`, `count: want a whole number, got "many"`},
		{"not a whole number", `{"path": "x", "count": 1.5}`, "count: want a whole number, got 1.5"},
		{"not a flag", `{"path": "x", "on": "maybe"}`, `on: want true or false, got "maybe"`},
		{"a map for a scalar", `{"path": {}}`, "path: want a string, got a map"},
		{"a scalar for a map", `{"path": "x", "roll": 1}`, "roll: want a map, got 1"},
		{"duration", `{"path": "x", "roll": {"every": "10"}}`,
			`roll.every: want a duration such as 500ms, 10s or 1h30m, got 10; write 10s for seconds`},
		{"size", `{"path": "x", "roll": {"size": "-1MB"}}`, `roll.size: want a size such as 64KB or 128MB, got "-1MB"`},
		{"empty scalar", `{"path": null}`, "path: want a string, got nothing " +
			`(quote it: "" for the empty string, "|" or "#" for a mark that YAML reads itself)`},
		{"short form", `{"path": "x", "aggregates": {"n": "count"}}`,
			"aggregates.n: want a call such as count(), got count"},
		{"all at once", `{"count": 0, "delimiter": "", "on": 7}`,
			"on: want true or false, got 7; path is missing (it is required: Where.)"},
		{"column type", `{"path": "x", "schema": {"a": "strin"}}`,
			`schema.a: no type named "strin", did you mean string?`},
		{"nameless column", `{"path": "x", "schema": {"a": "string", "": "string"}}`,
			"schema: a column needs a name: number 2 has none"},
		{"engine's column", `{"path": "x", "schema": {"_a": "string"}}`,
			"schema._a: columns that begin with _ are the engine's; choose another name " +
				"(from: _a reads the key into a column of another name)"},
		{"not JSON", `{`, "reading the config: EOF"},
		{"two values", `{} {}`, "reading the config: text after the config"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := defaults()
			var got []string
			for _, p := range Decode([]byte(test.config), &c) {
				got = append(got, p.Error())
			}
			if text := strings.Join(got, "; "); text != test.want {
				t.Errorf("got  %s\nwant %s", text, test.want)
			}
		})
	}
}

func TestTextGetsTheTypeOfItsField(t *testing.T) {
	c := defaults()
	problems := Decode([]byte(`{"path": 7, "count": "12", "rate": "0.5", "brokers": "a:1, b:2", "on": "true",
		"roll": {"size": "64KiB", "every": "2d"}, "password": "s3cret",
		"aggregates": {"z": "count()", "a": {"call": "sum(x)", "where": "x > 1"}},
		"schema": {"z": "int64", "a": {"type": "timestamp", "format": "unix_ms", "required": true}}}`), &c)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if c.Path != "7" || c.Count != 12 || *c.Rate != 0.5 || !c.On {
		t.Errorf("scalars: got %q %d %v %v", c.Path, c.Count, *c.Rate, c.On)
	}
	if !slices.Equal(c.Brokers, []string{"a:1", "b:2"}) {
		t.Errorf("a list out of one text: got %q", c.Brokers)
	}
	if c.Roll.Size != 64<<10 || time.Duration(c.Roll.Every) != 48*time.Hour {
		t.Errorf("size and duration: got %v %v", c.Roll.Size, c.Roll.Every)
	}
	want := Ordered[call]{{"z", call{Call: "count()"}}, {"a", call{Call: "sum(x)", Where: "x > 1"}}}
	if !reflect.DeepEqual(c.Aggregates, want) {
		t.Errorf("aggregates in their order: got %+v", c.Aggregates)
	}
	if got := c.Schema.Arrow().String(); !strings.Contains(got, "z: type=int64") ||
		strings.Index(got, "z: type=int64") > strings.Index(got, "a: type=timestamp") {
		t.Errorf("schema: got %s", got)
	}
	for _, printed := range []string{fmt.Sprint(c.Password), fmt.Sprintf("%#v", c.Password), fmt.Sprintf("%+v", c)} {
		if strings.Contains(printed, "s3cret") {
			t.Errorf("a secret prints itself: %s", printed)
		}
	}
	if c.Password.Reveal() != "s3cret" {
		t.Error("the secret is lost")
	}
}

func TestEmptyListEmptiesTheDefault(t *testing.T) {
	c := sample{Brokers: []string{"default:1"}}
	Decode([]byte(`{"brokers": ""}`), &c)
	if len(c.Brokers) != 0 {
		t.Errorf("got %q, want none", c.Brokers)
	}
}

func TestDecodingLeavesTheDefaultsAlone(t *testing.T) {
	rate := 1.0
	original := sample{Rate: &rate, Brokers: []string{"a"}}
	c := original
	Decode([]byte(`{"rate": 2, "brokers": ["b"]}`), &c)
	if rate != 1 || original.Brokers[0] != "a" {
		t.Errorf("the defaults became %v %v", rate, original.Brokers)
	}
}

func TestFieldsDocumentTheStruct(t *testing.T) {
	fields := FieldsOf(defaults())
	var got []string
	for _, f := range fields {
		got = append(got, fmt.Sprintf("%s %s %s %v", f.Name, f.Type, f.Default, f.Required))
	}
	want := []string{"path string  true", "count int 1 false", "rate number  false",
		"brokers list of string  false", "on bool false false", "delimiter string , false",
		"password secret  false", "roll map  false", "aggregates map of map  false", "schema schema  false"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if roll := fields[7].Fields; len(roll) != 2 || roll[0].Default != "128MB" || roll[1].Default != "1m" {
		t.Errorf("nested: got %+v", roll)
	}
}

func TestNearest(t *testing.T) {
	known := []string{"count", "brokers", "batch_size", "of"}
	tests := []struct{ name, want string }{
		{"cuont", "count"}, {"Count", "count"}, {"broker", "brokers"}, {"batchsize", "batch_size"},
		{"xyz", ""}, {"", ""}, {"fo", "of"},
	}
	for _, test := range tests {
		if got := Nearest(test.name, known); got != test.want {
			t.Errorf("nearest to %q: got %q, want %q", test.name, got, test.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"path": "x", "roll": {"size": "1MB"}, "schema": {"a": "list(int64)"}}`))
	f.Add([]byte(`{"aggregates": {"a": {"call": 1}}, "brokers": [[]]}`))
	f.Add([]byte(`"text"`))
	f.Fuzz(func(t *testing.T, config []byte) {
		c := defaults()
		problems := Decode(config, &c)
		if len(problems) == 0 && len(c.Schema) > 0 {
			c.Schema.Arrow() // panics if validation let something through
		}
	})
}

// choice takes a list, a map of new names, or its own keys.
type choice struct {
	Keep  []string `json:"keep"`
	names Ordered[string]
}

func (c *choice) Short(s Shape) any {
	switch {
	case s.List:
		return &c.Keep
	case s.Flat && !slices.Contains(s.Keys, "keep"):
		return &c.names
	}
	return nil
}

func (c *choice) Validate() error {
	if len(c.Keep)+len(c.names) == 0 {
		return errors.New("want something")
	}
	return nil
}

func TestAStructMayBeAListOrAMap(t *testing.T) {
	tests := []struct{ name, config, want string }{
		{"a list", `["a", "b"]`, "[a b] []"},
		{"a scalar is a list", `"a, b"`, "[a b] []"},
		{"a map, in order", `{"z": "a", "b": "c"}`, "[] [{z a} {b c}]"},
		{"its own keys", `{"keep": ["a"]}`, "[a] []"},
		{"its own key, as text", `{"keep": "a"}`, "[a] []"},
		{"nested: its own keys", `{"kep": ["a"]}`, "kep: unknown field, did you mean keep?"},
		{"a list of the wrong things", `[["a"]]`, "0: want a string, got a list"},
		{"a map of the wrong things", `{"a": null}`, "a: want a string, got nothing"},
		{"validated as a whole", `[]`, "want something"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var c choice
			var got string
			if problems := Decode([]byte(test.config), &c); len(problems) > 0 {
				got, _, _ = strings.Cut(problems[0].Error(), " (")
			} else {
				got = fmt.Sprint(c.Keep, c.names)
			}
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
