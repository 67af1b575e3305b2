package files

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"etlengine/plugins/kit/durable"
	"etlengine/plugins/kit/staging"
	"etlengine/plugins/sdk"
)

// leftovers is what a pipeline of this engine may have left in an output folder
// and its staging folder: files that bear the names of both, whatever the step's label.
type leftovers struct {
	disk       staging.Disk
	cfg        SinkConfig
	env        sdk.Env
	names      staging.Names
	suffixes   []string
	target     target
	stagingDir string
	pipeline   string // the pipeline's folder in the staging folder
}

func newLeftovers(cfg SinkConfig, env sdk.Env, suffixes []string, d staging.Disk) (*leftovers, error) {
	root, err := resolve(env.Dir, cfg.Path)
	if err != nil {
		return nil, err
	}
	stagingDir := stagingOf(root)
	return &leftovers{disk: d, cfg: cfg, env: env, names: staging.NewNames(env), suffixes: suffixes,
		target: folder{d, root}, stagingDir: stagingDir,
		pipeline: filepath.Join(stagingDir, durable.EscapeName(env.Pipeline))}, nil
}

// Inspect returns what Forget would remove and what readers see. suffixes are
// those that the format's files may ever have had.
func Inspect(cfg SinkConfig, env sdk.Env, suffixes ...string) (sdk.Report, error) {
	l, err := newLeftovers(cfg, env, suffixes, staging.OSDisk{})
	if err != nil {
		return sdk.Report{}, err
	}
	list, err := l.list()
	if err != nil {
		return sdk.Report{}, err
	}
	visible, err := l.visible()
	return sdk.Report{Leftovers: list, Visible: visible}, err
}

// made reports whether the pipeline made a file of the target.
func (l *leftovers) made(name string) bool {
	return l.names.MadeVisible(filepath.Base(name), l.suffixes)
}

// visible returns which files of the pipeline are in the output folder.
func (l *leftovers) visible() (string, error) {
	published := 0
	err := l.target.visit(func(name string) {
		if l.made(name) {
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
	visible, err := l.visible()
	if err != nil {
		return nil, err
	}
	below, err := stagedIn(l.disk, l.pipeline)
	if err != nil {
		return nil, err
	}
	staged := 0
	for _, path := range below {
		if l.names.MadeStaged(filepath.Base(path)) {
			staged++
		}
	}
	var found []string
	if visible != "" {
		found = append(found, visible)
	}
	if staged > 0 {
		stagingDir := stagingOf(filepath.Clean(string(l.cfg.Path)))
		found = append(found, count(staged, "file")+" of rows not yet published in "+stagingDir)
	}
	return found, nil
}

// Forget removes the pipeline's visible and staged files, for Spec.Forget. It may end
// anywhere, and be called again.
func Forget(ctx context.Context, cfg SinkConfig, env sdk.Env, suffixes ...string) error {
	l, err := newLeftovers(cfg, env, suffixes, staging.OSDisk{})
	if err != nil {
		return err
	}
	return l.forget(ctx)
}

func (l *leftovers) forget(ctx context.Context) (err error) {
	locked, err := staging.Exists(l.disk, l.stagingDir)
	if err != nil {
		return err
	}
	if locked { // else nobody writes into the output folder
		unlock, err := lockStaging(l.disk, l.stagingDir, l.cfg, l.env)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, unlock()) }()
	}
	if err := l.target.clear(ctx, l.made, l.isPartition); err != nil {
		return err
	}
	if locked {
		if err := l.clearStaging(ctx); err != nil {
			return err
		}
	}
	above := filepath.Dir(l.stagingDir)
	if found, err := staging.Exists(l.disk, above); err != nil || !found {
		return err
	}
	return staging.Failed("syncing", above, l.disk.Sync(above))
}

// isPartition reports whether partition_by makes folders of this name: one that is
// empty was left by an earlier Forget that did not finish.
func (l *leftovers) isPartition(folder string) bool {
	return slices.ContainsFunc(l.cfg.PartitionBy, func(column string) bool {
		return strings.HasPrefix(filepath.Base(folder), escape(column)+"=")
	})
}

// clearStaging removes the pipeline's staged files, and then what is empty, up to
// the staging folder itself.
func (l *leftovers) clearStaging(ctx context.Context) error {
	steps, err := staging.Entries(l.disk, l.pipeline)
	if err != nil {
		return err
	}
	for _, step := range steps {
		area := staging.Area{Disk: l.disk, Folder: filepath.Join(l.pipeline, step.Name()), Owns: l.names.MadeStaged}
		if err := area.Forget(ctx); err != nil {
			return err
		}
	}
	if err := staging.RemoveEmpty(l.disk, l.pipeline); err != nil {
		return err
	}
	entries, err := staging.Entries(l.disk, l.stagingDir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != staging.LockName && e.Name() != adoptedName+".new" {
			return staging.Failed("syncing", l.stagingDir, l.disk.Sync(l.stagingDir))
		}
	}
	for _, e := range entries {
		if err := l.remove(filepath.Join(l.stagingDir, e.Name())); err != nil {
			return err
		}
	}
	return l.remove(l.stagingDir)
}

func (l *leftovers) remove(path string) error {
	return staging.Failed("removing", path, l.disk.Remove(path))
}
