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

// mend ends, on disk and before kfake reads it, the transactions that a killed
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
func mend(dir string) error {
	if !formatOne(dir) {
		return nil
	}
	partitions, err := os.ReadDir(filepath.Join(dir, "partitions"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("mending the broker's folder: %w", err)
	}
	_, err = os.Stat(filepath.Join(dir, "session_state.json"))
	resumed := err == nil // what was open when the broker was closed goes on
	left := make(map[int64]bool)
	for _, p := range partitions {
		folder := filepath.Join(dir, "partitions", p.Name())
		if !p.IsDir() || closedWell(folder, resumed) {
			continue
		}
		if err := mendPartition(folder, left); err != nil {
			return fmt.Errorf("mending %s: %w", folder, err)
		}
	}
	if err := mendProducers(filepath.Join(dir, "pids.log"), left); err != nil {
		return fmt.Errorf("mending the broker's producers: %w", err)
	}
	return nil
}

func formatOne(dir string) bool {
	var meta struct{ Version int }
	raw, err := os.ReadFile(filepath.Join(dir, "meta.json"))
	return err == nil && json.Unmarshal(raw, &meta) == nil && meta.Version == 1
}

// closedWell tells whether kfake will load a partition by the snapshot of an
// orderly end, which knows what is aborted. One whose open transaction is not
// resumed does not.
func closedWell(folder string, resumed bool) bool {
	var snapshot struct {
		High     int64 `json:"high_watermark"`
		Stable   int64 `json:"last_stable_offset"`
		Segments []struct {
			Base int64 `json:"base_offset"`
			Size int64 `json:"size"`
		} `json:"segments"`
	}
	raw, err := os.ReadFile(filepath.Join(folder, "snapshot.json"))
	if err != nil || json.Unmarshal(raw, &snapshot) != nil {
		return false
	}
	bases, err := segments(folder)
	if err != nil || len(bases) != len(snapshot.Segments) {
		return false
	}
	for i, s := range snapshot.Segments {
		info, err := os.Stat(segmentPath(folder, s.Base, ".dat"))
		if err != nil || bases[i] != s.Base || info.Size() != s.Size {
			return false
		}
	}
	return resumed || snapshot.Stable == snapshot.High
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

// mendPartition writes an abort marker for every producer whose transaction has
// none, and adds those producers to left.
func mendPartition(folder string, left map[int64]bool) error {
	bases, err := segments(folder)
	if err != nil || len(bases) == 0 {
		return err
	}
	open := make(map[int64]int16)
	var last *segment
	next := bases[0]
	for _, base := range bases {
		if last, err = readSegment(folder, base); err != nil {
			return err
		}
		for _, b := range last.batches {
			next = b.next
			switch {
			case b.control():
				delete(open, b.producer)
			case b.transactional():
				open[b.producer] = b.epoch
			}
		}
		if err := last.mendIndex(); err != nil {
			return err
		}
	}
	for _, producer := range sortedKeys(open) {
		if err := last.append(abortMarker(producer, open[producer], next, last.leader)); err != nil {
			return err
		}
		next++
		left[producer] = true
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
