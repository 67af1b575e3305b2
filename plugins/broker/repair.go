package broker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// repair ends, on disk and before kfake reads it, the transactions that a killed
// process left open.
//
// kfake takes such a transaction for aborted when it loads, but writes nothing
// down. A later transaction of the same producer then shares its end: once
// that has committed, and the process is killed again, the records that were
// aborted count as committed. Until then readers, who know from an abort
// marker where what they must skip ends, skip the later records too. So each
// partition gets the marker that it lacks, and each producer a new epoch, or
// one that outlived the broker could commit the rest of its records alone.
//
// What it knows of the files is kfake's format 1, the one of the version that
// go.mod pins.
func repair(dir string) error {
	if !formatOne(dir) {
		return nil
	}
	partitions, err := os.ReadDir(filepath.Join(dir, "partitions"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("mending the broker's folder: %w", err)
	}
	session, err := os.ReadFile(filepath.Join(dir, "session_state.json"))
	m := repairer{resumed: err == nil && json.Valid(session), left: make(map[int64]bool)}
	for _, p := range partitions {
		folder := filepath.Join(dir, "partitions", p.Name())
		if !p.IsDir() {
			continue
		}
		if err := m.repair(folder); err != nil {
			return fmt.Errorf("mending %s: %w", folder, err)
		}
	}
	if err := repairProducers(filepath.Join(dir, "pids.log"), m.left); err != nil {
		return fmt.Errorf("mending the broker's producers: %w", err)
	}
	if _, err := repairLog(filepath.Join(dir, "groups.log")); err != nil {
		return fmt.Errorf("mending the broker's groups: %w", err)
	}
	return nil
}

// repairer is what there is to know of all partitions.
type repairer struct {
	resumed bool           // what was open when the broker was closed goes on
	left    map[int64]bool // producers whose transactions are ended here
}

func formatOne(dir string) bool {
	var meta struct{ Version int }
	raw, err := os.ReadFile(filepath.Join(dir, "meta.json"))
	return err == nil && json.Unmarshal(raw, &meta) == nil && meta.Version == 1
}

// snapshot is what kfake stores of a partition when it is closed. It stays there,
// while the files go on.
type snapshot struct {
	Start    int64 `json:"log_start_offset"`
	High     int64 `json:"high_watermark"`
	Stable   int64 `json:"last_stable_offset"`
	Segments []struct {
		Base int64 `json:"base_offset"`
		Size int64 `json:"size"`
	} `json:"segments"`
}

// readSnapshot returns nil if there is none that could be read: kfake, too, does
// without.
func readSnapshot(folder string) *snapshot {
	s := new(snapshot)
	raw, err := os.ReadFile(filepath.Join(folder, "snapshot.json"))
	if err != nil || json.Unmarshal(raw, s) != nil {
		return nil
	}
	return s
}

// isOf reports whether the files are as long as they were when the partition was
// closed: then kfake loads it by the snapshot, which knows what is aborted.
func (s *snapshot) isOf(folder string, bases []int64) bool {
	if s == nil || len(s.Segments) != len(bases) {
		return false
	}
	for i, base := range bases {
		info, err := os.Stat(segmentPath(folder, base, ".dat"))
		if err != nil || base != s.Segments[i].Base || info.Size() != s.Segments[i].Size {
			return false
		}
	}
	return true
}

// segments returns the first offsets of a partition's files, in order.
func segments(folder string) ([]int64, error) {
	files, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var bases []int64
	for _, f := range files {
		if number, ok := strings.CutSuffix(f.Name(), ".dat"); ok {
			if base, err := strconv.ParseInt(number, 10, 64); err == nil {
				bases = append(bases, base)
			}
		}
	}
	slices.Sort(bases)
	return bases, nil
}

func segmentPath(folder string, base int64, suffix string) string {
	return filepath.Join(folder, strconv.FormatInt(base, 10)+suffix)
}

// repair writes an abort marker for every producer whose transaction has none in a
// partition. After an orderly end there is nothing to repair, but for a transaction that
// is not resumed.
func (m *repairer) repair(folder string) error {
	bases, err := segments(folder)
	if err != nil || len(bases) == 0 {
		return err
	}
	files := make([]*segment, len(bases))
	for i, base := range bases {
		if files[i], err = readSegment(folder, base); err != nil {
			return err
		}
	}
	if err := inspect(files); err != nil {
		return err
	}
	closed := readSnapshot(folder)
	if closed.isOf(folder, bases) && (m.resumed || closed.Stable == closed.High) {
		if last := files[len(files)-1]; last.tail > 0 { // nobody was killed: kfake would truncate it
			why := fmt.Sprintf("its last %d bytes begin with what is no batch", last.tail)
			return &damaged{path: last.data, why: why}
		}
		return nil
	}
	open := make(map[int64]int16)
	next := files[0].base
	for _, f := range files {
		for _, b := range f.batches {
			next = b.next
			switch {
			case b.control():
				delete(open, b.producer)
			case b.transactional():
				open[b.producer] = b.epoch
			}
		}
		if err := f.repairIndex(); err != nil {
			return err
		}
	}
	last := files[len(files)-1]
	for _, producer := range sortedKeys(open) {
		if err := last.append(abortMarker(producer, open[producer], next, last.leader)); err != nil {
			return err
		}
		next++
		m.left[producer] = true
	}
	return nil
}

func sortedKeys(open map[int64]int16) []int64 {
	keys := make([]int64, 0, len(open))
	for key := range open {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
