package cli

import (
	"encoding/json"
	"strings"
	"time"
)

// cursorKeys are what engine state shows of a cursor that is a JSON object: see sdk.Batch.
type cursorKeys struct {
	Offset  *int64 `json:"offset"`
	Records *int64 `json:"records"`
	Index   *int64 `json:"index"`
	Newest  int64  `json:"newest"`
	Done    any    `json:"done"`
}

// position is a cursor for people. What has none of the keys is shown as it is.
func position(cursor any) string {
	raw, _ := json.Marshal(cursor) // it was read from a record
	var c cursorKeys
	if json.Unmarshal(raw, &c) != nil {
		return string(raw)
	}
	var text []string
	if c.Offset != nil {
		text = append(text, "offset "+count(*c.Offset))
	}
	for _, n := range []*int64{c.Records, c.Index} {
		if n != nil {
			text = append(text, count(*n)+" "+plural(*n, "record"))
		}
	}
	if len(text) == 0 {
		return string(raw)
	}
	if c.Done == true {
		text = append(text, "read to its end")
	}
	if c.Newest > 0 {
		text = append(text, "newest of "+time.UnixMicro(c.Newest).UTC().Format(time.RFC3339))
	}
	return strings.Join(text, ", ")
}
