package files

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"etlengine/plugins/sdk"
)

// handleVersion changes when an older engine could misread a handle.
const handleVersion = 1

// handle is what the engine's record keeps of a prepared epoch. Paths are
// relative, so that a folder may be moved together with its twin.
type handle struct {
	Version int          `json:"v"`
	Publish []publishing `json:"publish,omitempty"`
	Hidden  []hiddenPart `json:"hidden,omitempty"`
	Shape   string       `json:"shape,omitempty"` // of the hidden files: columns and options
	Since   time.Time    `json:"since,omitzero"`  // since when the oldest hidden row is hidden
	Shown   bool         `json:"shown,omitempty"` // a file was prepared for readers, now or before
}

// publishing is a whole hidden file and where it is to appear.
type publishing struct {
	From   string `json:"from"`             // in the folder of hidden files
	To     string `json:"to"`               // in the output folder
	Length int64  `json:"length,omitempty"` // 0: an earlier engine did not say
	Sum    string `json:"crc32c,omitempty"` // of Length bytes; "": an earlier engine did not say
}

// hiddenPart is a file that stays hidden after the epoch.
type hiddenPart struct {
	Name   string `json:"name"`
	Folder string `json:"folder,omitempty"` // of partition_by, in the output folder
	Length int64  `json:"length"`           // what is durable; the rest is cut off after a crash
	Sum    string `json:"crc32c,omitempty"` // of Length bytes; "": an earlier engine did not say
	Rows   int64  `json:"rows,omitempty"`   // in Length
	Suffix string `json:"suffix"`           // of its published name
	Level  int    `json:"level,omitempty"`  // how often its rows were merged
	Full   bool   `json:"full,omitempty"`   // nothing is added or merged: reached its size, or has another shape
	sum    uint32 // Sum as a number, to go on with
}

func (h handle) encode() ([]byte, error) {
	h.Version = handleVersion
	return json.Marshal(h)
}

func decodeHandle(data []byte) (handle, error) {
	var h handle
	if len(data) == 0 {
		return h, nil
	}
	if err := json.Unmarshal(data, &h); err != nil {
		return h, fmt.Errorf("reading what the record says of the output files: %w", err)
	}
	if h.Version != handleVersion {
		return h, fmt.Errorf("reading what the record says of the output files: want version %d, got %d; "+
			"go on with the engine that wrote it", handleVersion, h.Version)
	}
	for _, p := range h.Publish {
		if !filepath.IsLocal(p.From) || !filepath.IsLocal(p.To) {
			return h, fmt.Errorf("the record names %q and %q: want paths that stay in their folders",
				p.From, p.To)
		}
	}
	for _, p := range h.Hidden {
		if !filepath.IsLocal(p.Name) || (p.Folder != "" && !filepath.IsLocal(p.Folder)) ||
			strings.ContainsRune(p.Suffix, filepath.Separator) || p.Length < 0 {
			return h, fmt.Errorf("the record names %q of %q: want paths that stay in their folders", p.Name, p.Folder)
		}
	}
	return h, nil
}

// Hidden tells what a handle keeps from readers, for Spec.Hidden.
func Hidden(data []byte) (sdk.Hidden, error) {
	h, err := decodeHandle(data)
	if err != nil {
		return sdk.Hidden{}, err
	}
	hidden := sdk.Hidden{Files: len(h.Hidden)}
	for _, p := range h.Hidden {
		hidden.Rows, hidden.Bytes = hidden.Rows+p.Rows, hidden.Bytes+p.Length
	}
	return hidden, nil
}

// shape tells whether two files of the format could be one.
func (s *store) shape() string {
	sum := sha256.New()
	for _, f := range s.layout.schema.Fields() {
		fmt.Fprintf(sum, "%q %s %v %s\n", f.Name, f.Type, f.Nullable, f.Metadata)
	}
	fmt.Fprint(sum, s.format.Options)
	return hex.EncodeToString(sum.Sum(nil)[:8])
}
