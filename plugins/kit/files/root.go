package files

import (
	"path/filepath"
	"strings"

	"etlengine/plugins/kit/staging"
	"etlengine/plugins/sdk"
)

// resolve is the output folder by its one true name, so that two ways to it
// meet at one staging folder and one lock.
func resolve(dir string, path sdk.Path) (string, error) {
	name, err := path.Resolve(dir)
	if err == nil {
		return name, nil
	}
	full := string(path)
	if !filepath.IsAbs(full) {
		full = filepath.Join(dir, full)
	}
	return "", staging.Failed("finding", full, err)
}

// stagingOf is the folder of staged files: beside the output folder, never in it,
// since some readers list what begins with a dot.
func stagingOf(root string) string {
	return filepath.Join(filepath.Dir(root), "."+filepath.Base(root)+".engine")
}

// inStaging reports whether a path leads into a folder named as stagingOf names them:
// what is there is not yet, or never will be, part of an output.
func inStaging(path string) bool {
	for name := range strings.SplitSeq(filepath.ToSlash(path), "/") {
		if strings.HasPrefix(name, ".") && strings.HasSuffix(name, ".engine") && name != ".engine" {
			return true
		}
	}
	return false
}

func stagingProblem(path sdk.Path) error {
	return sdk.Fieldf("path", "want a folder of rows, got %q: folders named .NAME.engine hold what outputs have "+
		"not published yet", path)
}
