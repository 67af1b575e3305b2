package benthos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/redpanda-data/benthos/v4/public/service"

	"etlengine/plugins/sdk"
)

// probe is a Benthos input that gives numbers and notes their acknowledgements.
type probe struct {
	mu        sync.Mutex
	next      int
	limit     int
	acks      []string
	connected int
	refuse    error // what connecting answers
}

func (p *probe) Close(context.Context) error { return nil }

func (p *probe) Connect(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.connected++
	return p.refuse
}

// ConnectionTest connects, as those of websocket and others do.
func (p *probe) ConnectionTest(ctx context.Context) service.ConnectionTestResults {
	if err := p.Connect(ctx); err != nil {
		return service.ConnectionTestFailed(err).AsList()
	}
	return service.ConnectionTestSucceeded().AsList()
}

func (p *probe) Read(ctx context.Context) (*service.Message, service.AckFunc, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next >= p.limit {
		p.mu.Unlock()
		<-ctx.Done() // silent for ever
		p.mu.Lock()
		return nil, nil, ctx.Err()
	}
	number := p.next
	p.next++
	return service.NewMessage(fmt.Appendf(nil, `{"n": %d}`, number)), func(_ context.Context,
		err error) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		if errors.Is(err, errStopped) {
			p.acks = append(p.acks, fmt.Sprintf("refused %d", number))
		} else {
			p.acks = append(p.acks, fmt.Sprint(number))
		}
		return nil
	}, nil
}

// sorted waits until so many acknowledgements have come; Benthos hands them on
// in goroutines of their own.
func (p *probe) sorted(t *testing.T, want int) []string {
	t.Helper()
	for {
		p.mu.Lock()
		acks := slices.Clone(p.acks)
		p.mu.Unlock()
		if len(acks) >= want {
			slices.Sort(acks)
			return acks
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("got %v, want %d acknowledgements", acks, want)
		default:
		}
	}
}

func numbers(values ...int64) arrow.RecordBatch {
	b := array.NewInt64Builder(memory.DefaultAllocator)
	b.AppendValues(values, nil)
	schema := arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil)
	return array.NewRecordBatch(schema, []arrow.Array{b.NewArray()}, int64(len(values)))
}

const numberConfig = `{"components":[{"probe":{}}],"schema":{"n":"int64"}}`

func openProbe(t *testing.T, p *probe, resume map[string][]byte) *source {
	t.Helper()
	c := NewComponents(nil, slog.New(slog.DiscardHandler), slog.New(slog.DiscardHandler))
	err := c.env.RegisterInput("probe", service.NewConfigSpec(),
		func(*service.ParsedConfig, *service.Resources) (service.Input, error) { return p, nil })
	if err != nil {
		t.Fatal(err)
	}
	plugin := c.Plugin(sdk.KindSource, []byte(numberConfig))
	env := sdk.Env{Pipeline: "p", Step: "probe", Log: slog.New(slog.DiscardHandler), Resume: resume}
	if err := plugin.Setup(t.Context(), []byte(numberConfig), env); err != nil {
		t.Fatal(err)
	}
	i, err := plugin.Open(t.Context(), []byte(numberConfig), nil, env)
	if err != nil {
		t.Fatal(err)
	}
	return i.(*source)
}

// readNumbers reads batches until so many rows have come, and returns the last
// batch's cursor.
func readNumbers(t *testing.T, s *source, want int64) (cursor []byte) {
	t.Helper()
	for rows := int64(0); rows < want; {
		item, err := s.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if item.Batch != nil {
			rows += item.Batch.NumRows()
			cursor = item.Batch.Cursor
		}
	}
	return cursor
}

func TestInputIsAcknowledgedByTheRecordThatCoversIt(t *testing.T) {
	p := &probe{limit: 1}
	s := openProbe(t, p, nil)
	first := readNumbers(t, s, 1)
	if len(p.sorted(t, 0)) != 0 {
		t.Error("acknowledged before any record")
	}
	p.mu.Lock()
	p.limit = 3
	p.mu.Unlock()
	if err := s.Committed(t.Context(), 1, map[string][]byte{"probe": first}); err != nil {
		t.Fatal(err)
	}
	if got := p.sorted(t, 1); !slices.Equal(got, []string{"0"}) {
		t.Errorf("after the first record: got %v, want 0", got)
	}
	if err := s.Committed(t.Context(), 2, map[string][]byte{}); err != nil { // of another source
		t.Fatal(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Next(t.Context()); !errors.Is(err, io.EOF) && err != nil {
		t.Errorf("after Close: got %v", err)
	}
}

// TestInputConnectsOnce: what the other side sends to the first connection would
// be lost with it.
func TestInputConnectsOnce(t *testing.T) {
	p := &probe{limit: 1}
	s := openProbe(t, p, nil)
	readNumbers(t, s, 1)
	if err := s.Close(t.Context()); err != nil || p.connected != 1 {
		t.Errorf("connected %d times (%v), want 1", p.connected, err)
	}
}

func TestInputThatCannotConnectIsAnError(t *testing.T) {
	s := openProbe(t, &probe{refuse: errors.New("no such server")}, nil)
	if _, err := s.Next(t.Context()); err != nil {
		t.Fatal(err) // the partitions come first
	}
	if _, err := s.Next(t.Context()); err == nil || !strings.Contains(err.Error(), "connecting: no such server") {
		t.Errorf("got %v, want the reason", err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestStepsOpenAgain: a rewind opens the steps of one pipeline again, while those
// of others go on, or not.
func TestStepsOpenAgain(t *testing.T) {
	c := NewComponents(nil, slog.New(slog.DiscardHandler), slog.New(slog.DiscardHandler))
	config := []byte(`{"components":[{"mapping":"root.n = this.n"}],"schema":{"n":"int64"}}`)
	p := c.Plugin(sdk.KindTransform, config)
	in := numbers(1).Schema()
	open := func(pipeline string) sdk.Instance {
		t.Helper()
		i, err := p.Open(t.Context(), config, in, sdk.Env{Pipeline: pipeline, Step: "mapping", Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	shut := func(i sdk.Instance) {
		t.Helper()
		if err := i.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, pipeline := range []string{"a", "b"} {
		err := p.Setup(t.Context(), config, sdk.Env{Pipeline: pipeline, Step: "mapping", Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
	}
	a, b := open("a"), open("b")
	before := a.(*transform).processors[0]
	shut(a)
	a = open("a") // while b is open
	if a.(*transform).processors[0] == before {
		t.Error("the step has a processor that was closed")
	}
	shut(a)
	shut(b)
	shut(open("a")) // when none is
}

func TestWhatNoRecordCoversIsRefused(t *testing.T) {
	p := &probe{limit: 3}
	s := openProbe(t, p, nil)
	readNumbers(t, s, 3)
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := p.sorted(t, 3); !slices.Equal(got, []string{"refused 0", "refused 1", "refused 2"}) {
		t.Errorf("got %v, want all three refused", got)
	}
}

// TestNumbersOfBatchesGoOn: a record of the run before must not acknowledge
// what this run reads.
func TestNumbersOfBatchesGoOn(t *testing.T) {
	s := openProbe(t, &probe{limit: 1}, nil)
	before := readNumbers(t, s, 1)
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := &probe{limit: 1}
	s = openProbe(t, p, map[string][]byte{"probe": before})
	readNumbers(t, s, 1)
	if err := s.Committed(t.Context(), 1, map[string][]byte{"probe": before}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := p.sorted(t, 1); !slices.Equal(got, []string{"refused 0"}) {
		t.Errorf("got %v, want it refused", got)
	}
}

func TestComponentsThatAreSteps(t *testing.T) {
	c := NewComponents(nil, slog.New(slog.DiscardHandler), slog.New(slog.DiscardHandler))
	for kind, want := range map[sdk.Kind][]string{
		sdk.KindSource:    {"generate", "file", "http_server", "stdin"},
		sdk.KindTransform: {"mapping", "dedupe", "branch", "command"},
		sdk.KindSink:      {"stdout", "file", "http_client", "drop"},
	} {
		names := c.Names(kind)
		for _, name := range want {
			if !slices.Contains(names, name) {
				t.Errorf("%s: no %s in %v", kind, name, names)
			}
		}
		for name := range refused {
			if slices.Contains(names, name) {
				t.Errorf("%s: %s is offered", kind, name)
			}
		}
	}
}

func TestEscapedTextIsNoVariable(t *testing.T) {
	tests := []struct{ text, want string }{
		{"plain $ {x}", "plain $ {x}"},
		{"${A} and ${A:b}", "${{A}} and ${{A:b}}"},
		{"${! json(\"a\") }", "${! json(\"a\") }"},
	}
	for _, test := range tests {
		if got := escape(test.text); got != test.want {
			t.Errorf("%s: got %s, want %s", test.text, got, test.want)
		}
	}
}

func TestSpreadKnowsThePathOfEveryLine(t *testing.T) {
	s, err := spread([]byte(`{"a": [1, {"b": "x\ny"}], "c": null}`), "top")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(s.text.String(), "\n"), "\n")
	if len(lines) != len(s.paths) {
		t.Fatalf("got %d lines and %d paths", len(lines), len(s.paths))
	}
	for line, path := range map[string]string{"1": "top.a.0", `"x\ny"`: "top.a.1.b", `"b":`: "top.a.1.b",
		"null": "top.c"} {
		if at := slices.Index(lines, line); at < 0 || s.paths[at] != path {
			t.Errorf("%s: got %v of %v, want %s", line, s.paths, lines, path)
		}
	}
	at := s.begins["top.a.1.b"]
	if lines[at-1] != `"x\ny"` || lines[at] != "" || s.paths[at] != "top.a.1.b" {
		t.Errorf("the text of two lines takes %q and %q", lines[at-1], lines[at])
	}
}

func TestGatherCopiesRowsAndNulls(t *testing.T) {
	column := numbers(10, 11, 12, 13, 14).Column(0)
	sliced := array.NewSlice(column, 1, 5)
	tests := []struct {
		rows []int
		want string
	}{
		{[]int{0, 1, 2, 3}, "[11 12 13 14]"},
		{[]int{3, 0, 0, 1}, "[14 11 11 12]"},
		{[]int{-1, 2, -1, -1}, "[(null) 13 (null) (null)]"},
		{nil, "[]"},
	}
	for _, test := range tests {
		got, err := gather(sliced, test.rows)
		if err != nil || got.String() != test.want {
			t.Errorf("%v: got %v, %v, want %s", test.rows, got, err, test.want)
		}
	}
}

func FuzzSpread(f *testing.F) {
	f.Add([]byte(`{"mapping": "root = this\nroot.a = 1"}`))
	f.Add([]byte(`[{"a": {"b": [1, 2.5, true, null, "x"]}}]`))
	f.Fuzz(func(t *testing.T, config []byte) {
		s, err := spread(config, "x")
		if err == nil && strings.Count(s.text.String(), "\n") != len(s.paths) {
			t.Errorf("%q: %d paths for\n%s", config, len(s.paths), s.text.String())
		}
	})
}
