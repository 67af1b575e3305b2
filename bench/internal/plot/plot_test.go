package plot

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
)

func wellFormed(t *testing.T, document string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(document))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
	}
}

func TestChartsAreWellFormed(t *testing.T) {
	lines := []Line{{Name: "a & b", Points: [][2]float64{{1, 2}, {1000, 5}}}, {Name: "<none>"}}
	for _, log := range []bool{false, true} {
		document := Chart{Title: "x < y", LogX: log, LogY: log, Lines: lines}.SVG()
		wellFormed(t, document)
		if strings.Contains(document, "NaN") || strings.Contains(document, "Inf") {
			t.Errorf("log %v: a place is no number:\n%s", log, document)
		}
	}
	bars := []Bar{{Name: "a", Value: 1}, {Name: "b", Value: 2, Low: 1, High: 3}}
	wellFormed(t, Bars{Title: "x", Bars: bars}.SVG())
	wellFormed(t, Bars{}.SVG())
	wellFormed(t, Chart{}.SVG())
}

func TestAxisBeginsAtZeroUnlessLogarithmic(t *testing.T) {
	a := axis{low: math.Inf(1)}
	a.cover(50)
	a.cover(100)
	a.finish(1)
	if got := a.position(50, 0, 10); got != 5 {
		t.Errorf("got half at %v, want it at 5", got)
	}
	a = axis{low: math.Inf(1), log: true}
	a.cover(1)
	a.cover(100)
	a.finish(1)
	if got := a.position(10, 0, 10); math.Abs(got-5) > 1e-9 {
		t.Errorf("got ten of a hundred at %v, want it at 5", got)
	}
}

func TestTicksAreRoundAndFew(t *testing.T) {
	for _, high := range []float64{0.7, 1, 3.3, 9, 120, 5e6} {
		ticks := axis{high: high}.ticks()
		if len(ticks) < 4 || len(ticks) > 12 {
			t.Errorf("up to %v: got the ticks %v, want 4 to 12", high, ticks)
		}
	}
	if got := (axis{low: 100, high: 1e6, log: true}).ticks(); len(got) != 5 {
		t.Errorf("got the ticks %v, want five powers of ten", got)
	}
}

func TestShortNumbers(t *testing.T) {
	tests := map[float64]string{0.25: "0.25", 100: "100", 10000: "10 k", 5e6: "5 M", 1.5e6: "1.5 M"}
	for v, want := range tests {
		if got := short(v); got != want {
			t.Errorf("%v: got %q, want %q", v, got, want)
		}
	}
}
