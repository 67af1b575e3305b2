package files

import (
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"

	"etlengine/plugins/kit/durable"
)

// names makes and recognises the names of one sink's files:
//
//	part.<engine>.<pipeline>.<step>.<epoch>-<number>.csv            published
//	part.<engine>.<pipeline>.<step>.<epoch>-<number>.<incarnation>  hidden
//
// Hidden names never end in the suffix of a format. The incarnation is random
// at every open: a file that an earlier life left behind is never mistaken for
// one of this life.
type names struct {
	owner       string // <engine>.<pipeline>.<step>
	engine      string
	pipeline    string
	suffix      string
	incarnation string
}

func newNames(engine, pipeline, step, suffix string) names {
	id, line := durable.EscapeName(engine), durable.EscapeName(pipeline)
	return names{engine: id, pipeline: line, owner: id + "." + line + "." + durable.EscapeName(step),
		suffix: suffix, incarnation: strings.ToLower(rand.Text()[:10])}
}

func (n names) final(epoch uint64, number int, suffix string) string {
	return fmt.Sprintf("part.%s.%08d-%04d%s", n.owner, epoch, number, suffix)
}

func (n names) hidden(epoch uint64, number int) string {
	return fmt.Sprintf("part.%s.%08d-%04d.%s", n.owner, epoch, number, n.incarnation)
}

// ownsHidden tells whether a hidden file was made by this engine's step.
func (n names) ownsHidden(name string) bool {
	rest, ok := strings.CutPrefix(name, "part."+n.owner+".")
	if !ok {
		return false
	}
	place, incarnation, ok := strings.Cut(rest, ".")
	_, isPlace := epochOf(place)
	return ok && isPlace && incarnation != "" && !strings.Contains(incarnation, ".")
}

// madeHidden tells whether a hidden file was made by any step of this engine's
// pipeline: labels shift when a config changes.
func (n names) madeHidden(name string) bool {
	parts := strings.Split(name, ".")
	return len(parts) == 6 && n.made(parts) && parts[5] != ""
}

// madeFinal is madeHidden for published names.
func (n names) madeFinal(name string, suffixes []string) bool {
	for _, suffix := range suffixes {
		if rest, ok := strings.CutSuffix(name, suffix); ok {
			parts := strings.Split(rest, ".")
			return len(parts) == 5 && n.made(parts)
		}
	}
	return false
}

func (n names) made(parts []string) bool {
	o, ok := ownerOf(parts)
	return ok && o.engine == n.engine && o.pipeline == n.pipeline
}

// otherHidden tells whether a hidden file was made by another pipeline of this
// engine.
func (n names) otherHidden(name string) bool {
	parts := strings.Split(name, ".")
	o, ok := ownerOf(parts)
	return ok && len(parts) == 6 && parts[5] != "" && o.engine == n.engine && o.pipeline != n.pipeline
}

// published takes the name of a data file apart. ok is false if no engine made it.
func (n names) published(name string) (o owner, ok bool) {
	name, ok = strings.CutSuffix(name, n.suffix)
	if !ok {
		return owner{}, false
	}
	parts := strings.Split(name, ".")
	if len(parts) != 5 {
		return owner{}, false
	}
	return ownerOf(parts)
}

// owner is what the name of a file says of who made it.
type owner struct {
	engine, pipeline string
	epoch            uint64
}

func ownerOf(parts []string) (o owner, ok bool) {
	if len(parts) < 5 || parts[0] != "part" {
		return owner{}, false
	}
	epoch, ok := epochOf(parts[4])
	return owner{parts[1], parts[2], epoch}, ok
}

func epochOf(place string) (uint64, bool) {
	epoch, number, ok := strings.Cut(place, "-")
	if !ok {
		return 0, false
	}
	e, errE := strconv.ParseUint(epoch, 10, 64)
	_, errN := strconv.ParseUint(number, 10, 64)
	return e, errE == nil && errN == nil
}
