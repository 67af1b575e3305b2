package jsonrows_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"etlengine/plugins/kit/jsonrows"
	"etlengine/plugins/sdk"
)

var ticketSchema = schemaOf("ticket_id: string", "client_id: string", "created_at: timestamp",
	"demande: string", "type: string", "priorite: string")

// tickets are objects of about 186 bytes.
func tickets(n int) [][]byte {
	random := rand.New(rand.NewPCG(1, 2))
	demands := []string{"My invoice of last month was charged twice, please check and refund the difference",
		"Impossible de me connecter depuis hier, le code reçu n’est jamais accepté",
		"Please check the \\\"Export\\\" button: it does nothing, and no file comes out at all"}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	lines := make([][]byte, n)
	for i := range lines {
		at = at.Add(time.Duration(random.IntN(30)) * time.Millisecond)
		lines[i] = fmt.Appendf(nil, `{"ticket_id":"%08X","client_id":"C%d","created_at":"%s","demande":"%s",`+
			`"type":"billing","priorite":"normal"}`, random.Uint32(), random.IntN(10_000),
			at.Format(time.RFC3339), demands[random.IntN(len(demands))])
	}
	return lines
}

func BenchmarkDecoder(b *testing.B) {
	lines := tickets(sdk.DefaultBatchRows)
	b.SetBytes(int64(len(bytes.Join(lines, nil)) / len(lines)))
	b.ReportAllocs()
	d := jsonrows.NewDecoder(ticketSchema)
	for i := range b.N {
		if err := d.Append(lines[i%len(lines)]); err != nil {
			b.Fatal(err)
		}
		if d.Rows() == sdk.DefaultBatchRows {
			d.NewRecordBatch()
		}
	}
}

func BenchmarkEncoder(b *testing.B) {
	d := jsonrows.NewDecoder(ticketSchema)
	for _, line := range tickets(sdk.DefaultBatchRows) {
		if err := d.Append(line); err != nil {
			b.Fatal(err)
		}
	}
	rows := d.NewRecordBatch()
	e := jsonrows.NewEncoder(rows)
	var dst []byte
	b.ReportAllocs()
	for i := range b.N {
		dst = e.Append(dst[:0], i%sdk.DefaultBatchRows)
	}
	b.SetBytes(int64(len(dst)))
}

func TestDecodingDoesNotAllocatePerRow(t *testing.T) {
	lines := tickets(1000)
	d := jsonrows.NewDecoder(ticketSchema)
	batch := func() {
		for _, line := range lines {
			if err := d.Append(line); err != nil {
				t.Fatal(err)
			}
		}
		d.NewRecordBatch()
	}
	batch()
	if allocs := testing.AllocsPerRun(10, batch); allocs > 100 {
		t.Errorf("%v allocations for %d rows", allocs, len(lines))
	}
}
