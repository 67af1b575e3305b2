// Package textfilestest runs inputs and outputs of text files in a folder of a test.
package textfilestest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/kit/jsonrows"
	"etlengine/plugins/sdk"
	"etlengine/plugins/sdk/sdktest"
)

// Format is the plugins of one format.
type Format struct {
	Source, Sink sdk.Plugin
	Extension    string // of a file that the input reads: ".csv"
}

// TicketSchema is a schema with a column of most types.
const TicketSchema = `{"id":"string","client":"string","at":"timestamp","text":"string",` +
	`"n":"int64","x":"float64","j":"json"}`

// Env is what the engine gives a step, in a folder of the test.
func Env(dir string) sdk.Env {
	return sdk.Env{EngineID: "test", Pipeline: "p", Step: "s", Dir: dir, StateDir: filepath.Join(dir, ".engine"),
		Run: 1, Log: slog.New(slog.DiscardHandler)}
}

// Must ends the test at an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Rows decodes JSON lines as rows of TicketSchema.
func Rows(t testing.TB, lines ...string) arrow.RecordBatch {
	t.Helper()
	var schema sdk.Schema
	if problems := sdk.Decode([]byte(TicketSchema), &schema); len(problems) > 0 {
		t.Fatal(problems)
	}
	d := jsonrows.NewDecoder(schema)
	for _, line := range lines {
		Must(t, d.Append([]byte(line)))
	}
	return d.NewRecordBatch()
}

// Contents returns the text of the files of a folder and of those in it, by path, in order.
func Contents(t testing.TB, dir string) (text []string) {
	t.Helper()
	Must(t, filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		text = append(text, string(data))
		return err
	}))
	return text
}

// Write sends batches through an opened sink, an epoch each, and publishes all.
func (f Format) Write(t testing.TB, dir, config string, batches ...arrow.RecordBatch) {
	t.Helper()
	instance, err := f.Sink.Open(t.Context(), []byte(config), batches[0].Schema(), Env(dir))
	Must(t, err)
	sink := instance.(sdk.Sink)
	Must(t, sink.Recover(t.Context(), nil))
	for i, batch := range batches {
		epoch := uint64(i + 1)
		Must(t, sink.Write(t.Context(), &sdk.Batch{Rows: batch}))
		Must(t, sink.Signal(t.Context(), sdk.Signal{Kind: sdk.Barrier, Epoch: epoch,
			Time: time.Unix(int64(i), 0), Roll: i == len(batches)-1}))
		prepared, err := sink.Prepare(t.Context(), epoch)
		Must(t, err)
		Must(t, sink.Commit(t.Context(), epoch, prepared.Committable))
	}
	Must(t, sink.Close(t.Context()))
}

// Golden writes rows as three epochs and compares the one file that comes of them
// with a golden one, or writes that anew. It returns the text.
func (f Format) Golden(t testing.TB, config, golden string, update bool, rows arrow.RecordBatch) string {
	t.Helper()
	dir := t.TempDir()
	f.Write(t, dir, config, rows.NewSlice(0, 1), rows.NewSlice(1, 1), rows.NewSlice(1, rows.NumRows()))
	got := Contents(t, filepath.Join(dir, "out"))
	if len(got) != 1 {
		t.Fatalf("got %d files, want one over three epochs", len(got))
	}
	if update {
		Must(t, os.WriteFile(golden, []byte(got[0]), 0o666))
	}
	want, err := os.ReadFile(golden)
	Must(t, err)
	if got[0] != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got[0], want)
	}
	return got[0]
}

// Open opens the input with a config of these keys, and TicketSchema unless they have one.
func (f Format) Open(t testing.TB, dir, keys string, resume map[string][]byte) (sdk.Source, error) {
	t.Helper()
	if !strings.Contains(keys, `"schema"`) {
		keys += `,"schema":` + TicketSchema
	}
	config := []byte("{" + keys + "}")
	if problems := sdk.Faults(f.Source.Describe(config, nil).Problems); len(problems) > 0 {
		t.Fatal(problems)
	}
	e := Env(dir)
	e.Resume = resume
	instance, err := f.Source.Open(t.Context(), config, nil, e)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { Must(t, instance.Close(context.Background())) })
	return instance.(sdk.Source), nil
}

// Read returns everything that a source gives: rows as JSON, rejects as text.
func Read(t testing.TB, s sdk.Source) (lines, rejected []string, err error) {
	t.Helper()
	for {
		item, err := s.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return lines, rejected, nil
		}
		if err != nil {
			return lines, rejected, err
		}
		if item.Batch == nil {
			continue
		}
		e := jsonrows.NewEncoder(item.Batch.Rows)
		for row := range int(item.Batch.NumRows()) {
			lines = append(lines, string(e.Append(nil, row)))
		}
		for _, r := range item.Batch.Rejected {
			rejected = append(rejected, fmt.Sprintf("%d: %s: %q", r.Position, r.Reason, r.Raw))
		}
	}
}

// ReadText reads one file with the given text.
func (f Format) ReadText(t testing.TB, text, keys string) (lines, rejected []string, err error) {
	t.Helper()
	dir := t.TempDir()
	Must(t, os.WriteFile(filepath.Join(dir, "a"+f.Extension), []byte(text), 0o666))
	s, err := f.Open(t, dir, `"path":"a`+f.Extension+`"`+keys, nil)
	if err != nil {
		return nil, nil, err
	}
	return Read(t, s)
}

// Contract holds both plugins to the contract of sources and sinks: the input over
// these files, the output with rows of these lines, of TicketSchema.
func (f Format) Contract(t *testing.T, files map[string]string, lines []string) {
	t.Run("source", func(t *testing.T) {
		config := `{"path":"in","schema":` + TicketSchema + `}`
		sdktest.Source(t, f.Source, config, sdktest.Options{Prepare: func(t testing.TB, env *sdk.Env) {
			in := filepath.Join(env.Dir, "in")
			Must(t, os.Mkdir(in, 0o777))
			for name, text := range files {
				Must(t, os.WriteFile(filepath.Join(in, name), []byte(text), 0o666))
			}
		}})
	})
	for _, compression := range []string{"none", "zstd"} {
		t.Run("sink, "+compression, func(t *testing.T) {
			sdktest.Sink(t, f.Sink, `{"path":"out","compression":"`+compression+`"}`, sdktest.Options{
				Input: []*sdk.Batch{{Rows: Rows(t, lines...), Partition: "a"},
					{Rows: Rows(t, lines...), Partition: "b"}},
				Read: f.readOut,
			})
		})
	}
}

// readOut returns the rows of the folder that the output writes.
func (f Format) readOut(t testing.TB, env sdk.Env) []string {
	if len(Contents(t, filepath.Join(env.Dir, "out"))) == 0 {
		return nil
	}
	s, err := f.Open(t, env.Dir, `"path":"out"`, nil)
	Must(t, err)
	lines, rejected, err := Read(t, s)
	if err != nil || len(rejected) > 0 {
		t.Fatalf("reading the output: %q, %v", rejected, err)
	}
	return lines
}
