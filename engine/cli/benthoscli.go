package cli

import "strings"

// benthosFlags are those that Benthos's own command line has, and what to do here.
var benthosFlags = map[string]string{
	"w":       "nothing is watched; start it again when the file has changed",
	"watcher": "nothing is watched; start it again when the file has changed",
	"chilled": "problems that lint reports are never ignored; # BENTHOS LINT DISABLE as the first line does that",
	"c":       "name the file: engine run FILE",
	"s":       "write --set PATH=VALUE",
}

// benthosCommands are those of Benthos, and what to do here.
var benthosCommands = map[string]string{
	"streams":  "put the streams into one file, under pipelines",
	"test":     "unit tests of configs are run by Benthos itself: rpk connect test FILE",
	"blobl":    "mappings are tried out by Benthos itself: rpk connect blobl",
	"create":   "write the file by hand; the docs have examples of each kind",
	"template": "engine lint -t FILE CONFIG lints a template; its tests are run by rpk connect template lint",
	"studio":   "it is Benthos's own: rpk connect studio",
	"echo":     "engine lint FILE reads a config the same way",
}

// benthosFlag is the hint for a flag that pflag does not know.
func benthosFlag(message string) string {
	for _, prefix := range []string{"unknown shorthand flag: '", "unknown flag: --"} {
		if after, ok := strings.CutPrefix(message, prefix); ok {
			name, _, _ := strings.Cut(after, "'")
			name, _, _ = strings.Cut(name, "=")
			if hint := benthosFlags[name]; hint != "" {
				return "\nBenthos has this flag; here " + hint
			}
		}
	}
	return ""
}

// benthosCommand is the hint for a command that there is none of.
func benthosCommand(name string) string {
	if hint := benthosCommands[name]; hint != "" {
		return "\nBenthos has this command; here " + hint
	}
	return ""
}
