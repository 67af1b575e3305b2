package redpanda_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"

	"etlengine/plugins/redpanda"
	"etlengine/plugins/sdk"
)

var randomTopics = flag.Int("random.topics", 10, "how many topics that change the random test draws")

// TestRandomChangesOfATopicLoseNothingUnsaid writes epochs to a topic while its settings
// change, partitions are added and it is deleted, at any step of an epoch, with outputs
// that die on the way. Each row is in the topic once, or was refused for what the topic
// was then, or an error has named the topic; and the topic accepts what is recorded.
func TestRandomChangesOfATopicLoseNothingUnsaid(t *testing.T) {
	for seed := range uint64(*randomTopics) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			c := &changing{world: newWorld(t, 2), random: rand.New(rand.NewPCG(seed, 5)), limit: usualLimit,
				partitions: 2}
			for range 10 {
				c.writeEpoch()
				c.check()
			}
			c.t.Logf("%q", c.story)
		})
	}
}

// changing is an output of keyed rows to a topic that changes.
type changing struct {
	*world
	random *rand.Rand
	out    sdk.Sink // nil: it has to be opened
	rows   *array.RecordBuilder
	story  []string

	epoch       uint64 // recorded
	committable []byte
	isCommitted bool
	adopt       bool

	compacted, idle bool // idle: it accepts no record at all
	limit           int
	partitions      int32
	refuses         struct { // at some time since the output was opened
		keyless bool
		large   bool
	}
	next     int64
	recorded []int64 // of the epoch
	present  []int64 // in the topic
}

const (
	usualLimit = 1_000_000
	smallLimit = 500
	largeText  = 600
)

func (c *changing) log(format string, args ...any) {
	c.story = append(c.story, fmt.Sprintf(format, args...))
}

// maybeChange changes the topic, once in a while.
func (c *changing) maybeChange(when string) {
	switch c.random.IntN(24) {
	case 0:
		c.compacted = !c.compacted
		c.set("cleanup.policy", map[bool]string{true: "compact", false: "delete"}[c.compacted])
	case 1:
		c.limit = usualLimit + smallLimit - c.limit
		c.set("max.message.bytes", fmt.Sprint(c.limit))
	case 2:
		c.idle = !c.idle
		c.set("min.insync.replicas", map[bool]string{true: "9", false: "1"}[c.idle])
	case 3:
		c.set("retention.ms", fmt.Sprint(3_600_000+c.random.IntN(1000)))
	case 4:
		c.addPartitions(1)
		c.partitions++
	case 5:
		c.deleteTopic()
		c.adjust = nil
		c.makeAgain(c.partitions) // with fewer it is refused where rows belong to the others
		c.present, c.compacted, c.idle, c.limit = nil, false, false, usualLimit
		when += ", made again"
	default:
		return
	}
	c.recordRefusals()
	c.log("%s: compacted %v, limit %d, idle %v", when, c.compacted, c.limit, c.idle)
}

func (c *changing) recordRefusals() {
	c.refuses.keyless = c.refuses.keyless || c.compacted
	c.refuses.large = c.refuses.large || c.limit == smallLimit
}

// fixed does what an error asks for; it fails if the error does not name the topic.
func (c *changing) fixed(doing string, err error) {
	c.t.Helper()
	c.log("%s: %v", doing, err)
	text := err.Error()
	switch {
	case !strings.Contains(text, c.topic):
		c.t.Fatalf("%q: the topic is not named", c.story)
	case strings.Contains(text, "--adopt"):
		c.adopt = true
	case errors.Is(err, sdk.ErrDisconnected), strings.Contains(text, "context canceled"):
	case !c.idle && !c.compacted && c.limit == usualLimit:
		c.t.Fatalf("%q: nothing is to be changed", c.story)
	default:
		c.compacted, c.idle, c.limit = false, false, usualLimit
		c.set("cleanup.policy", "delete")
		c.set("min.insync.replicas", "1")
		c.set("max.message.bytes", fmt.Sprint(usualLimit))
	}
	c.close()
}

func (c *changing) close() {
	if c.out != nil {
		c.out.Close(context.Background())
	}
	c.out = nil
}

// open opens the output as the engine does: what is recorded is committed first.
func (c *changing) open() {
	c.t.Helper()
	for tries := 0; c.out == nil; tries++ {
		if err := c.tryOpen(); err != nil {
			if tries > 6 {
				c.t.Fatalf("%q: it cannot be opened", c.story)
			}
			c.fixed("opening", err)
		}
	}
	c.adopt = false
}

func (c *changing) tryOpen() error {
	c.adjust = func(env *sdk.Env) {
		env.Committable, env.Published, env.Adopt = c.committable, c.isCommitted, c.adopt
	}
	config := c.config(`{"key": "k"}`)
	if err := redpanda.Sink.Setup(c.ctx(), config, c.env()); err != nil {
		return err
	}
	schema := sdk.Schema{{Key: "k", Value: sdk.Column{Type: "string"}}, {Key: "n", Value: sdk.Column{Type: "int64"}},
		{Key: "s", Value: sdk.Column{Type: "string"}}}.Arrow()
	i, err := redpanda.Sink.Open(c.ctx(), config, schema, c.env())
	if err != nil {
		return err
	}
	c.out, c.rows = i.(sdk.Sink), builder(schema)
	c.refuses.keyless, c.refuses.large = false, false
	c.recordRefusals()
	two := c.out
	if len(c.committable) > 0 {
		if err := two.Commit(c.ctx(), c.epoch, c.committable); err != nil {
			return err
		}
		c.nowCommitted()
	}
	return two.Recover(c.ctx(), c.committable)
}

func (c *changing) nowCommitted() {
	if !c.isCommitted {
		c.present = append(c.present, c.recorded...)
	}
	c.isCommitted = true
}

// changingRow is a row as the test knows it.
type changingRow struct {
	n              int64
	keyless, large bool
}

func (c *changing) writeEpoch() {
	c.t.Helper()
	var rows []changingRow
	for range 1 + c.random.IntN(12) {
		rows = append(rows, changingRow{c.next, c.random.IntN(4) == 0, c.random.IntN(4) == 0})
		c.next++
	}
	for !c.record(rows) {
		c.close() // the rows are read again
	}
	c.maybeChange("recorded")
	ctx, cancel := context.WithCancel(c.ctx())
	defer cancel()
	if dies := c.random.IntN(12); dies < 5 {
		stage := []string{"begin", "sending", "flushed", "end", "committed"}[dies]
		redpanda.AtStage(c.out, func(reached string) {
			if reached == stage {
				cancel()
			}
		})
		c.log("dies at %s", stage)
	}
	if err := c.out.Commit(ctx, c.epoch, c.committable); err != nil {
		c.fixed("publishing", err)
	} else {
		c.nowCommitted()
	}
	c.maybeChange("published")
	if c.random.IntN(4) == 0 {
		c.close()
	}
	c.open()
}

// record writes rows and ends the epoch as far as its record; false if they have to be
// written again.
func (c *changing) record(rows []changingRow) bool {
	c.t.Helper()
	c.maybeChange("before")
	c.open()
	refused := map[int64]bool{}
	for part := range slices.Chunk(rows, 4) {
		c.maybeChange("writing")
		err := c.out.Write(c.ctx(), c.batch(part))
		list, ok := errors.AsType[*sdk.RefusedError](err)
		if err != nil && !ok {
			c.fixed("writing", err)
			return false
		}
		if ok {
			for _, r := range list.Rows {
				one := part[r.Row]
				if refused[one.n] = true; !(one.keyless && c.refuses.keyless) && !(one.large && c.refuses.large) {
					c.t.Fatalf("%q: %+v is refused: %s", c.story, one, r.Reason)
				}
			}
		}
	}
	c.maybeChange("written")
	prepared, err := prepare(c.ctx(), c.out, c.epoch+1)
	if err != nil {
		c.fixed("preparing", err)
		return false
	}
	c.epoch++
	c.committable, c.isCommitted, c.recorded = prepared.Committable, false, nil
	for _, one := range rows {
		if refused[one.n] {
			continue
		}
		c.recorded = append(c.recorded, one.n)
		if one.keyless && c.compacted || one.large && c.limit == smallLimit || c.idle {
			c.t.Fatalf("%q: %+v is recorded, and the topic would refuse it", c.story, one)
		}
	}
	return true
}

func (c *changing) batch(rows []changingRow) *sdk.Batch {
	for _, one := range rows {
		if keys := c.rows.Field(0).(*array.StringBuilder); one.keyless {
			keys.AppendNull()
		} else {
			keys.Append(fmt.Sprint("key", one.n))
		}
		c.rows.Field(1).(*array.Int64Builder).Append(one.n)
		text := ""
		if one.large {
			text = strings.Repeat("x", largeText)
		}
		c.rows.Field(2).(*array.StringBuilder).Append(text)
	}
	return &sdk.Batch{Rows: c.rows.NewRecordBatch()}
}

// check compares what readers of committed records see.
func (c *changing) check() {
	c.t.Helper()
	c.connect() // a client keeps what it knew of a topic that was made again
	var got []int64
	for _, r := range c.committed(c.topic) {
		var row struct{ N int64 }
		if err := json.Unmarshal(r.Value, &row); err != nil {
			c.t.Fatal(err)
		}
		got = append(got, row.N)
	}
	slices.Sort(got)
	slices.Sort(c.present)
	if !slices.Equal(got, c.present) {
		c.t.Fatalf("%q: got rows %v, want %v", c.story, got, c.present)
	}
}
