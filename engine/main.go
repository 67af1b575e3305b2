// Command engine runs ETL pipelines written in YAML.
package main

import (
	"os"

	"etlengine/engine/cli"
	"etlengine/plugins"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr, plugins.Builtin())) }
