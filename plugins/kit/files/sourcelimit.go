package files

import (
	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/sdk"
)

// unlimited is the limit of a run that has none.
const unlimited = -1

// limitTo ends the run after that many records. The file at hand is not finished
// by it, even if nothing of it is left: only who reads its end knows that.
func (s *source) limitTo(records int64) {
	s.limit = max(records, 0)
	s.lag.limit.Store(s.limit)
}

// needsPositions reports whether the rows of a file need positions. Those of a run with
// a limit do: its last batch is trimmed in the order of its records,
// of which some may be rejects.
func (s *source) needsPositions(c completion) bool {
	return s.withPositions || c.metadata.lines() || s.limit != unlimited
}

// trim shortens a batch to what the limit leaves, and counts it.
func (s *source) trim(rows arrow.RecordBatch, positions []int64, rejected []sdk.Reject) (
	arrow.RecordBatch, []int64, []sdk.Reject,
) {
	if s.limit == unlimited {
		return rows, positions, rejected
	}
	kept, refused := 0, 0
	for s.limit > 0 && (kept < len(positions) || refused < len(rejected)) {
		row := kept < len(positions)
		if row && refused < len(rejected) {
			row = positions[kept] < rejected[refused].Position
		}
		if row {
			kept++
		} else {
			refused++
		}
		s.limit--
	}
	s.lag.limit.Store(s.limit)
	if rows != nil {
		rows = rows.NewSlice(0, int64(kept))
	}
	return rows, positions[:kept], rejected[:refused]
}
