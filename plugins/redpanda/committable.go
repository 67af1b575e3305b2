package redpanda

import (
	"fmt"
	"path/filepath"

	"etlengine/plugins/kit/staging"
	"etlengine/plugins/sdk"
)

// committableVersion changes when an older engine could misread a committable.
const committableVersion = 1

// markerRef names an epoch with rows that was committed, and where its marker is. The zero
// value stands for none so far.
type markerRef struct {
	staging.Committed
	At int64 `json:"at,omitempty"` // where the topic of epochs has it, or before that
}

func (n markerRef) same(other markerRef) bool { return n.Committed == other.Committed }

// committable is what the engine's record keeps of a prepared epoch.
type committable struct {
	staging.Envelope
	Epoch    uint64    `json:"epoch"`
	Previous markerRef `json:"previous"` // the newest epoch with rows before this one
	Topic    string    `json:"topic"`
	TopicID  string    `json:"topic_id,omitempty"` // "": the broker gives none
	Cluster  string    `json:"cluster,omitempty"`  // its id
	Spool    *sealed   `json:"spool,omitempty"`    // nil: no rows
}

// sealed is a spool that has been written to its end.
type sealed struct {
	Name    string  `json:"name"`
	ID      string  `json:"id"`
	Length  int64   `json:"length"`
	Records int64   `json:"records"`
	Keyless int64   `json:"keyless,omitempty"` // records without a key
	Largest int     `json:"largest,omitempty"` // bytes of the largest in the spool
	Shares  []share `json:"shares"`
}

// share is what goes to one partition.
type share struct {
	Partition int32 `json:"p"`
	Records   int64 `json:"n"`
	From      int64 `json:"from"` // the partition ended here or later when the epoch was committed
}

// ref is what the topic of epochs says when the epoch has been committed.
func (c *committable) ref() markerRef {
	if c.Spool == nil {
		return c.Previous
	}
	return markerRef{staging.Committed{Epoch: c.Epoch, ID: c.Spool.ID}, c.Previous.At}
}

func decodeCommittable(data []byte) (*committable, error) {
	c := new(committable)
	return c, staging.Decode(data, committableVersion, "the topic's rows", c)
}

// Check refuses a spool outside of its folder, and numbers that do not add up.
func (c *committable) Check() error {
	s := c.Spool
	if s == nil {
		return nil
	}
	if !filepath.IsLocal(s.Name) || filepath.Base(s.Name) != s.Name || s.Length < 0 || c.Epoch == 0 {
		return fmt.Errorf("the record names the spool %q of epoch %d: want a file in the folder of spools",
			s.Name, c.Epoch)
	}
	sum := int64(0)
	for i, sh := range s.Shares {
		if sh.Partition < 0 || sh.Records <= 0 || i > 0 && sh.Partition <= s.Shares[i-1].Partition {
			return fmt.Errorf("the record gives the spool %s %d rows of partition %d: want each once, in order",
				s.Name, sh.Records, sh.Partition)
		}
		sum += sh.Records
	}
	if sum != s.Records {
		return fmt.Errorf("the record gives the spool %s %d rows, and its partitions %d",
			s.Name, s.Records, sum)
	}
	return nil
}

// Staged is the spool, until it is in the topic.
func (c *committable) Staged() sdk.Staged {
	if c.Spool == nil {
		return sdk.Staged{}
	}
	return sdk.Staged{Pending: c.Spool.Records, Bytes: c.Spool.Length, Files: 1}
}
