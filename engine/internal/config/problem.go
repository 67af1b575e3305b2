package config

import "fmt"

// Position is where something stands: in a file, or on the command line.
type Position struct {
	File         string // as given in Options.Paths
	Line, Column int    // from 1; columns count characters
	Text         string // "--set a.b.c" or "${NAME}" if the value comes from there
}

// String is file:line:column, or what stands for it.
func (p Position) String() string {
	switch {
	case p.File == "":
		return p.Text
	case p.Line == 0:
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Problem is one thing wrong with the files. It is an error too.
type Problem struct {
	Position
	Path    string // pipelines.report.output.0.csv.path
	Message string // what was wanted, what came; lowercase
	Hint    string // what to do, or ""
	Code    string // stable, kebab-case: "unknown-key"
	Warning bool   // legal, but doubtful
}

// Error is position: path: message (hint).
func (p Problem) Error() string {
	text := p.Message
	if p.File != "" && p.Text != "" {
		text += ", filled from " + p.Text
	}
	if p.Path != "" {
		text = p.Path + ": " + text
	}
	if at := p.Position.String(); at != "" {
		text = at + ": " + text
	}
	if p.Hint != "" {
		text += " (" + p.Hint + ")"
	}
	return text
}
