package ticketgenerator

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"etlengine/plugins/sdk"
)

// maxTickets is how many ticket ids there are: 8 of 36 characters.
const maxTickets = 36 * 36 * 36 * 36 * 36 * 36 * 36 * 36

var errNoMoreIDs = errors.New("making ticket ids: all 2,821,109,907,456 have been given out; " +
	"run with --fresh to begin anew")

// schema is the columns of a ticket. All may be null: malformed tickets have holes.
func schema() *arrow.Schema {
	return arrow.NewSchema([]arrow.Field{
		{Name: "ticket_id", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "client_id", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "created_at", Type: sdk.Timestamp, Nullable: true},
		{Name: "demande", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "type", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "priorite", Type: arrow.BinaryTypes.String, Nullable: true},
	}, nil)
}

// A malformed ticket is one whose created_at cannot be read. In a typed column
// that is a null, so it reaches the dead letters where its time is first needed:
// at a decoder whose schema requires it, or at a step that takes event time from
// it. It keeps its id, so that it can be found again. To reject it here instead
// would only try the generator's own pipeline, and leave nothing to the readers.

// press prints tickets into columns. Ticket number n of a seed depends on
// nothing but n, the seed and the config: not on batches, nor on where a run
// was cut.
type press struct {
	schema    *arrow.Schema
	ids       permutation
	pairs     []byte // the 36² pairs of characters of an id
	clients   uint64
	digits    int
	types     weighted
	priorites weighted
	book      *phrasebook
	clock     clock
	malformed uint64 // chance of 1<<32
}

func newPress(c *Config, p *position) (*press, error) {
	f := &press{schema: schema(), ids: newPermutation(maxTickets, p.IDs), clients: uint64(c.Clients),
		digits: max(len(strconv.FormatInt(c.Clients, 10)), 4), clock: newClock(c, p),
		types: newWeighted(c.Types), priorites: newWeighted(c.Priorites), malformed: chance(c.MalformedRatio)}
	const characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	for _, a := range []byte(characters) {
		for _, b := range []byte(characters) {
			f.pairs = append(f.pairs, a, b)
		}
	}
	var err error
	f.book, err = newPhrasebook(f.types.names, p.Seed)
	return f, err
}

func chance(share float64) uint64 { return uint64(share * (1 << 32)) }

// print makes the next rows tickets and advances the position.
func (f *press) print(p *position, rows int) arrow.RecordBatch {
	ids, clients := newTextColumn(rows, rows*8), newTextColumn(rows, rows*(f.digits+1))
	texts := newTextColumn(rows, rows*f.book.typical+256)
	types, priorites := newTextColumn(rows, rows*10), newTextColumn(rows, rows*7)
	times := timeColumn{micros: make([]int64, rows)}
	f.clock.begin(p, time.Now(), rows)

	var random rand.PCG
	for row := range rows {
		random.Seed(p.Seed, mix(p.Index)) // a stream of its own for each ticket
		who, kind := random.Uint64(), f.types.pick(random.Uint64())

		ids.data = f.appendID(ids.data, p.Index)
		ids.end()
		clients.data = f.appendClient(clients.data, below(uint32(who>>32), f.clients)+1)
		types.data = append(types.data, f.types.names[kind]...)
		types.end()
		priorites.data = append(priorites.data, f.priorites.names[f.priorites.pick(random.Uint64())]...)
		priorites.end()
		before := len(texts.data)
		texts.data = f.book.append(texts.data, kind, random.Uint64())

		// What depends on the ratios draws last: they leave other columns as they are.
		times.micros[row] = f.clock.time(p, who<<32, &random)
		if f.malformed > 0 {
			if spoilt := random.Uint64(); spoilt>>32 < f.malformed {
				times.setNull(row, rows)
				if spoilt&3 == 0 {
					clients.data = clients.data[:clients.ends[row]]
					clients.setNull(row, rows)
				}
				if spoilt&12 == 0 {
					texts.data = texts.data[:before]
					texts.setNull(row, rows)
				}
			}
		}
		clients.end()
		texts.end()
		p.Index++
		p.Done++
	}
	return array.NewRecordBatch(f.schema, []arrow.Array{ids.array(), clients.array(), times.array(),
		texts.array(), types.array(), priorites.array()}, int64(rows))
}

func (f *press) appendID(dst []byte, index uint64) []byte {
	n := f.ids.at(index)
	for range 4 {
		at := n % (36 * 36) * 2
		dst = append(dst, f.pairs[at], f.pairs[at+1])
		n /= 36 * 36
	}
	return dst
}

func (f *press) appendClient(dst []byte, n uint64) []byte {
	dst = append(dst, "C0000000000"[:f.digits+1]...)
	for at := len(dst) - 1; n > 0; at-- {
		dst[at] = '0' + byte(n%10)
		n /= 10
	}
	return dst
}
