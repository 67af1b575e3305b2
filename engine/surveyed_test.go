package main

import (
	"strings"
	"testing"
)

func TestColumnThatNoRowHasIsReportedAtTheEnd(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "in/a.jsonl", `{"order_id":1,"amout":2}`+"\n"+`{"order_id":3,"amount":null}`+"\n")
	write(t, "p.yaml", "pipelines:\n  p:\n    input: {jsonl: {path: in, schema: {orderId: int64, amount: int64}}}\n"+
		"    processors:\n      - mapping: root.word = this.amount\n        schema: {words: string, amount: int64}\n"+
		"    output: {jsonl: {path: out}}\n")
	code, stdout, stderr := run("run", "p.yaml")
	for _, want := range []string{
		"  jsonl: no row had a column orderId, it is null in all; they have order_id: is that meant?\n",
		"  jsonl: 3 keys without a column were dropped: amout, order_id\n",
		"  mapping: no row had a column words, it is null in all; they have word: is that meant?\n"} {
		if code != 0 || strings.Count(stdout, want) != 1 {
			t.Errorf("exit %d: want %q once in\n%s%s", code, want, stdout, stderr)
		}
	}
	if strings.Contains(stdout, "a column amount") && strings.Contains(stdout, "jsonl: no row had a column amount") {
		t.Errorf("a row had the amount, if only a null:\n%s", stdout)
	}
	_, stdout, _ = run("run", "p.yaml")
	if want := "p: nothing new to read: 1 file was read in earlier runs; --fresh reads it anew\n"; stdout != want {
		t.Errorf("a second run: want %q, got %q", want, stdout)
	}
	_, stdout, _ = run("run", "p.yaml", "--fresh", "--yes", "--json")
	if !strings.Contains(stdout, `"near": "order_id"`) || !strings.Contains(stdout, `"unknown_keys"`) {
		t.Errorf("--json does not tell:\n%s", stdout)
	}
}
