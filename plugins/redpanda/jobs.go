package redpanda

import (
	"bytes"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/twmb/franz-go/pkg/kgo"

	"etlengine/plugins/sdk"
)

// output is an item and where its partition stands after it.
type output struct {
	item      sdk.Item
	partition *partition // of a batch
	next      int64
}

// job is a run of records of one partition, or a signal or error between them.
type job struct {
	partition *partition
	records   []*kgo.Record
	after     cursor // behind the records

	done chan struct{} // closed when what follows is final
	out  []output
	err  error
}

// doneJob is a job with nothing to decode.
func doneJob(signal *sdk.Signal, err error) *job {
	j := &job{err: err, done: make(chan struct{})}
	if signal != nil {
		j.out = []output{{item: sdk.Item{Signal: signal}}}
	}
	close(j.done)
	return j
}

// decoder collects values as rows; jsonrows and textrows have such ones.
type decoder interface {
	Append(value []byte) error
	AppendNull() error // a row of nulls
	Rows() int
	Bytes() int
	MaxRowBytes(text int) int
	NewRecordBatch() arrow.RecordBatch
}

// decode is a decoder's goroutine.
func (s *source) decode() {
	d := s.config.decoder(s.env.Survey)
	records := s.config.annotate(d)
	defer func() { s.unknown.Add(unknownKeys(d)) }()
	for {
		select {
		case <-s.ctx.Done():
			return
		case j := <-s.work:
			s.ignored.Add(j.decode(records, s.columns, s.env.Positions))
			close(j.done)
		}
	}
}

// slack is kept free below the bound of a batch for what a row adds besides
// its own bytes.
const slack = 64 << 10

// decode makes batches of the records and returns how many of them were ignored.
func (j *job) decode(d recordDecoder, columns *arrow.Schema, withPositions bool) (ignored int64) {
	var rejected []sdk.Reject
	var positions []int64
	rejectedBytes := 0
	flush := func(c cursor) {
		rows := sdk.EmptyRows(columns)
		if d.Rows() > 0 {
			rows = d.NewRecordBatch()
		}
		batch := &sdk.Batch{Rows: rows, Partition: j.partition.name, Cursor: c.bytes(), Rejected: rejected,
			Positions: positions}
		j.out = append(j.out, output{item: sdk.Item{Batch: batch}, partition: j.partition, next: c.Offset})
		rejected, positions, rejectedBytes = nil, nil, 0
	}
	for i, r := range j.records {
		size := d.Bytes() + rejectedBytes + d.MaxRowBytes(len(r.Value)) + metadataBytes(r) + slack
		if size > sdk.MaxBatchBytes && (d.Rows() > 0 || rejectedBytes > 0) {
			flush(j.behind(j.records[i-1], r.Offset))
		}
		if i > 0 {
			j.records[i-1].Recycle() // the decoder has copied what it keeps
		}
		if r.Attrs.IsControl() {
			continue
		}
		switch err := d.AppendRecord(r); {
		case err == errIgnored:
			ignored++
		case err != nil:
			rejected = append(rejected, sdk.Reject{Reason: err.Error(), Partition: j.partition.name,
				Position: r.Offset, Key: bytes.Clone(r.Key), Raw: bytes.Clone(r.Value)})
			rejectedBytes += len(r.Key) + len(r.Value)
		case withPositions:
			positions = append(positions, r.Offset)
		}
	}
	flush(j.after)
	if n := len(j.records); n > 0 {
		j.records[n-1].Recycle()
	}
	j.records = nil
	return ignored
}

// behind is the cursor between a record and the next one.
func (j *job) behind(r *kgo.Record, next int64) cursor {
	c := cursor{Offset: next, Epoch: r.LeaderEpoch, TopicID: j.after.TopicID}
	if c.TopicID == "" {
		c.Fingerprint = fingerprintOf(r)
	}
	return c
}
