package measure

import (
	"context"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"
)

// Contestant is one of the programs that are compared.
type Contestant struct {
	Name string
	// Program is asked anew for each run.
	Program func() Program
	// Clean removes what a run left behind; it may be nil.
	Clean func() error
	// Check looks at what the first, unmeasured run made; it may be nil.
	Check func(stdout string) error
}

// Series is the runs of one contestant, by round.
type Series []Usage

// Rounds runs all contestants once to warm up and check them, then the given
// number of times in turn, each round beginning with another of them. Before
// each run what the one before left is removed and the disk is at rest.
func Rounds(ctx context.Context, runs int, all []Contestant, log func(string)) (map[string]Series, error) {
	series := map[string]Series{}
	for round := range runs + 1 {
		for i := range all {
			c := all[(i+round)%len(all)]
			u, err := once(ctx, c, round == 0)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.Name, err)
			}
			log(fmt.Sprintf("round %d: %-28s %s", round, c.Name, u))
			if round > 0 {
				series[c.Name] = append(series[c.Name], u)
			}
		}
	}
	return series, nil
}

func once(ctx context.Context, c Contestant, check bool) (Usage, error) {
	if c.Clean != nil {
		if err := c.Clean(); err != nil {
			return Usage{}, err
		}
		defer func() { _ = c.Clean() }() // the next run does it again, and reports its error
	}
	syscall.Sync()
	u, stdout, err := Run(ctx, c.Program())
	if err == nil && check && c.Check != nil {
		err = c.Check(stdout)
	}
	return u, err
}

// Remove is a Clean that deletes files and folders.
func Remove(paths ...string) func() error {
	return func() error {
		for _, p := range paths {
			if err := os.RemoveAll(p); err != nil {
				return err
			}
		}
		return nil
	}
}

func (u Usage) String() string {
	return fmt.Sprintf("%6.2f s wall, %6.2f s CPU, %5.0f MB", u.Wall.Seconds(), u.CPU.Seconds(),
		float64(u.Peak)/1e6)
}

// Median is the middle of each of the figures by itself.
func (s Series) Median() Usage {
	return Usage{
		Wall: median(s, func(u Usage) time.Duration { return u.Wall }),
		CPU:  median(s, func(u Usage) time.Duration { return u.CPU }),
		Peak: median(s, func(u Usage) int64 { return u.Peak }),
	}
}

// Spread is the shortest and the longest wall clock.
func (s Series) Spread() (least, most time.Duration) {
	least, most = s[0].Wall, s[0].Wall
	for _, u := range s {
		least, most = min(least, u.Wall), max(most, u.Wall)
	}
	return least, most
}

// Ratio is the median over the rounds of s's wall clock divided by other's in
// the same round: what slows a whole round down does not show in it.
func (s Series) Ratio(other Series) float64 {
	var ratios []float64
	for i := range min(len(s), len(other)) {
		ratios = append(ratios, s[i].Wall.Seconds()/other[i].Wall.Seconds())
	}
	return middle(ratios)
}

// CPURatio is Ratio of the CPU times.
func (s Series) CPURatio(other Series) float64 {
	var ratios []float64
	for i := range min(len(s), len(other)) {
		ratios = append(ratios, s[i].CPU.Seconds()/other[i].CPU.Seconds())
	}
	return middle(ratios)
}

func median[T ~int64](s Series, of func(Usage) T) T {
	var values []float64
	for _, u := range s {
		values = append(values, float64(of(u)))
	}
	return T(middle(values))
}

func middle(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// Best runs each contestant twice and gives the one with the shortest run, and
// the shorter run of each.
func Best(ctx context.Context, all []Contestant, log func(string)) (Contestant, map[string]Usage, error) {
	shortest := map[string]Usage{}
	var best Contestant
	for round := range 2 {
		for _, c := range all {
			u, err := once(ctx, c, round == 0)
			if err != nil {
				return best, nil, fmt.Errorf("%s: %w", c.Name, err)
			}
			log(fmt.Sprintf("trying: %-30s %s", c.Name, u))
			if before, ok := shortest[c.Name]; !ok || u.Wall < before.Wall {
				shortest[c.Name] = u
			}
			if best.Program == nil || shortest[c.Name].Wall < shortest[best.Name].Wall {
				best = c
			}
		}
	}
	return best, shortest, nil
}
