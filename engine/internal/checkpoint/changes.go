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
// is in the store before, and of a state of any size little is in memory. Tables
// are written in the background, since nothing goes on while a step puts.
type Changes struct {
	store   *Store
	prefix  []byte
	cleared [][]byte // beginnings of keys, in order, that are deleted before anything is put
	waiting waiting
	last    []byte // the key put last
	key     []byte
	most    int // bytes that may wait
	tables  tables
	writing [2]*writing // the last parts of many that were given away; nil: there are few
}

// waiting is keys and values in memory.
type waiting struct {
	data  []byte
	items []item
}

// writing is a part that goes to the tables, behind the one before.
type writing struct {
	part waiting
	done chan struct{}
	err  error // when done is closed
}

// item is where a key and its value end in the data.
type item struct {
	key, value int
	deleted    bool
}

const (
	mostWaiting = 8 << 20  // bytes of changes that are kept in memory
	partBytes   = 1 << 20  // of many changes that are written together
	tableBytes  = 64 << 20 // of keys and values in a table: what a later compaction moves at once
)

// NewChanges begins to collect for a step.
func (s *Store) NewChanges(pipeline, step string) *Changes {
	prefix := statePrefix(pipeline, step)
	return &Changes{store: s, prefix: prefix, most: mostWaiting,
		tables: tables{store: s, prefix: len(prefix), most: tableBytes}}
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
	c.waiting.add(c.last, value)
	if len(c.waiting.data) < c.most {
		return nil
	}
	return c.write()
}

func (w *waiting) add(key, value []byte) {
	w.data = append(w.data, key...)
	at := item{key: len(w.data), deleted: value == nil}
	w.data = append(w.data, value...)
	at.value = len(w.data)
	w.items = append(w.items, at)
}

// each gives the changes in order.
func (w *waiting) each(do func(key, value []byte) error) error {
	from := 0
	for _, at := range w.items {
		value := w.data[at.key:at.value:at.value]
		if at.deleted {
			value = nil
		}
		if err := do(w.data[from:at.key], value); err != nil {
			return err
		}
		from = at.value
	}
	return nil
}

// many reports whether there are changes in tables.
func (c *Changes) many() bool { return c.writing[1] != nil }

// write gives the changes in memory away to tables, where all further ones go. Two
// parts may be under way; it returns the error of those before.
func (c *Changes) write() error {
	if !c.many() {
		c.tables.cleared = c.cleared
		c.most = min(c.most, partBytes)
	}
	if err := c.writing[0].wait(); err != nil {
		return err
	}
	free := waiting{}
	if c.writing[0] != nil {
		free = c.writing[0].part
	}
	before, w := c.writing[1], &writing{part: c.waiting, done: make(chan struct{})}
	c.waiting, c.writing = waiting{free.data[:0], free.items[:0]}, [2]*writing{before, w}
	c.store.writing.Go(func() {
		defer close(w.done)
		defer func() {
			if p := recover(); p != nil {
				w.err = fmt.Errorf("writing state: %v", p)
			}
		}()
		if w.err = before.wait(); w.err == nil {
			w.err = w.part.each(c.tables.put)
		}
	})
	return nil
}

// wait returns the error of a part and those before it.
func (w *writing) wait() error {
	if w == nil {
		return nil
	}
	<-w.done
	return w.err
}

// finish writes what is left of many changes.
func (c *Changes) finish() error {
	if err := c.write(); err != nil {
		return err
	}
	if err := c.writing[1].wait(); err != nil {
		return err
	}
	return c.tables.finish()
}

// add puts the changes into a batch.
func (c *Changes) add(batch *pebble.Batch) error {
	for _, prefix := range c.cleared {
		if err := batch.DeleteRange(prefix, after(prefix), nil); err != nil {
			return err
		}
	}
	return c.waiting.each(func(key, value []byte) error {
		if value == nil {
			return batch.Delete(key, nil)
		}
		return batch.Set(key, value, nil)
	})
}

// tables writes keys that come in order to files, each in the format of the
// store's own and ready to become one of them. Keys that begin differently are in
// different ones: a step has few that change in every epoch, and many that do not,
// which the store need not sort anew if no new table reaches over theirs.
type tables struct {
	store   *Store
	prefix  int      // where keys begin
	cleared [][]byte // still to be written
	until   []byte   // the end of the one written last
	first   []byte   // the first byte of the keys in the table at hand
	most    int      // bytes of keys and values in a table, about
	size    int      // of those in the one at hand
	table   *sstable.Writer
	paths   []string
}

func (t *tables) put(key, value []byte) error {
	for len(t.cleared) > 0 && bytes.Compare(t.cleared[0], key) <= 0 {
		if err := t.clear(); err != nil {
			return err
		}
	}
	if err := t.begin(key); err != nil {
		return err
	}
	t.size += len(key) + len(value)
	if value == nil {
		return t.table.Delete(key)
	}
	return t.table.Set(key, value)
}

func (t *tables) clear() error {
	prefix := t.cleared[0]
	if err := t.begin(prefix); err != nil {
		return err
	}
	t.cleared, t.until = t.cleared[1:], after(prefix)
	return t.table.DeleteRange(prefix, t.until)
}

// begin sees to it that there is a table for a key. Tables must not overlap: none
// may end inside of what its last range clears.
func (t *tables) begin(key []byte) error {
	first := key[t.prefix:min(t.prefix+1, len(key))]
	if t.table != nil && (t.size > t.most || !bytes.Equal(first, t.first)) && bytes.Compare(t.until, key) <= 0 {
		if err := t.end(); err != nil {
			return err
		}
	}
	if t.table != nil {
		return nil
	}
	s := t.store
	t.first = bytes.Clone(first)
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
	if slices.ContainsFunc(changes, func(c *Changes) bool { return c.many() }) {
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
		size += len(c.waiting.data) + 16*len(c.waiting.items)
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
		if err := c.finish(); err != nil {
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
