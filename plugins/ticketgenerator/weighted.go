package ticketgenerator

import "etlengine/plugins/sdk"

// weighted picks names by weight in constant time (Vose's alias method): a
// column by chance, then the column's own name or its alias.
type weighted struct {
	names []string
	own   []uint32 // chance of the column's own name, of 1<<32
	alias []int32
}

func newWeighted(weights sdk.Ordered[float64]) weighted {
	n, total := len(weights), 0.0
	w := weighted{own: make([]uint32, n), alias: make([]int32, n)}
	for _, entry := range weights {
		w.names = append(w.names, entry.Key)
		total += entry.Value
	}
	left := make([]float64, n)
	var small, large []int32
	for i, entry := range weights {
		left[i] = entry.Value / total * float64(n)
		if left[i] < 1 {
			small = append(small, int32(i))
		} else {
			large = append(large, int32(i))
		}
	}
	for len(small) > 0 && len(large) > 0 {
		s, l := small[len(small)-1], large[len(large)-1]
		small = small[:len(small)-1]
		w.own[s], w.alias[s] = uint32(left[s]*(1<<32)), l
		if left[l] -= 1 - left[s]; left[l] < 1 {
			large, small = large[:len(large)-1], append(small, l)
		}
	}
	for _, i := range append(small, large...) { // whole columns, but for rounding
		w.own[i], w.alias[i] = 1<<32-1, i
	}
	return w
}

func (w *weighted) pick(random uint64) int32 {
	column := below(uint32(random>>32), uint64(len(w.own)))
	if uint32(random) <= w.own[column] && w.own[column] > 0 {
		return int32(column)
	}
	return w.alias[column]
}
