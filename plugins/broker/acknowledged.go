package broker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// acknowledgedFile holds, for each partition, how far it was acknowledged and
// where it begins. kfake knows neither after a kill, and not the former of a
// partition without records.
//
// It is a row of slots of one sector each, the first for the file itself. A slot
// is written over in one call before an answer goes out, so that a kill leaves
// the old one or the new one. It is not synced each time: after a power failure
// it may say less than was acknowledged, never more than was.
const (
	acknowledgedFile = "acknowledged"
	slotBytes        = 512
	slotHead         = 48 // checksum 4, state 4, topic id 16, partition 4, length of the name 4, start 8, end 8
	fileSlot         = "embedded broker, acknowledged offsets, 1"
)

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
	raw   []byte // of a slot, for the next one
	free  []int64
	ids   map[string][16]byte // of topics, by name

	deleted map[[16]byte]bool // topics that may be; an answer can still speak of them
}

// openAcknowledged reads the file, and makes it if there is none.
func openAcknowledged(dir string) (*acknowledged, error) {
	a := &acknowledged{marks: make(map[logKey]*mark), ids: make(map[string][16]byte), slots: 1,
		deleted: make(map[[16]byte]bool)}
	path := filepath.Join(dir, acknowledgedFile)
	raw, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if a.file, err = os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644); err != nil {
		return nil, err
	}
	for at := int64(0); at+slotHead <= int64(len(raw)); at += slotBytes {
		m := readMark(raw[at:min(int(at)+slotBytes, len(raw))])
		switch {
		case at == 0 && (m == nil || m.name != fileSlot):
			a.file.Close()
			return nil, &damaged{path, "it is not what the broker writes"}
		case at == 0:
			a.state = m.state
			continue
		case m == nil:
			a.free = append(a.free, at)
		default:
			m.slot = at
			a.marks[m.logKey] = m
		}
		a.slots = at/slotBytes + 1
	}
	return a, nil
}

// readMark returns nil for a slot that is free, or whose first writing was cut
// short by a power failure: nothing was known of it before.
func readMark(raw []byte) *mark {
	n := int(binary.LittleEndian.Uint32(raw[28:]))
	if n == 0 || n > len(raw)-slotHead || binary.LittleEndian.Uint32(raw) != castagnoli(raw[4:slotHead+n]) {
		return nil
	}
	m := &mark{
		state: binary.LittleEndian.Uint32(raw[4:]),
		name:  string(raw[slotHead : slotHead+n]),
		start: int64(binary.LittleEndian.Uint64(raw[32:])),
		end:   int64(binary.LittleEndian.Uint64(raw[40:])),
	}
	copy(m.topic[:], raw[8:])
	m.partition = int32(binary.LittleEndian.Uint32(raw[24:]))
	return m
}

// write stores a mark.
func (a *acknowledged) write(m *mark) error {
	a.raw = append(a.raw[:0], make([]byte, slotHead)...)
	raw := a.raw
	binary.LittleEndian.PutUint32(raw[4:], m.state)
	copy(raw[8:], m.topic[:])
	binary.LittleEndian.PutUint32(raw[24:], uint32(m.partition))
	binary.LittleEndian.PutUint32(raw[28:], uint32(len(m.name)))
	binary.LittleEndian.PutUint64(raw[32:], uint64(m.start))
	binary.LittleEndian.PutUint64(raw[40:], uint64(m.end))
	raw = append(raw, m.name...)
	a.raw = raw
	binary.LittleEndian.PutUint32(raw, castagnoli(raw[4:]))
	if _, err := a.file.WriteAt(raw, m.slot); err != nil {
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
	if err := a.write(&mark{name: fileSlot, state: state}); err != nil {
		return err
	}
	return a.file.Sync()
}

// mark returns the mark of a partition, and makes one if need be.
func (a *acknowledged) mark(key logKey, name string) *mark {
	m := a.marks[key]
	if m == nil {
		m = &mark{logKey: key, name: name}
		if n := len(a.free); n > 0 {
			m.slot, a.free = a.free[n-1], a.free[:n-1]
		} else {
			m.slot = a.slots * slotBytes
			a.slots++
		}
		a.marks[key] = m
	}
	return m
}

// reach stores that a partition was acknowledged up to an offset.
func (a *acknowledged) reach(key logKey, name string, end int64) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.deleted[key.topic] {
		return nil
	}
	if m := a.mark(key, name); end > m.end {
		m.end = end
		return a.write(m)
	}
	return nil
}

// set stores where a partition begins and ends. It moves neither back: what was
// measured may be older than a deletion that somebody has asked for.
func (a *acknowledged) set(key logKey, name string, start, end int64) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.deleted[key.topic] {
		return nil
	}
	m := a.mark(key, name)
	if start <= m.start && end <= m.end {
		return nil
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
		if _, err := a.file.WriteAt(make([]byte, slotHead), m.slot); err != nil {
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
