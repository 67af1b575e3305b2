package aggregation

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// TestDecimalSumsAreExact holds sums and averages against arbitrary precision, over
// every way a cell can change: values of both signs, joins, clearing, storing.
func TestDecimalSumsAreExact(t *testing.T) {
	const cells, scale = 20, 2
	most := new(big.Int).Sub(new(big.Int).Exp(big.NewInt(10), big.NewInt(38), nil), big.NewInt(1))
	limits := []*big.Int{big.NewInt(0), big.NewInt(1), big.NewInt(-1), most, new(big.Int).Neg(most),
		new(big.Int).Lsh(big.NewInt(1), 64), big.NewInt(-1 << 63), new(big.Int).Lsh(big.NewInt(-1), 120)}
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 9))
		s := &decimalSum{scale: scale}
		s.grow(cells)
		var want [cells]big.Int
		var n [cells]int64
		for range 2000 {
			cell, other := uint32(r.IntN(cells)), uint32(r.IntN(cells))
			switch r.IntN(10) {
			case 0:
				if cell != other {
					s.merge(cell, other)
					s.clear(other)
					want[cell].Add(&want[cell], &want[other])
					want[other].SetInt64(0)
					n[cell], n[other] = n[cell]+n[other], 0
				}
			case 1:
				s.clear(cell)
				want[cell].SetInt64(0)
				n[cell] = 0
			case 2:
				stored := &reader{remaining: s.encode(nil, cell)}
				s.clear(cell)
				if s.decode(stored, cell); stored.done() != nil {
					t.Fatalf("cell %d was not read back", cell)
				}
			default:
				v := limits[r.IntN(len(limits))]
				s.add(&input{cells: []uint32{cell}, rows: []uint32{0}, columns: []column{decimalColumn(v)}})
				want[cell].Add(&want[cell], v)
				n[cell]++
			}
			checkDecimals(t, s, cell, &want[cell], n[cell], most)
		}
	}
}

// decimalColumn is a column of one value, as a batch's is loaded.
func decimalColumn(v *big.Int) column {
	d := decimal128.FromBigInt(v)
	bytes := binary.BigEndian.AppendUint64(nil, uint64(d.HighBits())^1<<63)
	return column{bytes: binary.BigEndian.AppendUint64(bytes, d.LowBits()), offsets: []int32{0, 16}}
}

func checkDecimals(t *testing.T, s *decimalSum, cell uint32, want *big.Int, n int64, most *big.Int) {
	t.Helper()
	if got := s.sums.at(cell).big(); got.Cmp(want) != 0 {
		t.Fatalf("got %v, want %v", got, want)
	}
	sums := array.NewDecimal128Builder(memory.DefaultAllocator, &arrow.Decimal128Type{Precision: 38, Scale: s.scale})
	if err := s.result(sums, cell); (err != nil) != (want.CmpAbs(most) > 0) {
		t.Fatalf("%v: got %v", want, err)
	} else if err == nil {
		if a := sums.NewDecimal128Array(); a.IsNull(0) != (n == 0) || a.Value(0).BigInt().Cmp(want) != 0 && n > 0 {
			t.Fatalf("got %v, want %v of %d values", a, want, n)
		}
	}
	if n == 0 {
		return
	}
	means := array.NewFloat64Builder(memory.DefaultAllocator)
	nearest, _ := new(big.Rat).SetFrac(want, big.NewInt(100*n)).Float64()
	if err := s.result(means, cell); err != nil || means.Value(0) != nearest {
		t.Fatalf("got an average of %v, %v, want %v", means.Value(0), err, nearest)
	}
}

// TestDecimalSumBeyondItsTypeIsGoneOnIn: as that of integers, over a restart.
func TestDecimalSumBeyondItsTypeIsGoneOnIn(t *testing.T) {
	h := newHarness(t, with(`"group_by": ["id"], "aggregates": {"s": "sum(v)", "a": "avg(v)"}`),
		schemaOf(t, "at timestamp", "id string", "v decimal(38, 2)"))
	const most = "999999999999999999999999999999999999.99"
	add := func(id, v string) {
		h.json("p", fmt.Sprintf(`{"at": "1970-01-01T00:00:10Z", "id": %q, "v": %q}`, id, v))
	}
	h.partitions("p")
	add("a", most)
	add("a", most)
	add("b", "0.10")
	h.json("p", `{"at": "1970-01-01T00:00:10Z", "id": "c", "v": null}`)
	h.barrier()
	h.reopen()
	h.partitions("p")
	add("a", "-"+most)
	add("b", "0.20")
	h.end()
	h.want("00:00:00|00:01:00|a|"+most+"|3.333333333333333e+35", "00:00:00|00:01:00|b|0.3|0.15",
		"00:00:00|00:01:00|c|null|null")
}
