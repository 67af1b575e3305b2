package redpanda

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"etlengine/plugins/kit/staging"
)

// errDamaged marks a spool that is not what was sealed.
var errDamaged = errors.New("the spool is damaged")

// spoolReader gives back what was written, block by block.
type spoolReader struct {
	in      io.Reader
	file    io.Closer
	left    int64 // bytes
	headers []string
	head    [blockHead]byte
}

// openSpool opens a sealed spool for reading.
func openSpool(area staging.Area, of *sealed) (*spoolReader, error) {
	path := area.Path(of.Name)
	info, err := area.Disk.Stat(path)
	if err != nil {
		return nil, staging.Failed("opening the spool", path, err)
	}
	f, err := area.Disk.Open(path)
	if err != nil {
		return nil, staging.Failed("opening the spool", path, err)
	}
	var r *spoolReader
	if info.Size() == of.Length {
		r, err = readSpool(io.NewSectionReader(f, 0, of.Length), of.Length)
	} else {
		err = fmt.Errorf("%w: want %d bytes, got %d", errDamaged, of.Length, info.Size())
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("reading the spool %s: %w", path, err)
	}
	r.file = f
	return r, nil
}

// readSpool reads the beginning of a spool of so many bytes.
func readSpool(in io.Reader, length int64) (*spoolReader, error) {
	r := &spoolReader{in: in, left: length}
	var magic [len(spoolMagic)]byte
	if err := r.fill(magic[:]); err != nil {
		return nil, err
	}
	if string(magic[:]) != spoolMagic {
		return nil, fmt.Errorf("%w: it begins with %q", errDamaged, magic)
	}
	names, records, _, err := r.block(nil)
	if err == nil && records != 0 {
		err = fmt.Errorf("%w: want the names of headers, got %d records", errDamaged, records)
	}
	if err == nil {
		err = json.Unmarshal(names, &r.headers)
	}
	if err == io.EOF {
		err = fmt.Errorf("%w: it ends before the names of headers", errDamaged)
	}
	return r, err
}

func (r *spoolReader) Close() error { return r.file.Close() }

func (r *spoolReader) fill(p []byte) error {
	if int64(len(p)) > r.left {
		return fmt.Errorf("%w: %d bytes are left of %d", errDamaged, r.left, len(p))
	}
	if _, err := io.ReadFull(r.in, p); err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("%w: it ends %d bytes too soon", errDamaged, r.left) // not the end that readers wait for
	} else if err != nil {
		return err
	}
	r.left -= int64(len(p))
	return nil
}

// block reads the next block into scratch, which it may grow; io.EOF at the end.
func (r *spoolReader) block(scratch []byte) (payload []byte, records uint32, first int64, err error) {
	if r.left == 0 {
		return nil, 0, 0, io.EOF
	}
	if err := r.fill(r.head[:]); err != nil {
		return nil, 0, 0, err
	}
	length := int64(binary.LittleEndian.Uint32(r.head[:]))
	if length > r.left {
		return nil, 0, 0, fmt.Errorf("%w: a block of %d bytes, and %d are left", errDamaged, length, r.left)
	}
	payload = slices.Grow(scratch[:0], int(length))[:length]
	if err := r.fill(payload); err != nil {
		return nil, 0, 0, err
	}
	if checksum(r.head[:16], payload) != binary.LittleEndian.Uint32(r.head[16:]) {
		return nil, 0, 0, fmt.Errorf("%w: the checksum of the block before the last %d bytes is wrong",
			errDamaged, r.left)
	}
	return payload, binary.LittleEndian.Uint32(r.head[4:]), int64(binary.LittleEndian.Uint64(r.head[8:])), nil
}

// next reads a block of records, which point into the slab's bytes.
func (r *spoolReader) next(s *slab) error {
	payload, count, first, err := r.block(s.bytes)
	if err != nil {
		return err
	}
	s.bytes = payload
	if int64(count)*recordHead > int64(len(payload)) {
		return fmt.Errorf("%w: %d records in %d bytes", errDamaged, count, len(payload))
	}
	s.records = slices.Grow(s.records[:0], int(count))
	s.headers = slices.Grow(s.headers[:0], int(count)*len(r.headers))
	for range count {
		var record kgo.Record
		if payload, err = r.record(&record, payload, s, first); err != nil {
			return err
		}
		s.records = append(s.records, record)
	}
	if len(payload) != 0 {
		return fmt.Errorf("%w: %d bytes behind the last record of a block", errDamaged, len(payload))
	}
	return nil
}

// record reads one record and returns the payload behind it.
func (r *spoolReader) record(to *kgo.Record, payload []byte, s *slab, first int64) ([]byte, error) {
	if len(payload) < recordHead {
		return nil, fmt.Errorf("%w: a record of %d bytes", errDamaged, len(payload))
	}
	head := payload[:recordHead]
	payload = payload[recordHead:]
	to.Partition = int32(binary.LittleEndian.Uint32(head))
	to.Timestamp = time.UnixMilli(first + int64(binary.LittleEndian.Uint32(head[4:])))
	var ok bool
	if to.Key, payload, ok = readField(payload, binary.LittleEndian.Uint32(head[8:])); !ok {
		return nil, fmt.Errorf("%w: a key is longer than its block", errDamaged)
	}
	if to.Value, payload, ok = readField(payload, binary.LittleEndian.Uint32(head[12:])); !ok {
		return nil, fmt.Errorf("%w: a value is longer than its block", errDamaged)
	}
	from := len(s.headers)
	for _, name := range r.headers {
		h := kgo.RecordHeader{Key: name}
		if len(payload) < lengthBytes {
			return nil, fmt.Errorf("%w: a header is missing", errDamaged)
		}
		if h.Value, payload, ok = readField(payload[lengthBytes:], binary.LittleEndian.Uint32(payload)); !ok {
			return nil, fmt.Errorf("%w: a header is longer than its block", errDamaged)
		}
		s.headers = append(s.headers, h)
	}
	if len(r.headers) > 0 {
		to.Headers = s.headers[from:len(s.headers):len(s.headers)]
	}
	return payload, nil
}

// readField splits a field off; its length is given plus one, 0 stands for none.
func readField(from []byte, plusOne uint32) (field, remaining []byte, ok bool) {
	if plusOne == 0 {
		return nil, from, true
	}
	length := int64(plusOne) - 1
	if length > int64(len(from)) {
		return nil, nil, false
	}
	return from[:length:length], from[length:], true
}
