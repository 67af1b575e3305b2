package files

import (
	"encoding/json"
	"fmt"
	"time"
)

// cursor is where reading a file has come to. Size and time show whether it is
// still the file that was read.
type cursor struct {
	Version  int   `json:"v"`
	Records  int64 `json:"records"` // rows and rejects
	Size     int64 `json:"size"`
	Modified int64 `json:"modified"` // ns since 1970
	Done     bool  `json:"done,omitempty"`
}

const cursorVersion = 1

func (c cursor) encode() []byte {
	c.Version = cursorVersion
	b, _ := json.Marshal(c) // numbers and a boolean always encode
	return b
}

func decodeCursor(name string, data []byte) (cursor, error) {
	var c cursor
	if err := json.Unmarshal(data, &c); err != nil {
		return c, fmt.Errorf("reading the position in %s: %w", name, err)
	}
	if c.Version != cursorVersion || c.Records < 0 {
		return c, fmt.Errorf("reading the position in %s: want version %d, got %d; "+
			"go on with the engine that wrote it, or run with --fresh to begin anew", name, cursorVersion, c.Version)
	}
	return c, nil
}

// check says whether the file is still the one that was read from.
func (c cursor) check(f found) error {
	if (c.Records == 0 && !c.Done) || (c.Size == f.size && c.Modified == f.modified.UnixNano()) {
		return nil
	}
	read := fmt.Sprintf("after %d of its records were read", c.Records)
	if c.Done {
		read = "after it was read to its end"
	}
	before := time.Unix(0, c.Modified)
	back := "put it back with the time it had (cp -p)"
	if c.Size == f.size { // perhaps what it was, copied
		back = fmt.Sprintf("its time counts too: if it holds what it held, give that back (touch -d %s %s)",
			before.UTC().Format(time.RFC3339Nano), f.name)
	}
	return fmt.Errorf("%s has changed %s: it had %d bytes from %s, it has %d from %s; "+
		"want files that stay as they are, with new rows in new files; "+
		"%s, or run with --fresh to read all of them anew", f.name, read,
		c.Size, stamp(before), f.size, stamp(f.modified), back)
}

func stamp(t time.Time) string {
	return t.UTC().Format("2006-01-02 15:04:05.000Z")
}
