package textrows

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/kit/columns"
	"etlengine/plugins/kit/jsonrows"
	"etlengine/plugins/sdk"
)

// ErrUnclosed says that the text ends inside quotes.
var ErrUnclosed = errors.New("a quote is opened and never closed")

// ErrMore says that a record does not end in the data given.
var ErrMore = errors.New("the record goes on")

// Decoder collects records as rows of a schema. It is for one goroutine.
//
// Every type but string and bytes takes a quoted empty cell for an empty one:
// programs that quote everything mean a null by it. Lists and structs are JSON,
// read as package jsonrows does.
type Decoder struct {
	builder   *columns.Builder
	columns   []columns.Column
	nested    []*jsonrows.Reader // by column; nil: its cells are plain text
	cells     []int              // the column of each cell; -1: none
	delimiter byte
	null      string
	text      []byte // a cell with doubled quotes
	breaks    int
	open      bool
	survey    *sdk.Survey // of what is in nested cells
	surveyed  int64       // of UnknownKeys: those the survey has
}

// NewDecoder makes a decoder for a valid schema. Until Header is
// called the cells are the schema's columns, in order.
func NewDecoder(schema sdk.Schema, o Options) *Decoder {
	builder := columns.NewBuilder(schema)
	d := &Decoder{builder: builder, columns: builder.Columns(), delimiter: o.delimiter(), null: o.Null,
		nested: make([]*jsonrows.Reader, len(schema)), cells: make([]int, len(schema))}
	for i := range d.cells {
		d.cells[i] = i
		if c := &d.columns[i]; len(c.Inside()) > 0 {
			d.nested[i] = jsonrows.NewReader(c, &schema[i].Value)
		}
	}
	return d
}

// Header takes a file's first record, which names the columns that follow, in
// any order. It returns the names that the schema does not have.
func (d *Decoder) Header(record []byte) (ignored []string, err error) {
	var names []string
	for p := 0; p <= len(record); {
		text, _, end, err := d.cell(record, p, true)
		if err != nil {
			return nil, fmt.Errorf("reading the header: %w", err)
		}
		names = append(names, string(text))
		if end == len(record) || record[end] != d.delimiter {
			break
		}
		p = end + 1
	}
	cells := make([]int, len(names))
	found := make([]bool, len(d.columns))
	for at, name := range names {
		i := slices.IndexFunc(d.columns, func(c columns.Column) bool { return c.Name == name })
		switch {
		case i < 0:
			ignored = append(ignored, name)
		case found[i]:
			return nil, fmt.Errorf("reading the header: want each column once, got %q twice", name)
		default:
			found[i] = true
		}
		cells[at] = i
	}
	if missing := slices.Index(found, false); missing >= 0 {
		return nil, missingColumn(d.columns[missing].Name, len(d.columns), names, ignored)
	}
	d.cells = cells
	return ignored, nil
}

func missingColumn(want string, wanted int, names, unused []string) error {
	hint := ""
	if near := sdk.Nearest(want, unused); len(names) == 1 && wanted > 1 {
		hint = "; the header is one cell: is the delimiter right?"
		if at := strings.IndexAny(names[0], ",;\t|"); at >= 0 {
			hint = fmt.Sprintf("; the header is one cell: is the delimiter right (delimiter: %q)?", names[0][at])
			hint = strings.ReplaceAll(hint, "'", `"`)
		}
	} else if near != "" {
		hint = fmt.Sprintf("; is %q meant?", near)
	}
	if hint == "" && slices.ContainsFunc(names, func(n string) bool { return !utf8.ValidString(n) }) {
		hint = columns.NotUTF8
	}
	const most = 20
	if len(names) > most {
		names = append(slices.Clone(names[:most]), "…")
	}
	shown := make([]string, len(names))
	for i, name := range names {
		shown[i] = shownName(name)
	}
	return fmt.Errorf("reading the header: want a column %q, got %s%s", want, strings.Join(shown, ", "), hint)
}

// shownName is a cell of a header for messages: quoted, if a terminal would not
// show it as it is. What is read may be no CSV at all.
func shownName(name string) string {
	if quoted := columns.Quoted([]byte(name)); quoted != `"`+name+`"` {
		return quoted
	}
	return name
}

// Width is how many cells a record has.
func (d *Decoder) Width() int { return len(d.cells) }

// Append adds one record as a row; a line break at its end is allowed. After
// an error nothing has been added; the error's text is the reason for a reject.
func (d *Decoder) Append(record []byte) error {
	n, err := d.Skip(record, true)
	if err == nil && n < len(record) {
		err = errors.New("want one line, got more")
	}
	if err != nil {
		return err
	}
	_, err = d.Next(record, true)
	return err
}

// AppendNull adds a row of nulls.
func (d *Decoder) AppendNull() error { return d.builder.Commit() }

// Next adds the first record of data as a row and returns its length, with its
// line break. An error with a length is a record that could not become a row.
// Without final, more data may follow: ErrMore says that it is needed.
// ErrUnclosed has no length: where such a record ends is not known.
func (d *Decoder) Next(data []byte, final bool) (n int, err error) {
	end, count, wrong := d.record(data, final, true)
	if end < 0 {
		d.builder.Abort()
		return 0, wrong
	}
	if wrong == nil && count != len(d.cells) {
		wrong = fmt.Errorf("want %d cells, got %d", len(d.cells), count)
	}
	if wrong != nil {
		d.builder.Abort()
		return d.lineBreak(data, end), wrong
	}
	return d.lineBreak(data, end), d.builder.Commit()
}

// Skip returns the length of the first record of data, as Next would.
func (d *Decoder) Skip(data []byte, final bool) (n int, err error) {
	end, _, err := d.record(data, final, false)
	if end < 0 {
		return 0, err
	}
	return d.lineBreak(data, end), nil
}

// record reads the cells of the first record of data. It returns where the last
// one ends, -1 if the record is not complete, and what is wrong with the quotes.
//
// A record with a fault ends where one without does: at the line break that no quoted
// cell holds. Quotes open a cell at its beginning only, and text behind a closing
// quote belongs to the cell, as other readers have it. To go on behind the next line
// break instead would make rows of what stands inside quotes.
func (d *Decoder) record(data []byte, final, keep bool) (end, count int, wrong error) {
	d.breaks, d.open = 0, false
	for p := 0; ; p = end + 1 {
		text, quoted, to, err := d.cell(data, p, final)
		if end = to; end < 0 {
			return end, count, err
		}
		if err != nil && wrong == nil {
			wrong = err
		}
		if keep && wrong == nil {
			d.set(count, text, quoted)
		}
		count++
		if end == len(data) || data[end] != d.delimiter {
			return end, count, wrong
		}
	}
}

// lineBreak is the place after the line break at p, if there is one.
func (d *Decoder) lineBreak(data []byte, p int) int {
	if p < len(data) && data[p] == '\r' {
		p++
	}
	if p < len(data) && data[p] == '\n' {
		p++
		d.breaks++
	}
	return p
}

// set puts a cell into its column.
func (d *Decoder) set(at int, text []byte, quoted bool) {
	if at >= len(d.cells) || d.cells[at] < 0 {
		return
	}
	c := &d.columns[d.cells[at]]
	ofText := c.Kind == columns.String || c.Kind == columns.Bytes
	if string(text) == d.null && (!quoted || len(text) == 0 && !ofText) {
		c.SetNull()
		return
	}
	switch reader := d.nested[d.cells[at]]; {
	case reader != nil:
		if err := reader.Set(text); err != nil {
			c.SetBad(columns.Quoted(text))
		}
	case c.Kind == columns.JSON && string(text) == "null":
		c.SetNull()
	case !c.SetText(text):
		c.SetBad(columns.Quoted(text) + c.Why(text))
	}
}

// Rows is how many rows the next NewRecordBatch returns.
func (d *Decoder) Rows() int { return d.builder.Rows() }

// Bytes is the size of those rows' column data. Call NewRecordBatch before it reaches
// sdk.MaxBatchBytes.
func (d *Decoder) Bytes() int { return d.builder.Bytes() }

// MaxRowBytes is the most bytes that a record of text bytes of text adds to Bytes.
func (d *Decoder) MaxRowBytes(text int) int { return d.builder.MaxRowBytes(text) }

// UnknownKeys is how many keys of cells with structs had no field.
func (d *Decoder) UnknownKeys() int64 {
	var keys int64
	for _, reader := range d.nested {
		if reader != nil {
			keys += reader.UnknownKeys()
		}
	}
	return keys
}

// Observe makes each NewRecordBatch add to the survey which fields the structs in
// cells had.
// The columns themselves are all there: Header and Next see to that.
func (d *Decoder) Observe(s *sdk.Survey) { d.survey = s }

// NewRecordBatch returns the rows since the last call.
func (d *Decoder) NewRecordBatch() arrow.RecordBatch {
	rows := d.builder.NewRecordBatch()
	if d.survey != nil {
		keys := d.UnknownKeys()
		found := sdk.Surveyed{Rows: rows.NumRows(), Keys: keys - d.surveyed}
		d.surveyed = keys
		names, had := d.builder.Survey()
		for i, name := range names {
			if strings.Contains(name, ".") {
				found.Columns, found.Had = append(found.Columns, name), append(found.Had, had[i])
			}
		}
		for _, reader := range d.nested {
			if reader != nil {
				found.Names = append(found.Names, reader.UnknownNames()...)
			}
		}
		d.survey.Add(found)
	}
	return rows
}

// Breaks is how many line breaks the record of the last Next had, its own included.
func (d *Decoder) Breaks() int { return d.breaks }

// Open reports whether the data of the last Next, which got ErrMore, ended inside quotes.
func (d *Decoder) Open() bool { return d.open }

// cell reads the cell at p and finds where it ends: at a delimiter, at a line
// break, or with the data. An end of -1 is a cell that is not complete. After
// another error there is no text.
func (d *Decoder) cell(data []byte, p int, final bool) (text []byte, quoted bool, end int, err error) {
	if p < len(data) && data[p] == '"' {
		text, end, err = d.quoted(data, p+1, final)
		return text, true, end, err
	}
	end, err = d.plainEnd(data, p, final, nil)
	if end < 0 || err != nil {
		return nil, false, end, err
	}
	return data[p:end], false, end, nil
}

// plainEnd finds where text without quotes ends that goes on at p. wrong is what is wrong
// with the cell already.
func (d *Decoder) plainEnd(data []byte, p int, final bool, wrong error) (end int, err error) {
	for end = p; ; end++ {
		end = special(data, end, d.delimiter)
		switch {
		case end == len(data) && !final:
			return -1, ErrMore
		case end == len(data) || data[end] == d.delimiter || data[end] == '\n':
			return end, wrong
		case data[end] == '"':
			if wrong == nil {
				wrong = errBareQuote
			}
			continue
		}
		// A \r ends the cell before a \n or the end. Elsewhere some readers end the record at
		// it, and others have it in the text.
		switch {
		case end+1 == len(data) && !final:
			return -1, ErrMore
		case end+1 == len(data) || data[end+1] == '\n':
			return end, wrong
		case wrong == nil:
			wrong = errBareReturn
		}
	}
}

// quoted reads the cell whose opening quote stands before p.
func (d *Decoder) quoted(data []byte, p int, final bool) (text []byte, end int, err error) {
	for d.text = d.text[:0]; ; p = end + 2 {
		at := bytes.IndexByte(data[p:], '"')
		if at < 0 {
			d.open = true
			if final {
				return nil, -1, ErrUnclosed
			}
			return nil, -1, ErrMore
		}
		if end = p + at; end+1 == len(data) || data[end+1] != '"' {
			break
		}
		d.text = append(d.text, data[p:end+1]...) // of two quotes, one
	}
	text = data[p:end]
	if len(d.text) > 0 {
		d.text = append(d.text, text...)
		text = d.text
	}
	d.breaks += bytes.Count(text, []byte("\n"))
	end++
	switch {
	case end == len(data) && final, end < len(data) && (data[end] == d.delimiter || data[end] == '\n'):
		return text, end, nil
	case end+1 >= len(data) && !final:
		return nil, -1, ErrMore
	case data[end] == '\r' && (end+1 == len(data) || data[end+1] == '\n'):
		return text, end, nil
	}
	end, err = d.plainEnd(data, end, final, errAfterQuote)
	return nil, end, err
}

var (
	errBareQuote  = errors.New("want a cell with a quote in it in quotes, the quote doubled")
	errAfterQuote = errors.New("want a delimiter or the end of the line after a closing quote")
	errBareReturn = errors.New("want a carriage return (CR) at the end of a line once and before a line feed, " +
		"or in a cell in quotes")
)
