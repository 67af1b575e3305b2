package checkpoint

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"etlengine/plugins/aggregation"
	"etlengine/plugins/sdk"
)

// scales are the numbers of groups that the benchmarks of this file go up to.
var scales = []int{100_000, 5_000_000}

const scaleConfig = `{"event_time": "at", "watermark": "1m", "window": {"tumbling": "1h"},
	"group_by": ["client"], "aggregates": {"rows": "count()", "total": "sum(amount)"}}`

func scaleSchema() *arrow.Schema {
	return arrow.NewSchema([]arrow.Field{{Name: "at", Type: sdk.Timestamp},
		{Name: "client", Type: arrow.BinaryTypes.String}, {Name: "amount", Type: arrow.PrimitiveTypes.Int64}}, nil)
}

// scaleRows are one row for each of the ids, in batches.
func scaleRows(ids []int, yield func(arrow.RecordBatch)) {
	b := array.NewRecordBuilder(memory.DefaultAllocator, scaleSchema())
	for i, id := range ids {
		b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(id % 3_500_000_000))
		b.Field(1).(*array.StringBuilder).Append(fmt.Sprintf("C%08d", id))
		b.Field(2).(*array.Int64Builder).Append(int64(id % 10_000))
		if (i+1)%sdk.DefaultBatchRows == 0 || i+1 == len(ids) {
			yield(b.NewRecordBatch())
		}
	}
}

// scaled is an aggregation and the store behind it.
type scaled struct {
	b    *testing.B
	s    *Store
	step sdk.Transform
	rows int64 // emitted
}

func (s *scaled) Emit(b *sdk.Batch) error    { s.rows += b.NumRows(); return nil }
func (s *scaled) Late(sdk.Late) error        { return nil }
func (s *scaled) Reject(...sdk.Reject) error { return nil }
func (s *scaled) Watermark(time.Time) error  { return nil }
func (s *scaled) Count(sdk.Counts)           {}

func openScaled(b *testing.B, dir string) *scaled {
	s := &scaled{b: b}
	var err error
	if s.s, err = Open(dir); err != nil {
		b.Fatal(err)
	}
	state, failed := s.s.State("p", "agg")
	instance, err := aggregation.Transform.Open(context.Background(), []byte(scaleConfig), scaleSchema(), sdk.Env{State: state})
	if err := cmp.Or(failed(), err); err != nil {
		b.Fatal(err)
	}
	s.step = instance.(sdk.Transform)
	return s
}

func (s *scaled) close() {
	if err := s.s.Close(); err != nil {
		s.b.Fatal(err)
	}
}

func (s *scaled) apply(ids []int) {
	scaleRows(ids, func(rows arrow.RecordBatch) {
		err := s.step.Apply(context.Background(), &sdk.Batch{Rows: rows, Partition: "p/0"}, s)
		if err != nil {
			s.b.Fatal(err)
		}
	})
}

// snapshot is one epoch: how many keys and bytes the step put, and how long it
// and the save took.
func (s *scaled) snapshot(epoch uint64) (keys, bytes int, taking, saving time.Duration) {
	begun := time.Now()
	c := s.s.NewChanges("p", "agg")
	counted := &counted{Changes: c}
	if err := s.step.Snapshot(context.Background(), epoch, counted); err != nil {
		s.b.Fatal(err)
	}
	taking = time.Since(begun)
	begun = time.Now()
	if err := s.s.Save("p", &Record{Epoch: epoch}, c); err != nil {
		s.b.Fatal(err)
	}
	return counted.keys, counted.bytes, taking, time.Since(begun)
}

// counted counts what a snapshot changes.
type counted struct {
	*Changes
	keys, bytes int
}

func (c *counted) Clear(prefix []byte) error {
	c.keys, c.bytes = c.keys+1, c.bytes+len(prefix)
	return c.Changes.Clear(prefix)
}

func (c *counted) Put(key, value []byte) error {
	c.keys, c.bytes = c.keys+1, c.bytes+len(key)+len(value)
	return c.Changes.Put(key, value)
}

// cpu is what this process has used of the processor: on a machine with other
// work it says more than the clock does.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func diskBytes(b *testing.B, dir string) (n int64) {
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if info, _ := d.Info(); info != nil && err == nil && d.Type().IsRegular() {
			n += info.Size()
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// written is what the store has written so far, its log and compactions included.
func (s *scaled) written() uint64 {
	m := s.s.db.Metrics()
	n := m.WAL.BytesWritten
	for _, l := range m.Levels {
		n += l.TableBytesFlushed + l.TableBytesCompacted + l.TableBytesIngested
	}
	return n
}

// BenchmarkState is the life of a large state: a snapshot of all of it, fifty of
// 1 % each, a restart, and the end of its window.
func BenchmarkState(b *testing.B) {
	for _, groups := range scales {
		b.Run(fmt.Sprint(groups), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				stateLife(b, groups)
				b.StartTimer()
			}
		})
	}
}

func stateLife(b *testing.B, groups int) {
	dir := b.TempDir()
	r := rand.New(rand.NewPCG(1, 1))
	s := openScaled(b, dir)
	s.apply(r.Perm(groups))
	used := cpu(b)
	keys, bytes, taking, saving := s.snapshot(1)
	b.ReportMetric((cpu(b) - used).Seconds(), "full-cpu-s")
	b.ReportMetric(float64(bytes)/float64(keys), "full-B/key")
	b.ReportMetric(taking.Seconds(), "full-take-s")
	b.ReportMetric(saving.Seconds(), "full-save-s")
	b.ReportMetric(float64(s.written())/float64(bytes), "full-written/put")
	before, put := s.written(), 0
	for epoch := range uint64(50) {
		s.apply(r.Perm(groups)[:groups/100])
		keys, bytes, taking, saving = s.snapshot(epoch + 2)
		put += bytes
	}
	b.ReportMetric(float64(keys), "1%-keys")
	b.ReportMetric(float64(taking.Microseconds())/1000, "1%-take-ms")
	b.ReportMetric(float64(saving.Microseconds())/1000, "1%-save-ms")
	b.ReportMetric(float64(s.written()-before)/float64(put), "1%-written/put")
	b.ReportMetric(float64(diskBytes(b, dir))/float64(groups), "disk-B/group")
	s.close()
	s.step = nil
	debug.FreeOSMemory()

	begun := time.Now()
	used = cpu(b)
	s = openScaled(b, dir)
	b.ReportMetric(time.Since(begun).Seconds(), "restore-s")
	b.ReportMetric((cpu(b) - used).Seconds(), "restore-cpu-s")

	begun, used = time.Now(), cpu(b)
	if _, err := s.step.Signal(context.Background(), sdk.Signal{Kind: sdk.End}, s); err != nil {
		b.Fatal(err)
	}
	if s.rows != int64(groups) {
		b.Fatalf("emitted %d groups, want %d", s.rows, groups)
	}
	b.ReportMetric(time.Since(begun).Seconds(), "emit-s")
	b.ReportMetric((cpu(b) - used).Seconds(), "emit-cpu-s")
	keys, _, taking, saving = s.snapshot(52)
	b.ReportMetric(float64(keys), "close-keys")
	b.ReportMetric(float64((taking+saving).Microseconds())/1000, "close-ms")
	s.close()
}

// BenchmarkTombstones is what the end of a window would cost if each of its
// groups were deleted, against the one prefix that it is.
func BenchmarkTombstones(b *testing.B) {
	for _, clear := range []bool{true, false} {
		b.Run(fmt.Sprintf("prefix=%v", clear), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				s, err := Open(b.TempDir())
				if err != nil {
					b.Fatal(err)
				}
				put := func(value []byte) *Changes {
					c := s.NewChanges("p", "agg")
					for i := range uint32(5_000_000) {
						if err := c.Put(binary.BigEndian.AppendUint32([]byte("window"), i), value); err != nil {
							b.Fatal(err)
						}
					}
					return c
				}
				if err := s.Save("p", &Record{}, put(make([]byte, 20))); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				c := s.NewChanges("p", "agg")
				if clear {
					err = c.Clear([]byte("window"))
				} else {
					c = put(nil)
				}
				if err == nil {
					err = s.Save("p", &Record{}, c)
				}
				b.StopTimer()
				if err != nil {
					b.Fatal(err)
				}
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}
