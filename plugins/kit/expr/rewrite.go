package expr

import (
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// rewriter puts our meaning of null, ?: and coalesce into a parsed expression,
// in terms of the functions of nulls().
type rewriter struct {
	ast     *ast.AST
	factory ast.ExprFactory
	next    int64 // number of the last part
	faults  []fault
}

// fault is what is wrong with a part of the expression.
type fault struct {
	id            int64
	message, hint string
}

// rewrite returns all faults. A part that has one is then a null, which every
// type takes: the rest can still be checked.
func rewrite(a *ast.AST) []fault {
	r := &rewriter{ast: a, factory: ast.NewExprFactory(), next: ast.MaxID(a)}
	r.walk(a.Expr(), false)
	return r.faults
}

// walk rewrites a part and those inside it. nullable reports whether it may be a
// literal null.
func (r *rewriter) walk(e ast.Expr, nullable bool) {
	switch e.Kind() {
	case ast.LiteralKind:
		if e.AsLiteral() != types.NullValue {
			return
		}
		if !nullable {
			r.fail(e, "null cannot stand here", "test for it by x == null, or replace it by coalesce(x, …)")
		}
		e.SetKindCase(r.factory.NewCall(e.ID(), fnNull))
	case ast.CallKind:
		r.call(e)
	case ast.ListKind:
		r.walkAll(e.AsList().Elements())
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			r.walk(entry.AsMapEntry().Key(), false)
			r.walk(entry.AsMapEntry().Value(), false)
		}
	case ast.SelectKind:
		r.walk(e.AsSelect().Operand(), false)
	case ast.StructKind:
		r.fail(e, "there are no types of this kind", "a map is written {\"key\": value}")
	case ast.ComprehensionKind:
		c := e.AsComprehension()
		for _, inner := range []ast.Expr{c.IterRange(), c.AccuInit(), c.LoopCondition(), c.LoopStep(),
			c.Result()} {
			r.walk(inner, false)
		}
	}
}

func (r *rewriter) walkAll(all []ast.Expr) {
	for _, e := range all {
		r.walk(e, false)
	}
}

func (r *rewriter) fail(e ast.Expr, message, hint string) {
	r.faults = append(r.faults, fault{e.ID(), message, hint})
	e.SetKindCase(r.factory.NewCall(e.ID(), fnNull))
}

func isNullLiteral(e ast.Expr) bool {
	return e.Kind() == ast.LiteralKind && e.AsLiteral() == types.NullValue
}

func (r *rewriter) call(e ast.Expr) {
	call := e.AsCall()
	args := call.Args()
	if call.IsMemberFunction() {
		r.walk(call.Target(), false)
	}
	switch name := call.FunctionName(); {
	case (name == operators.Equals || name == operators.NotEquals) &&
		(isNullLiteral(args[0]) || isNullLiteral(args[1])):
		r.nullTest(e, args, name == operators.NotEquals)
	case name == operators.Conditional && len(args) == 3:
		r.walk(args[0], false)
		r.walk(args[1], true)
		r.walk(args[2], true)
		cond := r.factory.NewCall(r.id(args[0]), fnIsTrue, args[0])
		e.SetKindCase(r.factory.NewCall(e.ID(), name, cond, args[1], args[2]))
	case name == operators.Equals || name == operators.NotEquals:
		r.walkAll(args)
		e.SetKindCase(r.factory.NewCall(e.ID(), map[string]string{
			operators.Equals: fnEqual, operators.NotEquals: fnUnequal}[name], args...))
	case name == "has" && len(args) == 1 && !call.IsMemberFunction():
		r.nullTest(e, args, true)
	case name == "col" && len(args) == 1 && !call.IsMemberFunction():
		if named, ok := args[0].AsLiteral().(types.String); ok {
			e.SetKindCase(r.factory.NewIdent(e.ID(), string(named)))
			return
		}
		r.fail(args[0], "want a column's name in quotes, such as col(\"unit price\")", "")
		e.SetKindCase(r.factory.NewCall(e.ID(), fnNull))
	case name == "coalesce" && !call.IsMemberFunction():
		r.walkAll(args)
		if len(args) < 2 {
			r.fail(e, "coalesce wants at least two values, such as coalesce(a, \"none\")", "")
			return
		}
		r.coalesce(e, args)
	default:
		r.walkAll(args)
	}
}

// nullTest is x == null or x != null.
func (r *rewriter) nullTest(e ast.Expr, args []ast.Expr, negated bool) {
	of := args[0]
	if isNullLiteral(of) {
		of = args[1]
	}
	r.walk(of, false)
	if !negated {
		e.SetKindCase(r.factory.NewCall(e.ID(), fnIsNull, of))
		return
	}
	e.SetKindCase(r.factory.NewCall(e.ID(), operators.LogicalNot, r.factory.NewCall(r.id(e), fnIsNull, of)))
}

// coalesce makes one of many values of calls of two.
func (r *rewriter) coalesce(e ast.Expr, args []ast.Expr) {
	last := args[len(args)-1]
	for at := len(args) - 2; at > 0; at-- {
		last = r.factory.NewCall(r.id(args[at]), fnCoalesce, args[at], last)
	}
	e.SetKindCase(r.factory.NewCall(e.ID(), fnCoalesce, args[0], last))
}

// id is the number of a new part that stands where another does.
func (r *rewriter) id(at ast.Expr) int64 {
	r.next++
	if where, ok := r.ast.SourceInfo().GetOffsetRange(at.ID()); ok {
		r.ast.SourceInfo().SetOffsetRange(r.next, where)
	}
	return r.next
}
