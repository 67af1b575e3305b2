package sdktest

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/sdk"
)

// modelSink writes a file of lines for each epoch: cut by the barrier, hidden
// at Prepare, renamed at Commit. Its committable is the name of the file.
type modelSink struct {
	fault  string
	dir    string
	wait   bool
	closed chan struct{}

	mu        sync.Mutex // Prepare takes what Signal cut, while Write goes on
	lines     []string
	truncated []string
	kept      []*sdk.Batch
	epoch     uint64
}

func (m *modelSink) Write(ctx context.Context, b *sdk.Batch) error {
	if m.wait && m.rows() > 0 {
		if m.fault == "deaf to Close" {
			<-ctx.Done()
			return ctx.Err()
		}
		<-m.closed
		if m.fault == "loses rows when closed" {
			return nil
		}
		return errors.New("closed")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch m.fault {
	case "keeps its input":
		m.kept = append(m.kept, b)
		return nil
	case "changes its input":
		mangle(b.Rows)
	case "ignores slices":
		b = withRows(b, unsliced(b.Rows))
	case "drops a row":
		if b.NumRows() > 0 {
			b = withRows(b, b.Rows.NewSlice(1, b.NumRows()))
		}
	}
	m.lines = append(m.lines, Text(b.Rows)...)
	if m.fault == "shows at once" {
		return m.save("shown-0", m.lines)
	}
	return nil
}

func (m *modelSink) Due(time.Time) sdk.Due { return sdk.Due{} }

func (m *modelSink) rows() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.lines)
}

// unsliced is the rows that a reader sees who forgets the offset.
func unsliced(rows arrow.RecordBatch) arrow.RecordBatch {
	return eachColumn(func(d arrow.ArrayData) arrow.ArrayData { return d })(forgetOffset(rows))
}

func (m *modelSink) name(state string, epoch uint64) string {
	return state + "-" + strconv.FormatUint(epoch, 10)
}

func (m *modelSink) save(name string, lines []string) error {
	text, err := json.Marshal(lines)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(m.dir, name), text, 0o644)
}

func (m *modelSink) Signal(_ context.Context, s sdk.Signal) error {
	if s.Kind == sdk.Barrier && m.fault != "cuts at Prepare" {
		m.end()
	}
	return nil
}

func (m *modelSink) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range m.kept {
		m.lines = append(m.lines, Text(b.Rows)...)
	}
	m.truncated, m.kept, m.lines = m.lines, nil, nil
}

func (m *modelSink) Prepare(_ context.Context, epoch uint64) (sdk.Prepared, error) {
	if m.fault == "cuts at Prepare" {
		m.end()
	}
	m.mu.Lock()
	lines := m.truncated
	m.epoch = epoch
	m.mu.Unlock()
	if len(lines) == 0 {
		return sdk.Prepared{}, nil
	}
	state := "hidden"
	if m.fault == "shows at Prepare" {
		state = "shown"
	}
	return sdk.Prepared{Committable: []byte(m.name("hidden", epoch))}, m.save(m.name(state, epoch), lines)
}

func (m *modelSink) Commit(_ context.Context, epoch uint64, handle []byte) error {
	if handle == nil {
		return nil
	}
	if m.fault == "publishes from memory" && m.epoch != epoch {
		return nil
	}
	from := filepath.Join(m.dir, string(handle))
	to := filepath.Join(m.dir, m.name("shown", epoch))
	if m.fault == "publishes again" {
		to += "-" + strconv.FormatInt(time.Now().UnixNano(), 10)
		text, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		return os.WriteFile(to, text, 0o644)
	}
	if err := os.Rename(from, to); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (m *modelSink) Recover(_ context.Context, live []byte) error {
	hidden, err := filepath.Glob(filepath.Join(m.dir, "hidden-*"))
	if err != nil {
		return err
	}
	for _, path := range hidden {
		switch {
		case m.fault == "shows what it finds":
			err = os.Rename(path, strings.Replace(path, "hidden", "shown", 1))
		case filepath.Base(path) != string(live):
			err = os.Remove(path)
		}
		if err != nil {
			return err
		}
	}
	if m.fault == "forgets what is shown" && live != nil {
		return os.Remove(filepath.Join(m.dir, strings.Replace(string(live), "hidden", "shown", 1)))
	}
	return nil
}

func (m *modelSink) Close(context.Context) error {
	close(m.closed)
	switch {
	case m.fault == "fails to close":
		return errors.New("it is stuck")
	case m.fault == "publishes when closed" && m.epoch > 0:
		return m.Commit(context.Background(), m.epoch, []byte(m.name("hidden", m.epoch)))
	}
	return nil
}

func modelSinkSuite(fault string) *suite {
	spec := faultySpec(fault, sdk.KindSink)
	spec.Open = func(_ context.Context, c *modelConfig, _ *arrow.Schema, env sdk.Env) (sdk.Instance, error) {
		return &modelSink{fault: fault, dir: env.Dir, wait: c.Wait, closed: make(chan struct{})}, nil
	}
	spec.Inspect = func(_ context.Context, _ *modelConfig, env sdk.Env) (sdk.Report, error) {
		found, err := filepath.Glob(filepath.Join(env.Dir, "*-*"))
		return sdk.Report{Leftovers: found}, err
	}
	spec.Forget = func(_ context.Context, _ *modelConfig, env sdk.Env) error {
		return forgetModel(env.Dir, fault)
	}
	read := func(t testing.TB, env sdk.Env) (all []string) {
		shown, err := filepath.Glob(filepath.Join(env.Dir, "shown-*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range shown {
			var lines []string
			text, err := os.ReadFile(path)
			if err == nil {
				err = json.Unmarshal(text, &lines)
			}
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, lines...)
		}
		return all
	}
	return &suite{plugin: spoil(spec.Plugin(), fault), config: `{"size": 5}`, patience: time.Second,
		Options: Options{Input: modelInput(), Read: read, Unordered: true,
			Blocked: `{"size": 5, "wait": true}`}}
}

func forgetModel(dir, fault string) error {
	found, err := filepath.Glob(filepath.Join(dir, "*-*"))
	if err != nil {
		return err
	}
	if fault == "forgets once only" && len(found) == 0 {
		return errors.New("nothing to forget")
	}
	if fault == "forgets too little" {
		found = found[1:]
	}
	for _, path := range found {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

func TestSinkFaultsAreCaught(t *testing.T) {
	catches(t, append(configFaults(), []broken{
		{"drops a row", "EveryRowIsShownOnce", "wrote 50 rows, read 47"},
		{"ignores slices", "SameResult/sliced", "fed batches sliced"},
		{"keeps its input", "LentBatchesAreNotKept", "overwritten after Write"},
		{"changes its input", "WriteDoesNotChangeItsInput", "changed by Write"},
		{"shows at once", "NothingShowsBeforeCommit", "after Write: 50 rows"},
		{"shows at Prepare", "NothingShowsBeforeCommit", "after Prepare: 50 rows"},
		{"publishes again", "CommitTwiceShowsOnce", "committed again"},
		{"publishes from memory", "CommitNeedsOnlyItsCommittable", "never saw the rows"},
		{"shows what it finds", "RecoverForgetsWhatWasNotRecorded", "never recorded"},
		{"forgets what is shown", "RecoverKeepsWhatIsLive", "recovered to epoch 1"},
		{"forgets too little", "ForgottenRunLeavesNothing", "is left"},
		{"forgets once only", "ForgottenRunLeavesNothing", "a second time: nothing to forget"},
		{"cuts at Prepare", "RowsAfterTheBarrierAreOfTheNextEpoch",
			"between the barrier and Prepare (rolled true)"},
		{"cuts at Prepare", "RowsAfterTheBarrierAreForgottenWithTheirEpoch", "recovered to the first epoch"},
		{"publishes when closed", "CloseShowsNothing", "visible without Commit"},
		{"fails to close", "CloseWithoutWrite", "it is stuck"},
		{"deaf to Close", "CloseEndsABlockedWrite", "still blocked after Close"},
		{"loses rows when closed", "CloseEndsABlockedWrite", "said that the rows are written"},
	}...), sinkChecks(), modelSinkSuite)
}

func TestAtLeastOnceSinksMayShowEarly(t *testing.T) {
	s := modelSinkSuite("shows at Prepare")
	describe := s.plugin.Describe
	s.plugin.Describe = func(config []byte, in *arrow.Schema) sdk.Description {
		d := describe(config, in)
		d.AtLeastOnce = "it shows rows before they are recorded"
		return d
	}
	if said := failing(t, s, sinkChecks())["NothingShowsBeforeCommit"]; said != "" {
		t.Errorf("an at-least-once sink: got %q", said)
	}
}

func TestSuitePassesASoundSink(t *testing.T) {
	s := modelSinkSuite("")
	Sink(t, s.plugin, s.config, s.Options)
}
