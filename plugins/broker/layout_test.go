package broker

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var update = flag.Bool("update", false, "write requests.txt from the parser's source")

// What reads requests after the guard is kmsg, and what serves them kfake: the
// guard's table has the fields of the one for the versions of the other.
func TestLayoutsAreThoseOfTheParser(t *testing.T) {
	structs, tags := parserStructs(t)
	var out strings.Builder
	served := servedVersions(t)
	for _, key := range slices.Sorted(maps.Keys(served)) {
		name := kmsg.NameForKey(key)
		fmt.Fprintf(&out, "request %d %s %d-%d\n", key, name, served[key][0], served[key][1])
		writeFields(t, &out, structs, tags, name+"Request", 1)
	}
	if *update {
		if err := os.WriteFile("requests.txt", []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if out.String() != requestLayouts {
		t.Error("requests.txt is not what the parser reads; run this test with -update")
	}
}

// servedVersions asks a broker for what it serves.
func servedVersions(t *testing.T) map[int16][2]int16 {
	t.Helper()
	b := start(t, Options{Dir: t.TempDir()})
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.Address()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	req := kmsg.NewApiVersionsRequest()
	req.ClientSoftwareName, req.ClientSoftwareVersion = "test", "1"
	resp, err := req.RequestWith(t.Context(), cl)
	if err != nil {
		t.Fatal(err)
	}
	versions := make(map[int16][2]int16)
	for _, k := range resp.ApiKeys {
		versions[k.ApiKey] = [2]int16{k.MinVersion, k.MaxVersion}
	}
	return versions
}

// parserStructs reads the fields of the parser's types, with the comments that
// name their versions.
func parserStructs(t *testing.T) (map[string]*ast.StructType, *regexp.Regexp) {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/twmb/franz-go/pkg/kmsg").Output()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(strings.TrimSpace(string(dir)), "generated.go")
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	structs := make(map[string]*ast.StructType)
	for _, d := range file.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.TYPE {
			spec := g.Specs[0].(*ast.TypeSpec)
			if s, ok := spec.Type.(*ast.StructType); ok {
				structs[spec.Name.Name] = s
			}
		}
	}
	return structs, regexp.MustCompile(`^(?:v(\d+)(\+|-v\d+))?(?:tag (\d+))?$`)
}

// onlyInZero are fields of version 0 alone, which the comments say of no field.
var onlyInZero = map[string]bool{
	"ListOffsetsRequestTopicPartition.MaxNumOffsets":    true,
	"UpdateFeaturesRequestFeatureUpdate.AllowDowngrade": true,
	"ShareFetchRequestTopicPartition.PartitionMaxBytes": true,
}

func writeFields(t *testing.T, out *strings.Builder, structs map[string]*ast.StructType, tags *regexp.Regexp,
	name string, depth int,
) {
	t.Helper()
	s := structs[name]
	if s == nil {
		t.Fatalf("the parser has no type %s", name)
	}
	for _, f := range s.Fields.List {
		if len(f.Names) == 0 {
			t.Fatalf("%s has an embedded field", name)
		}
		field := f.Names[0].Name
		if field == "Version" && depth == 1 || field == "UnknownTags" {
			continue
		}
		kind, inner := wireType(t, structs, f.Type)
		fmt.Fprintf(out, "%s%s %s", strings.Repeat(" ", depth), field, kind)
		if onlyInZero[name+"."+field] {
			out.WriteString(" 0-0")
		} else if text := strings.TrimSpace(f.Comment.Text()); text != "" {
			m := tags.FindStringSubmatch(text)
			if m == nil {
				t.Fatalf("%s.%s: cannot read %q", name, field, text)
			}
			if m[1] != "" {
				fmt.Fprintf(out, " %s-%s", m[1], strings.TrimPrefix(strings.Trim(m[2], "+-"), "v"))
			}
			if m[3] != "" {
				fmt.Fprintf(out, " tag%s", m[3])
			}
		}
		out.WriteString("\n")
		if inner != "" {
			writeFields(t, out, structs, tags, inner, depth+1)
		}
	}
}

func wireType(t *testing.T, structs map[string]*ast.StructType, e ast.Expr) (kind, inner string) {
	t.Helper()
	switch e := e.(type) {
	case *ast.StarExpr:
		kind, inner = wireType(t, structs, e.X)
		return strings.Replace(kind, "{}", "?{}", 1), inner
	case *ast.ArrayType:
		element, _ := e.Elt.(*ast.Ident)
		if e.Len != nil {
			return "16", ""
		}
		if element != nil && element.Name == "byte" {
			return "bytes", ""
		}
		kind, inner = wireType(t, structs, e.Elt)
		return "[]" + kind, inner
	case *ast.Ident:
		sizes := map[string]string{"bool": "1", "int8": "1", "int16": "2", "uint16": "2", "int32": "4", "uint32": "4",
			"int64": "8", "float64": "8", "string": "text"}
		if size := sizes[e.Name]; size != "" {
			return size, ""
		}
		if structs[e.Name] != nil {
			return "{}", e.Name
		}
		return "1", "" // enumerations
	}
	t.Fatalf("cannot read the type %T", e)
	return "", ""
}
