package broker

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"

	"etlengine/plugins/kit/durable"
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
// again would get the answer that it was done.
const epochsAhead = 2

// producerEntry is what the log says of a producer; init entries name its
// transactional id too.
type producerEntry struct {
	Type   string `json:"type"`
	ID     int64  `json:"pid"`
	Epoch  int16  `json:"epoch"`
	Commit *bool  `json:"commit,omitempty"`
}

// repairProducers advances the epochs of the producers whose transactions were ended.
func repairProducers(path string, left map[int64]bool) error {
	bodies, err := repairLog(path)
	if err != nil || bodies == nil {
		return err
	}
	epochs := make(map[int64]int16)
	for _, body := range bodies {
		e := producerEntry{ID: -1} // what cannot be read kfake passes over too
		if json.Unmarshal(body, &e) == nil {
			epochs[e.ID] = e.Epoch
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

// repairLog removes from a log what is no whole entry, and returns the JSON of those
// that are. kfake leaves a torn one where the disk was full for a while, or a kill
// met it, and could never read what it writes behind that.
func repairLog(path string) (bodies [][]byte, err error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	bodies, whole := [][]byte{}, make([]byte, 0, len(raw))
	for at := 0; at < len(raw); {
		body, size := readEntry(raw[at:])
		if size == 0 {
			at++
			continue
		}
		bodies, whole = append(bodies, body), append(whole, raw[at:at+size]...)
		at += size
	}
	if len(whole) == len(raw) {
		return bodies, nil
	}
	return bodies, durable.WriteFile(path, whole, 0o644) // kfake removes path.tmp where it finds it
}

// readEntry reads the JSON of the first entry; a size of 0 stands for none that is
// whole.
func readEntry(raw []byte) (body []byte, size int) {
	if len(raw) < entryHead {
		return nil, 0
	}
	length := int(binary.LittleEndian.Uint32(raw))
	if length < entryHead-entryLead || length > len(raw)-entryLead {
		return nil, 0
	}
	body = raw[entryLead : entryLead+length]
	if body[0] != entryVersion || body[1] != 0 || binary.LittleEndian.Uint32(raw[4:]) != castagnoli(body) {
		return nil, 0
	}
	return body[2:], entryLead + length
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
