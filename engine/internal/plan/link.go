package plan

import (
	"slices"
	"strings"

	"etlengine/engine/internal/config"
	"etlengine/plugins/sdk"
)

// services collects what the steps need, and its settings from the defaults.
func (b *builder) services() {
	for _, p := range b.plan.Pipelines {
		for _, s := range p.checked() {
			for _, name := range s.Description.Needs {
				b.service(s, name)
			}
		}
	}
}

func (b *builder) service(s *Step, name string) {
	if slices.ContainsFunc(b.plan.Services, func(s *Service) bool { return s.Plugin.Name == name }) {
		return
	}
	plugin, ok := b.catalog.Find(sdk.KindService, name)
	if !ok {
		b.fail(config.Position{Text: s.Where}, s.Path, "unknown-plugin",
			s.Plugin.Name+" needs the service "+name+", which this engine does not have", "")
		return
	}
	service := &Service{Plugin: plugin, Config: []byte("{}")}
	if settings := b.file.Defaults.Get(name); settings.Kind() == config.Map {
		service.Config = settings.JSON()
	}
	b.plan.Services = append(b.plan.Services, service)
}

// unused warns of defaults that reach nothing.
func (b *builder) unused() {
	used := map[string]bool{}
	var all, checked []*Step
	for _, p := range b.plan.Pipelines {
		all, checked = append(all, p.Steps()...), append(checked, p.checked()...)
	}
	for _, s := range all {
		used[s.Plugin.Name] = true
	}
	for _, s := range b.plan.Services {
		used[s.Plugin.Name] = true
	}
	for _, name := range b.file.Defaults.Keys() {
		if b.settings(name) || len(all) > len(checked) {
			continue // the step that does may be one with a fault
		}
		if !used[name] && len(b.catalog.Named(name)) > 0 {
			b.problems = append(b.problems, config.Problem{Position: b.file.Defaults.KeyPos(name),
				Path: "defaults." + name, Code: "unused-default", Message: "no step uses " + name, Warning: true})
		}
	}
}

// settings checks those of a service, and reports whether something is wrong.
func (b *builder) settings(name string) bool {
	plugin, ok := b.catalog.Find(sdk.KindService, name)
	settings := b.file.Defaults.Get(name)
	if !ok || settings.Kind() != config.Map {
		return false
	}
	problems := plugin.Describe(settings.JSON(), nil).Problems
	for _, p := range problems {
		b.problems = append(b.problems, config.Problem{Position: settings.Locate(p.Path, p.Key),
			Path: joined("defaults."+name, p.Path), Code: code(p), Message: p.Message, Hint: p.Hint,
			Warning: p.Warning})
	}
	return len(problems) > 0
}

// checked lists the steps whose config the plugin accepted, but for misspelt keys.
func (p *Pipeline) checked() []*Step {
	return slices.DeleteFunc(p.Steps(), func(s *Step) bool {
		return !s.Description.Usable
	})
}

// writer is a sink and what it fills.
type writer struct {
	pipeline *Pipeline
	step     *Step
}

// link finds which pipelines fill what others read, puts the upstreams first,
// and refuses circles and outputs in one folder.
func (b *builder) link() {
	var writers []writer
	var folders []filled
	for _, p := range b.plan.Pipelines {
		for _, s := range p.checked() {
			b.outsideState(s)
			if s.Plugin.Kind != sdk.KindSink {
				continue
			}
			writers = append(writers, writer{p, s})
			for _, r := range s.Description.Resources {
				folders = b.apart(r, s, folders)
			}
		}
	}
	for _, p := range b.plan.Pipelines {
		if p.Input == nil || !slices.Contains(p.checked(), p.Input) {
			continue
		}
		for _, w := range writers {
			if w.step.Fills(p.Input) && !slices.Contains(p.FilledBy, w.pipeline.Name) {
				p.FilledBy = append(p.FilledBy, w.pipeline.Name)
			}
		}
	}
	b.order()
}

// Fills reports whether a source reads what the step, a sink, writes.
func (s *Step) Fills(source *Step) bool {
	reads := source.Description.Resources
	shared := func(r string) bool { return slices.Contains(reads, r) }
	return slices.ContainsFunc(s.Description.Resources, shared) || filesOf(source).cover(filesOf(s))
}

// position of a planned step in the file.
func (b *builder) position(step *Step) config.Position {
	if s := b.written(step); s != nil {
		return s.Node.KeyPos(s.Plugin)
	}
	return config.Position{}
}

// written is a planned step as the file has it, or nil.
func (b *builder) written(step *Step) *config.Step {
	for _, p := range b.file.Pipelines {
		steps := append([]*config.Step{p.Input}, p.Processors...)
		for _, o := range p.Outputs {
			steps = append(append(steps, o.Processors...), o.Steps...)
		}
		steps = append(steps, p.Late, p.DeadLetters)
		for _, s := range steps {
			if s != nil && s.Path == step.Path {
				return s
			}
		}
	}
	return nil
}

// order sorts the pipelines so that each comes after those that fill it.
func (b *builder) order() {
	var sorted []*Pipeline
	done := map[string]bool{}
	for len(sorted) < len(b.plan.Pipelines) {
		before := len(sorted)
		for _, p := range b.plan.Pipelines {
			waits := slices.ContainsFunc(p.FilledBy, func(f string) bool { return !done[f] })
			if !done[p.Name] && !waits {
				sorted, done[p.Name] = append(sorted, p), true
			}
		}
		if len(sorted) == before {
			b.circle(done)
			return
		}
	}
	b.plan.Pipelines = sorted
}

func (b *builder) circle(done map[string]bool) {
	for _, p := range b.plan.Pipelines {
		if done[p.Name] {
			continue
		}
		way := ""
		if !slices.Equal(p.FilledBy, []string{p.Name}) {
			way = ", by way of " + strings.Join(p.FilledBy, ", ")
		}
		b.fail(b.position(p.Input), p.Input.Path, "circle", "pipeline "+p.Name+" reads what it fills itself"+way,
			"a circle would never end; read from another topic or folder")
		return
	}
}
