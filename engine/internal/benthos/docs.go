package benthos

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/redpanda-data/benthos/v4/public/service"

	"etlengine/plugins/sdk"
)

// DescribeComponents returns what Benthos says of its components of a name, which
// may begin with benthos/, as plugins that can be described and not run: one for
// each kind, none if no step can be one.
func DescribeComponents(name string) ([]*sdk.Plugin, error) {
	name = strings.TrimPrefix(name, prefix)
	var all []*sdk.Plugin
	var failed error
	add := func(kind sdk.Kind) func(string, *service.ConfigView) {
		return func(found string, view *service.ConfigView) {
			if found != name || refused[name] != "" {
				return
			}
			data, err := view.TemplateData()
			if err != nil {
				failed = fmt.Errorf("reading the documentation of %s: %w", name, err)
				return
			}
			all = append(all, described(kind, data))
		}
	}
	env := service.NewEnvironment()
	env.WalkInputs(add(sdk.KindSource))
	env.WalkProcessors(add(sdk.KindTransform))
	env.WalkOutputs(add(sdk.KindSink))
	return all, failed
}

func described(kind sdk.Kind, data service.TemplateDataPlugin) *sdk.Plugin {
	p := &sdk.Plugin{Kind: kind, Name: data.Name, Summary: plainText(data.Summary), Example: data.AdvancedConfigYAML}
	if p.Summary == "" {
		p.Summary = firstSentence(data.Description)
	}
	for _, f := range data.Fields {
		p.Fields = append(p.Fields, sdk.Field{Name: f.FullName, Type: f.Type, Doc: firstSentence(f.Description),
			Default: f.DefaultMarshalled})
	}
	return p
}

var (
	webLink  = regexp.MustCompile(`(?:xref:|https?://)[^\s\[]*\[([^\]]*)\]`)
	sentence = regexp.MustCompile(`^(.*?[.!?])\s`)
)

// plainText has the words of links, not where they lead on Benthos's web site.
func plainText(text string) string {
	return strings.TrimSpace(webLink.ReplaceAllString(text, "$1"))
}

func firstSentence(text string) string {
	text = strings.Join(strings.Fields(plainText(text)), " ")
	if m := sentence.FindStringSubmatch(text + " "); m != nil {
		return m[1]
	}
	return text
}
