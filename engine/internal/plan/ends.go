package plan

import (
	"slices"

	"etlengine/plugins/sdk"
)

// ends compares what steps do at the end of the input with whether there is one, and
// whether it is for good.
func (b *builder) ends() {
	for _, p := range b.plan.Pipelines {
		if p.Input == nil || !slices.Contains(p.checked(), p.Input) {
			continue
		}
		endless, grows := b.endless(p), b.grows(p)
		for _, s := range p.checked() {
			at, written := s.Description.AtEnd, b.written(s)
			switch {
			case written == nil:
			case at.Only != "" && endless != "":
				b.add(written, nil, []sdk.Problem{{Path: at.Only, Code: "endless-input",
					Message: "gives nothing before the input ends, and it has no end: " + endless, Hint: at.Hint}})
			case at.Closes != "" && endless == "" && grows != "" && p.Late == nil:
				b.add(written, nil, []sdk.Problem{{Path: at.Closes, Code: "closed-by-end", Warning: true,
					Message: "windows come out when the input ends, but " + grows +
						": a row of a later run for one of them would stop that run", Hint: at.Hint}})
			}
		}
	}
}

// endless is why the input of a pipeline has no end, "" if it has one.
func (b *builder) endless(p *Pipeline) string {
	return b.trace(p, func(d *sdk.Description) string { return d.Endless })
}

// grows is why a later run may read more.
func (b *builder) grows(p *Pipeline) string {
	return b.trace(p, func(d *sdk.Description) string { return d.Grows })
}

// trace asks the inputs at the beginning of a pipeline: those of the pipelines that
// fill what it reads, or its own.
func (b *builder) trace(p *Pipeline, ask func(*sdk.Description) string) string {
	return b.traceFrom(p, ask, map[string]bool{})
}

func (b *builder) traceFrom(p *Pipeline, ask func(*sdk.Description) string, seen map[string]bool) string {
	seen[p.Name] = true
	if len(p.FilledBy) == 0 {
		return ask(&p.Input.Description)
	}
	for _, upstream := range b.plan.Pipelines {
		if seen[upstream.Name] || !slices.Contains(p.FilledBy, upstream.Name) || upstream.Input == nil {
			continue
		}
		if why := b.traceFrom(upstream, ask, seen); why != "" {
			return "pipeline " + upstream.Name + " fills it, and " + why
		}
	}
	return ""
}
