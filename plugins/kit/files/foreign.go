package files

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"etlengine/plugins/kit/durable"
	"etlengine/plugins/kit/staging"
)

// foreign is what an output folder and its staging folder hold that is not the pipeline's
// and was not adopted.
type foreign struct {
	files  []string // in the output folder: readers would read them with ours
	staged []string // in the staging folder: rows that only a run under another name shows
}

func (f foreign) empty() bool { return len(f.files)+len(f.staged) == 0 }

// foreign finds it. Other pipelines of this engine have positions of their own:
// the files of one that got another name hold rows that are about to be written
// again. It refuses what cannot be adopted: files of an epoch that is yet to come.
func (s *store) foreign(stagingDir string, recorded uint64) (f foreign, err error) {
	found, err := s.visibleFiles()
	if err != nil {
		return foreign{}, err
	}
	known, err := readAdopted(s.disk, stagingDir)
	if err != nil {
		return foreign{}, err
	}
	for _, path := range found {
		o, ok := staging.VisibleOwner(filepath.Base(path), s.format.Suffix)
		switch {
		case !ok || !s.names.Mine(o):
			if !known.files[path] {
				f.files = append(f.files, path)
			}
		case o.Epoch > recorded:
			return foreign{}, fmt.Errorf("opening the folder %s: it holds %s of epoch %d, but the state of the "+
				"pipeline ends with epoch %d: the state is older than the files; put back the state that belongs to "+
				"them, or run with --fresh to remove the pipeline's files and begin anew",
				s.root, path, o.Epoch, recorded)
		}
	}
	f.staged, err = s.stranded(stagingDir, known.staged)
	return f, err
}

// visibleFiles are the data files in an output folder that may not be there yet.
func (s *store) visibleFiles() ([]string, error) {
	info, err := s.disk.Stat(s.root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, staging.Failed("looking at the folder", s.root, err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("opening the folder %s: want a folder, got a file", s.root)
	}
	return s.dataFiles()
}

// stranded are the staged files of this engine's other pipelines that were not
// adopted, whether a record names them or not.
func (s *store) stranded(stagingDir string, known map[string]bool) (found []string, err error) {
	pipelines, err := staging.Entries(s.disk, stagingDir)
	if err != nil {
		return nil, err
	}
	for _, p := range pipelines {
		if p.Name() == s.names.Pipeline {
			continue
		}
		staged, err := stagedIn(s.disk, filepath.Join(stagingDir, p.Name()))
		if err != nil {
			return nil, err
		}
		for _, below := range staged {
			path := filepath.Join(p.Name(), below)
			o, ok := staging.StagedOwner(filepath.Base(path))
			if ok && o.Engine == s.names.Engine && o.Pipeline != s.names.Pipeline && !known[path] {
				found = append(found, path)
			}
		}
	}
	return found, nil
}

// foreignError refuses files that a reader would take for the pipeline's, and
// rows that nobody would make visible any more.
func (s *store) foreignError(stagingDir string, f foreign) error {
	stays, under := strandedText(stagingDir, f.staged)
	if len(f.files) == 0 {
		return fmt.Errorf("opening the folder %s: %s; %srun with --adopt to leave such files there for good, "+
			"or choose another path", s.root, stays, under)
	}
	what, why, fresh := f.files[0]+", which this engine did not make", "", ""
	o, ours := staging.VisibleOwner(filepath.Base(f.files[0]), s.format.Suffix)
	switch {
	case ours && o.Engine == s.names.Engine:
		here := durable.UnescapeName(s.names.Pipeline)
		what = f.files[0] + " of pipeline " + durable.UnescapeName(o.Pipeline)
		why = ", which readers could not tell from those of pipeline " + here
		fresh = " (--fresh removes only what pipeline " + here + " made)"
		under = goOnUnder(o.Pipeline)
	case ours:
		what = fmt.Sprintf("%s of another engine (%s, this is %s), or of this one before its state directory "+
			"was deleted", f.files[0], o.Engine, s.names.Engine)
		fresh = " (--fresh removes only what this engine made)"
	}
	if n := len(f.files) - 1; n > 0 {
		what += fmt.Sprintf(", and %s more that are not its own", count(n, "file"))
	}
	if what += why; stays != "" {
		what += "; " + stays
	}
	return fmt.Errorf("opening the folder %s: it holds %s; %srun with --adopt to keep such files for good "+
		"and write beside them%s, or move them away, or choose another path", s.root, what, under, fresh)
}

// strandedText describes staged files, of one pipeline if there are several, and how
// to make their rows visible.
func strandedText(stagingDir string, staged []string) (text, under string) {
	if len(staged) == 0 {
		return "", ""
	}
	o, _ := staging.StagedOwner(filepath.Base(staged[0]))
	n := 0
	for _, path := range staged {
		if other, _ := staging.StagedOwner(filepath.Base(path)); other.Pipeline == o.Pipeline {
			n++
		}
	}
	return fmt.Sprintf("%s holds %s of rows that pipeline %s has not shown, and that nothing shows but a run "+
		"under its name", stagingDir, count(n, "file"), durable.UnescapeName(o.Pipeline)), goOnUnder(o.Pipeline)
}

// dataFiles are the names in the target that a reader would take for data.
func (s *store) dataFiles() (found []string, err error) {
	err = s.target.visit(func(name string) {
		if strings.HasSuffix(strings.ToLower(name), s.format.Suffix) {
			found = append(found, name)
		}
	})
	return found, err
}

// stagedIn lists the files in a pipeline's folder of the staging folder, by step.
func stagedIn(d staging.Disk, folder string) (found []string, err error) {
	steps, err := staging.Entries(d, folder)
	if err != nil {
		return nil, err
	}
	for _, step := range steps {
		files, err := staging.Entries(d, filepath.Join(folder, step.Name()))
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			found = append(found, filepath.Join(step.Name(), f.Name()))
		}
	}
	return found, nil
}

func goOnUnder(pipeline string) string {
	return "go on under the name " + durable.UnescapeName(pipeline) + ", or "
}

func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
