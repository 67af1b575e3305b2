package broker

import "encoding/binary"

const (
	logAppendTime  = 0x08 // in a batch's attributes: its timestamps are the broker's
	compression    = 0x07
	maxCompressed  = 1 << 22 // records of a compressed batch
	maxVarintBytes = 5
)

// checkRecords makes sure that kfake refuses a batch that it would store as it
// is and that it, or a reader, could not make sense of later. Such a batch is
// turned into one that only a broker may write, which kfake answers with
// INVALID_RECORD.
func checkRecords(raw []byte) {
	if len(raw) < batchHead || raw[magicAt] != 2 || soundRecords(raw) {
		return
	}
	raw[22] |= controlBatch
	binary.BigEndian.PutUint32(raw[17:], castagnoli(raw[21:]))
}

// soundRecords reports whether a batch has as many records as it says. kfake
// counts offsets by that number, also by a negative one. Nor does it take
// timestamps of the broker: it changes them behind the checksum, and cannot
// read the batch when it starts again.
func soundRecords(raw []byte) bool {
	attributes := binary.BigEndian.Uint16(raw[21:])
	count := int32(binary.BigEndian.Uint32(raw[57:]))
	if attributes&logAppendTime != 0 || count < 1 {
		return false
	}
	if attributes&compression != 0 {
		return count <= maxCompressed
	}
	records := raw[batchHead:]
	for ; count > 0; count-- {
		zigzag, n := binary.Uvarint(records[:min(len(records), maxVarintBytes)])
		size := int64(zigzag>>1) ^ -int64(zigzag&1)
		if n <= 0 || size < 0 || size > int64(len(records)-n) {
			return false
		}
		records = records[n+int(size):]
	}
	return len(records) == 0
}
