package broker

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// acknowledgedFile holds, for each partition, how far it was acknowledged and
// where it begins. kfake knows neither after a kill, and not the former of a
// partition without records.
const acknowledgedFile = "acknowledged"

// States of the file, in its own slot.
const (
	retaining  = 1 // retention removes records from the beginning of any partition
	compacting = 2 // compaction writes the files of compacted topics anew
)

const deleting = 1 // state of a slot: somebody has asked to delete the topic

// logKey names a partition.
type logKey struct {
	topic     [16]byte // its id
	partition int32
}

// mark is what was acknowledged of a partition.
type mark struct {
	logKey
	name       string // the topic's
	start, end int64  // offset of the first record, and behind the last one
	state      uint32
	slot       int64
}

// acknowledged is the open file.
type acknowledged struct {
	mu    sync.Mutex
	file  *os.File
	marks map[logKey]*mark
	state uint32
	slots int64
	raw   [slotBytes]byte // of a slot, for the next one
	free  []int64
	ids   map[string][16]byte // of topics, by name

	deleted map[[16]byte]bool // topics that may be; an answer can still speak of them
}

// openAcknowledged reads the file, and makes it if there is none: without records, or
// if the folder was closed by an engine that wrote none. With accept it goes on with
// what can be read.
func openAcknowledged(dir string, closed, accept bool, log *slog.Logger) (*acknowledged, error) {
	path := filepath.Join(dir, acknowledgedFile)
	raw, err := os.ReadFile(path)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return nil, err
	}
	found, damage := readSlots(path, raw)
	if len(raw) == 0 {
		damage = nil
		records, err := hasRecords(dir)
		if err != nil {
			return nil, err
		}
		if records && !(closed && missing) {
			damage = &damaged{path: path, why: "nothing is left of it, and there are records", way: goOn}
		}
	}
	switch {
	case damage != nil && !accept:
		return nil, damage
	case damage != nil && log != nil:
		log.Warn("broker: going on as on_data_loss says", "error", damage)
	}
	a := &acknowledged{marks: make(map[logKey]*mark), ids: make(map[string][16]byte),
		deleted: make(map[[16]byte]bool), free: found.free, slots: found.slots, state: found.state}
	for _, m := range found.marks {
		a.marks[m.logKey] = m
	}
	if found.old || damage != nil {
		if err := a.create(path); err != nil {
			return nil, err
		}
	}
	a.file, err = os.OpenFile(path, os.O_RDWR, 0o644)
	return a, err
}

// write stores a mark.
func (a *acknowledged) write(m *mark) error {
	fillSlot(a.raw[:], m)
	if _, err := a.file.WriteAt(a.raw[:], m.slot); err != nil {
		return fmt.Errorf("writing down what was acknowledged of topic %s: %w", m.name, err)
	}
	return nil
}

func (a *acknowledged) writeAll() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range a.marks {
		if err := a.write(m); err != nil {
			return err
		}
	}
	return nil
}

// setState stores what is about to happen to the files of many partitions.
func (a *acknowledged) setState(state uint32) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state = state
	if err := a.write(a.own()); err != nil {
		return err
	}
	return a.file.Sync()
}

// mark returns the mark of a partition, and makes one if need be.
func (a *acknowledged) mark(key logKey, name string) (*mark, error) {
	if m := a.marks[key]; m != nil {
		return m, nil
	}
	if len(a.free) == 0 {
		if err := a.grow(); err != nil {
			return nil, err
		}
	}
	last := len(a.free) - 1
	m := &mark{logKey: key, name: name, slot: a.free[last]}
	a.free, a.marks[key] = a.free[:last], m
	return m, nil
}

// reach stores that a partition was acknowledged up to an offset.
func (a *acknowledged) reach(key logKey, name string, end int64) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.deleted[key.topic] {
		return nil
	}
	m, err := a.mark(key, name)
	if err != nil || end <= m.end {
		return err
	}
	m.end = end
	return a.write(m)
}

// set stores where a partition begins and ends. It moves neither back: what was
// measured may be older than a deletion that somebody has asked for.
func (a *acknowledged) set(key logKey, name string, start, end int64) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.deleted[key.topic] {
		return nil
	}
	m, err := a.mark(key, name)
	if err != nil || start <= m.start && end <= m.end {
		return err
	}
	m.start, m.end = max(start, m.start), max(end, m.end)
	return a.write(m)
}

// remove stores that a topic is about to be deleted.
func (a *acknowledged) remove(topic [16]byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, id := range a.ids {
		if id == topic {
			delete(a.ids, name)
		}
	}
	a.deleted[topic] = true
	if err := a.setStates(topic, deleting); err != nil {
		return err
	}
	return a.file.Sync()
}

// stays stores that a topic was not deleted.
func (a *acknowledged) stays(topic [16]byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.deleted, topic)
	return a.setStates(topic, 0)
}

func (a *acknowledged) setStates(topic [16]byte, state uint32) error {
	for _, m := range a.marks {
		if m.topic == topic && m.state != state {
			m.state = state
			if err := a.write(m); err != nil {
				return err
			}
		}
	}
	return nil
}

// topics returns the ids of all topics of which something was acknowledged.
func (a *acknowledged) topics() map[[16]byte]bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	ids := make(map[[16]byte]bool)
	for key := range a.marks {
		ids[key.topic] = true
	}
	return ids
}

// forget frees the slots of topics that are gone.
func (a *acknowledged) forget(topics map[[16]byte]bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for key, m := range a.marks {
		if !topics[key.topic] {
			continue
		}
		if _, err := a.file.WriteAt(make([]byte, slotBytes), m.slot); err != nil {
			return err
		}
		a.free = append(a.free, m.slot)
		delete(a.marks, key)
	}
	return nil
}

// all returns copies of the marks, in order.
func (a *acknowledged) all() []mark {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []mark
	for _, key := range slices.SortedFunc(maps.Keys(a.marks), compareKeys) {
		out = append(out, *a.marks[key])
	}
	return out
}

func (a *acknowledged) id(name string) (id [16]byte, known bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	id, known = a.ids[name]
	return id, known
}

func (a *acknowledged) setID(name string, id [16]byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ids[name] = id
}

func (a *acknowledged) sync() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.file.Sync()
}

var _ io.Closer = (*acknowledged)(nil)

// Close syncs and closes the file.
func (a *acknowledged) Close() error { return errors.Join(a.sync(), a.file.Close()) }
