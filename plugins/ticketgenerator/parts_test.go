package ticketgenerator

import (
	"math/rand/v2"
	"strings"
	"testing"

	"etlengine/plugins/sdk"
)

func TestPermutationGivesEachNumberOnce(t *testing.T) {
	for _, n := range []uint64{1, 2, 3, 5, 36, 138, 1000, 4096, 65537} {
		for key := range uint64(5) {
			p := newPermutation(n, key)
			seen := make([]bool, n)
			for i := range n {
				at := p.at(i)
				if at >= n || seen[at] {
					t.Fatalf("permutation of %d, key %d: %d goes to %d, which is taken or outside", n, key, i, at)
				}
				seen[at] = true
			}
		}
	}
}

func TestPermutationDependsOnItsKey(t *testing.T) {
	one, two := newPermutation(1000, 1), newPermutation(1000, 2)
	same := 0
	for i := range uint64(1000) {
		if one.at(i) == two.at(i) {
			same++
		}
	}
	if same > 50 {
		t.Errorf("keys 1 and 2 send %d of 1000 numbers to the same place", same)
	}
}

func TestAliasTablesAddUpToTheWeights(t *testing.T) {
	for range 200 {
		names := make(sdk.Ordered[float64], rand.IntN(12)+1)
		total := 0.0
		for i := range names {
			names[i].Key = strings.Repeat("x", i+1)
			if rand.IntN(4) > 0 {
				names[i].Value = rand.ExpFloat64()
			}
			total += names[i].Value
		}
		if total == 0 {
			continue
		}
		w := newWeighted(names)
		got := make([]float64, len(names))
		for column, own := range w.own {
			share := 1 / float64(len(names))
			kept := (float64(own) + 1) / (1 << 32) * share
			if own == 0 {
				kept = 0
			}
			got[column] += kept
			got[w.alias[column]] += share - kept
		}
		for i, entry := range names {
			want := entry.Value / total
			if off := got[i] - want; off > 1e-8 || off < -1e-8 || want == 0 && got[i] > 1e-9 {
				t.Errorf("weights %v: name %d is picked with %v, want %v", names, i, got[i], want)
			}
		}
	}
}

func TestEveryTextCanBeRead(t *testing.T) {
	for _, l := range languages() {
		texts := append([]string{}, append(l.openings, l.closings...)...)
		for _, requests := range l.requests {
			texts = append(texts, requests...)
		}
		for _, text := range texts {
			r, err := parseRequest(text, l.words)
			if err != nil {
				t.Error(err)
			}
			numbers := 0
			for _, p := range r {
				if p.digits {
					numbers++
				}
			}
			if numbers > 2 {
				t.Errorf("%q asks for %d numbers, a phrase has room for 2", text, numbers)
			}
		}
	}
}

func TestUnknownWordsAreNamed(t *testing.T) {
	for _, text := range []string{"the {thing} broke", "the {product"} {
		if _, err := parseRequest(text, english().words); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%q: got %v, want an error that shows it", text, err)
		}
	}
}

func TestRequestsSuitTheirType(t *testing.T) {
	words := map[string]string{"billing": "factur|invoice|€|$|£|RIB|card|promo|VAT",
		"account": "compte|account|password|mot de passe|code|administrator|équipe|name|nom"}
	for kind, hints := range words {
		book, err := newPhrasebook([]string{kind}, 1)
		if err != nil {
			t.Fatal(err)
		}
		for range 1000 {
			text := string(book.append(nil, 0, rand.Uint64()))
			suits := false
			for hint := range strings.SplitSeq(hints, "|") {
				suits = suits || strings.Contains(text, hint)
			}
			if !suits {
				t.Errorf("%s: %q", kind, text)
			}
		}
	}
}

func TestNumbersVaryWithinAText(t *testing.T) {
	book, err := newPhrasebook([]string{"billing"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]bool{}
	for range 50_000 {
		texts[string(book.append(nil, 0, rand.Uint64()))] = true
	}
	if len(texts) < 5_000 {
		t.Errorf("50000 requests: got %d different ones", len(texts))
	}
}
