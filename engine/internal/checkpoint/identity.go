package checkpoint

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"

	"github.com/cockroachdb/pebble/v2"

	"etlengine/plugins/kit/durable"
)

const (
	databaseFolder = "checkpoints"
	identityFile   = "id"
)

var identity = regexp.MustCompile(`^[0-9a-f]{8}$`)

// identify reads the engine's id, "" if there is none. It stands in a file of its
// own, so that what this engine made can be named when the database is damaged.
func identify(dir string) (string, error) {
	path := filepath.Join(dir, identityFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("reading the engine's id: %w", err)
	}
	id := string(bytes.TrimSpace(data))
	if !identity.MatchString(id) {
		return "", fmt.Errorf("reading the engine's id in %s: want 8 hexadecimal digits, got %.20q; part files in the "+
			"outputs carry the id in their names: write that, or set another state_dir", path, id)
	}
	return id, nil
}

func newIdentity() string {
	random := make([]byte, 4)
	rand.Read(random) // never fails
	return hex.EncodeToString(random)
}

// writeIdentity returns when the id is on disk: files will have it in their names.
func writeIdentity(dir, id string) error {
	if err := durable.WriteFile(filepath.Join(dir, identityFile), []byte(id+"\n"), 0o666); err != nil {
		return fmt.Errorf("writing the engine's id: %w", err)
	}
	return nil
}

// own makes sure that the database is this directory's. Each of the two remembers
// the id for the other, the file first.
func (s *Store) own() error {
	remembered, err := s.remembered()
	if err != nil {
		return err
	}
	if s.engine == "" {
		if s.engine = remembered; remembered == "" {
			s.engine = newIdentity()
		}
		if err := writeIdentity(s.dir, s.engine); err != nil {
			return err
		}
	}
	if remembered != "" {
		return nil
	}
	batch := s.db.NewBatch()
	if err := batch.Set(engineKey, []byte(s.engine), nil); err != nil {
		return fmt.Errorf("writing the engine's id: %w", err)
	}
	return s.commit(batch)
}

// remembered is the id in the database, "" if there is none yet. It must be that in
// the file.
func (s *Store) remembered() (string, error) {
	data, err := s.get(engineKey)
	if err != nil || data == nil {
		return "", err
	}
	id := string(data)
	if !identity.MatchString(id) {
		return "", s.unreadable(fmt.Errorf("the checkpoints are of an engine with the id %.20q", id))
	}
	if s.engine != "" && id != s.engine {
		return "", s.unreadable(fmt.Errorf("the checkpoints are of the engine %s, the file %s says %s",
			id, identityFile, s.engine))
	}
	return id, nil
}

// DamagedError is a state directory that cannot be read.
type DamagedError struct {
	Dir string
	Err error
}

// Error names the directory and the ways on.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("the state directory %s is damaged: %v; restore it from a copy together with the outputs, "+
		"or run with --fresh to begin anew", e.Dir, e.Err)
}

// Unwrap is the cause.
func (e *DamagedError) Unwrap() error { return e.Err }

// harmless are refusals of the system after which all is as it was.
var harmless = []error{fs.ErrPermission, syscall.EROFS, syscall.ENOSPC, syscall.EDQUOT, syscall.EMFILE, syscall.ENFILE,
	syscall.ENOMEM}

// unreadable is an error of reading: damage, unless the system says otherwise.
func (s *Store) unreadable(err error) error {
	if slices.ContainsFunc(harmless, func(cause error) bool { return errors.Is(err, cause) }) {
		return fmt.Errorf("the state directory %s: %w", s.dir, err)
	}
	if info := pebble.ExtractDataCorruptionInfo(err); info != nil {
		err = fmt.Errorf("%s: %w", info.Path, info.Details)
	}
	return &DamagedError{s.dir, err}
}

// SetAside moves a damaged database out of the way and returns where it is
// now. The engine keeps its id. Nobody may have the directory open.
func SetAside(dir string) (string, error) {
	lock, err := lockDir(dir)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	from := filepath.Join(dir, databaseFolder)
	for n := 1; ; n++ {
		to := fmt.Sprintf("%s.damaged-%d", from, n)
		if _, err := os.Lstat(to); err == nil {
			continue
		}
		if err := os.Rename(from, to); err != nil {
			return "", fmt.Errorf("setting the damaged checkpoints aside: %w", err)
		}
		return to, durable.Sync(dir)
	}
}
