package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// entries are what a state directory holds of the engine's.
var entries = []string{"broker", "checkpoints", "engine.sock", "id", "lock", "pending", "spool"}

// MakeDir makes a state directory that only its user can enter: positions, rows of
// open windows and the broker's records are in it. One that is found open to others
// is closed to them, unless it holds more than the engine's own: then it may be a
// folder that others need. A folder of another user stays as it is.
func MakeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the state directory: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("making the state directory: %w", err)
	}
	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	found, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("reading the state directory: %w", err)
	}
	for _, entry := range found {
		name, _, _ := strings.Cut(entry.Name(), ".damaged-") // set aside by a fresh start
		if !slices.Contains(entries, name) {
			return nil
		}
	}
	if err := os.Chmod(dir, 0o700); err != nil && !errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("closing the state directory to other users: %w", err)
	}
	return nil
}
