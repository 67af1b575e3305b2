package textrows_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/kit/textrows"
	"etlengine/plugins/sdk"
)

var ticketSchema = schemaOf("ticket_id: string", "client_id: string", "created_at: timestamp",
	"demande: string", "type: string", "priorite: string")

func tickets(t testing.TB, n int) arrow.RecordBatch {
	random := rand.New(rand.NewPCG(1, 2))
	demands := []string{"My invoice of last month was charged twice, please check and refund the difference",
		"Impossible de me connecter depuis hier, le code reçu n’est jamais accepté",
		`Please check the \"Export\" button: it does nothing and no file comes out at all`,
		"Pouvez-vous me rappeler au sujet de mon abonnement ? Je suis disponible demain matin."}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	lines := make([]string, n)
	for i := range lines {
		at = at.Add(time.Duration(random.IntN(30)) * time.Millisecond)
		lines[i] = fmt.Sprintf(`{"ticket_id":"%08X","client_id":"C%d","created_at":"%s","demande":"%s",`+
			`"type":"billing","priorite":"normal"}`, random.Uint32(), random.IntN(10_000),
			at.Format(time.RFC3339), demands[random.IntN(len(demands))])
	}
	return rowsOf(t, ticketSchema, lines...)
}

func BenchmarkEncoder(b *testing.B) {
	e := textrows.NewEncoder(tickets(b, sdk.DefaultBatchRows), textrows.Options{})
	var dst []byte
	b.ReportAllocs()
	for i := range b.N {
		dst = e.Append(dst[:0], i%sdk.DefaultBatchRows)
	}
	b.SetBytes(int64(len(dst)))
}

func BenchmarkDecoder(b *testing.B) {
	rows := tickets(b, sdk.DefaultBatchRows)
	e := textrows.NewEncoder(rows, textrows.Options{})
	var text []byte
	for row := range int(rows.NumRows()) {
		text = e.Append(text, row)
	}
	d := textrows.NewDecoder(ticketSchema, textrows.Options{})
	b.SetBytes(int64(len(text)) / rows.NumRows())
	b.ReportAllocs()
	data := text
	for b.Loop() {
		n, err := d.Next(data, true)
		if err != nil {
			b.Fatal(err)
		}
		if data = data[n:]; len(data) == 0 {
			d.NewRecordBatch()
			data = text
		}
	}
}

func TestDecodingDoesNotAllocatePerRow(t *testing.T) {
	rows := tickets(t, 1000)
	text := []byte(written(rows, textrows.Options{}))
	d := textrows.NewDecoder(ticketSchema, textrows.Options{})
	n, err := d.Skip(text, true)
	if err != nil {
		t.Fatal(err)
	}
	text = text[n:]
	batch := func() {
		for data := text; len(data) > 0; data = data[n:] {
			if n, err = d.Next(data, true); err != nil {
				t.Fatal(err)
			}
		}
		d.NewRecordBatch()
	}
	batch()
	if allocs := testing.AllocsPerRun(10, batch); allocs > 100 {
		t.Errorf("%v allocations for 1000 rows", allocs)
	}
}
