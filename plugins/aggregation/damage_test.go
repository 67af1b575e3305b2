package aggregation

import (
	"bytes"
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/sdk"
)

// everyCall has one aggregate of each accumulator, in windows of every sort.
func everyCall(shape string) string {
	windows := map[string]string{"tumbling": `"watermark": "10s", "window": {"tumbling": "1m"}`,
		"session": `"watermark": "10s", "window": {"session": {"gap": "1m"}}`,
		"none":    `"emit": "on_end", "unbounded_state": true`}
	return `{"event_time": "at", ` + windows[shape] + `, "group_by": ["kind", "level"], "aggregates": {
		"a": "count()", "b": "sum(amount)", "c": "sum(price)", "d": "min(amount)", "e": "max(client)",
		"f": "count_distinct(client)", "g": "count_distinct(level)", "h": "approx_count_distinct(client)",
		"i": "first(price)", "j": "last(client)", "k": "quantile(price, 0.5)", "l": "quantile(price, 0.9)",
		"m": {"call": "avg(price)", "where": "level > 0"}}}`
}

var everyShape = []string{"tumbling", "session", "none"}

func storedState(t testing.TB, config string, rows int) (keys, values [][]byte) {
	t.Helper()
	_, parts := randomCase(rand.New(rand.NewPCG(7, 7)), "tumbling", 1)
	for i := range parts[0] {
		parts[0][i].at = 0
	}
	in := rowsOf(parts[0], false)
	instance, err := Transform.Open(context.Background(), []byte(config), refSchema(false), sdk.Env{})
	if err != nil {
		t.Fatal(err)
	}
	step := instance.(*transform)
	batch := &sdk.Batch{Rows: in.NewSlice(0, min(int64(rows), in.NumRows())), Partition: "p/0"}
	if err := step.Apply(context.Background(), batch, &collector{}); err != nil {
		t.Fatal(err)
	}
	err = step.Snapshot(context.Background(), 1, putter(func(key, value []byte) error {
		keys, values = append(keys, bytes.Clone(key)), append(values, bytes.Clone(value))
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	return keys, values
}

// restoreAndFlush restores a state of three keys, adds a row to what is in it,
// and emits all.
func restoreAndFlush(t testing.TB, config string, in *arrow.Schema, state [][2][]byte) error {
	instance, err := Transform.Open(context.Background(), []byte(config), in, sdk.Env{})
	if err != nil {
		t.Fatal(err)
	}
	step := instance.(*transform)
	slices.SortFunc(state, func(a, b [2][]byte) int { return bytes.Compare(a[0], b[0]) })
	err = step.restore(func(yield func(k, v []byte) bool) {
		for _, entry := range state {
			if !yield(entry[0], entry[1]) {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	kind, level, price := "support", int64(1), 2.5
	row := rowsOf([]ticket{{at: 30_000_000, kind: &kind, level: &level, client: &kind, price: &price},
		{at: -30_000_000, kind: &kind, level: &level, price: &price}}, false)
	out := &collector{schema: step.out}
	if err := step.Apply(context.Background(), &sdk.Batch{Rows: row, Partition: "p/0"}, out); err != nil {
		return err
	}
	return step.signal(sdk.Signal{Kind: sdk.End}, out)
}

func TestTruncatedStateIsRefused(t *testing.T) {
	for _, shape := range everyShape {
		config := everyCall(shape)
		keys, values := storedState(t, config, 300)
		for i := range keys[:min(4, len(keys))] {
			for size := range values[i] {
				var state [][2][]byte
				for j := range keys {
					value := values[j]
					if i == j {
						value = value[:size]
					}
					state = append(state, [2][]byte{keys[j], value})
				}
				if err := restoreAndFlush(t, config, refSchema(false), state); err == nil {
					t.Fatalf("%s: key %x, value %x cut to %d bytes: got no error", shape, keys[i], values[i], size)
				}
			}
		}
	}
}

// TestNegativeNumbersOfRowsAreRefused: a row would make them 0 rows with a sum.
func TestNegativeNumbersOfRowsAreRefused(t *testing.T) {
	for name, a := range map[string]accumulator{"count": &count{}, "sum of integers": &intSum{}, "sum of decimals": &decimalSum{},
		"sum of floats": &floatSum{parts: newPartitions()}, "exact sum": &exactSum{}} {
		a.grow(1)
		r := &reader{remaining: append([]byte{1}, make([]byte, 8)...)} // -1, and nothing
		if a.decode(r, 0); !r.failed() {
			t.Errorf("%s of -1 rows: got no error", name)
		}
	}
}

func TestStateWithoutItsClockIsRefused(t *testing.T) {
	config := everyCall("tumbling")
	keys, values := storedState(t, config, 10)
	err := restoreAndFlush(t, config, refSchema(false), [][2][]byte{{keys[2], values[2]}})
	if err == nil {
		t.Error("got no error")
	}
}

func TestStateOfAnotherVersionIsRefused(t *testing.T) {
	h := minutes(t, "")
	h.json("p/0", row("00:00:01", "a"))
	h.barrier()
	h.state[string(stateClock)][0] = 1
	err := h.restart()
	want := "want version 5 of the state, got 1 (run the engine that made it, or run with --fresh to begin anew)"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v", err)
	}
}

func FuzzRestore(f *testing.F) {
	for number, shape := range everyShape {
		for _, rows := range []int{1, 300} {
			keys, values := storedState(f, everyCall(shape), rows)
			f.Add(uint8(number), keys[0], values[0], keys[1], values[1], keys[2], values[2])
		}
	}
	in := refSchema(false)
	f.Fuzz(func(t *testing.T, shape uint8, k1, v1, k2, v2, k3, v3 []byte) {
		config := everyCall(everyShape[int(shape)%len(everyShape)])
		// Whatever it is, it is refused or it can be added to and emitted.
		_ = restoreAndFlush(t, config, in, [][2][]byte{{k1, v1}, {k2, v2}, {k3, v3}})
	})
}
