package sdktest

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"etlengine/plugins/sdk"
)

// limitEndsTheRun compares a source with its description: exactly so many records, and
// the remaining ones, no more and no less, for who goes on from the cursors.
func limitEndsTheRun(t testing.TB, s *suite) {
	if !s.describe([]byte(s.config)).Bounds.Records {
		return
	}
	env := s.world(t)
	source, closer := s.openSource(t, env)
	whole := readAll(t, source)
	closer.mustClose(t)
	env.Resume = cursorsOf(whole)
	for _, n := range limits(whole) {
		s.limited(t, env, n, whole)
	}
}

// limits are the numbers worth trying: within a batch, between two, in another
// partition, at the end and beyond it.
func limits(whole []sdk.Item) []int64 {
	total, first := recordsOf(whole), int64(0)
	for _, item := range whole {
		if first = recordsOf([]sdk.Item{item}); first > 0 {
			break
		}
	}
	list := []int64{0, 1, first - 1, first, first + 1, total / 2, total - 1, total, total + 7}
	list = slices.DeleteFunc(list, func(n int64) bool { return n < 0 })
	slices.Sort(list)
	return slices.Compact(list)
}

// limited reads n records, and then the rest from another opening.
func (s *suite) limited(t testing.TB, env sdk.Env, n int64, whole []sdk.Item) {
	t.Helper()
	env.Bounds.Records = &n
	source, closer := s.openSource(t, env)
	at := map[string][]byte{}
	maps.Copy(at, env.Resume)
	part := readAll(t, source)
	if got, want := recordsOf(part), min(n, recordsOf(whole)); got != want {
		t.Errorf("limited to %d records: got %d, want %d", n, got, want)
	}
	if _, err := source.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("limited to %d records, asked after the end: got %v, want io.EOF again", n, err)
	}
	closer.mustClose(t)
	for _, item := range part {
		if item.Batch != nil {
			at[item.Batch.Partition] = slices.Clone(item.Batch.Cursor)
		}
	}
	env.Resume, env.Epoch, env.Bounds = at, 1, sdk.Bounds{}
	again, closer := s.openSource(t, env)
	all := apart(slices.Concat(part, readAll(t, again)))
	s.sameContent(t, fmt.Sprintf("limited to %d records, and the rest from there", n), all, apart(whole))
	closer.mustClose(t)
}

// apart is content with the rejects as partitions of their own: where they stand
// among the rows depends on where batches are cut.
func apart(items []sdk.Item) map[string][]string {
	all := map[string][]string{}
	for name, lines := range content(items) {
		for _, line := range lines {
			if strings.HasPrefix(line, rejected) {
				all[name+" rejects"] = append(all[name+" rejects"], line)
			} else {
				all[name] = append(all[name], line)
			}
		}
	}
	return all
}

// recordsOf counts rows and rejects.
func recordsOf(items []sdk.Item) int64 {
	n := int64(0)
	for _, item := range items {
		if item.Batch != nil {
			n += item.Batch.NumRows() + int64(len(item.Batch.Rejected))
		}
	}
	return n
}
