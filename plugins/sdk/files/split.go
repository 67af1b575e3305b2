package files

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"etlengine/plugins/sdk"
)

// layout is which columns of the input go into the files, and which become folders.
type layout struct {
	in     *arrow.Schema
	keep   []int
	by     []int
	schema *arrow.Schema // of the files
}

// layout finds the columns, or says what is wrong with the config.
func (c SinkConfig) layout(in *arrow.Schema) (layout, []sdk.Problem) {
	l := layout{in: in}
	var problems []sdk.Problem
	for i, name := range c.PartitionBy {
		path := "partition_by." + strconv.Itoa(i)
		at, err := sdk.FindColumn(in, name)
		if err != nil {
			problems = append(problems, sdk.ProblemAt(path, err))
			continue
		}
		if t := in.Field(at).Type; !hasFolderText(t) {
			problems = append(problems, sdk.Problem{Path: path, Message: fmt.Sprintf(
				"want a string, integer, bool, date or timestamp, %q is %s", name, sdk.TypeName(t))})
		}
		l.by = append(l.by, at)
	}
	var fields []arrow.Field
	for i, f := range in.Fields() {
		if slices.Contains(l.by, i) || (strings.HasPrefix(f.Name, "_") && !c.KeepMetadata) {
			continue
		}
		l.keep, fields = append(l.keep, i), append(fields, f)
	}
	l.schema = arrow.NewSchema(fields, nil)
	if len(fields) == 0 && len(problems) == 0 {
		p := sdk.Problem{Message: "no column is left for the files"}
		if len(c.PartitionBy) > 0 {
			p.Path, p.Hint = "partition_by", "columns named here are in the folders' names only"
		} else {
			p.Hint = "columns that begin with _ are written with keep_metadata: true only"
		}
		problems = append(problems, p)
	}
	return l, problems
}

// project is the batch without the columns that no file gets. It shares them.
func (l layout) project(rows arrow.RecordBatch) (arrow.RecordBatch, error) {
	if int(rows.NumCols()) != l.in.NumFields() {
		return nil, fmt.Errorf("want rows of %d columns, got %d", l.in.NumFields(), rows.NumCols())
	}
	columns := make([]arrow.Array, len(l.keep))
	for i, at := range l.keep {
		columns[i] = rows.Column(at)
	}
	return array.NewRecordBatch(l.schema, columns, rows.NumRows()), nil
}

// group is the rows of a batch that go into one folder.
type group struct {
	folder string
	rows   []int
}

// split groups the rows of a batch by folder, in order of first appearance.
func (l layout) split(rows arrow.RecordBatch) ([]group, error) {
	var groups []group
	byFolder := map[string]int{}
	byKey := map[string]int{} // by values; null and "" are two keys of one folder
	var key []byte
	for row := range int(rows.NumRows()) {
		key = l.appendKey(key[:0], rows, row)
		at, known := byKey[string(key)]
		if !known {
			folder, err := l.folder(rows, row)
			if err != nil {
				return nil, err
			}
			if at, known = byFolder[folder]; !known {
				at = len(groups)
				groups = append(groups, group{folder: folder})
				byFolder[folder] = at
			}
			byKey[string(key)] = at
		}
		groups[at].rows = append(groups[at].rows, row)
	}
	return groups, nil
}

// appendKey tells the folders of rows apart. Each value is followed by its
// length, so that no two lists of values run together to one key.
func (l layout) appendKey(key []byte, rows arrow.RecordBatch, row int) []byte {
	for _, at := range l.by {
		if column := rows.Column(at); column.IsValid(row) {
			before := len(key)
			key = appendFolderText(key, column, row)
			key = append(strconv.AppendInt(append(key, '/'), int64(len(key)-before), 10), '/')
		} else {
			key = append(key, "//"...)
		}
	}
	return key
}

func (l layout) folder(rows arrow.RecordBatch, row int) (string, error) {
	var folder string
	for _, at := range l.by {
		var text []byte
		if column := rows.Column(at); column.IsValid(row) {
			text = appendFolderText(nil, column, row)
		}
		name, err := folderName(l.in.Field(at).Name, string(text))
		if err != nil {
			return "", err
		}
		folder = filepath.Join(folder, name)
	}
	return folder, nil
}

// pick is the rows of a group. All of the batch is handed on as it is.
func pick(rows arrow.RecordBatch, numbers []int) (arrow.RecordBatch, error) {
	if len(numbers) == int(rows.NumRows()) {
		return rows, nil
	}
	columns := make([]arrow.Array, rows.NumCols())
	for i := range columns {
		column, err := gather(rows.Column(i), numbers)
		if err != nil {
			return nil, err
		}
		columns[i] = column
	}
	return array.NewRecordBatch(rows.Schema(), columns, int64(len(numbers))), nil
}
