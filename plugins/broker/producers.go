package broker

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
)

// An entry of kfake's log of producers: length and checksum of what follows,
// version, JSON.
const (
	entryLead    = 8
	entryHead    = 10
	entryVersion = 1
)

// epochsAhead is how far a producer's epoch moves whose transaction was left
// open. By one is what a commit itself does: a client that asks for its commit
// again would be told that it was done.
const epochsAhead = 2

// producerEntry is what the log says of a producer; init entries name its
// transactional id too.
type producerEntry struct {
	Type   string `json:"type"`
	ID     int64  `json:"pid"`
	Epoch  int16  `json:"epoch"`
	Commit *bool  `json:"commit,omitempty"`
}

// mendProducers cuts off a torn end, behind which kfake would write what it
// could never read, and moves on the epochs of producers left behind.
func mendProducers(path string, left map[int64]bool) error {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	epochs := make(map[int64]int16)
	whole := 0
	for {
		e, size := readEntry(raw[whole:])
		if size == 0 {
			break
		}
		whole += size
		epochs[e.ID] = e.Epoch
	}
	if whole < len(raw) {
		if !tornEntry(raw[whole:]) {
			return &damaged{path, fmt.Sprintf("what is in it from byte %d on, %d bytes, is no entry", whole, len(raw)-whole)}
		}
		if err := os.Truncate(path, int64(whole)); err != nil {
			return err
		}
	}
	var more []byte
	for id := range left {
		epoch, known := epochs[id]
		if !known {
			continue // kfake has forgotten it too, and refuses what it sends
		}
		aborted := false
		e := producerEntry{Type: "endtx", ID: id, Commit: &aborted}
		e.Epoch = min(epoch, math.MaxInt16-epochsAhead) + epochsAhead // the largest gets a new id anyway
		if more, err = appendEntry(more, e); err != nil {
			return err
		}
	}
	if len(more) == 0 {
		return nil
	}
	return appendTo(path, more)
}

// readEntry reads the first entry; a size of 0 stands for none that is whole.
func readEntry(raw []byte) (e producerEntry, size int) {
	if len(raw) < entryHead {
		return e, 0
	}
	length := int(binary.LittleEndian.Uint32(raw))
	if length < entryHead-entryLead || length > len(raw)-entryLead {
		return e, 0
	}
	body := raw[entryLead : entryLead+length]
	if binary.LittleEndian.Uint32(raw[4:]) != castagnoli(body) {
		return e, 0
	}
	if json.Unmarshal(body[2:], &e) != nil {
		e = producerEntry{ID: -1} // kfake passes over it too
	}
	return e, entryLead + length
}

// tornEntry tells whether bytes are the beginning of an entry.
func tornEntry(raw []byte) bool {
	size := 0
	if len(raw) >= entryLead {
		if size = entryLead + int(binary.LittleEndian.Uint32(raw)); size < entryHead {
			return false
		}
	}
	return tornEnd(raw, size, func(raw []byte) bool { _, size := readEntry(raw); return size > 0 })
}

func appendEntry(dst []byte, e producerEntry) ([]byte, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	body := append(binary.LittleEndian.AppendUint16(nil, entryVersion), text...)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(body)))
	dst = binary.LittleEndian.AppendUint32(dst, castagnoli(body))
	return append(dst, body...), nil
}
