package plot

import (
	"fmt"
	"strings"
)

// Bar is one bar; Low and High, if they differ, are its spread.
type Bar struct {
	Name      string
	Value     float64
	Low, High float64
}

// Bars is a chart of bars, one below the other.
type Bars struct {
	File  string
	Title string
	Unit  string
	Bars  []Bar
}

const (
	barHeight, barGap = 22, 12
	barLeft, barRight = 190, 90
)

// SVG is the chart as a document.
func (c Bars) SVG() string {
	var b strings.Builder
	h := top + len(c.Bars)*(barHeight+barGap) + 8
	head(&b, width, h, c.Title)
	scale := axis{}
	for _, bar := range c.Bars {
		scale.cover(max(bar.Value, bar.High))
	}
	scale.finish(1)
	for i, bar := range c.Bars {
		y := top + i*(barHeight+barGap)
		end := scale.position(bar.Value, barLeft, width-barRight)
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", barLeft-8, y+15, escape(bar.Name))
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`+"\n", barLeft, y, end-barLeft,
			barHeight, colour(min(i, 1)*4))
		label := end
		if bar.High > bar.Low {
			low := scale.position(bar.Low, barLeft, width-barRight)
			high := scale.position(bar.High, barLeft, width-barRight)
			middle := y + barHeight/2
			fmt.Fprintf(&b, `<path class="a" stroke-width="1.5" fill="none" d="M%.1f %dH%.1fM%.1f %dv8M%.1f %dv8"/>`,
				low, middle, high, low, middle-4, high, middle-4)
			label = max(label, high)
		}
		fmt.Fprintf(&b, `<text x="%.1f" y="%d">%s %s</text>`+"\n", label+7, y+15, trim3(bar.Value), escape(c.Unit))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func trim3(v float64) string { return fmt.Sprintf("%.3g", v) }
