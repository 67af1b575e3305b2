package files

import (
	"errors"
	"fmt"

	"etlengine/plugins/kit/staging"
	"etlengine/plugins/sdk"
)

// holder is what others read of the step that has a folder locked.
func holder(cfg SinkConfig, env sdk.Env) string {
	return fmt.Sprintf("output %s of pipeline %s, path %s", env.Step, env.Pipeline, cfg.Path)
}

// lockStaging locks the staging folder of the output folder of a config. Two ways to one
// folder, such as a link, meet here: what lint compares is their names.
func lockStaging(d staging.Disk, stagingDir string, cfg SinkConfig, env sdk.Env) (
	unlock func() error, err error,
) {
	unlock, err = d.Lock(stagingDir, holder(cfg, env))
	if locked, ok := errors.AsType[staging.Locked](err); ok {
		ways := "want one process per output folder: wait for it, stop it, or choose another path"
		if locked.Ours {
			ways = "give each output a folder of its own"
		}
		return nil, fmt.Errorf("opening the folder %s: %w; %s", cfg.Path, locked, ways)
	}
	return unlock, staging.Failed("locking", stagingDir, err)
}
