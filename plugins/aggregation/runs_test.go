package aggregation

import (
	"encoding/binary"
	"fmt"
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

// TestDamagedRunsAreRefused: a state that lacks a part, or has it twice, would
// come out as wrong counts.
func TestDamagedRunsAreRefused(t *testing.T) {
	schema := schemaOf(t, "at timestamp", "id string", "v int64")
	for _, calls := range []string{`"n": "count()"`, `"n": "count_distinct(v)"`} {
		for name, damage := range map[string]func(state map[string][]byte){
			"no groups":     func(s map[string][]byte) { delete(s, keyOf(stateGroups, 0)) },
			"no first run":  func(s map[string][]byte) { delete(s, keyOf(stateGroups, 1)) },
			"no cells":      func(s map[string][]byte) { drop(s, keyOf(stateCells, 1)) },
			"no first cell": func(s map[string][]byte) { drop(s, keyOf(stateCells, 0)) },
			"a group twice": func(s map[string][]byte) {
				groups := s[keyOf(stateGroups, 0)]
				copy(groups[len(groups)-11:], groups[len(groups)-22:len(groups)-11])
			},
			"too many groups": func(s map[string][]byte) {
				s[keyOf(stateGroups, 0)] = append(binary.AppendUvarint(nil, runCells+1), make([]byte, 500)...)
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

func keyOf(sort byte, run uint32) string {
	return string(binary.BigEndian.AppendUint32(appendStart(nil, sort, 0), run))
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
