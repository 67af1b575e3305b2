package broker

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"etlengine/plugins/kit/durable"
)

// lockFolder keeps a second broker out of the folder: kfake would open it, and
// both would write. The lock goes with the process, however that ends.
func lockFolder(dir string) (*os.File, error) {
	f, err := durable.OpenLocked(filepath.Join(dir, ".lock"), 0o644)
	if errors.Is(err, durable.ErrLocked) {
		return nil, fmt.Errorf("the broker's folder %s is in use by another engine; "+
			"stop that one, name its address as brokers, or choose another state_dir", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("locking the broker's folder %s: %w", dir, err)
	}
	return f, nil
}
