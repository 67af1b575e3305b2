package config
import ("testing";"strings";"time";"fmt")
func TestTimes(t *testing.T) {
 var keys strings.Builder
 keys.WriteString("schemas:\n  s:\n")
 for i := range 150000 { fmt.Fprintf(&keys, "    key_%d: string\n", i) }
 for name, text := range map[string]string{
  "keys": keys.String()+"pipelines: {}\n",
  "list": "x: ["+strings.Repeat("(, ", 1300000)+"]\n",
  "deep": strings.Repeat("[", 9000),
  "deepblock": func() string { var b strings.Builder; for i := range 2500 { b.WriteString(strings.Repeat(" ", i)+"a:\n") }; return b.String() }(),
  "manybroken": strings.Repeat("a: b: c\n", 300000),
  "brokenend": keys.String()+"x: *\n",
  "unclosed": "x: \""+strings.Repeat("a b c\n", 300000),
  "vars": "x: \""+strings.Repeat("${A} ", 300000)+"\"\n",
  "badvars": "x: |\n"+strings.Repeat("  ${-A}\n", 300000)+"\n",
  "steps": "pipelines: { p: { input: {csv: {}}, output: [ "+strings.Repeat("{csv: {}},", 100000)+"]}}\n",
  "dups": strings.Repeat("a: b\n", 300000),
  "small-many": strings.Repeat("a: b: c\n", 100),
 } {
  t.Run(name, func(t *testing.T) { start := time.Now()
  _, ps := load(t, Options{}, text)
  mid := time.Since(start)
  fmt.Println(name, len(text), mid, len(ps)) })
 }
}
