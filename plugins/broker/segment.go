package broker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Of a batch as it travels and as it is stored; the numbers are Kafka's.
const (
	batchLead    = 12 // offset and length, which the length does not count
	batchHead    = 61
	magicAt      = 16
	maxBatch     = 1 << 30
	transaction  = 0x10
	controlBatch = 0x20
)

// Of a segment's index: version, checksum, leader epoch, a timestamp, flags.
const (
	indexEntry  = 15
	indexFormat = 1
	inOpen      = 1 // the batch is part of a transaction
)

// segment is a file of a partition and its index, which has an entry for each
// batch.
type segment struct {
	base        int64  // its first offset
	data, index string // paths
	batches     []batch
	size        int64 // of the whole batches
	tail        int64 // bytes behind them
	broken      bool  // they are more than a batch that was not written to its end
	entries     []byte
	leader      int32 // epoch of the newest batch's leader
}

// next is the offset behind the last batch.
func (s *segment) next() int64 {
	if len(s.batches) == 0 {
		return s.base
	}
	return s.batches[len(s.batches)-1].next
}

// batch is what the repair must know of a batch.
type batch struct {
	first      int64 // offset
	next       int64 // behind it
	leader     int32
	attributes uint16
	latest     int64 // timestamp
	producer   int64
	epoch      int16
}

func (b batch) transactional() bool { return b.attributes&transaction != 0 && b.producer >= 0 }
func (b batch) control() bool       { return b.attributes&controlBatch != 0 }

func castagnoli(p []byte) uint32 { return crc32.Checksum(p, crc32.MakeTable(crc32.Castagnoli)) }

func readSegment(folder string, base int64) (*segment, error) {
	s := &segment{base: base, data: segmentPath(folder, base, ".dat"), index: segmentPath(folder, base, ".idx")}
	raw, err := os.ReadFile(s.data)
	if err != nil {
		return nil, err
	}
	if s.entries, err = os.ReadFile(s.index); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for {
		b, size := readBatch(raw[s.size:])
		if size == 0 || b.first < s.next() { // offsets only grow
			s.tail, s.broken = int64(len(raw))-s.size, !torn(raw[s.size:], s.next())
			return s, nil
		}
		s.batches = append(s.batches, b)
		s.size += int64(size)
		s.leader = b.leader
	}
}

// readBatch reads the first batch; a size of 0 stands for none that is whole.
func readBatch(raw []byte) (batch, int) {
	if len(raw) < batchHead {
		return batch{}, 0
	}
	size := batchLead + int(binary.BigEndian.Uint32(raw[8:]))
	if size < batchHead || size > maxBatch || size > len(raw) {
		return batch{}, 0
	}
	raw = raw[:size]
	if raw[magicAt] != 2 || raw[21] != 0 { // cheap checks first: torn tries this at every byte
		return batch{}, 0
	}
	if binary.BigEndian.Uint32(raw[17:]) != castagnoli(raw[21:]) {
		return batch{}, 0
	}
	first, delta := int64(binary.BigEndian.Uint64(raw)), int64(int32(binary.BigEndian.Uint32(raw[23:])))
	return batch{
		first:      first,
		next:       first + delta + 1,
		leader:     int32(binary.BigEndian.Uint32(raw[12:])),
		attributes: binary.BigEndian.Uint16(raw[21:]),
		latest:     int64(binary.BigEndian.Uint64(raw[35:])),
		producer:   int64(binary.BigEndian.Uint64(raw[43:])),
		epoch:      int16(binary.BigEndian.Uint16(raw[51:])),
	}, size
}

// torn reports whether bytes behind an offset are the beginning of a batch, as a kill
// leaves it in the middle of a write, or what the system has put in place of pages
// that were never written. They are not if a later batch begins in them: then it is
// a length that is wrong.
func torn(raw []byte, next int64) bool {
	written := bytes.TrimRight(raw, "\x00")
	lost := len(raw)-len(written) >= leastLost || len(written) == 0
	if len(raw) >= batchLead && !lost {
		size := batchLead + int(binary.BigEndian.Uint32(raw[8:]))
		if size < batchHead || size > maxBatch || size <= len(raw) {
			return false
		}
	}
	for at := 1; at+batchHead <= len(written); at++ {
		if b, size := readBatch(raw[at:]); size > 0 && b.first > next {
			return false
		}
	}
	return true
}

// leastLost is how many zeros at the end are no data: the least that is written at a
// time.
const leastLost = 512

// repairIndex truncates both files to what is whole, and adds the entries of batches
// without one that can be read: for kfake they would be outside of their transaction,
// and so committed whatever becomes of that.
func (s *segment) repairIndex() error {
	if s.tail > 0 {
		if err := os.Truncate(s.data, s.size); err != nil {
			return err
		}
	}
	entries := s.entries[:min(rightEntries(s.entries), indexEntry*len(s.batches))]
	missing := s.batches[len(entries)/indexEntry:]
	if len(missing) == 0 && len(entries) == len(s.entries) {
		return nil
	}
	if len(entries) != len(s.entries) {
		if err := os.Truncate(s.index, int64(len(entries))); err != nil {
			return err
		}
	}
	var more []byte
	for _, b := range missing {
		more = append(more, indexOf(b)...)
	}
	return appendTo(s.index, more)
}

func indexOf(b batch) []byte {
	entry := make([]byte, indexEntry)
	entry[0] = indexFormat
	binary.LittleEndian.PutUint32(entry[2:], uint32(b.leader))
	binary.LittleEndian.PutUint64(entry[6:], uint64(b.latest))
	if b.transactional() && !b.control() {
		entry[14] = inOpen
	}
	entry[1] = byte(castagnoli(entry[2:]))
	return entry
}

// rightEntries is how many bytes of an index can be trusted. kfake takes an entry
// that it cannot read for that of a batch outside of any transaction.
func rightEntries(index []byte) (size int) {
	for size+indexEntry <= len(index) && index[size+1] == byte(castagnoli(index[size+2:size+indexEntry])) {
		size += indexEntry
	}
	return size
}

func (s *segment) append(raw []byte) error {
	b, size := readBatch(raw)
	if err := appendTo(s.data, raw); err != nil {
		return err
	}
	s.size += int64(size)
	return appendTo(s.index, indexOf(b))
}

func appendTo(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// abortMarker is the batch that ends a producer's transaction at an offset.
func abortMarker(producer int64, epoch int16, at int64, leader int32) []byte {
	key := kmsg.ControlRecordKey{Type: kmsg.ControlRecordKeyTypeAbort}
	marker := kmsg.EndTxnMarker{}
	record := kmsg.Record{Key: key.AppendTo(nil), Value: marker.AppendTo(nil)}
	record.Length = int32(len(record.AppendTo(nil)) - 1) // without its own varint, which takes one byte
	now := time.Now().UnixMilli()
	b := kmsg.RecordBatch{FirstOffset: at, PartitionLeaderEpoch: leader, Magic: 2,
		Attributes: transaction | controlBatch, FirstTimestamp: now, MaxTimestamp: now,
		ProducerID: producer, ProducerEpoch: epoch, FirstSequence: -1, NumRecords: 1,
		Records: record.AppendTo(nil)}
	b.Length = int32(len(b.AppendTo(nil)) - batchLead)
	b.CRC = int32(castagnoli(b.AppendTo(nil)[21:]))
	return b.AppendTo(nil)
}
