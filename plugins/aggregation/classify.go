package aggregation

import (
	"time"

	"etlengine/plugins/sdk"
)

// classified is the rows of a batch by class: those in time, each with the windows
// it is in that are still open, those behind the watermark, late and rejected ones.
type classified struct {
	times       []int64 // of all rows
	rows        []uint32
	first, last []int64 // starts of the oldest and newest of its windows
	partial     int64   // rows that missed some of their windows
	partition   uint32
	watermark   int64    // of the partition before the batch
	behind      []behind // rows that are late unless they are in an open session
	refused     int      // the first so many of behind are late
	late        lateRun
	rejects     []sdk.Reject
}

// behind is a row before the watermark of its partition, with sessions.
type behind struct {
	at        int   // its index in rows
	watermark int64 // as it stood at the row's turn
	own       int64 // the same, if no run had ended
}

// lateRun is neighbouring rows that are late by the same watermark.
type lateRun struct {
	from, to  int64
	watermark int64
}

// classify goes row by row: a row is late if the watermark of its partition, as
// the rows before it have moved it, has passed the end of all its windows.
func (t *transform) classify(p *partition, b *sdk.Batch, out sdk.Emitter) error {
	j := &t.classified
	j.begin(p)
	if err := t.where.load(b.Rows); err != nil {
		return err
	}
	j.times = t.where.mask(t.times.read(b.Rows))
	latest := t.times.latest(b)
	closed := t.clock.watermark(p)
	j.watermark = closed
	last := maxTime + 1 // of the row before; none has it
	for row, at := range j.times {
		if at < t.times.first || at > latest {
			j.rejects = append(j.rejects, t.reject(b, row, at))
			continue
		}
		if at < last || at >= last+t.spec.every {
			last = t.spec.last(at)
		}
		first := last
		if t.spec.size != t.spec.every {
			first = t.spec.first(at, last)
		}
		if last+t.spec.size <= closed && !t.layout.hasSessions {
			if err := t.missed(p, b, row, last); err != nil {
				return err
			}
			if err := j.tooLate(int64(row), closed, b, out); err != nil {
				return err
			}
		} else {
			if last+t.spec.size <= closed {
				j.behind = append(j.behind, behind{len(j.rows), closed, t.clock.unended(p)})
			} else if first+t.spec.size <= closed {
				first = t.spec.open(closed)
				j.partial++
				if err := t.missed(p, b, row, first-t.spec.every); err != nil {
					return err
				}
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
	if err := j.emitLate(b, out); err != nil {
		return err
	}
	if len(j.rejects) > 0 {
		return out.Reject(j.rejects...)
	}
	return nil
}

// begin empties what the batch before has left.
func (j *classified) begin(p *partition) {
	j.rows, j.first, j.last = j.rows[:0], j.first[:0], j.last[:0]
	j.partial, j.late, j.rejects = 0, lateRun{}, j.rejects[:0]
	j.partition, j.behind, j.refused = p.index, j.behind[:0], 0
}

// refuse hands out the rows before the watermark that no session had open: the
// first so many of behind.
func (t *transform) refuse(b *sdk.Batch, out sdk.Emitter) error {
	j := &t.classified
	if j.refused == 0 {
		return nil
	}
	for _, r := range j.behind[:j.refused] {
		row := int(j.rows[r.at])
		if r.own <= j.times[row] && !t.decided {
			return t.afterEnd(b, row, "may belong to a session that came out when an earlier run ended")
		}
		if err := j.tooLate(int64(row), r.watermark, b, out); err != nil {
			return err
		}
	}
	return j.emitLate(b, out)
}

// tooLate collects late rows into runs.
func (j *classified) tooLate(row, watermark int64, b *sdk.Batch, out sdk.Emitter) error {
	if j.late.to == row && j.late.watermark == watermark && row > 0 {
		j.late.to++
		return nil
	}
	err := j.emitLate(b, out)
	j.late = lateRun{from: row, to: row + 1, watermark: watermark}
	return err
}

func (j *classified) emitLate(b *sdk.Batch, out sdk.Emitter) error {
	r := j.late
	if r.from == r.to {
		return nil
	}
	return out.Late(sdk.Late{Rows: b.Rows.NewSlice(r.from, r.to), EventTimes: j.times[r.from:r.to],
		Partition: b.Partition, Watermark: time.UnixMicro(r.watermark).UTC()})
}
