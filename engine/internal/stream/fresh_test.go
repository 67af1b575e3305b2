package stream

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestFreshRunBeginsAnew(t *testing.T) {
	w := newWorld(20)
	dir := t.TempDir()
	if err := runWith(t, w.plan(dir), Options{}); err != nil {
		t.Fatal(err)
	}
	var asked []string
	o := Options{Fresh: true, Confirm: func(list []string) bool { asked = list; return false }}
	if _, err := Open(t.Context(), w.plan(dir), o); !errors.Is(err, ErrDeclined) {
		t.Fatalf("not agreed: got %v, want %v", err, ErrDeclined)
	}
	if len(w.forgot) > 0 || len(asked) < 2 || !strings.Contains(asked[0], "pipeline test, epoch") {
		t.Fatalf("asked %q and then forgot %v", asked, w.forgot)
	}
	w.visible = map[string][]int64{}
	o.Confirm = func([]string) bool { return true }
	if err := runWith(t, w.plan(dir), o); err != nil {
		t.Fatal(err)
	}
	if want := []string{"raw", "sum", "sum2"}; !slices.Equal(w.forgot, want) {
		t.Errorf("forgot %v, want %v", w.forgot, want)
	}
	if got := w.all("raw"); !slices.Equal(got, upTo(20)) {
		t.Errorf("raw: got %v, want all again", got)
	}
}

// TestInterruptedForgettingIsFinishedFirst: the process dies when some of the
// outputs are gone. Going on from the record would leave holes.
func TestInterruptedForgettingIsFinishedFirst(t *testing.T) {
	w := newWorld(20)
	dir := t.TempDir()
	if err := runWith(t, w.plan(dir), Options{}); err != nil {
		t.Fatal(err)
	}
	w.once["forget sum"] = errors.New("killed")
	if _, err := Open(t.Context(), w.plan(dir), Options{Fresh: true}); err == nil {
		t.Fatal("the fresh start went well, want it interrupted")
	}
	delete(w.once, "forget sum")
	w.forgot, w.visible = nil, map[string][]int64{}
	if err := runWith(t, w.plan(dir), Options{}); err != nil { // without Fresh
		t.Fatal(err)
	}
	if want := []string{"raw", "sum", "sum2"}; !slices.Equal(w.forgot, want) {
		t.Errorf("forgot %v, want %v", w.forgot, want)
	}
	if got := w.all("raw"); !slices.Equal(got, upTo(20)) {
		t.Errorf("raw: got %v, want all again", got)
	}
}
