// Package catalog holds the plugins a pipeline may use, by kind and name.
package catalog

import (
	"cmp"
	"fmt"
	"slices"

	"etlengine/plugins/sdk"
)

// Catalog is a fixed set of plugins.
type Catalog struct {
	plugins []sdk.Plugin
}

// New makes a catalog. Two plugins cannot have one kind and name.
func New(builtin []sdk.Plugin) (*Catalog, error) {
	c := &Catalog{plugins: slices.Clone(builtin)}
	slices.SortStableFunc(c.plugins, func(a, b sdk.Plugin) int {
		return cmp.Or(cmp.Compare(order(a.Kind), order(b.Kind)), cmp.Compare(a.Name, b.Name))
	})
	for i := 1; i < len(c.plugins); i++ {
		if c.plugins[i].Kind == c.plugins[i-1].Kind && c.plugins[i].Name == c.plugins[i-1].Name {
			return nil, fmt.Errorf("this engine was built with two %ss named %s", c.plugins[i].Kind, c.plugins[i].Name)
		}
	}
	return c, nil
}

// order is the way of the data.
func order(k sdk.Kind) int {
	return slices.Index([]sdk.Kind{sdk.KindSource, sdk.KindTransform, sdk.KindSink, sdk.KindService}, k)
}

// Find returns the plugin of a kind and name.
func (c *Catalog) Find(kind sdk.Kind, name string) (*sdk.Plugin, bool) {
	for i := range c.plugins {
		if c.plugins[i].Kind == kind && c.plugins[i].Name == name {
			return &c.plugins[i], true
		}
	}
	return nil, false
}

// Named returns the plugins of a name, of whatever kind.
func (c *Catalog) Named(name string) []*sdk.Plugin {
	var found []*sdk.Plugin
	for i := range c.plugins {
		if c.plugins[i].Name == name {
			found = append(found, &c.plugins[i])
		}
	}
	return found
}

// Names lists the names of a kind, sorted.
func (c *Catalog) Names(kind sdk.Kind) []string {
	var names []string
	for _, p := range c.plugins {
		if p.Kind == kind {
			names = append(names, p.Name)
		}
	}
	return names
}

// All lists every plugin: sources, transforms, sinks, services, by name.
func (c *Catalog) All() []sdk.Plugin {
	return slices.Clone(c.plugins)
}
