package files

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"etlengine/plugins/kit/staging"
	"etlengine/plugins/sdk"
)

// committableVersion changes when an older engine could misread a committable.
const committableVersion = 1

// committable is what the engine's record keeps of a prepared epoch. Paths are
// relative, so that a folder may be moved together with its staging folder.
type committable struct {
	staging.Envelope
	Moves   []move       `json:"publish,omitempty"`
	Parts   []stagedPart `json:"hidden,omitempty"`
	Shape   string       `json:"shape,omitempty"` // of the staged files: columns and options
	Since   time.Time    `json:"since,omitzero"`  // since when the oldest staged row is staged
	Visible bool         `json:"shown,omitempty"` // a file was prepared for readers, now or before
}

// move is a whole staged file and the name under which it is to appear.
type move struct {
	From   string `json:"from"`             // in the folder of staged files
	To     string `json:"to"`               // in the output folder
	Length int64  `json:"length,omitempty"` // 0: an earlier engine did not say
	Sum    string `json:"crc32c,omitempty"` // of Length bytes; "": an earlier engine did not say
	Rows   int64  `json:"rows,omitempty"`   // an earlier engine did not say
}

// stagedPart is a file that stays where it is staged after the epoch.
type stagedPart struct {
	Name   string `json:"name"`
	Folder string `json:"folder,omitempty"` // of partition_by, in the output folder
	Length int64  `json:"length"`           // what is durable; a recovery truncates the file to it
	Sum    string `json:"crc32c,omitempty"` // of Length bytes; "": an earlier engine did not say
	Rows   int64  `json:"rows,omitempty"`   // in Length
	Suffix string `json:"suffix"`           // of its visible name
	Level  int    `json:"level,omitempty"`  // how often its rows were merged
	Full   bool   `json:"full,omitempty"`   // nothing is added or merged: reached its size, or has another shape
	sum    uint32 // Sum as a number, to go on with
}

func decodeCommittable(data []byte) (*committable, error) {
	c := new(committable)
	if len(data) == 0 {
		return c, nil
	}
	return c, staging.Decode(data, committableVersion, "the output files", c)
}

// Check refuses paths that leave their folders.
func (c *committable) Check() error {
	for _, p := range c.Moves {
		if !filepath.IsLocal(p.From) || !filepath.IsLocal(p.To) {
			return fmt.Errorf("the record names %q and %q: want paths that stay in their folders",
				p.From, p.To)
		}
	}
	for _, p := range c.Parts {
		if !filepath.IsLocal(p.Name) || (p.Folder != "" && !filepath.IsLocal(p.Folder)) ||
			strings.ContainsRune(p.Suffix, filepath.Separator) || p.Length < 0 {
			return fmt.Errorf("the record names %q of %q: want paths that stay in their folders", p.Name, p.Folder)
		}
	}
	return nil
}

// Staged counts what no reader sees while only this is recorded.
func (c *committable) Staged() sdk.Staged {
	staged := sdk.Staged{Files: len(c.Parts) + len(c.Moves)}
	for _, p := range c.Moves {
		staged.Pending, staged.Bytes = staged.Pending+p.Rows, staged.Bytes+p.Length
	}
	for _, p := range c.Parts {
		staged.Rows, staged.Bytes = staged.Rows+p.Rows, staged.Bytes+p.Length
	}
	return staged
}

// shape is a fingerprint: two files of the format can be one if theirs is the same.
func (s *store) shape() string {
	sum := sha256.New()
	for _, f := range s.layout.schema.Fields() {
		fmt.Fprintf(sum, "%q %s %v %s\n", f.Name, f.Type, f.Nullable, f.Metadata)
	}
	fmt.Fprint(sum, s.format.Options)
	return hex.EncodeToString(sum.Sum(nil)[:8])
}
