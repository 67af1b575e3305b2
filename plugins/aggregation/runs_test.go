package aggregation

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestRunsAreRestoredAsTheyWere: groups come and change, few or many of them in
// an epoch, between restarts; in the end each has all its rows. Cells that may be
// large are stored one by one.
func TestRunsAreRestoredAsTheyWere(t *testing.T) {
	for _, calls := range []string{`"n": "count()", "last": "max(id)"`, `"n": "count()", "s": "sum(v)", "a": "avg(v)"`,
		`"n": "count()", "d": "count_distinct(v)"`} {
		for seed := range uint64(4) {
			checkRuns(t, calls, rand.New(rand.NewPCG(seed, 1)))
		}
	}
}

func checkRuns(t *testing.T, calls string, r *rand.Rand) {
	schema := schemaOf(t, "at timestamp", "id string")
	if strings.Contains(calls, "(v)") {
		schema = schemaOf(t, "at timestamp", "id string", "v int64")
	}
	h := newHarness(t, with(`"group_by": ["id"], "window": {"hopping": {"size": "2m", "every": "1m"}},
		"aggregates": {`+calls+`}`), schema)
	h.partitions("p")
	rows := map[string]int{}
	for range 12 {
		// Groups from 0 on, so that they come in order; a few, many or none of those there are.
		n := []int{0, 3, 40, 700}[r.IntN(4)]
		var batch []string
		for range n {
			id := fmt.Sprintf("%04d", r.IntN(50+2*len(rows)))
			rows[id]++
			batch = append(batch, fmt.Sprintf(`{"at": "1970-01-01T00:00:10Z", "id": %q, "v": 7}`, id))
		}
		h.json("p", batch...)
		h.barrier()
		if r.IntN(2) == 0 {
			h.reopen()
			h.partitions("p")
		}
	}
	if got := h.cellsStored(); got != 2*len(rows) { // of two windows
		t.Errorf("%s: got %d stored cells, want %d", calls, got, 2*len(rows))
	}
	h.reopen()
	h.partitions("p")
	h.end()
	var want []string
	for _, window := range []string{"1969-12-31 23:59:00|00:01:00", "00:00:00|00:02:00"} {
		for id, n := range rows {
			line := fmt.Sprintf("%s|%s|%d", window, id, n)
			switch {
			case strings.Contains(calls, "max"):
				line += "|" + id
			case strings.Contains(calls, "sum"):
				line += fmt.Sprintf("|%d|7", 7*n)
			default:
				line += "|1"
			}
			want = append(want, line)
		}
	}
	got := h.out.lines()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %d lines, want %d, or they differ: %s… and %s…", calls, len(got), len(want),
			first(got), first(want))
	}
}

func first(lines []string) string { return strings.Join(lines[:min(3, len(lines))], " ") }

// TestSingleCellsGoWithTheirRun: what a run holds is not kept beside it.
func TestSingleCellsGoWithTheirRun(t *testing.T) {
	schema := schemaOf(t, "at timestamp", "id string")
	h := newHarness(t, with(`"group_by": ["id"]`), schema)
	h.partitions("p")
	h.apply("p", idRows(schema, 0, 0, 2*runCells))
	h.barrier()
	before := len(h.state)
	for id := range int64(5) {
		h.apply("p", idRows(schema, 0, 40*id, 1))
	}
	h.barrier()
	if got := len(h.state); got != before+5 {
		t.Errorf("after 5 changes: got %d keys, want %d", got, before+5)
	}
	h.reopen()
	h.partitions("p")
	h.apply("p", idRows(schema, 0, 0, 2*runCells))
	h.barrier()
	if got := len(h.state); got != before {
		t.Errorf("after all have changed: got %d keys, want %d", got, before)
	}
}

// TestLargeCellsArePutAlone: of a run of which many cells have changed, those that
// may be large are put alone, others together.
func TestLargeCellsArePutAlone(t *testing.T) {
	schema := schemaOf(t, "at timestamp", "id string", "v int64", "x float64")
	for call, want := range map[string]int{"count()": 1, "sum(v)": 1, "avg(x)": 1, "max(v)": 1, "first(v)": 1,
		"min(id)": 40, "last(id)": 40, "count_distinct(v)": 40, "count_distinct(id)": 40,
		"approx_count_distinct(v)": 40, "quantile(x, 0.5)": 40} {
		h := newHarness(t, with(`"group_by": ["id"], "aggregates": {"n": "`+call+`"}`), schema)
		h.partitions("p")
		for _, n := range []int{runCells, 40} {
			var batch []string
			for i := range n {
				batch = append(batch, fmt.Sprintf(`{"at": "1970-01-01T00:00:10Z", "id": "%03d", "v": %d, "x": 1.5}`, i, n+i))
			}
			h.json("p", batch...)
			if got := h.barrier(); n == 40 && got != want {
				t.Errorf("%s: after 40 of %d cells changed got %d keys, want %d", call, runCells, got, want)
			}
		}
	}
}

// TestLongGroupsArePutOnce: with a new one in every epoch, what is put is what
// has come.
func TestLongGroupsArePutOnce(t *testing.T) {
	schema := schemaOf(t, "at timestamp", "id string")
	h := newHarness(t, with(`"group_by": ["id"]`), schema)
	h.partitions("p")
	const length, epochs = 20_000, 60
	put := 0
	for i := range epochs {
		h.json("p", fmt.Sprintf(`{"at": "1970-01-01T00:00:10Z", "id": "%0*d"}`, length, i))
		before := maps.Clone(h.state)
		h.barrier()
		for key, value := range h.state {
			if string(before[key]) != string(value) {
				put += len(value)
			}
		}
	}
	if most := epochs * (length + 400); put > most {
		t.Errorf("put %d bytes of %d groups of %d bytes, want at most %d", put, epochs, length, most)
	}
	h.reopen()
	h.partitions("p")
	h.json("p", longGroups(epochs, length)...)
	h.barrier()
	for _, value := range h.state {
		if len(value) > groupBytes+length+100 {
			t.Errorf("a value has %d bytes, want at most %d and one group", len(value), groupBytes)
		}
	}
	if got := h.cellsStored(); got != epochs+epochs {
		t.Errorf("got %d stored cells, want %d", got, 2*epochs)
	}
}

// longGroups are rows of groups from n on.
func longGroups(n, length int) (rows []string) {
	for i := range n {
		rows = append(rows, fmt.Sprintf(`{"at": "1970-01-01T00:00:10Z", "id": "%0*d"}`, length, n+i))
	}
	return rows
}

// TestDamagedRunsAreRefused: a state that lacks a part, or has it twice, would
// come out as wrong counts.
func TestDamagedRunsAreRefused(t *testing.T) {
	schema := schemaOf(t, "at timestamp", "id string", "v int64")
	for _, calls := range []string{`"n": "count()"`, `"n": "count_distinct(v)"`} {
		for name, damage := range map[string]func(state map[string][]byte){
			"no groups":      func(s map[string][]byte) { delete(s, keyOf(stateGroups, 0)) },
			"no last groups": func(s map[string][]byte) { delete(s, keyOf(stateGroups, runCells)) },
			"no cells":       func(s map[string][]byte) { drop(s, keyOf(stateCells, 1)) },
			"no first cell":  func(s map[string][]byte) { drop(s, keyOf(stateCells, 0)) },
			"a group twice": func(s map[string][]byte) {
				groups := s[keyOf(stateGroups, 0)]
				copy(groups[len(groups)-12:], groups[len(groups)-24:len(groups)-12])
			},
			"too many groups": func(s map[string][]byte) {
				s[keyOf(stateGroups, 0)] = append(binary.AppendUvarint(nil, runCells+1), make([]byte, 500)...)
			},
			"a window that has closed": func(s map[string][]byte) {
				for _, sort := range []byte{stateGroups, stateCells} {
					for at := range uint32(2 * runCells) {
						from, to := keyOf(sort, at), keyAt(sort, -60_000_000, at)
						for _, key := range slices.Collect(maps.Keys(s)) {
							if remaining, ok := strings.CutPrefix(key, from); ok {
								s[to+remaining] = s[key]
								delete(s, key)
							}
						}
					}
				}
			},
			"a cell too many":          func(s map[string][]byte) { s[keyOf(stateCells, 1)+"\x60"] = []byte{2} },
			"a cell of a run too many": func(s map[string][]byte) { s[keyOf(stateCells, 2)+"\x00"] = []byte{2} },
			"a run too many":           func(s map[string][]byte) { s[keyOf(stateCells, 2)] = []byte{2} },
			"a longer cell":            func(s map[string][]byte) { s[keyOf(stateCells, 1)+"\x01"] = make([]byte, 9) },
		} {
			h := newHarness(t, with(`"group_by": ["id"], "aggregates": {`+calls+`}`), schema)
			var batch []string
			for i := range runCells + 50 {
				batch = append(batch, fmt.Sprintf(`{"at": "1970-01-01T00:00:10Z", "id": "%08d", "v": %d}`, i, i))
			}
			h.json("p", batch...)
			h.barrier()
			if err := h.restart(); err != nil {
				t.Fatalf("%s: %v", calls, err)
			}
			damage(h.state)
			if err := h.restart(); err == nil {
				t.Errorf("%s, %s: got no error", calls, name)
			}
		}
	}
}

func keyOf(sort byte, at uint32) string { return keyAt(sort, 0, at) }

func keyAt(sort byte, start int64, at uint32) string {
	return string(binary.BigEndian.AppendUint32(appendStart(nil, sort, start), at))
}

// drop deletes the first key that begins so.
func drop(state map[string][]byte, prefix string) {
	least := ""
	for key := range state {
		if strings.HasPrefix(key, prefix) && (least == "" || key < least) {
			least = key
		}
	}
	delete(state, least)
}
