package aggregation

// queue gives out the earliest of its items first.
type queue struct {
	items []queued // a heap: no item is earlier than the one at half its index
}

// queued is a cell and when its turn comes.
type queued struct {
	at   int64
	cell uint32
}

func (q *queue) push(item queued) {
	at := len(q.items)
	q.items = append(q.items, item)
	for at > 0 {
		above := (at - 1) / 2
		if q.items[above].at <= item.at {
			break
		}
		q.items[at] = q.items[above]
		at = above
	}
	q.items[at] = item
}

// first is the earliest item, which stays; false if there is none.
func (q *queue) first() (queued, bool) {
	if len(q.items) == 0 {
		return queued{}, false
	}
	return q.items[0], true
}

// pop takes the earliest item out.
func (q *queue) pop() {
	n := len(q.items) - 1
	item := q.items[n]
	q.items = q.items[:n]
	if n == 0 {
		return
	}
	at := 0
	for {
		below := 2*at + 1
		if below >= n {
			break
		}
		if below+1 < n && q.items[below+1].at < q.items[below].at {
			below++
		}
		if item.at <= q.items[below].at {
			break
		}
		q.items[at] = q.items[below]
		at = below
	}
	q.items[at] = item
}
