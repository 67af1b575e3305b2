package aggregation

import (
	"time"

	"etlengine/plugins/sdk"
)

// judged is what became of the rows of a batch: those in time, each with the
// windows it is in that are still open.
type judged struct {
	times       []int64 // of all rows
	rows        []uint32
	first, last []int64 // starts of the oldest and newest of its windows
	partial     int64   // rows that missed some of their windows
	late        lateRun
	rejects     []sdk.Reject
}

// lateRun is neighbouring late rows that one watermark judged.
type lateRun struct {
	from, to  int64
	watermark int64
}

// judge decides row by row: a row is late if the watermark of its partition, as
// the rows before it have moved it, has passed the end of all its windows.
func (t *transform) judge(p *partition, b *sdk.Batch, out sdk.Emitter) error {
	j := &t.judged
	j.rows, j.first, j.last = j.rows[:0], j.first[:0], j.last[:0]
	j.partial, j.late, j.rejects = 0, lateRun{}, j.rejects[:0]
	if err := t.where.load(b.Rows); err != nil {
		return err
	}
	j.times = t.where.mask(t.times.read(b.Rows))
	latest := t.times.latest(b)
	closed := t.clock.watermark(p)
	last := maxTime + 1 // of the row before; none has it
	for row, at := range j.times {
		if at < minTime || at > latest {
			j.rejects = append(j.rejects, t.reject(b, row, at))
			continue
		}
		if at < last || at >= last+t.spans.every {
			last = t.spans.last(at)
		}
		first := last
		if t.spans.size != t.spans.every {
			first = t.spans.first(at, last)
		}
		if last+t.spans.size <= closed {
			if err := j.tooLate(int64(row), closed, b, out); err != nil {
				return err
			}
		} else {
			if first+t.spans.size <= closed {
				first = t.spans.open(closed)
				j.partial++
			}
			j.rows = append(j.rows, uint32(row))
			j.first, j.last = append(j.first, first), append(j.last, last)
		}
		if at > p.newest {
			p.newest = at
			if p.assigned {
				closed = max(closed, at-t.clock.delay)
			}
		}
	}
	t.clock.newest = max(t.clock.newest, p.newest)
	if err := j.handLate(b, out); err != nil {
		return err
	}
	if len(j.rejects) > 0 {
		return out.Reject(j.rejects...)
	}
	return nil
}

// tooLate collects late rows into runs.
func (j *judged) tooLate(row, watermark int64, b *sdk.Batch, out sdk.Emitter) error {
	if j.late.to == row && j.late.watermark == watermark && row > 0 {
		j.late.to++
		return nil
	}
	err := j.handLate(b, out)
	j.late = lateRun{from: row, to: row + 1, watermark: watermark}
	return err
}

func (j *judged) handLate(b *sdk.Batch, out sdk.Emitter) error {
	r := j.late
	if r.from == r.to {
		return nil
	}
	return out.Late(sdk.Late{Rows: b.Rows.NewSlice(r.from, r.to), EventTimes: j.times[r.from:r.to],
		Partition: b.Partition, Watermark: time.UnixMicro(r.watermark).UTC()})
}
