package files

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"etlengine/plugins/kit/columns"
	"etlengine/plugins/kit/parallel"
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
		if slices.Contains(l.by, i) || !sdk.IsWritten(f, c.KeepMetadata) {
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

// Rows of many folders are buffered, so that each folder gets many at a time: picking
// them, and an encoder's call, cost as much for one row as for many.
const (
	maxBufferedRows  = 64 << 10
	maxBufferedBytes = 8 << 20
)

// spread is rows on their way to their folders.
type spread struct {
	layout   layout
	buffered []arrow.RecordBatch // copies, with the columns of the files
	rows     int
	bytes    uint64
	groups   []*group // in order of first appearance
	byFolder map[string]*group
	byKey    map[string]*group // by values; null and "" are two keys of one folder
	key      []byte
}

// group is the numbers, among all buffered rows, of those that go into one folder.
type group struct {
	folder string
	rows   []int
}

func newSpread(l layout) *spread {
	return &spread{layout: l, byFolder: map[string]*group{}, byKey: map[string]*group{}}
}

// buffer copies a batch, and finds the folders of its rows. Rows whose folder cannot be
// are refused, and no others.
func (s *spread) buffer(rows, kept arrow.RecordBatch) (refused *sdk.RefusedError, err error) {
	for row := range int(rows.NumRows()) {
		s.key = s.layout.appendKey(s.key[:0], rows, row)
		g := s.byKey[string(s.key)]
		if g == nil {
			var err error
			if g, err = s.newGroup(rows, row); err != nil {
				refused = refused.Refuse(row, err.Error())
				continue
			}
		}
		g.rows = append(g.rows, s.rows+row-refused.Count())
	}
	if refused != nil {
		if kept, err = columns.Pick(kept, refused.Kept(int(rows.NumRows()))); err != nil {
			return refused, err
		}
	}
	copied, err := columns.Clone(kept)
	if err != nil {
		return refused, err
	}
	s.buffered = append(s.buffered, copied)
	s.rows += int(copied.NumRows())
	for _, column := range copied.Columns() {
		s.bytes += column.Data().SizeInBytes()
	}
	return refused, nil
}

// newGroup is the group of a key that no buffered row has had.
func (s *spread) newGroup(rows arrow.RecordBatch, row int) (*group, error) {
	folder, err := s.layout.folder(rows, row)
	if err != nil {
		return nil, &sdk.RowError{Row: row, Err: err}
	}
	g := s.byFolder[folder]
	if g == nil {
		g = &group{folder: folder}
		s.groups = append(s.groups, g)
		s.byFolder[folder] = g
	}
	s.byKey[string(s.key)] = g
	return g, nil
}

func (s *spread) full() bool { return s.rows >= maxBufferedRows || s.bytes >= maxBufferedBytes }

// portion is rows of one folder.
type portion struct {
	folder string
	rows   arrow.RecordBatch
}

// release returns the buffered rows, folder by folder.
func (s *spread) release() ([]portion, error) {
	if s.rows == 0 {
		return nil, nil
	}
	rows, err := columns.Join(s.buffered)
	if err != nil {
		return nil, err
	}
	groups := s.groups
	*s = *newSpread(s.layout) // not emptied: there may be as many folders as rows
	portions := make([]portion, len(groups))
	return portions, parallel.Do(len(groups), func(i int) error {
		picked, err := columns.PickIndices(rows, groups[i].rows)
		portions[i] = portion{groups[i].folder, picked}
		return err
	})
}

// appendKey appends a key of the row's folder values. Each value is followed by its
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

// folderOfNulls is the folder of rows that have a value in no column of partition_by.
func (l layout) folderOfNulls() (string, error) {
	var folder string
	for _, at := range l.by {
		name, err := folderName(l.in.Field(at).Name, "")
		if err != nil {
			return "", err
		}
		folder = filepath.Join(folder, name)
	}
	return folder, nil
}
