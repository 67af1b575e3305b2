package plan

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"etlengine/engine/internal/config"
	"etlengine/plugins/sdk"
)

const separator = string(filepath.Separator)

// fileset is the files of a step; path is Files.Path without links.
type fileset struct {
	*sdk.Files
	path string
}

// filesOf returns nil for a step without files of its own.
func filesOf(s *Step) *fileset {
	f := s.Description.Files
	if f == nil {
		return nil
	}
	return &fileset{f, trueName(f.Path)}
}

// trueName is a path without links. Where they cannot be followed, opening the
// path will say so.
func trueName(path sdk.Path) string {
	name, err := path.Resolve("")
	if err != nil {
		name, _ = filepath.Abs(string(path))
	}
	return name
}

// outsideState refuses files in the state directory, in which the engine removes
// what it does not know, and an output that is the root of the file system.
func (b *builder) outsideState(step *Step) {
	f := filesOf(step)
	if f == nil {
		return
	}
	message, hint := "", "choose a path outside of it"
	state := trueName(sdk.Path(b.plan.StateDir))
	switch {
	case f.path == state || strings.HasPrefix(f.path, state+separator):
		message = "is inside the state directory " + b.plan.StateDir + ", which is the engine's"
	case step.Plugin.Kind == sdk.KindSink && f.path == separator:
		message, hint = "leads to "+separator+", beside which nothing can be staged", "want a folder below another one"
	default:
		return
	}
	b.add(b.written(step), nil, []sdk.Problem{{Path: f.Key, Code: sdk.CodeBadValue,
		Message: string(f.Path) + " " + message, Hint: hint}})
}

// noFiles warns of inputs that nothing is there for now, once all else is right. A
// run refuses them; the files may come before it.
func (b *builder) noFiles() {
	if slices.ContainsFunc(b.problems, func(p config.Problem) bool { return !p.Warning }) {
		return
	}
	for _, p := range b.plan.Pipelines {
		if p.Input == nil || len(p.FilledBy) > 0 {
			continue
		}
		f := filesOf(p.Input)
		if f == nil || f.exist() {
			continue
		}
		b.add(b.written(p.Input), nil, []sdk.Problem{{Path: f.Key, Code: "no-files", Warning: true,
			Message: "no file matches " + string(f.Path) + " now",
			Hint:    "a run needs one, or an existing folder; paths are relative to where the engine is started"}})
	}
}

// exist reports whether there is a file of that path, or a folder, empty or not.
func (f *fileset) exist() bool {
	if _, err := os.Stat(string(f.Path)); err == nil {
		return true
	}
	found, err := filepath.Glob(string(f.Path))
	return err != nil || len(found) > 0
}

// cover reports whether a source would read a file that a sink writes: a source
// of a folder reads the files with its suffixes there and in folders column=value.
func (f *fileset) cover(w *fileset) bool {
	if f == nil || w == nil {
		return false
	}
	reads, writes := strings.Split(f.path, separator), strings.Split(w.path, separator)
	suffix := w.Suffixes[0]
	wanted := slices.ContainsFunc(f.Suffixes, func(s string) bool { return strings.HasSuffix(suffix, s) })
	n := len(reads)
	if n <= len(writes) {
		skipped := passedOver(writes[n-1]) && !passedOver(reads[n-1])
		return wanted && matches(reads, writes[:n]) && !skipped && allColumns(writes[n:])
	}
	if !matches(reads[:len(writes)], writes) {
		return false
	}
	switch below := reads[len(writes):]; {
	case len(below) <= w.Levels:
		return wanted && mayBeColumns(below)
	case len(below) == w.Levels+1:
		file := below[w.Levels]
		found, _ := filepath.Match(file, "part.engine.pipeline.step.00000001-0001"+suffix)
		return found && mayBeColumns(below[:w.Levels])
	}
	return false
}

// matches reports whether each name is that of its pattern, as a glob has it.
func matches(patterns, names []string) bool {
	for i, name := range names {
		found, err := filepath.Match(patterns[i], name)
		if patterns[i] != name && (err != nil || !found) {
			return false
		}
	}
	return true
}

func allColumns(names []string) bool {
	return !slices.ContainsFunc(names, func(name string) bool {
		return passedOver(name) || !strings.Contains(name, "=")
	})
}

func mayBeColumns(patterns []string) bool {
	return !slices.ContainsFunc(patterns, func(p string) bool { return !strings.ContainsAny(p, "=*?[") })
}

func passedOver(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")
}
