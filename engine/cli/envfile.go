package cli

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

var envLine = regexp.MustCompile(`^([^\s=#]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([^\s#"']\S*)?)[ \t]*(?:#.*)?$`)

// setEnvFiles sets the variables of dotenv files, NAME=VALUE in each line, as Benthos
// does: over those of the environment, the later file over the earlier.
func setEnvFiles(paths []string) error {
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("reading the env file: %w", err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			line = strings.TrimSpace(line)
			if line == "" || line[0] == '#' {
				continue
			}
			m := envLine.FindStringSubmatch(line)
			if m == nil {
				return fmt.Errorf("%s:%d: want NAME=VALUE, with quotes around a value that holds blanks or #", path, i+1)
			}
			escapes := strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\"`, `"`, `\\`, `\`)
			if err := os.Setenv(m[1], escapes.Replace(m[2])+m[3]+m[4]); err != nil {
				return fmt.Errorf("%s:%d: setting %s: %w", path, i+1, m[1], err)
			}
		}
	}
	return nil
}
