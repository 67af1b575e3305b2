package broker

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// lost is a range of offsets that were acknowledged and are not in the log.
type lost struct {
	topic     string
	partition int32
	from, to  int64
	where     string // what there is instead
}

// Error names the partition, what is missing, and the way on.
func (l *lost) Error() string {
	return fmt.Sprintf("topic %q, partition %d: %d records that were acknowledged are gone (offsets %d to %d, %s); "+
		"put the whole state directory back from a copy, or go on without them: %s",
		l.topic, l.partition, l.to-l.from, l.from, l.to-1, l.where, acceptLoss)
}

// span is what the files of a partition hold.
type span struct {
	first, next int64
	gaps        [][2]int64
	empty       bool
}

func partitionFolder(dir, topic string, partition int32) string {
	return filepath.Join(dir, "partitions", fmt.Sprintf("%s-%d", url.PathEscape(topic), partition))
}

// readSpan reads where the batches of a partition begin and end. After an
// orderly close kfake's own snapshot says it.
func readSpan(folder string) (span, error) {
	bases, err := segments(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return span{}, err
	}
	if s := readSnapshot(folder); s.isOf(folder, bases) {
		return span{first: s.Start, next: s.High, empty: len(bases) == 0}, nil
	}
	out := span{empty: true}
	for _, base := range bases {
		first, next, err := segmentSpan(segmentPath(folder, base, ".dat"))
		if err != nil {
			return span{}, err
		}
		switch {
		case next == 0:
			continue // no whole batch
		case out.empty:
			out.first, out.empty = first, false
		case first > out.next:
			out.gaps = append(out.gaps, [2]int64{out.next, first})
		}
		out.next = next
	}
	return out, nil
}

// segmentSpan hops over the batches of a file. What follows the last whole one
// is the business of inspect.
func segmentSpan(path string) (first, next int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	r, head := bufio.NewReaderSize(f, 64<<10), make([]byte, batchHead)
	for {
		if _, err := io.ReadFull(r, head); err != nil {
			return first, next, notEnd(err)
		}
		at := int64(binary.BigEndian.Uint64(head))
		payload := batchLead + int64(binary.BigEndian.Uint32(head[8:])) - batchHead
		if head[magicAt] != 2 || payload < 0 || payload > maxBatch || at < next {
			return first, next, nil
		}
		if n, err := r.Discard(int(payload)); err != nil || int64(n) < payload {
			return first, next, notEnd(err)
		}
		if next == 0 {
			first = at
		}
		next = at + int64(int32(binary.BigEndian.Uint32(head[23:]))) + 1
	}
}

func notEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// audit compares the files of all partitions with what was acknowledged.
type audit struct {
	dir    string
	marks  *acknowledged
	accept bool // go on without what is lost
	log    *slog.Logger
	fills  []lost // offsets that the log must not use again
}

func (u *audit) run() error {
	topics, err := storedTopics(u.dir)
	if err != nil {
		return err
	}
	seen := make(map[logKey]bool)
	for _, t := range topics {
		for p := range int32(t.Partitions) {
			key := logKey{t.ID, p}
			seen[key] = true
			if err := u.check(t, p, u.marks.marks[key]); err != nil {
				return err
			}
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(u.marks.marks), compareKeys) {
		m := u.marks.marks[key]
		if !seen[key] && m.state&deleting == 0 {
			if err := u.missing(m, m.start, m.end, "topics.json does not have it"); err != nil {
				return err
			}
		}
	}
	return nil
}

func compareKeys(a, b logKey) int {
	if c := slices.Compare(a.topic[:], b.topic[:]); c != 0 {
		return c
	}
	return int(a.partition) - int(b.partition)
}

// check compares one partition. m is nil where nothing was acknowledged, or an
// older engine wrote the folder: then what there is counts.
func (u *audit) check(t storedTopic, p int32, m *mark) error {
	folder := partitionFolder(u.dir, t.Name, p)
	s, err := readSpan(folder)
	if err != nil {
		return fmt.Errorf("reading %s: %w", folder, err)
	}
	if m == nil {
		m = &mark{logKey: logKey{t.ID, p}, name: t.Name, start: s.first, end: s.next}
	}
	if m.state&deleting != 0 {
		return nil
	}
	where := "there is no file of it in " + folder
	if !s.empty {
		where = fmt.Sprintf("%s has %d to %d", folder, s.first, s.next-1)
	}
	compacted := strings.Contains(t.Configs["cleanup.policy"], "compact")
	trimmed := u.marks.state&retaining != 0 || u.marks.state&compacting != 0 && compacted
	if s.empty && u.marks.state&retaining != 0 {
		m.start = m.end // all of it was removed
	}
	if s.empty {
		if err := u.missing(m, m.start, m.end, where); err != nil {
			return err
		}
		if m.end > 0 {
			u.fills = append(u.fills, lost{topic: t.Name, partition: p, from: m.end - 1, to: m.end})
			m.start = m.end
		}
		return nil
	}
	if trimmed {
		m.start = max(m.start, s.first)
	}
	if err := u.missing(m, m.start, min(s.first, m.end), where); err != nil {
		return err
	}
	m.start = max(m.start, s.first)
	if !compacted {
		for _, gap := range s.gaps {
			if err := u.missing(m, max(m.start, gap[0]), gap[1], where+", and no file of these"); err != nil {
				return err
			}
		}
	}
	if err := u.missing(m, max(m.start, s.next), m.end, where); err != nil {
		return err
	}
	if s.next < m.end {
		u.fills = append(u.fills, lost{topic: t.Name, partition: p, from: s.next, to: m.end})
	}
	return nil
}

// missing is an error if there is a loss that the user has not accepted; one that was
// accepted is logged.
func (u *audit) missing(m *mark, from, to int64, where string) error {
	if from >= to {
		return nil
	}
	l := &lost{m.name, m.partition, from, to, where}
	folder := partitionFolder(u.dir, m.name, m.partition)
	if err := inspectFolder(folder); err != nil {
		return err // it names the file, and why its records cannot be read
	}
	if !u.accept {
		return l
	}
	if u.log != nil {
		u.log.Warn("broker: records that were acknowledged are gone; going on as on_data_loss says",
			"topic", l.topic, "partition", l.partition, "from", from, "to", to-1, "records", to-from)
	}
	return nil
}

// fill makes the logs go on behind what was acknowledged: by an empty batch over
// the offsets that have no records any more, as compaction leaves one.
func (u *audit) fill() error {
	for _, f := range u.fills {
		folder := partitionFolder(u.dir, f.topic, f.partition)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		s, err := readSpan(folder) // again: the repair has added markers
		if err != nil {
			return err
		}
		from := f.from
		if !s.empty {
			from = s.next
		}
		if from >= f.to {
			continue
		}
		path := segmentPath(folder, from, ".dat")
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := appendTo(path, emptyBatch(from, f.to)); err != nil {
			return err
		}
	}
	return nil
}

// emptyBatch covers the offsets from one to before another.
func emptyBatch(from, to int64) []byte {
	var raw []byte
	for from < to {
		n := min(to-from, 1<<30)
		b := kmsg.RecordBatch{FirstOffset: from, Magic: 2, LastOffsetDelta: int32(n - 1), FirstTimestamp: -1,
			MaxTimestamp: -1, ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1}
		b.Length = int32(len(b.AppendTo(nil)) - batchLead)
		b.CRC = int32(castagnoli(b.AppendTo(nil)[21:]))
		raw = b.AppendTo(raw)
		from += n
	}
	return raw
}
