package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/sdk"
)

// A tape is a file of events that a source gives in their order: rows of a partition,
// or that a partition was found at its end, with the time of a clock that nobody
// waits for. It may grow between runs. A source of it does what one of topics does:
// whoever opens it hears first which partitions are at their end, and it has an end
// of its own or is given one.

type tapeConfig struct {
	Path       string     `json:"path" doc:"The file."`
	Partitions []string   `json:"partitions" doc:"All there are."`
	Schema     sdk.Schema `json:"schema" doc:"The columns."`
	Earlier    int        `json:"earlier" state:"keep" doc:"How many events runs before have had."`
}

// tapeEvent is a line of a tape.
type tapeEvent struct {
	Partition string            `json:"partition"`
	Rows      []json.RawMessage `json:"rows,omitempty"`
	First     int64             `json:"first,omitempty"` // number of the first row in its partition
	AtEnd     time.Time         `json:"at_end,omitzero"` // when the partition was found at its end
}

var tapeSource = sdk.Spec[tapeConfig]{
	Kind: sdk.KindSource, Name: "tape", Summary: "Gives the events of a file.", Example: "tape: { path: tape }",
	About:   func(*tapeConfig) sdk.Description { return sdk.Description{Bounds: sdk.Bounded{Now: true}} },
	Columns: func(c *tapeConfig, _ *arrow.Schema, d *sdk.Description) { d.Columns = c.Schema.Arrow() },
	Open: func(_ context.Context, c *tapeConfig, _ *arrow.Schema, env sdk.Env) (sdk.Instance, error) {
		return openTape(c, env)
	},
}.Plugin()

// tape is an open source.
type tape struct {
	sdk.PlainSource
	columns *arrow.Schema
	first   []sdk.Item // before the events
	events  []tapeEvent
	next    int
}

var _ sdk.Source = (*tape)(nil)

func openTape(c *tapeConfig, env sdk.Env) (*tape, error) {
	data, err := os.ReadFile(filepath.Join(env.Dir, c.Path))
	if err != nil {
		return nil, err
	}
	s := &tape{columns: c.Schema.Arrow(), next: c.Earlier}
	for line := range bytes.Lines(data) {
		var e tapeEvent
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, err
		}
		s.events = append(s.events, e)
	}
	for _, cursor := range env.Resume {
		at, err := strconv.Atoi(string(cursor))
		if err != nil {
			return nil, err
		}
		s.next = max(s.next, at)
	}
	s.first = []sdk.Item{{Signal: &sdk.Signal{Kind: sdk.Partitions, Partitions: c.Partitions}}}
	atEnd := map[string]time.Time{}
	for _, e := range s.events[:s.next] {
		atEnd[e.Partition] = e.AtEnd
	}
	for _, name := range c.Partitions {
		if at := atEnd[name]; !at.IsZero() {
			s.first = append(s.first, idleItem(name, at))
		}
	}
	return s, nil
}

func idleItem(partition string, at time.Time) sdk.Item {
	return sdk.Item{Signal: &sdk.Signal{Kind: sdk.Idle, Partition: partition, Time: at}}
}

// Next returns io.EOF behind the last event.
func (s *tape) Next(context.Context) (sdk.Item, error) {
	if len(s.first) > 0 {
		item := s.first[0]
		s.first = s.first[1:]
		return item, nil
	}
	if s.next == len(s.events) {
		return sdk.Item{}, io.EOF
	}
	e := s.events[s.next]
	s.next++
	if !e.AtEnd.IsZero() {
		return idleItem(e.Partition, e.AtEnd), nil
	}
	var texts []string
	var positions []int64
	for i, r := range e.Rows {
		texts, positions = append(texts, string(r)), append(positions, e.First+int64(i))
	}
	rows, _, err := array.RecordFromJSON(memory.DefaultAllocator, s.columns,
		strings.NewReader("["+strings.Join(texts, ",")+"]"))
	if err != nil {
		return sdk.Item{}, fmt.Errorf("reading event %d: %w", s.next, err)
	}
	return sdk.Item{Batch: &sdk.Batch{Rows: rows, Partition: e.Partition, Positions: slices.Clip(positions),
		Cursor: []byte(strconv.Itoa(s.next))}}, nil
}

// Close has nothing to do.
func (s *tape) Close(context.Context) error { return nil }
