package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"etlengine/plugins/sdk"
)

// TestPluginIsAFewFunctions keeps the contract one that fits a wire protocol.
func TestPluginIsAFewFunctions(t *testing.T) {
	var functions []string
	for field := range reflect.TypeFor[sdk.Plugin]().Fields() {
		if field.Type.Kind() == reflect.Func {
			functions = append(functions, field.Name)
		}
	}
	if len(functions) > 6 {
		t.Errorf("a plugin has the functions %v: want at most 6", functions)
	}
}

// TestEngineAsksDescriptionsNotInstances: what an instance can do is in its plugin's
// description and in the four interfaces; a process of its own has nothing else to show.
func TestEngineAsksDescriptionsNotInstances(t *testing.T) {
	kinds := []string{"Source", "Transform", "Sink", "Service"}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			assertion, ok := n.(*ast.TypeAssertExpr)
			if !ok {
				return true
			}
			asserted, ok := assertion.Type.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if from, _ := asserted.X.(*ast.Ident); from != nil && from.Name == "sdk" && !slices.Contains(kinds, asserted.Sel.Name) {
				t.Errorf("%s asserts sdk.%s: ask the description", set.Position(n.Pos()), asserted.Sel.Name)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
