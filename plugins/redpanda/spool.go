package redpanda

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"strings"

	"etlengine/plugins/kit/durable"
	"etlengine/plugins/kit/staging"
)

// A spool is a file with the records of one epoch, each with its partition, in
// the order in which they were written. It begins with spoolMagic and a block
// of the names of headers as JSON; blocks of records follow. A block is
//
//	length of the payload   4 bytes, little-endian like all that follow
//	records                 4
//	time of the first       8, milliseconds
//	checksum                4, CRC-32C of what is before it and behind it
//
// and then the payload, of records which are
//
//	partition               4
//	milliseconds later      4
//	length of the key       4, plus one; 0 for none
//	length of the value     4, plus one; 0 for none
//	key, value
//	each header             4, length plus one, 0 for none; and the value
const (
	spoolMagic  = "engspl\x00\x01"
	spoolSuffix = ".spool"
	blockHead   = 20
	recordHead  = 16
	lengthBytes = 4
	blockBytes  = 256 << 10 // a block ends with the record that passes this
)

func checksum(head, payload []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Update(0, table, head), table, payload)
}

// spool is one being written.
type spool struct {
	area   staging.Area
	file   staging.File
	name   string
	id     string
	block  []byte // its head first
	inside uint32 // records in it
	first  int64  // time of its first
	size   int64  // of what is in the file
	total  int64  // records
	counts []int64

	keyless int64 // records without a key
	largest int   // bytes of the largest
}

// createSpool makes a file whose name says, for people, which epoch it is about.
func createSpool(area staging.Area, epoch uint64, headers []string) (*spool, error) {
	id := staging.Incarnation()
	s := &spool{area: area, id: id, name: fmt.Sprintf("%08d-%s%s", epoch, id, spoolSuffix)}
	var err error
	if s.file, err = area.Disk.Create(s.path()); err != nil {
		return nil, staging.Failed("making the spool", s.path(), err)
	}
	names, err := json.Marshal(headers)
	if err == nil {
		_, err = s.file.Write([]byte(spoolMagic))
	}
	if err != nil {
		return nil, errors.Join(staging.Failed("writing the spool", s.path(), err), s.discard())
	}
	s.size = int64(len(spoolMagic))
	s.block = append(make([]byte, blockHead, blockHead+blockBytes+blockBytes/4), names...)
	if err := s.flush(); err != nil {
		return nil, errors.Join(err, s.discard())
	}
	return s, nil
}

func (s *spool) path() string { return s.area.Path(s.name) }

// begin appends a record's head, to be filled in, and returns where it is.
func (s *spool) begin(now int64) (at int) {
	if s.inside == 0 {
		s.first = now
	}
	at = len(s.block)
	s.block = append(s.block, make([]byte, recordHead)...)
	binary.LittleEndian.PutUint32(s.block[at+4:], uint32(max(0, now-s.first)))
	return at
}

// end completes the record that began at a position of the block.
func (s *spool) end(at int, partition int32) error {
	binary.LittleEndian.PutUint32(s.block[at:], uint32(partition))
	s.inside++
	s.total++
	for int(partition) >= len(s.counts) {
		s.counts = append(s.counts, 0)
	}
	s.counts[partition]++
	if len(s.block) < blockHead+blockBytes {
		return nil
	}
	return s.flush()
}

// undo drops the record that began at a position of the block and has not been completed.
func (s *spool) undo(at int) { s.block = s.block[:at] }

// flush writes the block, so that the file holds all that was written.
func (s *spool) flush() error {
	payload := s.block[blockHead:]
	if len(payload) == 0 {
		return nil
	}
	binary.LittleEndian.PutUint32(s.block, uint32(len(payload)))
	binary.LittleEndian.PutUint32(s.block[4:], s.inside)
	binary.LittleEndian.PutUint64(s.block[8:], uint64(s.first))
	binary.LittleEndian.PutUint32(s.block[16:], checksum(s.block[:16], payload))
	if _, err := s.file.Write(s.block); err != nil {
		return staging.Failed("writing the spool", s.path(), err)
	}
	s.size += int64(len(s.block))
	s.block, s.inside = s.block[:blockHead], 0
	return nil
}

// bytes is the size of the file with what is not yet in it.
func (s *spool) bytes() int64 { return s.size + int64(len(s.block)) }

// seal makes the file durable under its name, and closes it.
func (s *spool) seal() error {
	if err := s.file.Close(); err != nil {
		return staging.Failed("closing the spool", s.path(), err)
	}
	if err := s.area.Sync(s.name); err != nil {
		return err
	}
	return s.area.SyncNames()
}

// discard removes the file. It may be closed already.
func (s *spool) discard() error {
	_ = s.file.Close() // what it holds is of no use to anybody
	return s.area.Remove(s.name)
}

// spoolArea is where the spools of an output lie, inside the state directory
// whatever the names are.
func spoolArea(state string, o owner) staging.Area {
	return staging.Area{Disk: staging.OSDisk{Private: true},
		Folder: filepath.Join(state, "spool", folderName(o.pipeline), folderName(o.output)),
		Owns:   func(name string) bool { return strings.HasSuffix(name, spoolSuffix) }}
}

// folderName is the name of a folder for a name of the user's, which may be empty.
func folderName(name string) string {
	if name == "" {
		return "~"
	}
	return durable.EscapeName(name)
}
