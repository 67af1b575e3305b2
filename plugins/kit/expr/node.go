package expr

import (
	"regexp"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"github.com/apache/arrow-go/v18/arrow"

	"etlengine/plugins/sdk"
)

// program chooses how each part is run.
func (c *compiler) program() (*Program, error) {
	if err := c.literals(); err != nil {
		return nil, err
	}
	root := c.ast.Expr()
	p := &Program{text: c.text, field: arrow.Field{Nullable: true}}
	if root.Kind() == ast.IdentKind {
		v, _ := c.variable(root.AsIdent())
		p.field = v.field
		p.root = &copied{columnNode{v.path, kindOf(v.field.Type)}}
		return p, nil
	}
	t, err := c.result(root)
	if err != nil {
		return nil, err
	}
	p.field.Type = t
	if p.root, err = c.node(root); err != nil || p.root != nil {
		return p, err
	}
	p.root, err = c.whole(root, t)
	return p, err
}

// result is the type of the column that the expression gives.
func (c *compiler) result(root ast.Expr) (arrow.DataType, error) {
	t := c.ast.GetType(root.ID())
	if at := arrowType(t); at != nil {
		return at, nil
	}
	message, hint := "the result cannot be a column: it is "+withArticle(nameOf(t)), ""
	switch {
	case t == types.DurationType:
		hint = "make a number of it, as by (a - b).getSeconds()"
	case strings.Contains(nameOf(t), "dyn"):
		message = "the result has no type: it is always null or empty"
	}
	return nil, c.atPart(c.ast, root.ID(), message, hint)
}

// arrowType is the column type for the values of a CEL type, or nil.
func arrowType(t *types.Type) arrow.DataType {
	switch t.Kind() {
	case types.BoolKind:
		return arrow.FixedWidthTypes.Boolean
	case types.IntKind:
		return arrow.PrimitiveTypes.Int64
	case types.UintKind:
		return arrow.PrimitiveTypes.Uint64
	case types.DoubleKind:
		return arrow.PrimitiveTypes.Float64
	case types.StringKind:
		return arrow.BinaryTypes.String
	case types.BytesKind:
		return arrow.BinaryTypes.Binary
	case types.TimestampKind:
		return sdk.Timestamp
	case types.ListKind:
		if item := arrowType(t.Parameters()[0]); item != nil {
			return arrow.ListOf(item)
		}
	}
	return nil
}

// node is the vector form of a part, or nil if it has none.
func (c *compiler) node(e ast.Expr) (node, error) {
	k := c.kind(e)
	if k == none {
		return nil, nil
	}
	if c.isConstant(e) {
		return c.fold(e, k)
	}
	switch e.Kind() {
	case ast.IdentKind:
		if v, ok := c.variable(e.AsIdent()); ok {
			return &columnNode{v.path, k}, nil
		}
	case ast.CallKind:
		n, err := c.call(e, e.AsCall())
		if err != nil || n != nil {
			return n, err
		}
	}
	if k == instant {
		return nil, nil // a vector would lose what is finer than a microsecond
	}
	return c.byRow(e, k)
}

func (c *compiler) kind(e ast.Expr) kind {
	t := c.ast.GetType(e.ID())
	if at := arrowType(t); at != nil {
		return kindOf(at)
	}
	return none
}

// isConstant reports whether a part needs no column.
func (c *compiler) isConstant(e ast.Expr) bool {
	constant := true
	ast.PostOrderVisit(e, ast.NewExprVisitor(func(inner ast.Expr) {
		switch {
		case inner.Kind() == ast.IdentKind || inner.Kind() == ast.ComprehensionKind:
			constant = false
		case inner.Kind() == ast.CallKind && inner.AsCall().FunctionName() == fnNull:
			constant = false
		}
	}))
	return constant
}

// fold computes a constant part now, and reports its fault as the user's.
func (c *compiler) fold(e ast.Expr, k kind) (node, error) {
	p, err := c.plan(e)
	if err != nil {
		return nil, err
	}
	value, _, err := p.Eval(cel.NoVars())
	if err != nil {
		return nil, c.atPart(c.ast, e.ID(), reasonOf(err), "")
	}
	v := newVector(k, 1)
	v.one = true
	if !v.set(0, value) {
		return nil, nil
	}
	return literal{v}, nil
}

// operands are the nodes of a call's target and arguments; nil if one of them
// has no vector form.
func (c *compiler) operands(call ast.CallExpr) ([]node, error) {
	args := call.Args()
	if call.IsMemberFunction() {
		args = append([]ast.Expr{call.Target()}, args...)
	}
	nodes := make([]node, len(args))
	for i, arg := range args {
		n, err := c.node(arg)
		if err != nil || n == nil {
			return nil, err
		}
		nodes[i] = n
	}
	return nodes, nil
}

// call is the vector form of a call, or nil.
func (c *compiler) call(e ast.Expr, call ast.CallExpr) (node, error) {
	name := call.FunctionName()
	switch name {
	case fnIsNull:
		if arg := call.Args()[0]; arg.Kind() == ast.IdentKind && c.kind(arg) == none {
			v, ok := c.variable(arg.AsIdent())
			if !ok {
				return nil, nil
			}
			return &missingColumn{v.path}, nil
		}
	case operators.In:
		return c.in(call)
	case "matches":
		return c.matches(e, call)
	}
	nodes, err := c.operands(call)
	if err != nil || nodes == nil {
		return nil, err
	}
	kinds := make([]kind, len(nodes))
	for i, arg := range append(targetOf(call), call.Args()...) {
		kinds[i] = c.kind(arg)
	}
	return c.operation(name, c.kind(e), nodes, kinds), nil
}

func targetOf(call ast.CallExpr) []ast.Expr {
	if call.IsMemberFunction() {
		return []ast.Expr{call.Target()}
	}
	return nil
}

// operation is a function over vectors, or nil.
func (c *compiler) operation(name string, result kind, nodes []node, kinds []kind) node {
	switch name {
	case operators.LogicalAnd, operators.LogicalOr:
		return joined(name, nodes)
	case operators.LogicalNot:
		return &negation{nodes[0]}
	case fnIsNull:
		return &isNull{nodes[0]}
	case fnIsTrue:
		return nodes[0] // its only place is a choice, which takes null for false
	case operators.Conditional:
		return &choice{kind: result, cond: nodes[0], then: nodes[1], otherwise: nodes[2]}
	case operators.Negate:
		return &minus{nodes[0]}
	case "size":
		return &length{nodes[0]}
	}
	if f, ok := parts[name]; ok && len(nodes) == 1 && kinds[0] == instant {
		return &part{f, nodes[0]}
	}
	if len(nodes) != 2 {
		return nil
	}
	if f, ok := searches[name]; ok {
		return &search{f, nodes[0], nodes[1]}
	}
	if name == operators.Add && result == text {
		return &concat{nodes[0], nodes[1]}
	}
	if !alignKinds(nodes, kinds) {
		return nil
	}
	if o, ok := orders[name]; ok {
		return &comparison{o, nodes[0], nodes[1]}
	}
	if name == fnCoalesce {
		return &choice{kind: result, then: nodes[0], otherwise: nodes[1]}
	}
	isNumber := kinds[0] == integer || kinds[0] == unsigned || kinds[0] == float
	if op := strings.Trim(name, "_"); isNumber && len(op) == 1 && strings.Contains("+-*/%", op) {
		return &arithmetic{op[0], nodes[0], nodes[1]}
	}
	return nil
}

// joined is && or || of any number of operands: CEL nests them in pairs.
func joined(name string, nodes []node) node {
	j := &junction{decides: bit(name == operators.LogicalOr)}
	for _, n := range nodes {
		if inner, ok := n.(*junction); ok && inner.decides == j.decides {
			j.operands = append(j.operands, inner.operands...)
		} else {
			j.operands = append(j.operands, n)
		}
	}
	return j
}

// alignKinds makes two numbers doubles if one of them is. Signed and unsigned
// ones side by side are left to CEL.
func alignKinds(nodes []node, kinds []kind) bool {
	if kinds[0] == kinds[1] {
		return true
	}
	for i, k := range kinds {
		if kinds[1-i] == float && (k == integer || k == unsigned) {
			nodes[i], kinds[i] = promote(nodes[i]), float
			return true
		}
	}
	return false
}

func promote(n node) node {
	if l, ok := n.(literal); ok {
		return literal{toFloats(l.vector)}
	}
	return promoted{n}
}

// in is the vector form of x in [literals].
func (c *compiler) in(call ast.CallExpr) (node, error) {
	list := call.Args()[1]
	of, err := c.node(call.Args()[0])
	if err != nil || of == nil || list.Kind() != ast.ListKind {
		return nil, err
	}
	k := c.kind(call.Args()[0])
	var items []*vector
	for _, item := range list.AsList().Elements() {
		n, err := c.node(item)
		l, ok := n.(literal)
		if err != nil || !ok {
			return nil, err
		}
		nodes, kinds := []node{of, l}, []kind{k, l.kind}
		if !alignKinds(nodes, kinds) {
			return nil, nil
		}
		of, k = nodes[0], kinds[0]
		items = append(items, nodes[1].(literal).vector)
	}
	return newMembership(of, items), nil
}

// matches is the vector form of text.matches(pattern).
func (c *compiler) matches(e ast.Expr, call ast.CallExpr) (node, error) {
	of, err := c.node(append(targetOf(call), call.Args()...)[0])
	if err != nil || of == nil {
		return nil, err
	}
	return &match{c.patterns[e.ID()], of}, nil
}

// uniform refuses lists and maps of values of different types.
func (c *compiler) uniform(e ast.Expr) error {
	for _, t := range c.ast.GetType(e.ID()).Parameters() {
		empty := e.Kind() == ast.ListKind && e.AsList().Size() == 0 || e.Kind() == ast.MapKind &&
			e.AsMap().Size() == 0
		if t.Kind() == types.DynKind && !empty {
			return c.atPart(c.ast, e.ID(), "the values of a list or map must be of one type",
				"write whole numbers beside others as 1.0")
		}
	}
	return nil
}

// literals checks what can be checked of literals alone, and reads the patterns
// of matches. Those must be literals: their cost is then known before anything runs.
func (c *compiler) literals() error {
	c.patterns = map[int64]*regexp.Regexp{}
	var fault error
	ast.PostOrderVisit(c.ast.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		switch {
		case fault != nil:
		case e.Kind() == ast.CallKind && e.AsCall().FunctionName() == "matches":
			fault = c.pattern(e)
		case e.Kind() == ast.ListKind || e.Kind() == ast.MapKind:
			fault = c.uniform(e)
		}
	}))
	return fault
}

func (c *compiler) pattern(e ast.Expr) error {
	call := e.AsCall()
	of := append(targetOf(call), call.Args()...)[1]
	if !c.isConstant(of) {
		return c.atPart(c.ast, of.ID(), "want the pattern of matches in quotes, not computed",
			"for a part of a text use contains, startsWith or endsWith")
	}
	n, err := c.node(of)
	if err != nil {
		return err
	}
	p, f := readPattern(of, string(n.(literal).bytes(0)))
	if f != nil {
		return c.atPart(c.ast, f.id, f.message, f.hint)
	}
	c.patterns[e.ID()] = p
	return nil
}

func readPattern(of ast.Expr, text string) (*regexp.Regexp, *fault) {
	p, err := regexp.Compile(text)
	if err != nil {
		return nil, &fault{id: of.ID(), message: "the pattern cannot be read: " +
			strings.TrimPrefix(err.Error(), "error parsing regexp: ")}
	}
	return p, nil
}

// badPatterns finds the patterns in quotes that cannot be read: that needs no types.
func badPatterns(a *ast.AST) (faults []fault) {
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != "matches" {
			return
		}
		args := append(targetOf(e.AsCall()), e.AsCall().Args()...)
		if len(args) != 2 || args[1].Kind() != ast.LiteralKind {
			return
		}
		if text, ok := args[1].AsLiteral().(types.String); ok {
			if _, f := readPattern(args[1], string(text)); f != nil {
				faults = append(faults, *f)
			}
		}
	}))
	return faults
}
