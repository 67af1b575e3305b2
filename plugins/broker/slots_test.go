package broker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// marked is a folder with what was acknowledged of some partitions, and that file.
func marked(t *testing.T, partitions int32) (dir, path string) {
	t.Helper()
	dir = t.TempDir()
	a, err := openAcknowledged(dir, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	for p := range partitions {
		if err := a.set(logKey{[16]byte{1}, p}, "t", int64(p), 10); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, filepath.Join(dir, acknowledgedFile)
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestEveryFlippedByteAndLengthOfWhatWasAcknowledgedIsDamage, also where slots are free.
func TestEveryFlippedByteAndLengthOfWhatWasAcknowledgedIsDamage(t *testing.T) {
	_, path := marked(t, 4)
	raw := read(t, path)
	if found, damage := readSlots(path, raw); damage != nil || len(found.marks) != 4 || found.old {
		t.Fatalf("whole: got %+v, %v", found, damage)
	}
	for at := range raw {
		spoilt := bytes.Clone(raw)
		spoilt[at] ^= 1 << (at % 8)
		if _, damage := readSlots(path, spoilt); damage == nil {
			t.Errorf("byte %d flipped: no damage", at)
		}
		if _, damage := readSlots(path, raw[:at]); damage == nil {
			t.Errorf("cut to %d bytes: no damage", at)
		}
	}
}

// TestDamageOfWhatWasAcknowledgedIsRefusedByName, and gone on with on demand.
func TestDamageOfWhatWasAcknowledgedIsRefusedByName(t *testing.T) {
	half := func(b []byte) []byte { return b[:len(b)/2] }
	for name, spoil := range map[string]func([]byte) []byte{"its own slot": flip(10), "half": half, "empty": truncated(0),
		"a partition's slot": flip(slotBytes + 40), "a free slot": flip(-1), "gone": nil} {
		for _, closed := range []bool{true, false} {
			dir := threeFiles(t, closed, smallFiles)
			path := filepath.Join(dir, acknowledgedFile)
			if spoil != nil {
				rewrite(t, path, spoil)
			} else if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			before := sizes(t, dir)
			for range 2 { // the second finds the same
				b, err := Start(Options{Dir: dir, Port: freePort()})
				if err == nil {
					b.Close(t.Context())
				}
				if d, is := errors.AsType[*damaged](err); !is || d.path != path || d.way != goOn {
					t.Fatalf("%s, closed %v: got %v", name, closed, err)
				}
			}
			if sizes(t, dir) != before {
				t.Errorf("%s, closed %v: the files were changed", name, closed)
			}
			b := start(t, Options{Dir: dir, AcceptLoss: true})
			if info := b.cluster.PartitionInfo("t", 0); info == nil || info.HighWatermark != 6 {
				t.Errorf("%s, closed %v: got %+v, want 6 records", name, closed, info)
			}
			if d := killed(t, dir); t.Failed() || b.Close(t.Context()) != nil {
				t.FailNow()
			} else {
				start(t, Options{Dir: d}).Close(t.Context()) // it is found once
			}
		}
	}
}

// TestKillWhileTheFileOfWhatWasAcknowledgedGrowsIsNoDamage, whatever has arrived of it.
func TestKillWhileTheFileOfWhatWasAcknowledgedGrowsIsNoDamage(t *testing.T) {
	_, path := marked(t, firstSlots-1)
	full := read(t, path)
	_, path = marked(t, firstSlots)
	grown := read(t, path)
	if len(full) != firstSlots*slotBytes || len(grown) != 2*len(full) {
		t.Fatalf("%d bytes grew to %d, want %d and twice that", len(full), len(grown), firstSlots*slotBytes)
	}
	for length := len(full); length <= len(grown); length += slotBytes / 2 {
		left := append(bytes.Clone(full), make([]byte, length-len(full))...)
		if found, damage := readSlots(path, left); damage != nil || len(found.marks) != firstSlots-1 {
			t.Errorf("%d bytes: got %d partitions, %v", length, len(found.marks), damage)
		}
	}
	late := append(bytes.Clone(full), grown[len(full):]...) // a power failure has left the file's own slot out
	if found, damage := readSlots(path, late); damage != nil || len(found.marks) != firstSlots {
		t.Errorf("without its own slot: got %d partitions, %v", len(found.marks), damage)
	}
}

// versionOne is a file as engines wrote it before.
func versionOne(marks []*mark) []byte {
	var raw []byte
	for i, m := range append([]*mark{{name: fileSlotOne, state: compacting}}, marks...) {
		slot := make([]byte, slotBytes)
		fillSlot(slot, m)
		slot = slot[:slotHead+len(m.name)]
		binary.LittleEndian.PutUint32(slot, castagnoli(slot[4:]))
		raw = append(append(raw, make([]byte, i*slotBytes-len(raw))...), slot...)
	}
	return raw
}

// TestVersionOneOfWhatWasAcknowledgedIsRead, and its damage found as far as it can be.
func TestVersionOneOfWhatWasAcknowledgedIsRead(t *testing.T) {
	dir, path := marked(t, 3)
	found, _ := readSlots(path, read(t, path))
	raw := versionOne(found.marks)
	copy(raw[2*slotBytes:], make([]byte, slotHead)) // the topic was deleted
	if err := os.WriteFile(path, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	a, err := openAcknowledged(dir, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	marks := a.all()
	a.Close()
	if len(marks) != 2 || marks[1].start != 2 || marks[1].end != 10 || a.state != compacting {
		t.Errorf("got %+v in state %d", marks, a.state)
	}
	if found, damage := readSlots(path, read(t, path)); damage != nil || found.old || len(found.marks) != 2 {
		t.Errorf("it became %+v, %v", found, damage)
	}
	for at := range raw {
		if at%slotBytes >= slotHead+len(fileSlotOne) || at >= slotBytes && at%slotBytes > slotHead ||
			at >= 2*slotBytes && at < 3*slotBytes && at%slotBytes >= slotHead {
			continue // what a checksum does not cover
		}
		spoilt := bytes.Clone(raw)
		spoilt[at] ^= 1
		if _, damage := readSlots(path, spoilt); damage == nil {
			t.Errorf("byte %d flipped: no damage", at)
		}
	}
	if _, damage := readSlots(path, raw[:len(raw)-1]); damage == nil {
		t.Error("without its last byte: no damage")
	}
}

// TestFolderOfAnEngineThatStoredNothingAcknowledgedOpens, if it was closed in order.
func TestFolderOfAnEngineThatStoredNothingAcknowledgedOpens(t *testing.T) {
	dir := threeFiles(t, true, smallFiles)
	if err := os.Remove(filepath.Join(dir, acknowledgedFile)); err != nil {
		t.Fatal(err)
	}
	writeManifest(dir)
	if text := read(t, filepath.Join(dir, manifestFile)); strings.Contains(string(text), acknowledgedFile) {
		t.Fatal("the folder is that of a newer engine")
	}
	if info := start(t, Options{Dir: dir}).cluster.PartitionInfo("t", 0); info == nil || info.HighWatermark != 6 {
		t.Errorf("got %+v, want 6 records", info)
	}
}

// TestSlotsOfDeletedTopicsAreUsedAgain, and nothing of the topic is left in them.
func TestSlotsOfDeletedTopicsAreUsedAgain(t *testing.T) {
	dir, path := marked(t, firstSlots-1)
	a, err := openAcknowledged(dir, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if err := a.forget(a.topics()); err != nil {
		t.Fatal(err)
	}
	if raw := read(t, path); slices.Max(raw[slotBytes:]) != 0 {
		t.Error("a free slot is not empty")
	}
	for p := range int32(firstSlots - 1) {
		if err := a.reach(logKey{[16]byte{2}, p}, "u", 1); err != nil {
			t.Fatal(err)
		}
	}
	found, damage := readSlots(path, read(t, path))
	if damage != nil || found.slots != firstSlots || len(found.marks) != firstSlots-1 {
		t.Errorf("got %+v, %v", found, damage)
	}
}
