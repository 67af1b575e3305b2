package config

import (
	"cmp"
	"slices"
	"strings"

	"etlengine/plugins/sdk"
)

// maxProblems bounds what is said of a file that is not a config at all.
const maxProblems = 500

// Load reads and merges what o names. It reports everything wrong at once;
// with problems the file may be partly there, but it is never nil.
func Load(o Options) (*File, []Problem) {
	f := &File{Root: &Node{kind: Map}, Paths: o.Paths, StateDir: DefaultStateDir,
		CheckpointInterval: DefaultCheckpointInterval, Secrets: &Secrets{}, sources: map[string]*source{}}
	var problems []Problem
	report := func(p Problem) {
		if len(problems) < maxProblems {
			problems = append(problems, p)
		}
	}
	opened := openSources(o)
	for _, one := range opened {
		if one.src != nil && (one.problem != nil || one.src.unparsed()) {
			f.Secrets.AddText(one.src.text, o.LookupEnv)
		}
	}
	for _, assignment := range o.Set {
		f.Secrets.AddText(assignment, o.LookupEnv)
	}
	if f.plain(o, opened, report) {
		f.Secrets.AddText(f.Plain, o.LookupEnv)
		f.PlainSet = o.Set
		f.PlainResources = f.readOthers("--resources ", o.Resources, o, report)
		f.PlainTemplates = f.readOthers("--templates ", o.Templates, o, report)
		return f, f.sorted(problems)
	}
	for _, path := range o.Resources {
		report(Problem{Position: Position{Text: "--resources " + path}, Code: "two-shapes",
			Message: "resources of other files are for plain Benthos configs",
			Hint:    "here files are laid over each other: name it beside the others"})
	}
	for _, path := range o.Templates {
		report(Problem{Position: Position{Text: "--templates " + path}, Code: "two-shapes",
			Message: "templates are for plain Benthos configs", Hint: "write the components out"})
	}
	trees := f.read(opened, report)
	if len(trees) < len(o.Paths) || len(trees) == 0 {
		if len(o.Paths) == 0 {
			report(Problem{Code: "file-not-found", Message: "no file is named", Hint: "name a YAML file"})
		}
		// What is missing from one file may be in the one that cannot be read.
		return f, f.sorted(problems)
	}
	for _, tree := range trees { // what another file wins over is quoted all the same
		f.Secrets.addTree(tree, false)
	}
	f.Root = mergeFiles(trees)
	if len(o.Set) > 0 {
		s := newSetter(f.Root, report)
		for _, assignment := range o.Set {
			s.set(assignment)
		}
	}
	f.Secrets.addTree(f.Root, false)
	variables := &expander{lookup: o.LookupEnv, sources: f.sources, report: report}
	variables.expand(f.Root, "")
	f.Secrets.addTree(f.Root, false)
	r := &reader{file: f, report: report, meant: map[string]bool{}}
	r.top()
	return f, f.sorted(problems)
}

// read parses every file that can be; those that cannot are reported and left out.
func (f *File) read(opened map[string]opened, report func(Problem)) []*Node {
	var trees []*Node
	for _, path := range f.Paths {
		src := opened[path].src
		if src != nil {
			f.sources[path] = src
		}
		if problem := opened[path].problem; problem != nil {
			report(*problem)
			continue
		}
		if root, ok := src.parse(report); ok {
			if tree := src.build(root, report); tree != nil {
				trees = append(trees, tree)
			}
		}
	}
	return trees
}

// With adds to what Load found what was found in the plan of the same file. What
// comes only of a fault that Load found is left out: the value that would be
// refused is not the one that was meant.
func (f *File) With(loaded, planned []Problem) []Problem {
	var positions []Position
	paths, unfilled := map[string]bool{}, false
	for _, p := range loaded {
		if p.Line > 0 {
			positions = append(positions, p.Position)
		}
		paths[p.Path] = p.Path != "" || paths[p.Path]
		unfilled = unfilled || strings.HasSuffix(p.Code, "-variable")
	}
	all := slices.Clone(loaded)
	for _, p := range planned {
		same := func(at Position) bool { return at.File == p.File && at.Line == p.Line && at.Column == p.Column }
		// Without their variables, different topics or folders look like one.
		linked := p.Code == "circle" || p.Code == "two-writers"
		value := paths[p.Path] && p.Code != sdk.CodeUnknownField // which is about the key
		if !value && !slices.ContainsFunc(positions, same) && !(unfilled && linked) {
			all = append(all, p)
		}
	}
	return f.sorted(all)
}

// sorted puts problems in the order of the files and removes what is said twice,
// such as a fault in an anchor that several aliases copy.
func (f *File) sorted(problems []Problem) []Problem {
	order := func(p Problem) int {
		if p.File == "" { // --set comes last
			return len(f.Paths)
		}
		return slices.Index(f.Paths, p.File)
	}
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(order(a), order(b)),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column),
		)
	})
	said := map[Problem]bool{}
	return slices.DeleteFunc(problems, func(p Problem) bool {
		if p.Line > 0 {
			p.Path = "" // each copy has its own, the position is the same
		}
		twice := said[p]
		said[p] = true
		return twice
	})
}
