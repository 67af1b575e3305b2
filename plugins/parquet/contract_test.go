package parquet

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/sdk"
	"etlengine/plugins/sdk/sdktest"
)

const contractSchema = `{"text": "string", "n": "int64", "at": "timestamp", "flag": "bool", "raw": "bytes",
	"price": "decimal(18,4)", "texts": "list(string)", "day": "date"}`

func contractRows(t testing.TB, seed uint64, n int) arrow.RecordBatch {
	t.Helper()
	var schema sdk.Schema
	if problems := sdk.Decode([]byte(contractSchema), &schema); len(problems) > 0 {
		t.Fatal(problems)
	}
	return randomRows(schema.Arrow(), n, 4, rand.New(rand.NewPCG(seed, 0)))
}

func TestSourceKeepsTheContract(t *testing.T) {
	sdktest.Source(t, Source, `{"path": "in", "schema": `+contractSchema+`}`, sdktest.Options{
		Prepare: func(t testing.TB, env *sdk.Env) {
			dir := filepath.Join(env.Dir, "in")
			if err := os.Mkdir(dir, 0o777); err != nil {
				t.Fatal(err)
			}
			for name, n := range map[string]int{"a.parquet": 9000, "b.parquet": 3, "c.parquet": 0} {
				rows := contractRows(t, uint64(n), n)
				data := written(t, options{rowGroupRows: 2000}, rows.Schema(), rows)
				if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
					t.Fatal(err)
				}
			}
		},
	})
}

func TestSinkKeepsTheContract(t *testing.T) {
	for name, keys := range map[string]string{"one folder": ``, "partitioned": `, "partition_by": ["flag"]`} {
		t.Run(name, func(t *testing.T) {
			sdktest.Sink(t, Sink, `{"path": "out"`+keys+`}`, sdktest.Options{
				Input: []*sdk.Batch{{Rows: contractRows(t, 1, 50), Partition: "a"},
					{Rows: contractRows(t, 2, 7), Partition: "b"}, {Rows: contractRows(t, 3, 30), Partition: "a"}},
				Read:      readFolder,
				Unordered: true, // across files
			})
		})
	}
}

// readFolder is the rows of all visible files in the folder out.
func readFolder(t testing.TB, env sdk.Env) (rows []string) {
	t.Helper()
	var schema sdk.Schema
	if problems := sdk.Decode([]byte(contractSchema), &schema); len(problems) > 0 {
		t.Fatal(problems)
	}
	for _, pattern := range []string{"out/*.parquet", "out/flag=*/*.parquet"} {
		paths, err := filepath.Glob(filepath.Join(env.Dir, filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		wanted := schema
		if pattern != "out/*.parquet" { // the folder's name says it
			wanted = slices.DeleteFunc(slices.Clone(schema), func(c sdk.Entry[sdk.Column]) bool {
				return c.Key == "flag"
			})
		}
		for _, path := range paths {
			batches, rejects := readAll(t, path, wanted, 0)
			if len(rejects) > 0 {
				t.Fatalf("reading %s: %v", path, rejects)
			}
			folder := filepath.Base(filepath.Dir(path))
			for _, b := range batches {
				for _, line := range sdktest.Text(b) {
					rows = append(rows, folder+" "+line)
				}
			}
		}
	}
	return rows
}
