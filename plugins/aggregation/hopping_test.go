package aggregation

import (
	"errors"
	"strings"
	"testing"
	"time"

	"etlengine/plugins/sdk"
)

const hopping = `{"event_time": "at", "watermark": "10s", "window": {"hopping": {"size": "2m", "every": "1m"}},
	"group_by": ["kind"], "aggregates": {"n": "count()"}}`

func TestRowIsInEveryWindowThatHoldsIt(t *testing.T) {
	h := newHarness(t, hopping, schemaOf(t, "at timestamp", "kind string"))
	h.json("p", row("00:02:30", "a"), row("00:03:00", "a"))
	h.end()
	h.want("00:01:00|00:03:00|a|1", "00:02:00|00:04:00|a|2", "00:03:00|00:05:00|a|1")
	if h.out.counts.Absorbed != 2 || h.out.counts.Created != 3 {
		t.Errorf("books: got %+v, want 2 rows absorbed and 3 created", h.out.counts)
	}
}

func TestRowThatMissesSomeOfItsWindowsIsInTheOthers(t *testing.T) {
	h := newHarness(t, hopping, schemaOf(t, "at timestamp", "kind string"))
	h.json("p", row("00:02:30", "a"), row("00:03:10", "a"), row("00:02:40", "b"))
	// 00:01:00 is closed by the second row: the third is in 00:02:00 alone.
	h.want("00:01:00|00:03:00|a|1")
	if h.out.counts.Partial != 1 || h.out.counts.Absorbed != 3 || h.out.lateRows != 0 {
		t.Errorf("books: got %+v and %d late rows, want 3 absorbed, 1 of them in part",
			h.out.counts, h.out.lateRows)
	}
	h.json("p", row("00:05:00", "a"), row("00:02:41", "late"))
	h.end()
	h.want("00:01:00|00:03:00|a|1", "00:02:00|00:04:00|a|2", "00:02:00|00:04:00|b|1",
		"00:03:00|00:05:00|a|1", "00:04:00|00:06:00|a|1", "00:05:00|00:07:00|a|1")
	if h.out.lateRows != 1 {
		t.Errorf("late: got %d rows, want the one that missed all its windows", h.out.lateRows)
	}
}

func TestOffsetMovesTheWindows(t *testing.T) {
	config := strings.Replace(perMinute, `{"tumbling": "1m"}`, `{"tumbling": "1m", "offset": "-15s"}`, 1)
	h := newHarness(t, config, schemaOf(t, "at timestamp", "kind string"))
	h.json("p", row("00:00:44.999999", "a"), row("00:00:45", "a"), row("00:01:44", "a"))
	h.end()
	h.want("1969-12-31 23:59:45|00:00:45|a|1", "00:00:45|00:01:45|a|2")
}

// broken fails in one of the emitter's calls.
type broken struct {
	sinkhole
	call string
}

var errBroken = errors.New("broken pipe")

func (b *broken) fail(call string) error {
	if b.call == call {
		return errBroken
	}
	return nil
}

func (b *broken) Emit(*sdk.Batch) error      { return b.fail("emit") }
func (b *broken) Late(sdk.Late) error        { return b.fail("late") }
func (b *broken) Reject(...sdk.Reject) error { return b.fail("reject") }
func (b *broken) Watermark(time.Time) error  { return b.fail("watermark") }

func TestEmitterErrorsEndTheCall(t *testing.T) {
	for _, call := range []string{"emit", "late", "reject", "watermark"} {
		h := newHarness(t, perMinute, schemaOf(t, "at timestamp", "kind string"))
		rows := jsonRows(t, h.in, row("00:00:01", "a"), `{"at": null, "kind": "a"}`, row("00:01:10", "a"),
			row("00:00:02", "late"))
		err := h.step.Apply(t.Context(), &sdk.Batch{Rows: rows, Partition: "p"}, &broken{call: call})
		if !errors.Is(err, errBroken) {
			t.Errorf("%s fails: got %v, want %v", call, err, errBroken)
		}
	}
}

func TestBatchIsNotKept(t *testing.T) {
	in := schemaOf(t, "at timestamp", "kind string", "v string")
	h := newHarness(t, with(`"group_by": ["kind"], "aggregates": {"most": "max(v)", "early": "first(v)",
		"n": "count_distinct(v)"}`), in)
	for _, text := range []string{"some", "more", "more"} {
		rows := jsonRows(t, in, `{"at": "1970-01-01T00:00:00Z", "kind": "`+text+`", "v": "`+text+`"}`)
		h.apply("p", rows)
		for _, column := range rows.Columns() {
			for _, buffer := range column.Data().Buffers() {
				if buffer != nil {
					clear(buffer.Bytes()) // a source that uses its memory again
				}
			}
		}
	}
	h.end()
	h.want("00:00:00|00:01:00|more|more|more|1", "00:00:00|00:01:00|some|some|some|1")
}

// restoreGroup is the group of one key.
func restoreGroup(g *groups, key []byte) (uint32, error) {
	gids, bad := g.restore([][]byte{key}, nil)
	if bad >= 0 {
		return 0, errKey
	}
	return gids[0], nil
}

func FuzzGroupKey(f *testing.F) {
	f.Add("a", int64(1), false)
	f.Add("\x00\xff\x00", int64(-1<<63), true)
	f.Add("", int64(0), false)
	columns := []groupColumn{{kind: textKind}, {kind: fixedKind}, {kind: textKind}}
	f.Fuzz(func(t *testing.T, text string, number int64, null bool) {
		g := newGroups(columns).empty()
		key := appendFixedKey(appendTextKey(nil, []byte(text)), number)
		if null {
			key = append(key, keyNull)
		} else {
			key = appendTextKey(key, []byte(text))
		}
		group, err := restoreGroup(g, key)
		if err != nil || string(g.appendKey(nil, group)) != string(key) {
			t.Errorf("key %x: came back as %x, %v", key, g.appendKey(nil, group), err)
		}
		// Any other bytes are a key or an error.
		if group, err := restoreGroup(g, []byte(text)); err == nil && string(g.appendKey(nil, group)) != text {
			t.Errorf("key %x: came back as %x", text, g.appendKey(nil, group))
		}
	})
}
