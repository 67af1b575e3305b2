package checkpoint

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Changes collects what a step's state has become since the epoch before. Few
// wait in memory and go through the store's log. Many are written as they come
// to tables beside the store, which Save adds to it as they are: nothing of them
// is in the store before, and of a state of any size little is in memory.
type Changes struct {
	store   *Store
	prefix  []byte
	cleared [][]byte // beginnings of keys, in order, that are deleted before the rest
	data    []byte   // keys and values that wait
	items   []item
	last    []byte // the key put last
	key     []byte
	most    int // bytes that may wait
	tables  tables
}

// item is where a key and its value end in the data.
type item struct {
	key, value int
	deleted    bool
}

const (
	mostWaiting = 8 << 20  // bytes of changes that are kept in memory
	tableBytes  = 64 << 20 // of keys and values in a table: what a later compaction moves at once
)

// NewChanges begins to collect for a step.
func (s *Store) NewChanges(pipeline, step string) *Changes {
	return &Changes{store: s, prefix: statePrefix(pipeline, step), most: mostWaiting,
		tables: tables{store: s, most: tableBytes}}
}

// Clear deletes all keys that begin with a prefix. It comes before every Put, in
// the order of prefixes, none of which begins another.
func (c *Changes) Clear(prefix []byte) error {
	full := slices.Concat(c.prefix, prefix)
	if n := len(c.cleared); n > 0 && (bytes.Compare(full, c.cleared[n-1]) <= 0 || bytes.HasPrefix(full, c.cleared[n-1])) {
		return fmt.Errorf("clearing the state at %x: want each prefix once, in order, got it after %x",
			prefix, c.cleared[n-1][len(c.prefix):])
	}
	c.cleared = append(c.cleared, full)
	return nil
}

// Put sets a key, or deletes it if the value is nil. Both are copied.
func (c *Changes) Put(key, value []byte) error {
	c.key = append(append(c.key[:0], c.prefix...), key...)
	if c.last != nil && bytes.Compare(c.key, c.last) <= 0 {
		return fmt.Errorf("putting the state at %x: want each key once, in order, got it after %x",
			key, c.last[len(c.prefix):])
	}
	c.last, c.key = c.key, c.last
	if !c.tables.begun() {
		c.wait(c.last, value)
		if len(c.data) < c.most {
			return nil
		}
		return c.write()
	}
	return c.tables.put(c.last, value)
}

func (c *Changes) wait(key, value []byte) {
	c.data = append(c.data, key...)
	at := item{key: len(c.data), deleted: value == nil}
	c.data = append(c.data, value...)
	at.value = len(c.data)
	c.items = append(c.items, at)
}

// waiting gives the changes in memory, in order.
func (c *Changes) waiting(yield func(key, value []byte) error) error {
	from := 0
	for _, at := range c.items {
		value := c.data[at.key:at.value:at.value]
		if at.deleted {
			value = nil
		}
		if err := yield(c.data[from:at.key], value); err != nil {
			return err
		}
		from = at.value
	}
	return nil
}

// write moves the changes from memory to tables, where all further ones go.
func (c *Changes) write() error {
	c.tables.cleared = c.cleared
	if err := c.waiting(c.tables.put); err != nil {
		return err
	}
	c.data, c.items = nil, nil
	return nil
}

// add puts the changes into a batch.
func (c *Changes) add(batch *pebble.Batch) error {
	for _, prefix := range c.cleared {
		if err := batch.DeleteRange(prefix, after(prefix), nil); err != nil {
			return err
		}
	}
	return c.waiting(func(key, value []byte) error {
		if value == nil {
			return batch.Delete(key, nil)
		}
		return batch.Set(key, value, nil)
	})
}

// tables writes keys that come in order to files, each in the format of the
// store's own and ready to become one of them.
type tables struct {
	store   *Store
	cleared [][]byte // still to be written
	until   []byte   // the end of the one written last
	most    int      // bytes of keys and values in a table, about
	size    int      // of those in the one at hand
	table   *sstable.Writer
	paths   []string
}

func (t *tables) begun() bool { return t.table != nil || len(t.paths) > 0 }

func (t *tables) put(key, value []byte) error {
	for len(t.cleared) > 0 && bytes.Compare(t.cleared[0], key) <= 0 {
		if err := t.clear(); err != nil {
			return err
		}
	}
	// Tables must not overlap: none may end inside of what its last range clears.
	if t.table != nil && t.size > t.most && bytes.Compare(t.until, key) <= 0 {
		if err := t.end(); err != nil {
			return err
		}
	}
	if err := t.begin(); err != nil {
		return err
	}
	t.size += len(key) + len(value)
	if value == nil {
		return t.table.Delete(key)
	}
	return t.table.Set(key, value)
}

func (t *tables) clear() error {
	if err := t.begin(); err != nil {
		return err
	}
	prefix := t.cleared[0]
	t.cleared, t.until = t.cleared[1:], after(prefix)
	return t.table.DeleteRange(prefix, t.until)
}

func (t *tables) begin() error {
	if t.table != nil {
		return nil
	}
	s := t.store
	path := filepath.Join(s.dir, pendingFolder, strconv.FormatUint(s.pending.Add(1), 10)+".sst")
	file, err := s.options.FS.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return fmt.Errorf("writing state: %w", err)
	}
	t.paths, t.size = append(t.paths, path), 0
	t.table = sstable.NewWriter(objstorageprovider.NewFileWritable(file),
		s.options.MakeWriterOptions(0, s.db.TableFormat()))
	return nil
}

// end closes the table at hand, which is then on disk.
func (t *tables) end() error {
	err := t.table.Close()
	t.table = nil
	if err != nil {
		return fmt.Errorf("writing state: %w", err)
	}
	return nil
}

// finish writes the last table.
func (t *tables) finish() error {
	for len(t.cleared) > 0 {
		if err := t.clear(); err != nil {
			return err
		}
	}
	if t.table == nil {
		return nil
	}
	return t.end()
}

// Save replaces the record of a pipeline and changes the state of its steps,
// all or nothing, and returns when it is on disk (rule 2 of DESIGN.md).
func (s *Store) Save(pipeline string, r *Record, changes ...*Changes) error {
	r.Version = version
	save := s.saveSmall
	if slices.ContainsFunc(changes, func(c *Changes) bool { return c.tables.begun() }) {
		save = s.saveLarge
	}
	if err := save(recordKey(pipeline), encode(r), changes); err != nil {
		return fmt.Errorf("saving the record of %s: %w", pipeline, err)
	}
	return nil
}

func (s *Store) saveSmall(key, record []byte, changes []*Changes) error {
	size := len(key) + len(record) + 64
	for _, c := range changes {
		size += len(c.data) + 16*len(c.items)
	}
	batch := s.db.NewBatchWithSize(size)
	for _, c := range changes {
		if err := c.add(batch); err != nil {
			return err
		}
	}
	if err := batch.Set(key, record, nil); err != nil {
		return err
	}
	return s.commit(batch)
}

// saveLarge adds tables to the store. It takes all of them in one step.
func (s *Store) saveLarge(key, record []byte, changes []*Changes) error {
	last := tables{store: s, most: tableBytes}
	if err := last.put(key, record); err != nil {
		return err
	}
	if err := last.finish(); err != nil {
		return err
	}
	paths := last.paths
	for _, c := range changes {
		if !c.tables.begun() {
			if err := c.write(); err != nil {
				return err
			}
		}
		if err := c.tables.finish(); err != nil {
			return err
		}
		paths = append(paths, c.tables.paths...)
	}
	return s.guarded(func() error { return s.db.Ingest(context.Background(), paths) })
}

// pendingFolder is the folder of tables that no record covers yet.
const pendingFolder = "pending"

// forgetPending removes what a crash has left there.
func (s *Store) forgetPending() error {
	dir := filepath.Join(s.dir, pendingFolder)
	if err := s.options.FS.RemoveAll(dir); err != nil {
		return fmt.Errorf("removing unfinished state: %w", err)
	}
	if err := s.options.FS.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making a folder for state: %w", err)
	}
	return nil
}
