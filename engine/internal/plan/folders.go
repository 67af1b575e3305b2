package plan

import (
	"path/filepath"
	"strings"
)

// filled is a folder and the sink that fills it.
type filled struct {
	folder string
	step   *Step
}

// apart refuses a folder whose readers would read another output's too: part
// files of two steps could not be distinguished. It returns what has been filled so far.
func (b *builder) apart(resource string, step *Step, before []filled) []filled {
	folder, ok := strings.CutPrefix(resource, "folder:")
	if !ok {
		return before
	}
	if f := filesOf(step); f != nil {
		folder = f.path // two ways to one folder are one
	}
	now := filled{folder, step}
	for _, f := range before {
		message, hint := "", "give each output a folder of its own"
		switch {
		case f.folder == folder:
			message = "writes to the same folder as "
		case f.reads(now):
			message, hint = "writes into a folder that is read with that of ", hint+", beside the other"
		case now.reads(f):
			message, hint = "its folder is read with that of ", hint+", beside the other"
		default:
			continue
		}
		b.fail(b.position(step), step.Path, "two-writers", message+f.step.Path+" ("+f.step.Where+")", hint)
		break
	}
	return append(before, now)
}

// reads reports whether readers of a folder read the one of another output below
// it: partition_by fills what is below, and folders named column=value are
// taken for its.
func (f filled) reads(other filled) bool {
	below, ok := strings.CutPrefix(other.folder, f.folder+string(filepath.Separator))
	if !ok {
		return false
	}
	for name := range strings.SplitSeq(below, string(filepath.Separator)) {
		if !strings.Contains(name, "=") {
			return f.step.Description.Files != nil && f.step.Description.Files.Levels > 0
		}
	}
	return true
}
