package config

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"etlengine/engine/internal/yamlfix"
)

// topLine is a key at the left edge, for files that are YAML only after Benthos
// has put the variables in.
var topLine = regexp.MustCompile(`(?m)^["']?([a-z_]+)["']?[ \t]*:`)

// plainKey is the key at the top of a text that makes it a plain Benthos config, with
// where it stands; its name is "" if there is none. The text may not be YAML yet.
func plainKey(text string, alone bool) topKey {
	root, ok := yamlfix.Parse(text)
	if !ok {
		var keys []topKey
		for _, at := range topLine.FindAllStringSubmatchIndex(text, -1) {
			keys = append(keys, topKey{text[at[2]:at[3]], 1 + strings.Count(text[:at[0]], "\n"), 1})
		}
		return ofBenthos(keys, true, alone)
	}
	if root == nil || len(root.Content) == 0 {
		return topKey{}
	}
	return ofBenthos(keysOf(root.Content[0]), isPipeline(root.Content[0]), alone)
}

// topKey is a key at the top of a file.
type topKey struct {
	name         string
	line, column int
}

// theirs are keys that only Benthos has at the top of a file.
var theirs = []string{"input", "output", "buffer", "logger", "metrics", "tracer", "tests", "error_handling",
	"shutdown_timeout", "shutdown_delay"}

// ours are keys that only this engine has there. The address under http is a map
// with Benthos, and a text here, which is for the reader of each to say.
var ours = []string{"pipelines", "defaults", "schemas", "plugins", "state_dir", "checkpoint_interval"}

// ofBenthos finds the first key that only Benthos has at the top. A pipeline
// alone may also be pipelines misspelt. Resources are in files of both; where
// the file is alone, and has nothing of ours, it is one of Benthos's.
func ofBenthos(keys []topKey, pipeline, alone bool) topKey {
	isOurs := slices.ContainsFunc(keys, func(k topKey) bool { return slices.Contains(ours, k.name) })
	at := slices.IndexFunc(keys, func(k topKey) bool {
		return k.name == "input" || k.name == "output" || k.name == "pipeline" && pipeline
	})
	if at < 0 && !isOurs {
		at = slices.IndexFunc(keys, func(k topKey) bool {
			return slices.Contains(theirs, k.name) || alone && slices.Contains(resourceKeys, k.name)
		})
	}
	if at < 0 || slices.ContainsFunc(keys, func(k topKey) bool { return k.name == "pipelines" }) {
		return topKey{}
	}
	return keys[at]
}

func keysOf(y *yaml.Node) []topKey {
	var keys []topKey
	for i := 0; y.Kind == yaml.MappingNode && i < len(y.Content); i += 2 {
		key := y.Content[i]
		keys = append(keys, topKey{key.Value, key.Line, key.Column})
	}
	return keys
}

// isPipeline reports whether what stands under pipeline is what Benthos has there.
func isPipeline(top *yaml.Node) bool {
	at := slices.IndexFunc(keysOf(top), func(k topKey) bool { return k.name == "pipeline" })
	if at < 0 {
		return false
	}
	value := top.Content[2*at+1]
	keys := keysOf(value)
	if len(keys) == 0 {
		return value.Kind == yaml.MappingNode || value.Tag == "!!null"
	}
	return slices.ContainsFunc(keys, func(k topKey) bool { return k.name == "processors" || k.name == "threads" })
}

// plain reports whether a file is a plain Benthos config, by its top level. Such a
// file is Benthos's as it is: its variables are filled in before it is parsed,
// its linter finds what is wrong. Only one can run at a time.
func (f *File) plain(o Options, opened map[string]opened, report func(Problem)) bool {
	for _, path := range o.Paths {
		src := opened[path].src // read reports what is wrong with it
		if src == nil {
			continue
		}
		key := plainKey(src.text, len(o.Paths) == 1)
		if key.name == "" {
			continue
		}
		f.sources[path], f.Plain = src, src.text
		if src.brokenPlain(o, report) {
			return true
		}
		fail := func(message, hint string) {
			report(Problem{Position: src.at(key.line, key.column), Path: key.name, Code: "two-shapes",
				Message: message, Hint: hint})
		}
		const one = "a file with %s at its top is a plain Benthos config, which "
		what := strings.Replace(one, "%s", key.name, 1)
		if len(o.Paths) > 1 {
			fail(what+"runs alone", "for a pipeline of this engine move it to pipelines.NAME."+inOurs(key.name))
		}
		return true
	}
	return false
}

// brokenPlain reports what is wrong with the YAML of a plain config, as it is for
// files of ours. One that is YAML only with its variables in it is not broken.
func (s *source) brokenPlain(o Options, report func(Problem)) bool {
	if !s.unparsed() || o.FillPlain == nil {
		return false
	}
	if _, ok := yamlfix.Parse(o.FillPlain(s.text)); ok {
		return false
	}
	s.parse(report)
	return true
}

// readOthers reads the files, named by a flag, that belong to a plain config.
func (f *File) readOthers(flag string, patterns []string, o Options, report func(Problem)) []Text {
	var texts []Text
	for _, pattern := range patterns {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			report(Problem{Position: Position{Text: flag + pattern}, Code: "file-not-found",
				Message: "there is no such file"})
		}
		for _, path := range paths {
			src, problem := readSource(path, o.Stdin)
			if src != nil {
				f.sources[path] = src
				f.Secrets.AddText(src.text, o.LookupEnv)
			}
			if problem != nil {
				report(*problem)
			} else if !src.brokenPlain(o, report) {
				texts = append(texts, Text{path, src.text})
			}
		}
	}
	return texts
}
