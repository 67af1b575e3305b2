// Package plot draws line and bar charts as SVG, readable on light and on dark
// pages.
package plot

import (
	"fmt"
	"math"
	"strings"
)

// Line is a series of points.
type Line struct {
	Name   string
	Points [][2]float64
}

// Chart is a chart of lines.
type Chart struct {
	File           string // without a folder
	Title          string
	XLabel, YLabel string
	LogX, LogY     bool
	Lines          []Line
}

// Add adds a point to each line, at the same place.
func (c *Chart) Add(x float64, y ...float64) {
	for i, v := range y {
		c.Lines[i].Points = append(c.Lines[i].Points, [2]float64{x, v})
	}
}

const (
	width, height            = 640, 380
	left, right, top, bottom = 74, 20, 44, 56
	plotWidth                = width - left - right
	plotHeight               = height - top - bottom
)

// colours can be distinguished on white and on black, and by those who do not see
// red and green as others do.
func colour(i int) string {
	colours := []string{"#2f81f7", "#e8871e", "#3fa66b", "#c05bd6", "#8a8a8a", "#d1495b"}
	return colours[i%len(colours)]
}

func head(b *strings.Builder, w, h int, title string) {
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" `+
		`font-family="system-ui, sans-serif" font-size="12">`+"\n", w, h, w, h)
	b.WriteString(`<style>text{fill:#6e7781}.t{font-size:15px;font-weight:600}.g{stroke:#8a8a8a;` +
		`stroke-opacity:.25}.a{stroke:#8a8a8a}@media(prefers-color-scheme:dark){text{fill:#adbac7}}</style>` + "\n")
	fmt.Fprintf(b, `<text class="t" x="%d" y="22">%s</text>`+"\n", 14, escape(title))
}

// SVG is the chart as a document.
func (c Chart) SVG() string {
	x, y := c.axes()
	var b strings.Builder
	head(&b, width, height, c.Title)
	for _, v := range x.ticks() {
		at := x.position(v, left, left+plotWidth)
		fmt.Fprintf(&b, `<path class="g" d="M%.1f %dV%d"/>`+"\n", at, top, top+plotHeight)
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", at, top+plotHeight+18,
			short(v))
	}
	for _, v := range y.ticks() {
		at := y.position(v, top+plotHeight, top)
		fmt.Fprintf(&b, `<path class="g" d="M%d %.1fH%d"/>`+"\n", left, at, left+plotWidth)
		fmt.Fprintf(&b, `<text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n", left-8, at+4, short(v))
	}
	fmt.Fprintf(&b, `<path class="a" fill="none" d="M%d %dV%dH%d"/>`+"\n", left, top, top+plotHeight,
		left+plotWidth)
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", left+plotWidth/2, height-12,
		escape(c.XLabel))
	fmt.Fprintf(&b, `<text transform="translate(18 %d) rotate(-90)" text-anchor="middle">%s</text>`+"\n",
		top+plotHeight/2, escape(c.YLabel))
	for i, line := range c.Lines {
		c.line(&b, i, line, x, y)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func (c Chart) line(b *strings.Builder, i int, line Line, x, y axis) {
	var path []string
	for _, p := range line.Points {
		px, py := x.position(p[0], left, left+plotWidth), y.position(p[1], top+plotHeight, top)
		path = append(path, fmt.Sprintf("%.1f,%.1f", px, py))
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3.5" fill="%s"/>`+"\n", px, py, colour(i))
	}
	fmt.Fprintf(b, `<polyline fill="none" stroke="%s" stroke-width="2" points="%s"/>`+"\n", colour(i),
		strings.Join(path, " "))
	const ly = 38
	lx := left + 8 + i*plotWidth/max(1, len(c.Lines))
	fmt.Fprintf(b, `<rect x="%d" y="%d" width="14" height="4" fill="%s"/>`+"\n", lx, ly-5, colour(i))
	fmt.Fprintf(b, `<text x="%d" y="%d">%s</text>`+"\n", lx+20, ly, escape(line.Name))
}

// axes are as long as the points want. An axis that is not logarithmic begins
// at zero: what looks twice as high is.
func (c Chart) axes() (x, y axis) {
	x, y = axis{log: c.LogX, low: math.Inf(1)}, axis{log: c.LogY, low: math.Inf(1)}
	for _, line := range c.Lines {
		for _, p := range line.Points {
			x.cover(p[0])
			y.cover(p[1])
		}
	}
	x.finish(1)
	y.finish(1.1)
	return x, y
}

type axis struct {
	low, high float64
	log       bool
}

func (a *axis) cover(v float64) {
	a.low, a.high = min(a.low, v), max(a.high, v)
}

func (a *axis) finish(headroom float64) {
	if a.high <= 0 || math.IsInf(a.low, 1) { // nothing to show
		a.low, a.high = 1, 10
	}
	if !a.log {
		a.low, a.high = 0, a.high*headroom
		return
	}
	if a.low <= 0 {
		a.low = a.high / 1000
	}
	a.low = math.Pow(10, math.Floor(math.Log10(a.low)+1e-9))
	a.high = math.Pow(10, math.Ceil(math.Log10(a.high)-1e-9))
	if a.low == a.high {
		a.high *= 10
	}
}

// position is where a value stands between two coordinates.
func (a axis) position(v, from, to float64) float64 {
	if a.log {
		v = max(v, a.low)
		return from + (to-from)*(math.Log(v)-math.Log(a.low))/(math.Log(a.high)-math.Log(a.low))
	}
	return from + (to-from)*(v-a.low)/(a.high-a.low)
}

func (a axis) ticks() []float64 {
	var ticks []float64
	if a.log {
		for v := a.low; v <= a.high*1.0001; v *= 10 {
			ticks = append(ticks, v)
		}
		return ticks
	}
	step := math.Pow(10, math.Floor(math.Log10(a.high)))
	for _, finer := range []float64{1, 0.5, 0.2, 0.1} {
		if a.high/(step*finer) >= 4 {
			step *= finer
			break
		}
	}
	for i := 0.0; i*step <= a.high*1.0001; i++ {
		ticks = append(ticks, i*step)
	}
	return ticks
}

// short is a number as it stands beside an axis.
func short(v float64) string {
	switch {
	case v >= 1e6:
		return trim(v/1e6) + " M"
	case v >= 1e4:
		return trim(v/1e3) + " k"
	}
	return trim(v)
}

func trim(v float64) string { return fmt.Sprintf("%.4g", v) }

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}
