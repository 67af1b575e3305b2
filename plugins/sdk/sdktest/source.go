package sdktest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/sdk"
)

// maxCursors bounds how many places a source is resumed from.
const maxCursors = 24

func sourceChecks() []check {
	return []check{
		{"PartitionsComeFirst", partitionsComeFirst},
		{"BatchesAreAsPlanned", batchesAreAsPlanned},
		{"EndIsRepeated", endIsRepeated},
		{"EveryCursorResumes", everyCursorResumes},
		{"PositionsPinTheStart", positionsPinTheStart},
		{"LimitEndsTheRun", limitEndsTheRun},
		{"HandedOnBatchesAreLeftAlone", handedOnBatchesAreLeftAlone},
		{"CommittedChangesNothing", committedChangesNothing},
		{"PositionsAreGivenWhenAskedFor", positionsAreGiven},
		{"CloseWithoutNext", closeWithoutNext},
		{"CloseEndsABlockedNext", closeEndsABlockedNext},
		{"CancelEndsABlockedNext", cancelEndsABlockedNext},
	}
}

// openSource opens the source, gives it an end if it has none, and sees that it
// is closed.
func (s *suite) openSource(t testing.TB, env sdk.Env) (sdk.Source, *closer) {
	t.Helper()
	source, closer := open[sdk.Source](t, s, s.config, env)
	if s.Endless {
		if err := source.Drain(t.Context()); err != nil {
			t.Fatalf("draining: %v", err)
		}
	}
	return source, closer
}

// readAll reads to the end.
func readAll(t testing.TB, source sdk.Source) []sdk.Item {
	t.Helper()
	var items []sdk.Item
	for {
		item, err := source.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return items
		}
		if err != nil {
			t.Fatalf("item %d: %v", len(items)+1, err)
		}
		if (item.Batch == nil) == (item.Signal == nil) {
			t.Fatalf("item %d: want a batch or a signal, got %+v", len(items)+1, item)
		}
		items = append(items, item)
	}
}

// cursorsOf are those that a source resolved when it opened.
func cursorsOf(items []sdk.Item) map[string][]byte {
	if len(items) == 0 || items[0].Signal == nil {
		return nil
	}
	return maps.Clone(items[0].Signal.Cursors)
}

const rejected = "rejected at "

// content is the rows and rejects of items, by partition.
func content(items []sdk.Item) map[string][]string {
	all := map[string][]string{}
	for _, item := range items {
		if item.Batch == nil {
			continue
		}
		lines := Text(item.Batch.Rows)
		for _, r := range item.Batch.Rejected {
			lines = append(lines, fmt.Sprintf(rejected+"%d: %s: %q", r.Position, r.Reason, r.Raw))
		}
		all[item.Batch.Partition] = append(all[item.Batch.Partition], lines...)
	}
	return all
}

// sameContent compares partition by partition: their interleaving is free.
func (s *suite) sameContent(t testing.TB, what string, got, want map[string][]string) {
	t.Helper()
	names := slices.Sorted(maps.Keys(got))
	for name := range want {
		if _, ok := got[name]; !ok {
			names = append(names, name)
		}
	}
	for _, name := range names {
		s.sameText(t, fmt.Sprintf("%s, partition %q", what, name), got[name], want[name])
	}
}

func partitionsComeFirst(t testing.TB, s *suite) {
	source, _ := s.openSource(t, s.world(t))
	var known []string
	for i, item := range readAll(t, source) {
		switch {
		case item.Signal != nil && item.Signal.Kind == sdk.Partitions:
			known = item.Signal.Partitions
		case item.Signal != nil && item.Signal.Kind != sdk.Idle:
			t.Errorf("item %d: a source sends partitions and idle, got the signal %s", i+1, item.Signal.Kind)
		case i == 0:
			t.Error("the first item is not the signal that names the partitions")
		case item.Signal != nil && !slices.Contains(known, item.Signal.Partition):
			t.Errorf("item %d: %q is idle and not among the partitions %q", i+1, item.Signal.Partition, known)
		case item.Batch != nil && !slices.Contains(known, item.Batch.Partition):
			t.Errorf("item %d: partition %q is not among those announced: %q", i+1, item.Batch.Partition, known)
		}
	}
}

func batchesAreAsPlanned(t testing.TB, s *suite) {
	source, closer := s.openSource(t, s.world(t))
	want, rows := s.out(t), int64(0)
	for i, item := range readAll(t, source) {
		b := item.Batch
		if b == nil {
			continue
		}
		if b.Rows == nil {
			t.Fatalf("item %d: a batch without rows must hold an empty record batch, got nil", i+1)
		}
		rows += b.NumRows() + int64(len(b.Rejected))
		sameSchema(t, fmt.Sprintf("item %d", i+1), b.Rows.Schema(), want)
		if len(b.Cursor) == 0 {
			t.Errorf("item %d: the batch has no cursor", i+1)
		}
		if size := valueBytes(b.Rows); size > sdk.MaxBatchBytes {
			t.Errorf("item %d: the batch holds %d bytes, want at most %d", i+1, size, sdk.MaxBatchBytes)
		}
		wellFormed(t, b.Rows)
		for _, r := range b.Rejected {
			if r.Reason == "" {
				t.Errorf("item %d: a reject has no reason", i+1)
			}
		}
	}
	if rows == 0 {
		t.Error("the source gave no rows: this suite would prove nothing")
	}
	closer.mustClose(t)
}

// sameSchema compares names, types and nullability.
func sameSchema(t testing.TB, what string, got, want *arrow.Schema) {
	t.Helper()
	if !got.Equal(want) {
		t.Fatalf("%s: its columns are not as planned:\ngot  %v\nwant %v", what, got, want)
	}
}

// wellFormed holds columns to what their null counts and flags say.
func wellFormed(t testing.TB, rows arrow.RecordBatch) {
	t.Helper()
	for i, f := range rows.Schema().Fields() {
		column, nulls := rows.Column(i), 0
		for row := range column.Len() {
			if column.IsNull(row) {
				nulls++
			}
		}
		if nulls != column.NullN() {
			t.Errorf("column %s says it has %d nulls and has %d", f.Name, column.NullN(), nulls)
		}
		if nulls > 0 && !f.Nullable {
			t.Errorf("column %s may not be null and has %d nulls", f.Name, nulls)
		}
		if int64(column.Len()) != rows.NumRows() {
			t.Errorf("column %s has %d of %d rows", f.Name, column.Len(), rows.NumRows())
		}
	}
}

func endIsRepeated(t testing.TB, s *suite) {
	source, _ := s.openSource(t, s.world(t))
	readAll(t, source)
	for range 3 {
		if item, err := source.Next(t.Context()); !errors.Is(err, io.EOF) {
			t.Fatalf("after the end: got %+v and %v, want io.EOF again", item, err)
		}
	}
	if lag := source.Lag(); lag > 0 {
		t.Errorf("after the end: got a lag of %d rows, want 0, or -1 for unknown", lag)
	}
}

func everyCursorResumes(t testing.TB, s *suite) {
	env := s.world(t)
	source, closer := s.openSource(t, env)
	items := readAll(t, source)
	closer.mustClose(t)
	at := map[string][]byte{}
	maps.Copy(at, cursorsOf(items))

	step := len(items)/maxCursors + 1
	for i, item := range items {
		if item.Batch == nil {
			continue
		}
		at[item.Batch.Partition] = slices.Clone(item.Batch.Cursor)
		if i%step != 0 && i < len(items)-2 {
			continue
		}
		env.Resume, env.Epoch = maps.Clone(at), 1
		again, closer := s.openSource(t, env)
		got, want := content(readAll(t, again)), content(items[i+1:])
		s.sameContent(t, fmt.Sprintf("resumed after item %d", i+1), got, want)
		closer.mustClose(t)
	}
}

func positionsPinTheStart(t testing.TB, s *suite) {
	env := s.world(t)
	source, closer := s.openSource(t, env)
	items := readAll(t, source)
	closer.mustClose(t)
	if env.Resume = cursorsOf(items); env.Resume == nil {
		return
	}
	want := content(items)
	again, _ := s.openSource(t, env)
	s.sameContent(t, "resumed from the first positions", content(readAll(t, again)), want)
}

func handedOnBatchesAreLeftAlone(t testing.TB, s *suite) {
	source, closer := s.openSource(t, s.world(t))
	var batches []*sdk.Batch
	var sums []uint64
	var cursors []string
	check := func(when string) {
		for i, b := range batches {
			if sum(b.Rows) != sums[i] || string(b.Cursor) != cursors[i] {
				t.Fatalf("batch %d was changed %s: it belongs to others once Next has returned", i+1, when)
			}
		}
	}
	for {
		item, err := source.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if item.Batch != nil {
			batches = append(batches, item.Batch)
			sums, cursors = append(sums, sum(item.Batch.Rows)), append(cursors, string(item.Batch.Cursor))
		}
	}
	check("by a later Next")
	closer.mustClose(t)
	check("by Close")
}

func committedChangesNothing(t testing.TB, s *suite) {
	env := s.world(t)
	source, closer := s.openSource(t, env)
	first := readAll(t, source)
	closer.mustClose(t)
	env.Resume = cursorsOf(first) // what the first opening drew, the second shall not draw again
	want := content(first)
	withPositions, _ := s.openSource(t, env)
	var items []sdk.Item
	at, epoch := map[string][]byte{}, uint64(0)
	for {
		item, err := withPositions.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, item)
		if item.Batch != nil {
			epoch++
			at[item.Batch.Partition] = item.Batch.Cursor
			if err := withPositions.Committed(t.Context(), epoch, maps.Clone(at)); err != nil {
				t.Fatalf("committed, epoch %d: %v", epoch, err)
			}
		}
	}
	s.sameContent(t, "with Committed after each batch", content(items), want)
}

func positionsAreGiven(t testing.TB, s *suite) {
	env := s.world(t)
	env.Positions = true
	source, closer := s.openSource(t, env)
	last := map[string]int64{}
	for i, item := range readAll(t, source) {
		b := item.Batch
		if b == nil {
			continue
		}
		if int64(len(b.Positions)) != b.NumRows() {
			t.Fatalf("item %d: got %d positions for %d rows", i+1, len(b.Positions), b.NumRows())
		}
		for _, at := range b.Positions {
			if before, ok := last[b.Partition]; ok && at <= before {
				t.Fatalf("item %d: partition %q has position %d after %d, want them to grow", i+1, b.Partition,
					at, before)
			}
			last[b.Partition] = at
		}
	}
	closer.mustClose(t)
}

func closeWithoutNext(t testing.TB, s *suite) {
	_, closer := s.openSource(t, s.world(t))
	s.soon(t, "closing before the first Next", func() { closer.mustClose(t) })
}

// blockedNext reads until Next blocks, and returns where its answer will come.
func blockedNext(ctx context.Context, t testing.TB, source sdk.Source) <-chan error {
	t.Helper()
	items, stop, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	defer close(stop)
	go func() {
		for {
			if _, err := source.Next(ctx); err != nil {
				ended <- err
				return
			}
			select {
			case items <- struct{}{}:
			case <-stop: // an item in answer to Close is an answer too
				ended <- nil
				return
			}
		}
	}()
	for {
		select {
		case <-items:
		case err := <-ended:
			t.Fatalf("the config that blocks: Next returned %v instead of waiting", err)
		case <-time.After(silence):
			return ended
		}
	}
}

func closeEndsABlockedNext(t testing.TB, s *suite) {
	if s.Blocked == "" {
		return
	}
	source, closer := open[sdk.Source](t, s, s.Blocked, s.world(t))
	ended := blockedNext(t.Context(), t, source)
	s.soon(t, "closing while Next is blocked", func() { closer.mustClose(t) })
	select {
	case err := <-ended:
		if errors.Is(err, io.EOF) {
			t.Error("Next, interrupted by Close, said io.EOF: that would end the input for good")
		}
	case <-time.After(s.patience):
		t.Error("Next is still blocked after Close")
	}
}

func cancelEndsABlockedNext(t testing.TB, s *suite) {
	if s.Blocked == "" {
		return
	}
	source, _ := open[sdk.Source](t, s, s.Blocked, s.world(t))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := blockedNext(ctx, t, source)
	cancel()
	select {
	case err := <-ended:
		if errors.Is(err, io.EOF) {
			t.Error("Next, interrupted by its context, said io.EOF: that would end the input for good")
		}
	case <-time.After(s.patience):
		t.Error("Next is still blocked after its context was cancelled")
	}
}
