package staging

import (
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"

	"etlengine/plugins/kit/durable"
	"etlengine/plugins/sdk"
)

// Names makes and recognises the names of one output's files:
//
//	part.<engine>.<pipeline>.<step>.<epoch>-<number><suffix>        visible
//	part.<engine>.<pipeline>.<step>.<epoch>-<number>.<incarnation>  staged
//
// Staged names never end in the suffix of a format.
type Names struct {
	Engine, Pipeline string // escaped
	owner            string // <engine>.<pipeline>.<step>
	incarnation      string
}

// NewNames is the names of a step's files in this life.
func NewNames(env sdk.Env) Names {
	id, line := durable.EscapeName(env.EngineID), durable.EscapeName(env.Pipeline)
	return Names{Engine: id, Pipeline: line, owner: id + "." + line + "." + durable.EscapeName(env.Step),
		incarnation: Incarnation()}
}

// Incarnation is random: what an earlier life left behind, or one with a copy of the
// state directory, is never mistaken for what this one made.
func Incarnation() string { return strings.ToLower(rand.Text()[:IncarnationBytes]) }

// IncarnationBytes is the length of an Incarnation.
const IncarnationBytes = 10

// Visible is the name under which readers see a file.
func (n Names) Visible(epoch uint64, number int, suffix string) string {
	return fmt.Sprintf("part.%s.%08d-%04d%s", n.owner, epoch, number, suffix)
}

// Staged is the name of a file that waits for its epoch.
func (n Names) Staged(epoch uint64, number int) string {
	return fmt.Sprintf("part.%s.%08d-%04d.%s", n.owner, epoch, number, n.incarnation)
}

// OwnsStaged reports whether a staged file was made by this engine's step.
func (n Names) OwnsStaged(name string) bool {
	ending, ok := strings.CutPrefix(name, "part."+n.owner+".")
	if !ok {
		return false
	}
	number, incarnation, ok := strings.Cut(ending, ".")
	_, numbered := epochOf(number)
	return ok && numbered && incarnation != "" && !strings.Contains(incarnation, ".")
}

// MadeStaged reports whether a staged file was made by any step of this engine's
// pipeline: labels shift when a config changes.
func (n Names) MadeStaged(name string) bool {
	o, ok := StagedOwner(name)
	return ok && n.Mine(o)
}

// MadeVisible is MadeStaged for visible names, which end in one of the suffixes.
func (n Names) MadeVisible(name string, suffixes []string) bool {
	for _, suffix := range suffixes {
		if strings.HasSuffix(name, suffix) {
			o, ok := VisibleOwner(name, suffix)
			return ok && n.Mine(o)
		}
	}
	return false
}

// Mine reports whether a file is of this engine's pipeline.
func (n Names) Mine(o Owner) bool { return o.Engine == n.Engine && o.Pipeline == n.Pipeline }

// Owner is what the name of a file says of who made it, escaped as in the name.
type Owner struct {
	Engine, Pipeline string
	Epoch            uint64
}

// VisibleOwner takes the name of a visible file apart. ok is false if no engine made it.
func VisibleOwner(name, suffix string) (o Owner, ok bool) {
	name, ok = strings.CutSuffix(name, suffix)
	if parts := strings.Split(name, "."); ok && len(parts) == 5 {
		return ownerOf(parts)
	}
	return Owner{}, false
}

// StagedOwner is VisibleOwner for a staged file.
func StagedOwner(name string) (o Owner, ok bool) {
	if parts := strings.Split(name, "."); len(parts) == 6 && parts[5] != "" {
		return ownerOf(parts)
	}
	return Owner{}, false
}

func ownerOf(parts []string) (o Owner, ok bool) {
	epoch, ok := epochOf(parts[4])
	return Owner{parts[1], parts[2], epoch}, ok && parts[0] == "part"
}

func epochOf(number string) (uint64, bool) {
	epoch, file, ok := strings.Cut(number, "-")
	if !ok {
		return 0, false
	}
	e, errE := strconv.ParseUint(epoch, 10, 64)
	_, errN := strconv.ParseUint(file, 10, 64)
	return e, errE == nil && errN == nil
}
