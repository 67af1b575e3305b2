package aggregation

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// TestRowsOfOneGroupHaveOneNumber has columns of texts, of integers and of nulls,
// so many groups that tables outgrow the cache, and texts of one hash.
func TestRowsOfOneGroupHaveOneNumber(t *testing.T) {
	for n := range 8 {
		r := rand.New(rand.NewPCG(uint64(n), 1))
		g, loaded := newGroups(make([]groupColumn, n)), make([]column, n)
		for i := range n {
			k := kind(i % 2)
			g.columns[i] = groupColumn{from: i, kind: k}
			of := []arrow.DataType{arrow.PrimitiveTypes.Int64, arrow.BinaryTypes.String}[k]
			loaded[i] = column{typ: of, index: i}
		}
		numbers, keys := map[string]uint32{}, map[uint32]string{}
		for range 8 {
			rows, texts := randomGroups(r, n, 4000)
			for i := range loaded {
				loaded[i].load(rows)
			}
			order := make([]uint32, len(texts))
			for i := range order {
				order[i] = uint32(i)
			}
			for i, group := range g.number(loaded, order, []uint32{7})[1:] {
				before, known := numbers[texts[i]]
				if known && before != group {
					t.Fatalf("%d columns: row %q is in group %d, want %d", n, texts[i], group, before)
				}
				numbers[texts[i]] = group
				if other, ok := keys[group]; ok && other != texts[i] {
					t.Fatalf("%d columns: group %d is of %q and of %q", n, group, other, texts[i])
				}
				keys[group] = texts[i]
			}
		}
		if g.len() != len(numbers) {
			t.Errorf("%d columns: got %d groups, want %d", n, g.len(), len(numbers))
		}
		live := g.empty()
		for _, group := range numbers {
			key := g.appendKey(nil, group)
			if back, err := restoreGroup(g, key); err != nil || back != group {
				t.Fatalf("%d columns: key %x is of group %d, %v, want %d", n, key, back, err, group)
			}
			if adopted := live.adopt(g, group); !bytes.Equal(live.appendKey(nil, adopted), key) {
				t.Fatalf("%d columns: key %x was adopted as another", n, key)
			}
		}
	}
}

// randomGroups is rows of integers and texts in turn, and each row as text.
func randomGroups(r *rand.Rand, columns, rows int) (arrow.RecordBatch, []string) {
	var fields []arrow.Field
	for i := range columns {
		of := []arrow.DataType{arrow.PrimitiveTypes.Int64, arrow.BinaryTypes.String}[i%2]
		fields = append(fields, arrow.Field{Name: fmt.Sprint("c", i), Type: of, Nullable: true})
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	texts := make([]string, rows)
	for row := range rows {
		for i := range columns {
			v := r.IntN([]int{20_000, 300, 4, 3, 2, 2, 2}[i])
			text := strings.Repeat("x", v%40) + fmt.Sprint(v)
			switch f := b.Field(i).(type) {
			case *array.Int64Builder:
				text = fmt.Sprint(v - 1)
				if v == 0 {
					text = "null"
					f.AppendNull()
				} else {
					f.Append(int64(v - 1))
				}
			case *array.StringBuilder:
				if v == 0 {
					text = "null"
					f.AppendNull()
				} else {
					f.Append(text)
				}
			}
			texts[row] += text + "|"
		}
	}
	return b.NewRecordBatch(), texts
}

// TestTextsOfOneHashAreTwo: long texts are distinguished by their bytes.
func TestTextsOfOneHashAreTwo(t *testing.T) {
	s, l, values := newSeed(), &lookup{}, []string{strings.Repeat("a", 20), strings.Repeat("b", 20)}
	for _, before := range []int{0, beyondCache} {
		var table texts
		for i := range before {
			table.add(s, digest{uint64(i), fixedMark}, nil)
		}
		ids := make([]uint32, 100)
		for i := range ids {
			l.digests[i] = digest{42, longMark}
		}
		table.addAll(s, l, ids, func(i int) []byte { return []byte(values[i%2]) })
		var scratch [16]byte
		for i, id := range ids {
			if got := string(table.value(id, &scratch)); got != values[i%2] {
				t.Fatalf("behind %d others: got %q for row %d", before, got, i)
			}
		}
		if got := table.len() - before; got != 2 {
			t.Errorf("behind %d others: got %d texts, want 2", before, got)
		}
	}
}

// TestCellIndexFindsWhatWasAdded goes from few groups to many and from a slice to a
// table and back, by how many of all groups a window has, behind some or none that
// have the cells of their numbers.
func TestCellIndexFindsWhatWasAdded(t *testing.T) {
	sliced, tabled, alone := 0, 0, 0
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 2))
		var p cellIndex
		want, groups := map[uint32]uint32{}, 1
		alike := uint32(r.IntN(2) * r.IntN(30_000)) // so many groups have the cell of their number
		for cell := range uint32(30_000) {
			if r.IntN(2000) == 0 {
				groups *= 1 + r.IntN(8)
			}
			groups = max(min(groups, 1<<22), int(cell)+1)
			group := uint32(r.IntN(groups))
			if cell < alike {
				group = cell
			}
			if got := p.find(group); got != want[group] {
				t.Fatalf("cell of group %d: got %d, want %d", group, got, want[group])
			}
			if want[group] == 0 {
				p.add(group, cell, groups)
				want[group] = cell + 1
			}
			switch {
			case p.slots != nil:
				tabled++
			case p.byGroup.len() > 0:
				sliced++
			default:
				alone++
			}
		}
		for group, cell := range want {
			if got := p.find(group); got != cell {
				t.Fatalf("cell of group %d: got %d, want %d", group, got, cell)
			}
		}
		if most := int64(64*len(want) + 8*fewGroups); (&window{index: p}).bytes() > most {
			t.Errorf("%d cells of %d groups: %d bytes, want at most %d", len(want), groups,
				(&window{index: p}).bytes(), most)
		}
	}
	if sliced == 0 || tabled == 0 || alone == 0 {
		t.Errorf("%d times in a slice, %d in a table, %d in neither: want each", sliced, tabled, alone)
	}
}
