package measure

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func seconds(walls ...float64) Series {
	var s Series
	for _, w := range walls {
		s = append(s, Usage{Wall: time.Duration(w * float64(time.Second))})
	}
	return s
}

func TestRatioIsComputedWithinARound(t *testing.T) {
	// The second round was slow for both: the ratio of each round is 1/2.
	engine, other := seconds(1, 10, 1), seconds(2, 20, 2)
	if got := engine.Ratio(other); got != 0.5 {
		t.Errorf("got %v, want 0.5", got)
	}
}

func TestMedianOfAnEvenNumberIsTheMiddleOfTwo(t *testing.T) {
	if got := seconds(4, 1, 2, 3).Median().Wall; got != 2500*time.Millisecond {
		t.Errorf("got %s, want 2.5s", got)
	}
}

func TestSpreadIsTheShortestAndTheLongest(t *testing.T) {
	least, most := seconds(3, 1, 2).Spread()
	if least != time.Second || most != 3*time.Second {
		t.Errorf("got %s to %s, want 1s to 3s", least, most)
	}
}

func TestRoundsRotateAndCheckOnlyOnce(t *testing.T) {
	var order []string
	checks := 0
	contestant := func(name string) Contestant {
		return Contestant{
			Name: name,
			Program: func() Program {
				order = append(order, name)
				return Program{Path: "true"}
			},
			Check: func(string) error { checks++; return nil },
		}
	}
	all := []Contestant{contestant("a"), contestant("b")}
	series, err := Rounds(context.Background(), 2, all, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(order, ""); got != "abbaab" {
		t.Errorf("got the order %s, want abbaab", got)
	}
	if len(series["a"]) != 2 || checks != 2 {
		t.Errorf("got %d runs of a and %d checks, want 2 and 2", len(series["a"]), checks)
	}
}

func TestFailedProgramReportsWhatItPrinted(t *testing.T) {
	_, _, err := Run(context.Background(), Program{Path: "sh", Args: []string{"-c", "echo why >&2; exit 3"}})
	if err == nil || !strings.Contains(err.Error(), "why") {
		t.Errorf("got %v, want the program's words", err)
	}
}

func TestProgramThatHangsIsEndedWithItsChildren(t *testing.T) {
	p := Program{Path: "sh", Args: []string{"-c", "sleep 60 & sleep 60"}, Limit: 50 * time.Millisecond}
	begin := time.Now()
	if _, _, err := Run(context.Background(), p); err == nil {
		t.Error("got no error, want one that names the limit")
	}
	if elapsed := time.Since(begin); elapsed > 4*time.Second {
		t.Errorf("got an end after %s, want one right behind the limit", elapsed)
	}
}

func TestRemoveDeletesFilesAndFolders(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder")
	if err := os.MkdirAll(filepath.Join(path, "inner"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Remove(path)(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("got %v, want a folder that is gone", err)
	}
}
