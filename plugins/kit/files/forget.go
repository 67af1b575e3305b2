package files

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"etlengine/plugins/kit/durable"
	"etlengine/plugins/sdk"
)

// leftovers is what a pipeline of this engine may have left in an output folder
// and its twin: files that bear the names of both, whatever the step's label.
type leftovers struct {
	disk     disk
	cfg      SinkConfig
	env      sdk.Env
	names    names
	suffixes []string
	root     string
	twin     string
	pipeline string // the pipeline's folder in the twin
}

func newLeftovers(cfg SinkConfig, env sdk.Env, suffixes []string, d disk) (*leftovers, error) {
	root, err := resolve(env.Dir, cfg.Path)
	if err != nil {
		return nil, err
	}
	twin := twinOf(root)
	return &leftovers{disk: d, cfg: cfg, env: env, names: newNames(env.EngineID, env.Pipeline, env.Step, ""),
		suffixes: suffixes, root: root, twin: twin, pipeline: filepath.Join(twin, durable.EscapeName(env.Pipeline))}, nil
}

// Leftovers tells what Forget would remove, for Spec.Leftovers. suffixes are
// those that the format's files may ever have had.
func Leftovers(cfg SinkConfig, env sdk.Env, suffixes ...string) ([]string, error) {
	l, err := newLeftovers(cfg, env, suffixes, osDisk{})
	if err != nil {
		return nil, err
	}
	return l.list()
}

// Shown tells which files of the pipeline are in the output folder, for Spec.Shown.
func Shown(cfg SinkConfig, env sdk.Env, suffixes ...string) (string, error) {
	l, err := newLeftovers(cfg, env, suffixes, osDisk{})
	if err != nil {
		return "", err
	}
	return l.shown()
}

func (l *leftovers) shown() (string, error) {
	published := 0
	err := eachFile(l.disk, l.root, "", func(path string) {
		if l.names.madeFinal(filepath.Base(path), l.suffixes) {
			published++
		}
	})
	if published == 0 || err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return "", err
	}
	return count(published, "file") + " in " + string(l.cfg.Path), nil
}

func (l *leftovers) list() ([]string, error) {
	shown, err := l.shown()
	if err != nil {
		return nil, err
	}
	below, err := inTwin(l.disk, l.pipeline)
	if err != nil {
		return nil, err
	}
	hidden := 0
	for _, path := range below {
		if l.names.madeHidden(filepath.Base(path)) {
			hidden++
		}
	}
	var found []string
	if shown != "" {
		found = append(found, shown)
	}
	if hidden > 0 {
		twin := twinOf(filepath.Clean(string(l.cfg.Path)))
		found = append(found, count(hidden, "file")+" of rows not yet published in "+twin)
	}
	return found, nil
}

// Forget removes what the pipeline has published and hidden, for Spec.Forget.
// It may be cut short anywhere, and called again.
func Forget(ctx context.Context, cfg SinkConfig, env sdk.Env, suffixes ...string) error {
	l, err := newLeftovers(cfg, env, suffixes, osDisk{})
	if err != nil {
		return err
	}
	return l.forget(ctx)
}

func (l *leftovers) forget(ctx context.Context) (err error) {
	locked, err := exists(l.disk, l.twin)
	if err != nil {
		return err
	}
	if locked { // else nobody writes into the output folder
		unlock, err := lockTwin(l.disk, l.twin, l.cfg, l.env)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, unlock()) }()
	}
	if found, err := exists(l.disk, l.root); err != nil {
		return err
	} else if found {
		if _, err := l.clear(ctx, ""); err != nil {
			return err
		}
	}
	if locked {
		if err := l.clearTwin(ctx); err != nil {
			return err
		}
	}
	above := filepath.Dir(l.twin)
	if found, err := exists(l.disk, above); err != nil || !found {
		return err
	}
	return failed("syncing", above, l.disk.Sync(above))
}

// clear removes the pipeline's files from a folder of the output and from those
// of partition_by below it, and the folder with them if nothing is left. It syncs
// the folder even if nothing was removed: an earlier call may have been cut short.
func (l *leftovers) clear(ctx context.Context, folder string) (gone bool, err error) {
	path := filepath.Join(l.root, folder)
	entries, err := entriesOf(l.disk, path)
	if err != nil {
		return false, err
	}
	removed, left := false, 0
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		below := false
		switch {
		case e.IsDir() && strings.Contains(e.Name(), "="):
			below, err = l.clear(ctx, filepath.Join(folder, e.Name()))
		case !e.IsDir() && l.names.madeFinal(e.Name(), l.suffixes):
			below, err = true, l.remove(filepath.Join(path, e.Name()))
		}
		if err != nil {
			return false, err
		}
		if below {
			removed = true
		} else {
			left++
		}
	}
	if folder != "" && left == 0 && (removed || l.isPartition(folder)) {
		return true, l.remove(path)
	}
	return false, failed("syncing", path, l.disk.Sync(path))
}

// isPartition tells whether partition_by makes folders of this name: one that
// is empty was left by an earlier Forget that was cut short.
func (l *leftovers) isPartition(folder string) bool {
	return slices.ContainsFunc(l.cfg.PartitionBy, func(column string) bool {
		return strings.HasPrefix(filepath.Base(folder), escape(column)+"=")
	})
}

// clearTwin removes the pipeline's hidden files, and then what is empty, up to
// the twin itself.
func (l *leftovers) clearTwin(ctx context.Context) error {
	steps, err := entriesOf(l.disk, l.pipeline)
	if err != nil {
		return err
	}
	for _, step := range steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := l.clearStep(filepath.Join(l.pipeline, step.Name())); err != nil {
			return err
		}
	}
	if err := l.removeEmpty(l.pipeline); err != nil {
		return err
	}
	entries, err := entriesOf(l.disk, l.twin)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != lockName && e.Name() != adoptedName+".new" {
			return failed("syncing", l.twin, l.disk.Sync(l.twin))
		}
	}
	for _, e := range entries {
		if err := l.remove(filepath.Join(l.twin, e.Name())); err != nil {
			return err
		}
	}
	return l.remove(l.twin)
}

func (l *leftovers) clearStep(folder string) error {
	entries, err := entriesOf(l.disk, folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !l.names.madeHidden(e.Name()) {
			continue
		}
		if err := l.remove(filepath.Join(folder, e.Name())); err != nil {
			return err
		}
	}
	return l.removeEmpty(folder)
}

// removeEmpty removes a folder of the twin, unless something is left in it.
func (l *leftovers) removeEmpty(folder string) error {
	entries, err := l.disk.Names(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errNoFolder):
		return nil
	case err != nil:
		return failed("reading the folder", folder, err)
	case len(entries) > 0:
		return failed("syncing", folder, l.disk.Sync(folder))
	}
	return l.remove(folder)
}

func (l *leftovers) remove(path string) error {
	return failed("removing", path, l.disk.Remove(path))
}
