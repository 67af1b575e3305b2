package expr

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/checker"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/containers"
	"cel.dev/cel-go/common/decls"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/parser"
	"github.com/apache/arrow-go/v18/arrow"
)

// language is what does not depend on the columns.
type language struct {
	env       *cel.Env // for running
	parser    *parser.Parser
	functions []*decls.FunctionDecl
}

// theLanguage is made once, with the first expression.
var theLanguage = sync.OnceValues(func() (*language, error) {
	functions, err := library()
	if err != nil {
		return nil, err
	}
	env, err := cel.NewCustomEnv(cel.FunctionDecls(functions...))
	if err != nil {
		return nil, err
	}
	p, err := parser.NewParser(parser.EnablePrattParser(true), parser.EnableHiddenAccumulatorName(true),
		parser.Macros(parser.AllMacro, parser.ExistsMacro, parser.ExistsOneMacro, parser.MapMacro,
			parser.MapFilterMacro, parser.FilterMacro),
		parser.MaxRecursionDepth(maxDepth), parser.ExpressionSizeCodePointLimit(maxText))
	return &language{env, p, functions}, err
})

// variable is a column, or a field inside one, as an expression sees it.
type variable struct {
	name  string
	field arrow.Field
	path  path
	cel   *types.Type
}

// Compile checks an expression against the columns it will be given. An error
// that is the user's is of type Errors and holds all faults.
func Compile(text string, schema *arrow.Schema) (*Program, error) {
	l, err := theLanguage()
	if err != nil {
		return nil, fmt.Errorf("preparing expressions: %w", err)
	}
	c := &compiler{language: l, text: text, variables: variablesOf(schema)}
	if err := c.check(); err != nil {
		return nil, err
	}
	p, err := c.program()
	if fault, ok := errors.AsType[*Error](err); ok {
		return nil, Errors{fault}
	}
	return p, err
}

// CompileCondition is Compile for an expression that must be true or false.
func CompileCondition(text string, schema *arrow.Schema) (*Program, error) {
	p, err := Compile(text, schema)
	if err != nil {
		return nil, err
	}
	if p.Type().ID() != arrow.BOOL {
		return nil, Errors{{Line: 1, Column: 1, Hint: `such as priorite == "urgent"`,
			Message: "want a condition that is true or false, got " + withArticle(typeName(p.field.Type))}}
	}
	return p, nil
}

type compiler struct {
	*language
	text      string
	variables []variable
	source    common.Source
	ast       *ast.AST // checked
	patterns  map[int64]*regexp.Regexp
}

// parse reads the text. With faults of meaning (not of syntax) there is a tree
// too, in which the rest can be checked.
func (c *compiler) parse() (*ast.AST, Errors) {
	if strings.TrimSpace(c.text) == "" {
		return nil, Errors{c.at(0, "want an expression, got nothing", "")}
	}
	if !utf8.ValidString(c.text) {
		return nil, Errors{c.at(0, "want text in UTF-8", "")}
	}
	c.source = common.NewTextSource(c.text)
	parsed, errs := c.parser.Parse(c.source)
	if list := errs.GetErrors(); len(list) > 0 {
		return nil, Errors{c.syntax(list[0])} // the parser is lost behind the first
	}
	var faults Errors
	for _, f := range append(rewrite(parsed), badPatterns(parsed)...) {
		faults = append(faults, c.atPart(parsed, f.id, f.message, f.hint))
	}
	return parsed, faults.inOrder()
}

// check parses the text and finds the types of all its parts.
func (c *compiler) check() error {
	parsed, faults := c.parse()
	if parsed == nil {
		return faults
	}
	env, err := c.environment()
	if err != nil {
		return err
	}
	before := ast.Copy(parsed)
	var errs *common.Errors
	c.ast, errs = checker.Check(parsed, c.source, env)
	if list := errs.GetErrors(); len(list) > 0 {
		c.ast = before
		for _, e := range list {
			faults = append(faults, c.mistake(e))
		}
	}
	if len(faults) > 0 {
		return faults.inOrder()
	}
	return nil
}

// environment declares the functions and the columns to the checker.
func (c *compiler) environment() (*checker.Env, error) {
	noTypes := types.NewEmptyRegistry() // else int and string would be names of values
	env, err := checker.NewEnv(containers.DefaultContainer, noTypes)
	if err != nil {
		return nil, err
	}
	if err := env.AddFunctions(c.functions...); err != nil {
		return nil, err
	}
	for _, v := range c.variables {
		if err := env.AddIdents(decls.NewVariable(v.name, v.cel)); err != nil {
			return nil, err
		}
	}
	return env, nil
}

// variablesOf are the columns of a schema and the fields of its structs.
func variablesOf(schema *arrow.Schema) []variable {
	var all []variable
	for i, f := range schema.Fields() {
		all = addVariable(all, f.Name, f, path{i})
	}
	return all
}

func addVariable(all []variable, name string, f arrow.Field, at path) []variable {
	if slices.ContainsFunc(all, func(v variable) bool { return v.name == name }) {
		return all // the first of two wins
	}
	all = append(all, variable{name, f, at, celType(f.Type)})
	if s, ok := f.Type.(*arrow.StructType); ok {
		for i, inner := range s.Fields() {
			inner.Nullable = inner.Nullable || f.Nullable
			all = addVariable(all, name+"."+inner.Name, inner, append(slices.Clone(at), i))
		}
	}
	return all
}

// celType is how CEL sees a column. A type that no function knows has the name
// of the column's.
func celType(t arrow.DataType) *types.Type {
	switch t := t.(type) {
	case *arrow.BooleanType:
		return types.BoolType
	case *arrow.Int32Type, *arrow.Int64Type:
		return types.IntType
	case *arrow.Uint64Type:
		return types.UintType
	case *arrow.Float32Type, *arrow.Float64Type:
		return types.DoubleType
	case *arrow.StringType:
		return types.StringType
	case *arrow.BinaryType:
		return types.BytesType
	case *arrow.Date32Type:
		return types.TimestampType
	case *arrow.TimestampType:
		if t.Unit == arrow.Microsecond {
			return types.TimestampType
		}
	case *arrow.Time64Type:
		if t.Unit == arrow.Microsecond {
			return types.DurationType
		}
	case *arrow.ListType:
		return types.NewListType(celType(t.Elem()))
	}
	return types.NewOpaqueType(typeName(t))
}

func (c *compiler) variable(name string) (variable, bool) {
	at := slices.IndexFunc(c.variables, func(v variable) bool { return v.name == name })
	if at < 0 {
		return variable{}, false
	}
	return c.variables[at], true
}
