package redpanda

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/twmb/franz-go/pkg/kgo"

	"etlengine/plugins/kit/columns"
	"etlengine/plugins/kit/jsonrows"
	"etlengine/plugins/sdk"
)

// metadataColumns are the columns that metadata can add, by name.
func metadataColumns() sdk.Schema {
	return sdk.Schema{
		{Key: "key", Value: sdk.Column{Type: "string"}},
		{Key: "key_bytes", Value: sdk.Column{Type: "bytes"}},
		{Key: "partition", Value: sdk.Column{Type: "int32", Required: true}},
		{Key: "offset", Value: sdk.Column{Type: "int64", Required: true}},
		{Key: "timestamp", Value: sdk.Column{Type: "timestamp"}},
		{Key: "headers", Value: sdk.Column{Type: "json"}},
	}
}

func checkMetadata(names []string) error {
	var known []string
	for _, column := range metadataColumns() {
		known = append(known, column.Key)
	}
	for i, name := range names {
		if err := sdk.OneOf("metadata."+strconv.Itoa(i), name, known...); err != nil {
			return err
		}
		if slices.Contains(names[:i], name) {
			return sdk.Fieldf("metadata."+strconv.Itoa(i), "%s is named twice", name)
		}
	}
	return nil
}

// metadataSchema is the columns of metadata, with the _ that is the engine's.
func metadataSchema(names []string) sdk.Schema {
	all, picked := metadataColumns(), sdk.Schema{}
	for _, name := range names {
		at := slices.IndexFunc(all, func(e sdk.Entry[sdk.Column]) bool { return e.Key == name })
		column := all[at]
		column.Key = "_" + name
		picked = append(picked, column)
	}
	return picked
}

// annotated adds columns of metadata to what a decoder makes of the values.
type annotated struct {
	decoder
	schema  *arrow.Schema
	names   []string
	builder *columns.Builder
	text    []byte
}

func (c *SourceConfig) annotate(d decoder) recordDecoder {
	if len(c.Metadata) == 0 {
		return bare{d}
	}
	return &annotated{decoder: d, schema: c.columns(), names: c.Metadata,
		builder: columns.NewBuilder(metadataSchema(c.Metadata))}
}

// recordDecoder collects records as rows.
type recordDecoder interface {
	decoder
	AppendRecord(r *kgo.Record) error
}

// bare decodes a record's value alone.
type bare struct{ decoder }

// AppendRecord adds a record as a row.
func (b bare) AppendRecord(r *kgo.Record) error { return b.Append(r.Value) }

// AppendRecord adds a record as a row. What is refused has been added nowhere.
func (a *annotated) AppendRecord(r *kgo.Record) error {
	for i, name := range a.names {
		if err := a.set(&a.builder.Columns()[i], name, r); err != nil {
			a.builder.Abort()
			return err
		}
	}
	if err := a.Append(r.Value); err != nil {
		a.builder.Abort()
		return err
	}
	return a.builder.Commit()
}

// checkTimestamp refuses what is not of the years 1 to 9999. A producer may write any
// number, and microseconds of some would be another time altogether.
func checkTimestamp(at time.Time) error {
	const last = 253_402_300_799_999 // milliseconds
	if ms := at.UnixMilli(); ms > last {
		return fmt.Errorf("_timestamp: want one of the years 1 to 9999, got %d ms since 1970", ms)
	}
	return nil
}

func (a *annotated) set(c *columns.Column, name string, r *kgo.Record) error {
	switch {
	case name == "partition":
		c.SetInt32(r.Partition)
	case name == "offset":
		c.SetInt(r.Offset)
	case name == "timestamp" && r.Attrs.TimestampType() >= 0 && r.Timestamp.UnixMilli() >= 0:
		if err := checkTimestamp(r.Timestamp); err != nil {
			return err
		}
		c.SetInt(r.Timestamp.UnixMicro())
	case name == "headers" && len(r.Headers) > 0:
		a.text = appendHeaders(a.text[:0], r.Headers)
		c.SetBytes(a.text)
	case name == "key_bytes" && r.Key != nil:
		c.SetBytes(r.Key)
	case name == "key" && r.Key != nil:
		if !utf8.Valid(r.Key) {
			return errors.New("_key: want text in UTF-8, got other bytes; name key_bytes in metadata, not key")
		}
		c.SetBytes(r.Key)
	}
	return nil
}

// Bytes is the size of the column data of the next NewRecordBatch.
func (a *annotated) Bytes() int { return a.decoder.Bytes() + a.builder.Bytes() }

// NewRecordBatch returns the rows since the last call.
func (a *annotated) NewRecordBatch() arrow.RecordBatch {
	rows, about := a.decoder.NewRecordBatch(), a.builder.NewRecordBatch()
	return array.NewRecordBatch(a.schema, slices.Concat(rows.Columns(), about.Columns()), rows.NumRows())
}

// appendHeaders writes headers as an object: a value is its text, or
// {"base64": …} if it is not UTF-8, or null; a name that comes more than once
// has a list of its values.
func appendHeaders(dst []byte, headers []kgo.RecordHeader) []byte {
	dst = append(dst, '{')
	for i, h := range headers {
		same := func(other kgo.RecordHeader) bool { return other.Key == h.Key }
		if slices.ContainsFunc(headers[:i], same) {
			continue // with the first of the name
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(jsonrows.AppendString(dst, []byte(h.Key)), ':')
		if !slices.ContainsFunc(headers[i+1:], same) {
			dst = appendHeader(dst, h.Value)
			continue
		}
		separator := byte('[')
		for _, other := range headers[i:] {
			if same(other) {
				dst = appendHeader(append(dst, separator), other.Value)
				separator = ','
			}
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

func appendHeader(dst, value []byte) []byte {
	switch {
	case value == nil:
		return append(dst, "null"...)
	case utf8.Valid(value):
		return jsonrows.AppendString(dst, value)
	}
	dst = append(dst, `{"base64":"`...)
	return append(base64.StdEncoding.AppendEncode(dst, value), `"}`...)
}

// metadataBytes is about what metadata adds to a batch.
func metadataBytes(r *kgo.Record) int {
	size := 2 * len(r.Key) // as text and as bytes
	for _, h := range r.Headers {
		size += 6*(len(h.Key)+len(h.Value)) + len(`"":{"base64":""},`) // \u00…, at the worst
	}
	return size
}
