package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/snappy"
)

const (
	rowGroupRows = 128 << 10
	slabRows     = 1024
	csvBytes     = 1 << 20
)

// quickSnappy is Snappy by the faster of two encoders.
type quickSnappy struct{ snappy.Codec }

func (*quickSnappy) Encode(dst, src []byte) ([]byte, error) {
	return s2.EncodeSnappy(dst[:cap(dst)], src), nil
}

func newParquet(f *os.File, row any) *parquet.GenericWriter[any] {
	return parquet.NewGenericWriter[any](f, parquet.SchemaOf(row), parquet.Compression(&quickSnappy{}),
		parquet.PageBufferSize(256<<10), parquet.DataPageStatistics(false))
}

// ticket is the schema of the archive.
type ticket struct {
	TicketID   string `parquet:"ticket_id"`
	ClientID   string `parquet:"client_id,dict"`
	CreatedAt  int64  `parquet:"created_at,timestamp(microsecond)"`
	Demande    string `parquet:"demande"`
	Type       string `parquet:"type,dict"`
	Priorite   string `parquet:"priorite,dict"`
	DurationMS int64  `parquet:"duration_ms"`
}

// archiver writes the rows of one worker.
type archiver struct {
	csv, parquet *os.File
	line         []byte
	writer       *parquet.GenericWriter[any]
	slab         []parquet.Value
	rows         int // in the row group
}

func newArchiver(out string, id int) (*archiver, error) {
	a := &archiver{slab: make([]parquet.Value, slabRows)}
	var err error
	if a.csv, err = os.Create(filepath.Join(out, fmt.Sprintf("raw_%d.csv", id))); err != nil {
		return nil, err
	}
	if a.parquet, err = os.Create(filepath.Join(out, fmt.Sprintf("raw_%d.parquet", id))); err != nil {
		return nil, err
	}
	a.line = append(a.line, "ticket_id,client_id,created_at,demande,type,priorite,duration_ms\n"...)
	a.writer = newParquet(a.parquet, ticket{})
	return a, nil
}

func (a *archiver) write(b *block) error {
	if err := a.writeCSV(b); err != nil {
		return err
	}
	columns := a.writer.ColumnWriters() // in the order of their names in ticket
	for i, column := range []int{ticketID, clientID, -1, demande, kind, priorite, -2} {
		for from := 0; from < len(b.at); from += slabRows {
			slab := a.slab[:min(slabRows, len(b.at)-from)]
			for row := range slab {
				switch column {
				case -1:
					slab[row] = parquet.Int64Value(b.at[from+row])
				case -2:
					slab[row] = parquet.Int64Value(b.numbers[from+row])
				default:
					slab[row] = parquet.ByteArrayValue(b.texts[column][from+row])
				}
			}
			if _, err := columns[i].WriteRowValues(slab); err != nil {
				return err
			}
		}
	}
	if a.rows += len(b.at); a.rows < rowGroupRows {
		return nil
	}
	a.rows = 0
	return a.writer.Flush()
}

func (a *archiver) writeCSV(b *block) error {
	for i := range b.at {
		line := append(a.line, b.texts[ticketID][i]...)
		line = append(append(line, ','), b.texts[clientID][i]...)
		line = append(append(line, ','), b.atText[i]...)
		line = appendCell(append(line, ','), b.texts[demande][i])
		line = append(append(line, ','), b.texts[kind][i]...)
		line = append(append(line, ','), b.texts[priorite][i]...)
		line = strconv.AppendInt(append(line, ','), b.numbers[i], 10)
		a.line = append(line, '\n')
	}
	if len(a.line) < csvBytes {
		return nil
	}
	_, err := a.csv.Write(a.line)
	a.line = a.line[:0]
	return err
}

// appendCell quotes what has to be quoted.
func appendCell(line, v []byte) []byte {
	if !bytes.ContainsAny(v, ",\"\r\n") {
		return append(line, v...)
	}
	line = append(line, '"')
	for _, c := range v {
		if c == '"' {
			line = append(line, '"')
		}
		line = append(line, c)
	}
	return append(line, '"')
}

func (a *archiver) close() error {
	_, err := a.csv.Write(a.line)
	return errors.Join(err, a.csv.Close(), a.writer.Close(), a.parquet.Close())
}

// reported is the schema of the report.
type reported struct {
	WindowStart time.Time `parquet:"window_start,timestamp(microsecond)"`
	WindowEnd   time.Time `parquet:"window_end,timestamp(microsecond)"`
	Type        string    `parquet:"type,dict"`
	Priorite    string    `parquet:"priorite,dict"`
	Tickets     int64     `parquet:"tickets"`
	Clients     int64     `parquet:"clients"`
	Total       int64     `parquet:"total"`
	Mean        float64   `parquet:"mean"`
	Least       int64     `parquet:"least"`
	Most        int64     `parquet:"most"`
	P95         float64   `parquet:"p95"`
}

// write makes the report, as CSV and as Parquet.
func (t *table) write(out string) error {
	csv := []byte("window_start,window_end,type,priorite,tickets,clients,total,mean,least,most,p95\n")
	var rows []reported
	for _, g := range t.sorted() {
		start := time.UnixMicro(g.minute).UTC()
		r := reported{start, start.Add(time.Minute), g.kind, g.priorite, g.tickets, g.clients(), g.total,
			float64(g.total) / float64(g.tickets), g.least, g.most, g.quantile(0.95)}
		rows = append(rows, r)
		csv = fmt.Appendf(csv, "%s,%s,%s,%s,%d,%d,%d,%v,%d,%d,%v\n", r.WindowStart.Format(time.RFC3339),
			r.WindowEnd.Format(time.RFC3339), r.Type, r.Priorite, r.Tickets, r.Clients, r.Total, r.Mean,
			r.Least, r.Most, r.P95)
	}
	if err := os.WriteFile(filepath.Join(out, "report.csv"), csv, 0o644); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(out, "report.parquet"))
	if err != nil {
		return err
	}
	w := parquet.NewGenericWriter[reported](f, parquet.Compression(&quickSnappy{}))
	_, err = w.Write(rows)
	return errors.Join(err, w.Close(), f.Close())
}
