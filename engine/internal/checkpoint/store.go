// Package checkpoint keeps what a run must not forget: for each pipeline one
// record (positions, prepared files, counters) and the state of its stateful
// steps, replaced together in one synced write at the end of every epoch.
package checkpoint

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sys/unix"
)

// Store is an open state directory. One process has it at a time.
type Store struct {
	dir     string
	lock    *lock
	db      *pebble.DB
	options *pebble.Options
	engine  string
	trouble *trouble
	logs    *logFS
	frozen  *pebble.Snapshot // what is read; nil: db
	pending atomic.Uint64    // numbers the tables that are being written
	writing sync.WaitGroup
}

// Open locks and opens the state directory, which is made if need be. It returns a
// *DamagedError if the directory holds something that cannot be read.
func Open(dir string) (*Store, error) { return openOn(dir, vfs.Default) }

func openOn(dir string, files vfs.FS) (*Store, error) {
	s, err := acquire(dir, files)
	if err != nil {
		return nil, err
	}
	err = s.open()
	if err == nil {
		err = s.own()
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Verify reads everything in a database and leaves it as it is: no damage is left for
// Open, or for Pebble behind its back, to meet. It returns a *DamagedError if there is
// some. A lost id is written down first, for whoever sets the database aside.
func Verify(dir string) error {
	s, err := acquire(dir, vfs.Default)
	if err != nil {
		return err
	}
	s.options.ReadOnly = true
	// It is returned as well, and then there is nothing that may not be closed.
	s.options.EventListener.DataCorruption = func(pebble.DataCorruptionInfo) {}
	return errors.Join(s.verify(), s.Close())
}

func (s *Store) verify() error {
	if _, err := os.Lstat(filepath.Join(s.dir, databaseFolder)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	err := s.open()
	if errors.Is(err, pebble.ErrDBDoesNotExist) { // the process that made the folder came no further
		return nil
	}
	if err != nil {
		return err
	}
	id, err := s.remembered()
	if err == nil && s.engine == "" && id != "" {
		err = writeIdentity(s.dir, id)
	}
	if err != nil {
		return err
	}
	if err := s.db.CheckLevels(nil); err != nil {
		return s.unreadable(fmt.Errorf("reading the checkpoints: %w", err))
	}
	return nil
}

// acquire makes a state directory if need be, and locks it.
func acquire(dir string, files vfs.FS) (*Store, error) {
	if err := MakeDir(dir); err != nil {
		return nil, err
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{dir: dir, lock: lock, trouble: newTrouble()}
	s.logs = &logFS{FS: files, trouble: s.trouble}
	s.options = options(s.logs, s.trouble)
	return s, nil
}

// open opens the database.
func (s *Store) open() error {
	var err error
	if s.engine, err = identify(s.dir); err != nil {
		return err
	}
	if err := s.forgetPending(); err != nil {
		return err
	}
	database := filepath.Join(s.dir, databaseFolder)
	err = s.trouble.guard(func() (err error) {
		if err := wantMarker(s.options.FS, database); err != nil {
			return err
		}
		s.db, err = pebble.Open(database, s.options)
		return err
	})
	if errors.Is(err, unix.EAGAIN) {
		return inUse(s.dir) // by Pebble's own lock, where somebody has removed ours
	}
	s.logs.open.Store(err == nil)
	if err != nil {
		return s.unreadable(fmt.Errorf("opening the checkpoints: %w", err))
	}
	return nil
}

// wantMarker makes sure that a database with rows has the file that names its
// manifest. Without one Pebble makes a new database, and reads what logs of the
// old one are there: some of its state, for all of it.
func wantMarker(files vfs.FS, database string) error {
	names, err := files.List(database)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	rows := ""
	for _, name := range names {
		switch {
		case strings.HasPrefix(name, "marker.manifest."):
			return nil
		case strings.HasSuffix(name, ".sst"), strings.HasSuffix(name, ".log"):
			rows = name
		}
	}
	if rows != "" { // else it is empty, or the process that made it came no further
		return fmt.Errorf("%s: there is %s, but no marker.manifest file that tells whether it counts", database, rows)
	}
	return nil
}

func options(files vfs.FS, t *trouble) *pebble.Options {
	o := &pebble.Options{
		FS:                         files,
		EventListener:              t.listener(),
		Logger:                     silent{t},
		FormatMajorVersion:         pebble.FormatNewest,
		MemTableSize:               memTable,
		CompactionConcurrencyRange: func() (int, int) { return 1, 1 }, // Pebble's default
	}
	o.Experimental.CompactionScheduler = newOneCompaction()
	o.EnsureDefaults() // tables are written by them before Pebble has seen them
	return o
}

// memTable is how much Pebble collects before it sorts it into its tables; it
// begins with far less. With 5 million keys of state and 1 % of them changed in
// each epoch it writes 3.6 bytes for each that was put, with its own 4 MB 7.6.
const memTable = 32 << 20

// silent drops Pebble's messages about its internals; its errors are returned.
type silent struct{ trouble *trouble }

func (silent) Infof(string, ...any)  {}
func (silent) Errorf(string, ...any) {}

// Fatalf must not return, and the goroutine may be one of Pebble's own.
func (s silent) Fatalf(format string, args ...any) {
	f := fatal{text: fmt.Sprintf(strings.ReplaceAll(format, "%+v", "%v"), args...)} // no stacks
	for _, arg := range args {
		if err, ok := arg.(error); ok {
			f.causes = append(f.causes, err)
		}
	}
	s.trouble.fail(f)
	select {}
}

// fatal is what Pebble gives up over.
type fatal struct {
	text   string
	causes []error
}

func (f fatal) Error() string   { return f.text }
func (f fatal) Unwrap() []error { return f.causes }

// EngineID is random, made once for this state directory.
func (s *Store) EngineID() string { return s.engine }

// Dir is the state directory.
func (s *Store) Dir() string { return s.dir }

// Close gives the directory back.
func (s *Store) Close() error {
	s.writing.Wait() // of changes that nobody will save
	var err error
	if s.trouble.first() == nil && s.db != nil {
		err = s.trouble.guard(s.db.Close)
	}
	return errors.Join(err, s.lock.Close())
}

// AsOfNow calls f with a store to read from, whose records and state are all as they
// are now, whatever is saved meanwhile.
func (s *Store) AsOfNow(f func(*Store) error) error {
	frozen := s.db.NewSnapshot()
	err := f(&Store{dir: s.dir, engine: s.engine, options: s.options, trouble: s.trouble, logs: s.logs, frozen: frozen})
	return errors.Join(err, s.trouble.guard(frozen.Close))
}

// reader is where records and state are read from.
func (s *Store) reader() pebble.Reader {
	if s.frozen != nil {
		return s.frozen
	}
	return s.db
}

// Load returns the newest record of a pipeline, or nil if it has none.
func (s *Store) Load(pipeline string) (*Record, error) {
	data, err := s.get(recordKey(pipeline))
	if err != nil || data == nil {
		return nil, err
	}
	r := new(Record)
	if err := json.Unmarshal(data, r); err != nil {
		return nil, s.unreadable(fmt.Errorf("reading the record of pipeline %s: %w", pipeline, err))
	}
	if r.Version != version {
		return nil, fmt.Errorf("the record of pipeline %s in %s has version %d, this engine writes %d: "+
			"go on with the engine that wrote it, or run with --fresh to begin anew", pipeline, s.dir, r.Version, version)
	}
	return r, nil
}

// commit writes a batch and returns when it is on disk.
func (s *Store) commit(batch *pebble.Batch) error { return s.write(batch, pebble.Sync) }

func (s *Store) write(batch *pebble.Batch, how *pebble.WriteOptions) error {
	return s.guarded(func() error { return batch.Commit(how) })
}

// guarded calls what writes. The error may be of what Pebble has read since the last
// call: it compacts its tables in the background.
func (s *Store) guarded(write func() error) error {
	err := s.trouble.guard(write)
	switch {
	case err == nil:
		return nil
	case pebble.IsCorruptionError(err):
		return s.unreadable(err)
	default:
		return fmt.Errorf("writing to %s: %w", s.dir, err)
	}
}

// MarkCommitted records that all sinks have committed an epoch. The write is not synced: if
// it is lost, the epoch counts as not yet committed.
func (s *Store) MarkCommitted(pipeline string, epoch uint64) error {
	batch := s.db.NewBatch()
	if err := batch.Set(committedKey(pipeline), binary.AppendUvarint(nil, epoch), nil); err != nil {
		return fmt.Errorf("noting what is published of %s: %w", pipeline, err)
	}
	return s.write(batch, pebble.NoSync)
}

// IsCommitted reports whether all sinks are known to have committed an epoch.
func (s *Store) IsCommitted(pipeline string, epoch uint64) (bool, error) {
	marker, err := s.get(committedKey(pipeline))
	newest, n := binary.Uvarint(marker)
	return n > 0 && newest == epoch, err
}

// State walks what a step has saved, in the order of its keys. Keys and values
// are valid until the next step of the loop. An error ends the walk, and
// the function returned reports it.
func (s *Store) State(pipeline, step string) (iter.Seq2[[]byte, []byte], func() error) {
	var failed error
	prefix := statePrefix(pipeline, step)
	walk := func(yield func(key, value []byte) bool) {
		err := s.each(prefix, func(key, value []byte) bool { return yield(key[len(prefix):], value) })
		if err != nil {
			failed = s.unreadable(fmt.Errorf("reading the state of %s: %w", step, err))
		}
	}
	return walk, func() error { return failed }
}

// each walks the keys that begin with a prefix. An iterator is closed by a call that
// may have to wait for what Pebble does behind our back.
func (s *Store) each(prefix []byte, yield func(key, value []byte) bool) error {
	it, err := s.reader().NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
	if err != nil {
		return err
	}
	for ok := it.First(); ok && yield(it.Key(), it.Value()); {
		ok = it.Next()
	}
	return s.trouble.guard(it.Close)
}

// get returns a copy of a value, or nil.
func (s *Store) get(key []byte) ([]byte, error) {
	var copied []byte
	err := s.trouble.guard(func() error {
		data, closer, err := s.reader().Get(key)
		if errors.Is(err, pebble.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		copied = append([]byte{}, data...)
		return closer.Close()
	})
	if err != nil {
		return nil, s.unreadable(err)
	}
	return copied, nil
}

func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic("checkpoint: a record always encodes: " + err.Error())
	}
	return data
}
