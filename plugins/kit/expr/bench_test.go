package expr

import (
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// BenchmarkForms is what a row costs, over columns and, for comparison, by row.
func BenchmarkForms(b *testing.B) {
	rows := varietyRows(rand.New(rand.NewPCG(1, 1)), 4096)
	for _, text := range []string{`s == "abc"`, `i > 10`, `f > 10`, `s == "abc" && i > 10`,
		`s in ["a", "b", "bc"]`, `s == "a" ? "x" : "y"`, `i + 1`, `s + "!"`, `t.getHours()`,
		`s.matches("^a.*c$")`, `s.upper()`} {
		for name, compile := range map[string]func() (*Program, error){
			"columns": func() (*Program, error) { return Compile(text, variety) },
			"rows":    func() (*Program, error) { return compileByRow(text, variety) },
		} {
			p, err := compile()
			if err != nil {
				b.Fatal(err)
			}
			b.Run(text+"/"+name, func(b *testing.B) {
				for b.Loop() {
					if _, _, err := p.Eval(rows); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/4096, "ns/row")
			})
		}
	}
}

// BenchmarkFilter is a filter's condition over a string column without nulls.
func BenchmarkFilter(b *testing.B) {
	builder := array.NewStringBuilder(memory.DefaultAllocator)
	for i := range 4096 {
		builder.Append([]string{"low", "normal", "high", "urgent"}[i*7%4])
	}
	schema := arrow.NewSchema([]arrow.Field{{Name: "priorite", Type: arrow.BinaryTypes.String}}, nil)
	rows := array.NewRecordBatch(schema, []arrow.Array{builder.NewArray()}, 4096)
	for _, text := range []string{`priorite == "urgent"`, `priorite in ["urgent", "high"]`,
		`priorite == "urgent" || priorite == "high"`} {
		p, err := CompileCondition(text, schema)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(text, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := p.Filter(rows); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/4096, "ns/row")
		})
	}
}
