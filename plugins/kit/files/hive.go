package files

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"etlengine/plugins/kit/columns"
	"etlengine/plugins/kit/durable"
	"etlengine/plugins/sdk"
)

// hiveNull is the folder of null and of the empty string, by the convention of
// Hive: readers see both as null.
const hiveNull = "__HIVE_DEFAULT_PARTITION__"

// maxName is the longest name that common file systems take, in bytes.
const maxName = 255

// escaped are the characters that Hive and Spark write as % and two digits,
// beside control characters.
const escaped = "\"#%'*/:=?\\{}[]^"

// folderName is the folder for a value of a partition column. No value can
// leave the folder above: the name begins with the column's and holds no
// separator.
func folderName(column, value string) (string, error) {
	if value == "" {
		value = hiveNull
	} else {
		value = escape(value)
	}
	name := escape(column) + "=" + value
	if len(name) > maxName {
		return "", fmt.Errorf("%s: want a value whose folder has a name of at most %d bytes, "+
			"got one of %d (%.40s…)",
			column, maxName, len(name), value)
	}
	return name, nil
}

func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c < 0x20 || c == 0x7f || strings.IndexByte(escaped, c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// unescape is the other way; a % that no two digits follow stays what it is.
func unescape(s string) string { return durable.Unhex(s, '%') }

// folderValues are the column=value folders on the way to a file, by column; of one that
// is there several times all values.
func folderValues(folder string) map[string][]string {
	values := map[string][]string{}
	for name := range strings.SplitSeq(filepath.ToSlash(folder), "/") {
		if column, value, ok := strings.Cut(name, "="); ok && column != "" {
			values[unescape(column)] = append(values[unescape(column)], value)
		}
	}
	return values
}

// The text of dates and times in names of folders, as Spark writes it and
// DuckDB reads it.
const (
	dateText = "2006-01-02"
	timeText = "2006-01-02 15:04:05.999999"
)

// hasFolderText reports whether values of a type can stand in the name of a
// folder and be read back the same.
func hasFolderText(t arrow.DataType) bool {
	switch t.ID() {
	case arrow.STRING, arrow.BOOL, arrow.INT32, arrow.INT64, arrow.UINT64, arrow.DATE32, arrow.TIMESTAMP:
		return true
	}
	return false
}

// appendFolderText appends the text of a value that is not null.
func appendFolderText(dst []byte, column arrow.Array, row int) []byte {
	switch c := column.(type) {
	case *array.String:
		return append(dst, c.Value(row)...)
	case *array.Boolean:
		return strconv.AppendBool(dst, c.Value(row))
	case *array.Int32:
		return strconv.AppendInt(dst, int64(c.Value(row)), 10)
	case *array.Int64:
		return strconv.AppendInt(dst, c.Value(row), 10)
	case *array.Uint64:
		return strconv.AppendUint(dst, c.Value(row), 10)
	case *array.Date32:
		return c.Value(row).ToTime().AppendFormat(dst, dateText)
	case *array.Timestamp:
		unit := c.DataType().(*arrow.TimestampType).Unit
		return c.Value(row).ToTime(unit).UTC().AppendFormat(dst, timeText)
	}
	panic("files: a partition column of type " + column.DataType().String())
}

// fixedValue is a column's value in every row of a file, as text.
type fixedValue struct {
	column sdk.Schema // one column
	text   []byte     // empty: null
}

// newFolderValue reads what the name of a folder gives a column, as the text of files is
// read. Times that a sink wrote have no zone: they are in UTC, whatever format the column
// has.
func newFolderValue(key string, column sdk.Column, text string) (fixedValue, error) {
	v := fixedValue{column: sdk.Schema{{Key: key, Value: column}}}
	if text == hiveNull || text == "" {
		return v, nil
	}
	v.text = []byte(unescape(text))
	into := newColumn(v.column)
	switch {
	case !utf8.Valid(v.text):
		return v, fmt.Errorf("want UTF-8, cannot be read from %q", v.text)
	case len(into.Inside()) > 0:
		return v, errors.New("cannot be read from the name of a folder")
	case into.SetText(v.text):
		return v, nil
	}
	why := into.Why(v.text)
	if into.Kind == columns.Timestamp {
		column.Format, column.Timezone = "", ""
		written := fixedValue{column: sdk.Schema{{Key: key, Value: column}},
			text: append(slices.Clone(v.text), 'Z')}
		if into = newColumn(written.column); into.SetText(written.text) {
			return written, nil
		}
		why += into.Why(written.text)
	}
	return v, fmt.Errorf("cannot be read from %q%s", v.text, why)
}

func newColumn(of sdk.Schema) *columns.Column { return &columns.NewBuilder(of).Columns()[0] }

// rows is the value n times.
func (v fixedValue) rows(n int64) (arrow.Array, error) {
	b := columns.NewBuilder(v.column)
	for range n {
		if v.text != nil {
			b.Columns()[0].SetText(v.text)
		}
		if err := b.Commit(); err != nil {
			return nil, err
		}
	}
	return b.NewRecordBatch().Column(0), nil
}
