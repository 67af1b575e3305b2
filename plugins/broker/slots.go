package broker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// The file is a row of slots of one sector each, the first for the file itself. A
// slot is written over in one call before an answer goes out, so that a kill leaves
// the old one or the new one, and a free one is zeros: whatever else is found is
// damage. The file grows by zeros that are synced before its own slot counts them,
// so that a kill leaves it longer than that slot says, and never shorter. Slots are
// not synced each time: after a power failure the file may say less than was
// acknowledged, never more than was.
const (
	slotBytes  = 512
	slotHead   = 48 // checksum 4, state 4, topic id 16, partition 4, length of the name 4, start 8, end 8
	firstSlots = 8

	fileSlot = "embedded broker, acknowledged offsets, 2" // its end is the number of slots
	// In version 1 a checksum ends with the name, and the file does not know its length.
	fileSlotOne = "embedded broker, acknowledged offsets, 1"
)

// slotFile is what such a file holds.
type slotFile struct {
	marks []*mark
	free  []int64
	slots int64
	state uint32
	old   bool // to be written anew
}

// readSlots returns all that can be read, and the first damage.
func readSlots(path string, raw []byte) (s slotFile, damage error) {
	report := func(format string, args ...any) {
		if damage == nil {
			damage = &damaged{path: path, why: fmt.Sprintf(format, args...), way: goOn}
		}
	}
	own := readSlot(raw[:min(slotBytes, len(raw))], false)
	s.old = own == nil
	if s.old {
		own = readSlot(raw[:min(slotBytes, len(raw))], true)
	}
	switch {
	case own == nil || own.name != fileSlot && own.name != fileSlotOne:
		report("it does not begin as the broker writes it")
	case !s.old && int64(len(raw)) < own.end*slotBytes:
		report("it has %d bytes, and had %d", len(raw), own.end*slotBytes)
	}
	if own != nil {
		s.state = own.state
	}
	s.slots = 1
	for at := slotBytes; at < len(raw); at += slotBytes {
		slot := raw[at:min(at+slotBytes, len(raw))]
		m := readSlot(slot, false)
		if m == nil && s.old {
			m = readSlot(slot, true)
			slot = slot[:min(slotHead, len(slot))]
		}
		switch {
		case m != nil:
			m.slot = int64(at)
			s.marks = append(s.marks, m)
		case len(bytes.Trim(slot, "\x00")) == 0:
			s.free = append(s.free, int64(at))
		default:
			report("what is in it from byte %d on is not what the broker wrote", at)
		}
		s.slots++
	}
	return s, damage
}

// readSlot returns nil for what is no slot of its version.
func readSlot(raw []byte, old bool) *mark {
	if len(raw) < slotHead || !old && len(raw) < slotBytes {
		return nil
	}
	n := int(binary.LittleEndian.Uint32(raw[28:]))
	if n == 0 || n > len(raw)-slotHead {
		return nil
	}
	summed := raw[4:]
	if old {
		summed = raw[4 : slotHead+n]
	}
	if binary.LittleEndian.Uint32(raw) != castagnoli(summed) {
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

// fillSlot writes a mark into the bytes of its slot.
func fillSlot(raw []byte, m *mark) {
	clear(raw)
	binary.LittleEndian.PutUint32(raw[4:], m.state)
	copy(raw[8:], m.topic[:])
	binary.LittleEndian.PutUint32(raw[24:], uint32(m.partition))
	binary.LittleEndian.PutUint32(raw[28:], uint32(len(m.name)))
	binary.LittleEndian.PutUint64(raw[32:], uint64(m.start))
	binary.LittleEndian.PutUint64(raw[40:], uint64(m.end))
	copy(raw[slotHead:], m.name)
	binary.LittleEndian.PutUint32(raw, castagnoli(raw[4:]))
}

// create writes the file anew, with the marks that there are, in place of another.
func (a *acknowledged) create(path string) error {
	a.slots = firstSlots
	for a.slots <= int64(len(a.marks)) {
		a.slots *= 2
	}
	next := int64(1)
	raw := make([]byte, a.slots*slotBytes)
	fillSlot(raw[:slotBytes], a.own())
	for _, key := range slices.SortedFunc(maps.Keys(a.marks), compareKeys) {
		m := a.marks[key]
		m.slot = next * slotBytes
		fillSlot(raw[m.slot:m.slot+slotBytes], m)
		next++
	}
	a.free = nil
	a.addFree(next)
	temporary := filepath.Join(filepath.Dir(path), "."+filepath.Base(path))
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := appendTo(temporary, raw); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

// grow doubles the file.
func (a *acknowledged) grow() error {
	from := a.slots
	if _, err := a.file.WriteAt(make([]byte, from*slotBytes), from*slotBytes); err != nil {
		return fmt.Errorf("growing the file of what was acknowledged: %w", err)
	}
	if err := a.file.Sync(); err != nil {
		return err
	}
	a.slots *= 2
	a.addFree(from)
	return a.write(a.own())
}

// addFree frees the slots from one on; the first is used first.
func (a *acknowledged) addFree(from int64) {
	for at := a.slots - 1; at >= from; at-- {
		a.free = append(a.free, at*slotBytes)
	}
}

// own is the slot of the file itself.
func (a *acknowledged) own() *mark { return &mark{name: fileSlot, state: a.state, end: a.slots} }

// hasRecords reports whether any partition has a file with something in it.
func hasRecords(dir string) (bool, error) {
	files := os.DirFS(dir)
	paths, err := fs.Glob(files, "partitions/*/*.dat")
	for _, path := range paths {
		info, err := fs.Stat(files, path)
		if err != nil {
			return false, err
		}
		if info.Size() > 0 {
			return true, nil
		}
	}
	return false, err
}
