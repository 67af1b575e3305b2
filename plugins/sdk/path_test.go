package sdk

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type pathConfig struct {
	Path Path `json:"path" required:"true" doc:"Where."`
	CA   Path `json:"ca" doc:"What to trust."`
}

func TestWhatIsNoLocalPathIsRefused(t *testing.T) {
	tests := []struct{ path, want string }{
		{"out", ""}, {"./s3:/x", ""}, {"out/a~", ""}, {"./~", ""}, {"/abs/x", ""}, {"in/*.csv", ""}, {"a b", ""},
		{"café", ""}, {"out/x:y", ""},
		{"", `want a path, got ""`},
		{"  ", "is blank"}, {"out ", "white space"}, {"\tout", "white space"}, {"out\n", "white space"},
		{"o\x00ut", "zero byte"}, {"o\x1but", "control characters"},
		{"s3://bucket/x", "files are local"}, {"gs://b/x", "files are local"}, {"HTTPS://h/x", "files are local"},
		{"hdfs:/x", "files are local"}, {"abfss://c@a.net/x", "files are local"},
		{"file:///data/x", "write the path alone"}, {"file:x", "write the path alone"},
		{`C:\data`, "one of Windows"}, {"~", "not expanded"}, {"~/x", "not expanded"}, {"~user/x", "not expanded"},
		{"$HOME/x", "write ${HOME}"}, {"-", "write stdin: {} for an input"}, {"./-", ""}, {"${OUT}/x", "write ${OUT}"},
		{`\\server\share`, "one of Windows"}, {"out/$DAY", "write ${DAY}"}, {"out/$DAY/x", "write ${DAY}"},
		{"%USERPROFILE%/x", "write ${USERPROFILE}"}, {"out/day=%2F", ""}, {"out/a$b", ""}, {"out/50%", ""}, {"out/%d", ""},
		{"out/%Y-%m-%d", "partition_by"}, {"out/{{ ds }}", "partition_by"}, {"out/$(date)", "partition_by"},
		{"a/" + strings.Repeat("n", 256), "names of at most 255 bytes"},
		{strings.Repeat("n/", 2048), "at most 4095 bytes"},
	}
	for _, test := range tests {
		text, _ := json.Marshal(map[string]string{"path": test.path})
		var c pathConfig
		problems := Decode(text, &c)
		if test.want == "" && len(problems) > 0 {
			t.Errorf("%q: %v", test.path, problems)
		}
		if test.want != "" && (len(problems) != 1 || problems[0].Path != "path" ||
			!strings.Contains(problems[0].Message+problems[0].Hint, test.want)) {
			t.Errorf("%q: want %q, got %v", test.path, test.want, problems)
		}
	}
}

func TestOptionalPathMayBeEmpty(t *testing.T) {
	var c pathConfig
	if problems := Decode([]byte(`{"path":"x","ca":""}`), &c); len(problems) > 0 {
		t.Error(problems)
	}
	if problems := Decode([]byte(`{"path":"x","ca":"https://h/ca.pem"}`), &c); len(problems) != 1 {
		t.Errorf("want the address refused, got %v", problems)
	}
}

func TestPathsByWayOfLinksResolveToOne(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{"a": "real", "b": filepath.Join(dir, "a"), "loop": "loop"} {
		if err := os.Symlink(to, filepath.Join(dir, from)); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []Path{"real/x", "a/x", "b/x", "./b/y/../x", Path(filepath.Join(dir, "b/x"))} {
		if got, err := path.Resolve(dir); err != nil || got != filepath.Join(dir, "real/x") {
			t.Errorf("%s: got %s, %v", path, got, err)
		}
	}
	if got, err := Path("loop/x").Resolve(dir); err == nil {
		t.Errorf("a link to itself: want an error, got %s", got)
	}
}
