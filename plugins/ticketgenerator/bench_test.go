package ticketgenerator

import (
	"testing"
	"time"

	"etlengine/plugins/sdk"
)

// BenchmarkTicket is the price of one ticket in columns, one core.
func BenchmarkTicket(b *testing.B) {
	count := int64(1 << 60)
	for name, change := range map[string]func(*Config){
		"plain":     func(*Config) {},
		"disorder":  func(c *Config) { c.Disorder = sdk.Duration(5 * time.Second) },
		"malformed": func(c *Config) { c.MalformedRatio, c.LateRatio = 0.01, 0.01 },
	} {
		b.Run(name, func(b *testing.B) {
			c := defaults()
			c.Count, c.Span = &count, sdk.Duration(time.Hour*1_000_000)
			change(&c)
			p, err := resume(nil, &c, 1, nil)
			if err != nil {
				b.Fatal(err)
			}
			f, err := newPress(&c, &p)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				f.print(&p, sdk.DefaultBatchRows)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/sdk.DefaultBatchRows, "ns/ticket")
		})
	}
}
