package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "etlengine/"

// pkg is what go list says of a package.
type pkg struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", module+"...").Output()
	if err != nil {
		t.Fatalf("listing the packages: %v", err)
	}
	var all []pkg
	d := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// TestEveryLargeDependencyHasOneDoor: who replaces or updates one of them has
// one package to look at, or two that are named.
func TestEveryLargeDependencyHasOneDoor(t *testing.T) {
	doors := map[string]string{
		"github.com/redpanda-data/benthos/":  "engine/internal/benthos",
		"github.com/knadh/koanf/":            "engine/internal/config",
		"go.yaml.in/yaml/":                   "engine/internal/config engine/internal/yamlfix engine/internal/benthos",
		"github.com/cockroachdb/pebble/":     "engine/internal/checkpoint",
		"github.com/spf13/cobra":             "engine/cli",
		"gopkg.in/natefinch/lumberjack":      "engine/internal/benthos",
		"github.com/KimMachineGun/":          "engine/cli",
		"github.com/twmb/franz-go/pkg/kfake": "plugins/broker",
		"github.com/twmb/franz-go/pkg/kgo":   "plugins/redpanda",
		"github.com/twmb/franz-go/pkg/kadm":  "plugins/redpanda",
		"github.com/parquet-go/parquet-go":   "plugins/parquet",
		"github.com/DataDog/sketches-go/":    "plugins/aggregation",
		"github.com/valyala/fastjson":        "plugins/kit/jsonrows",
		"cel.dev/":                           "plugins/kit/expr",
	}
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			for dependency, door := range doors {
				inside := strings.TrimPrefix(p.ImportPath, module)
				if strings.HasPrefix(imported, dependency) && !slices.Contains(strings.Fields(door), inside) {
					t.Errorf("%s imports %s; its door is %s", p.ImportPath, imported, door)
				}
			}
		}
	}
}

// TestPluginsSeeTheContractOnly: a plugin must be able to leave this repository,
// or this process, without taking the engine along.
func TestPluginsSeeTheContractOnly(t *testing.T) {
	for _, p := range packages(t) {
		name, ok := strings.CutPrefix(p.ImportPath, module+"plugins/")
		if !ok || name == "" {
			continue
		}
		for _, imported := range p.Imports {
			inside, ok := strings.CutPrefix(imported, module)
			own := strings.HasPrefix(imported, module+"plugins/"+strings.Split(name, "/")[0])
			if ok && !own && inside != "plugins/sdk" && !strings.HasPrefix(inside, "plugins/sdk/") &&
				!strings.HasPrefix(inside, "plugins/kit/") {
				t.Errorf("%s imports %s; plugins import plugins/sdk and plugins/kit only", p.ImportPath, imported)
			}
		}
	}
}

// TestContractNeedsArrowOnly keeps what every plugin author links small.
func TestContractNeedsArrowOnly(t *testing.T) {
	for _, p := range packages(t) {
		if p.ImportPath != module+"plugins/sdk" {
			continue
		}
		for _, imported := range p.Imports {
			standard := !strings.Contains(strings.Split(imported, "/")[0], ".")
			own := strings.HasPrefix(imported, module) && !strings.HasPrefix(imported, module+"plugins/sdk/")
			if own || !standard && !strings.HasPrefix(imported, "github.com/apache/arrow-go/v18/") {
				t.Errorf("plugins/sdk imports %s", imported)
			}
		}
	}
}

// TestArrowsNeverTurnBack: the layers of the engine, each of which may import
// those before it.
func TestArrowsNeverTurnBack(t *testing.T) {
	layers := []string{"yamlfix", "config", "checkpoint", "catalog", "plan", "benthos", "stream"}
	for _, p := range packages(t) {
		inside, ok := strings.CutPrefix(p.ImportPath, module+"engine/internal/")
		if !ok {
			continue
		}
		at := slices.Index(layers, inside)
		if at < 0 {
			t.Errorf("%s has no place in the layers %v", p.ImportPath, layers)
			continue
		}
		for _, imported := range p.Imports {
			if other, ok := strings.CutPrefix(imported, module+"engine/"); ok {
				other = strings.TrimPrefix(other, "internal/")
				if i := slices.Index(layers, other); i < 0 || i >= at {
					t.Errorf("%s imports %s, which comes after it", p.ImportPath, imported)
				}
			}
			shared := []string{"sdk", "kit/columns", "kit/jsonrows", "kit/durable"}
			if of, ok := strings.CutPrefix(imported, module+"plugins/"); ok && !slices.Contains(shared, of) {
				t.Errorf("%s imports %s; the engine knows the contract and %v only", p.ImportPath, imported, shared[1:])
			}
		}
	}
}
