package staging

import (
	"encoding/json"
	"fmt"

	"etlengine/plugins/sdk"
)

// Committable is what the engine's record keeps of an epoch: all that Commit needs, in a
// process that never saw the epoch, and all that stays staged after it. It is a pointer to
// a struct that embeds Envelope, and is recorded as JSON.
type Committable interface {
	RecordedVersion() int
	// Check refuses what this engine cannot have recorded, such as a path that leaves its folder.
	Check() error
	// Staged is how much of the output no reader sees while only this is recorded.
	Staged() sdk.Staged
}

// Envelope is the version of a committable. It changes when an older engine could misread one.
type Envelope struct {
	Version int `json:"v"`
}

// RecordedVersion is the version that was recorded.
func (e Envelope) RecordedVersion() int { return e.Version }

// Decode reads a committable of a version. of names the output: "the output files".
func Decode(data []byte, version int, of string, into Committable) error {
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("reading what the record says of %s: %w", of, err)
	}
	if got := into.RecordedVersion(); got != version {
		return fmt.Errorf("reading what the record says of %s: want version %d, got %d; "+
			"go on with the engine that wrote it", of, version, got)
	}
	return into.Check()
}
