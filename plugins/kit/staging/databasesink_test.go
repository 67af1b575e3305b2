package staging_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/kit/durable"
	"etlengine/plugins/kit/staging"
	"etlengine/plugins/sdk"
	"etlengine/plugins/sdk/sdktest"
)

// This file is a whole further two-phase sink, exactly-once into a database.

type databaseConfig struct {
	Path string `json:"path" required:"true" doc:"File of the database."`
}

func (c *databaseConfig) in(env sdk.Env) string { return filepath.Join(env.Dir, c.Path) }

var databaseSink = sdk.Spec[databaseConfig]{
	Kind: sdk.KindSink, Name: "database",
	Summary: "Writes rows into a database of one file.",
	Example: "database: {path: rows.db}",
	Inspect: inspectDatabase,
	Forget:  forgetDatabase,
	Open: func(_ context.Context, c *databaseConfig, _ *arrow.Schema, env sdk.Env) (sdk.Instance, error) {
		s, err := openRows(staging.OSDisk{}, c.in(env), env)
		if err != nil {
			return nil, err
		}
		return staging.NewSink(s), nil
	},
}.Plugin()

// rowsVersion changes when an older engine could misread a committable.
const rowsVersion = 1

// committable is what the record keeps of an epoch.
type committable struct {
	staging.Envelope
	Epoch    staging.Committed `json:"of"`       // the newest epoch with rows
	Previous staging.Committed `json:"previous"` // the one before it
	File     *stagedRows       `json:"staged,omitempty"`
}

// stagedRows is a file of rows, one a line.
type stagedRows struct {
	Name   string `json:"name"`
	Length int64  `json:"length"`
	Sum    string `json:"crc32c"`
	Rows   int64  `json:"rows"`
}

// Check refuses a file outside of the area.
func (c *committable) Check() error {
	if s := c.File; s != nil && (!filepath.IsLocal(s.Name) || s.Length < 0) {
		return fmt.Errorf("the record names the staged file %q", s.Name)
	}
	return nil
}

// Staged is all of the epoch until it is committed.
func (c *committable) Staged() sdk.Staged {
	if c.File == nil {
		return sdk.Staged{}
	}
	return sdk.Staged{Pending: c.File.Rows, Bytes: c.File.Length, Files: 1}
}

// rowStore stages the rows of an epoch in a file, and commits them in one transaction with
// the name of the epoch.
type rowStore struct {
	db     *database
	area   staging.Area
	names  staging.Names
	unlock func() error

	filling *rowFile
	epoch   uint64
	bytes   atomic.Int64

	newest staging.Committed // of Recover, Prepare and Commit
}

// rowFile is a file being written.
type rowFile struct {
	stagedRows
	file *staging.Checksummed
	buf  *bufio.Writer
}

func areaOf(d staging.Disk, env sdk.Env) staging.Area {
	return staging.Area{Disk: d, Owns: staging.NewNames(env).OwnsStaged, Folder: filepath.Join(env.StateDir,
		"staged", durable.EscapeName(env.Pipeline), durable.EscapeName(env.Step))}
}

func openRows(d staging.Disk, path string, env sdk.Env) (s *rowStore, err error) {
	s = &rowStore{area: areaOf(d, env), names: staging.NewNames(env), epoch: env.Epoch + 1}
	if err := staging.MakeFolder(d, s.area.Folder); err != nil {
		return nil, err
	}
	if s.unlock, err = d.Lock(filepath.Dir(path), "output "+env.Step); err != nil {
		return nil, staging.Failed("locking", path, err)
	}
	if s.db, err = openDatabase(d, path); err != nil {
		return nil, errors.Join(err, s.unlock())
	}
	return s, nil
}

func (s *rowStore) Write(_ context.Context, b *sdk.Batch) error {
	if s.filling == nil {
		name := s.names.Staged(s.epoch, 1)
		file, err := s.area.Disk.Create(s.area.Path(name))
		if err != nil {
			return staging.Failed("creating", s.area.Path(name), err)
		}
		sum := &staging.Checksummed{File: file}
		s.filling = &rowFile{stagedRows{Name: name}, sum, bufio.NewWriter(sum)}
	}
	f := s.filling
	for _, row := range sdktest.Text(b.Rows) {
		n, err := f.buf.WriteString(strconv.Quote(row) + "\n")
		if err != nil {
			return staging.Failed("writing", s.area.Path(f.Name), err)
		}
		f.Length, f.Rows = f.Length+int64(n), f.Rows+1
	}
	s.bytes.Store(f.Length)
	return nil
}

func (s *rowStore) EndEpoch(b staging.Barrier) (*stagedRows, error) {
	f := s.filling
	s.filling, s.epoch = nil, b.Epoch+1
	s.bytes.Store(0)
	if f == nil {
		return nil, nil
	}
	if err := errors.Join(f.buf.Flush(), f.file.Close()); err != nil {
		return nil, staging.Failed("writing", s.area.Path(f.Name), err)
	}
	f.Sum = staging.SumText(f.file.Sum)
	return &f.stagedRows, nil
}

func (s *rowStore) Prepare(_ context.Context, epoch uint64, staged *stagedRows, _ sync.Locker) (
	staging.Committable, error,
) {
	c := &committable{Envelope: staging.Envelope{Version: rowsVersion}, Epoch: s.newest, Previous: s.newest}
	if staged != nil {
		if err := s.area.Sync(staged.Name); err != nil {
			return nil, err
		}
		if err := s.area.SyncNames(); err != nil {
			return nil, err
		}
		c.File, c.Epoch = staged, staging.Committed{Epoch: epoch, ID: staging.Incarnation()}
	}
	return c, nil
}

func (s *rowStore) Commit(ctx context.Context, _ uint64, data []byte) error {
	c := new(committable)
	if err := staging.Decode(data, rowsVersion, "the rows", c); err != nil {
		return err
	}
	done, known := staging.Compare(s.db.newest, c.Epoch, c.Previous)
	if !known {
		return fmt.Errorf("committing to %s: it holds %s, the record %s", s.db.path, s.db.newest, c.Epoch)
	}
	if !done {
		if err := s.area.Intact(ctx, c.File.Name, c.File.Length, c.File.Sum); err != nil {
			return err
		}
		rows, err := s.read(c.File)
		if err == nil {
			err = s.db.insert(transaction{c.Epoch, rows})
		}
		if err != nil {
			return err
		}
	}
	s.newest = c.Epoch
	if c.File == nil {
		return nil
	}
	if err := s.area.Remove(c.File.Name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (s *rowStore) read(staged *stagedRows) (rows []string, err error) {
	text, err := readFile(s.area.Disk, s.area.Path(staged.Name))
	for line := range strings.Lines(text) {
		row, quoted := strconv.Unquote(strings.TrimSuffix(line, "\n"))
		rows, err = append(rows, row), errors.Join(err, quoted)
	}
	return rows, err
}

// Recover removes all that is staged: the newest record's epoch is in the database.
func (s *rowStore) Recover(_ context.Context, live []byte) error {
	if live != nil {
		c := new(committable)
		if err := staging.Decode(live, rowsVersion, "the rows", c); err != nil {
			return err
		}
		s.newest = c.Epoch
	}
	if s.db.newest != s.newest {
		return fmt.Errorf("opening %s: it holds %s, the state directory %s", s.db.path, s.db.newest, s.newest)
	}
	for _, folder := range []string{s.area.Folder, filepath.Dir(s.area.Folder),
		filepath.Dir(filepath.Dir(s.area.Folder))} {
		if err := s.area.Disk.Sync(filepath.Dir(folder)); err != nil {
			return staging.Failed("syncing", filepath.Dir(folder), err)
		}
	}
	return s.area.Keep(nil)
}

func (s *rowStore) Bytes() int64           { return s.bytes.Load() }
func (s *rowStore) RollDue(time.Time) bool { return false }

func (s *rowStore) Close() error {
	var errs []error
	if s.filling != nil {
		errs = append(errs, s.filling.file.Close())
	}
	return errors.Join(append(errs, s.db.file.Close(), s.unlock())...)
}

func inspectDatabase(_ context.Context, c *databaseConfig, env sdk.Env) (sdk.Report, error) {
	list, err := areaOf(staging.OSDisk{}, env).List()
	if found, failed := staging.Exists(staging.OSDisk{}, c.in(env)); found || failed != nil {
		list, err = append(list, "the database "+c.Path), errors.Join(err, failed)
	}
	return sdk.Report{Leftovers: list}, err
}

func forgetDatabase(ctx context.Context, c *databaseConfig, env sdk.Env) error {
	if err := (staging.OSDisk{}).Remove(c.in(env)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return areaOf(staging.OSDisk{}, env).Forget(ctx)
}
