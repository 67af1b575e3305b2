package expr

import (
	"slices"
	"strings"

	"cel.dev/cel-go/common/decls"
	"cel.dev/cel-go/common/functions"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/stdlib"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// The functions that stand for what users write as null, ?: and coalesce. No
// name that can be written begins with @.
const (
	fnNull     = "@null"     // null where a value is wanted
	fnIsNull   = "@isNull"   // x == null
	fnIsTrue   = "@isTrue"   // the condition of ?:
	fnCoalesce = "@coalesce" // coalesce of two

	// CEL's own == lets a fault on the right win over a null on the left, and
	// cannot be replaced under its name.
	fnEqual   = "@equal"
	fnUnequal = "@unequal"
)

// standard are the functions taken from CEL as they are. Its operators are not
// among them: ours take numbers of different types.
var standard = []string{operators.Conditional, operators.LogicalAnd, operators.LogicalOr,
	operators.LogicalNot, operators.NotStrictlyFalse, operators.Index,
	overloads.Size, overloads.TypeConvertBool, overloads.TypeConvertBytes,
	overloads.TypeConvertDuration, overloads.TypeConvertInt, overloads.TypeConvertString,
	overloads.TypeConvertTimestamp, overloads.TypeConvertUint, overloads.Contains, overloads.EndsWith,
	overloads.StartsWith, overloads.Matches, overloads.TimeGetFullYear, overloads.TimeGetMonth,
	overloads.TimeGetDayOfYear, overloads.TimeGetDayOfMonth, overloads.TimeGetDate,
	overloads.TimeGetDayOfWeek, overloads.TimeGetHours, overloads.TimeGetMinutes,
	overloads.TimeGetSeconds, overloads.TimeGetMilliseconds}

var (
	numbers = []*types.Type{types.IntType, types.UintType, types.DoubleType}
	ordered = []*types.Type{types.StringType, types.BytesType, types.TimestampType, types.DurationType}
	scalars = append(append([]*types.Type{types.BoolType}, numbers...), ordered...)
	anyType = types.NewTypeParamType("A")
	anyList = types.NewListType(anyType)
	anyMap  = types.NewMapType(anyType, types.NewTypeParamType("B"))
)

// library is every function that an expression may use.
func library() ([]*decls.FunctionDecl, error) {
	var l declarer
	for _, f := range stdlib.Functions() {
		if slices.Contains(standard, f.Name()) {
			l.all = append(l.all, f)
		}
	}
	l.equality()
	l.ordering()
	l.arithmetic()
	l.membership()
	l.doubles()
	l.nulls()
	l.texts()
	return l.all, l.err
}

// declarer collects functions, and the first error.
type declarer struct {
	all []*decls.FunctionDecl
	err error
}

func (l *declarer) function(name string, overloads []decls.FunctionOpt) {
	f, err := decls.NewFunction(name, overloads...)
	if err != nil && l.err == nil {
		l.err = err
	}
	l.all = append(l.all, f)
}

func binary(name string, left, right, result *types.Type, f functions.BinaryOp) decls.FunctionOpt {
	return decls.Overload(idOf(name, left, right), []*types.Type{left, right}, result, decls.BinaryBinding(f))
}

func idOf(name string, args ...*types.Type) string {
	id := "expr" + name
	for _, a := range args {
		id += "_" + a.String()
	}
	return id
}

// numberPairs calls f for every two types of numbers; result is what they become
// in arithmetic.
func numberPairs(f func(left, right, result *types.Type)) {
	for _, left := range numbers {
		for _, right := range numbers {
			result := types.IntType
			if left == right {
				result = left
			} else if left == types.DoubleType || right == types.DoubleType {
				result = types.DoubleType
			}
			f(left, right, result)
		}
	}
}

func (l *declarer) equality() {
	for _, name := range []string{fnEqual, fnUnequal} {
		f := func(left, right ref.Val) ref.Val {
			return types.Bool((types.Equal(left, right) == types.True) == (name == fnEqual))
		}
		var all []decls.FunctionOpt
		numberPairs(func(left, right, _ *types.Type) {
			all = append(all, binary(name, left, right, types.BoolType, f))
		})
		for _, t := range append([]*types.Type{types.BoolType, anyList, anyMap}, ordered...) {
			all = append(all, binary(name, t, t, types.BoolType, f))
		}
		l.function(name, all)
	}
}

func (l *declarer) ordering() {
	for _, name := range []string{operators.Less, operators.LessEquals, operators.Greater,
		operators.GreaterEquals} {
		o := orders[name]
		f := func(left, right ref.Val) ref.Val { return compareValues(o, left, right) }
		var all []decls.FunctionOpt
		numberPairs(func(left, right, _ *types.Type) {
			all = append(all, binary(name, left, right, types.BoolType, f))
		})
		for _, t := range ordered {
			all = append(all, binary(name, t, t, types.BoolType, f))
		}
		l.function(name, all)
	}
}

// compareValues orders doubles as IEEE 754 has it; CEL fails for NaN.
func compareValues(o order, left, right ref.Val) ref.Val {
	_, first := left.(types.Double)
	_, second := right.(types.Double)
	if first || second {
		x, y := toDouble(left), toDouble(right)
		holds := [...]bool{less: x < y, lessEqual: x <= y, greater: x > y, greaterEqual: x >= y}
		return types.Bool(holds[o])
	}
	way, ok := left.(traits.Comparer).Compare(right).(types.Int)
	if !ok {
		return types.NewErr("cannot compare")
	}
	return types.Bool(o.holds(int(way)))
}

func toDouble(v ref.Val) float64 {
	switch n := v.(type) {
	case types.Int:
		return float64(n)
	case types.Uint:
		return float64(n)
	}
	return float64(v.(types.Double))
}

func (l *declarer) arithmetic() {
	time, span := types.TimestampType, types.DurationType
	operations := []struct {
		name  string
		f     functions.BinaryOp
		other [][3]*types.Type
	}{
		{operators.Add, join, [][3]*types.Type{
			{types.StringType, types.StringType, types.StringType}, {anyList, anyList, anyList},
			{types.BytesType, types.BytesType, types.BytesType},
			{time, span, time}, {span, time, time}, {span, span, span}}},
		{operators.Subtract, func(x, y ref.Val) ref.Val { return x.(traits.Subtractor).Subtract(y) },
			[][3]*types.Type{{time, span, time}, {time, time, span}, {span, span, span}}},
		{operators.Multiply, func(x, y ref.Val) ref.Val { return x.(traits.Multiplier).Multiply(y) }, nil},
		{operators.Divide, func(x, y ref.Val) ref.Val { return x.(traits.Divider).Divide(y) }, nil},
		{operators.Modulo, func(x, y ref.Val) ref.Val { return x.(traits.Modder).Modulo(y) }, nil},
	}
	for _, op := range operations {
		var all []decls.FunctionOpt
		numberPairs(func(left, right, result *types.Type) {
			if op.name != operators.Modulo || result != types.DoubleType {
				all = append(all, binary(op.name, left, right, result, alike(op.f, result)))
			}
		})
		for _, t := range op.other {
			all = append(all, binary(op.name, t[0], t[1], t[2], op.f))
		}
		l.function(op.name, all)
	}
	f := func(v ref.Val) ref.Val { return v.(traits.Negater).Negate() }
	l.function(operators.Negate, []decls.FunctionOpt{
		unary(operators.Negate, types.IntType, types.IntType, f),
		unary(operators.Negate, types.DoubleType, types.DoubleType, f)})
}

func unary(name string, in, out *types.Type, f functions.UnaryOp, o ...decls.OverloadOpt) decls.FunctionOpt {
	return decls.Overload(idOf(name, in), []*types.Type{in}, out, append(o, decls.UnaryBinding(f))...)
}

// alike turns both numbers into the type of the result first.
func alike(f functions.BinaryOp, t *types.Type) functions.BinaryOp {
	return func(x, y ref.Val) ref.Val {
		if x.Type() == y.Type() {
			return f(x, y)
		}
		if x = x.ConvertToType(t); types.IsError(x) {
			return types.NewErr(overflow)
		}
		if y = y.ConvertToType(t); types.IsError(y) {
			return types.NewErr(overflow)
		}
		return f(x, y)
	}
}

func (l *declarer) membership() {
	f := func(item, in ref.Val) ref.Val { return in.(traits.Container).Contains(item) }
	var all []decls.FunctionOpt
	numberPairs(func(left, right, _ *types.Type) {
		all = append(all, binary(operators.In, left, types.NewListType(right), types.BoolType, f))
	})
	for _, t := range append([]*types.Type{types.BoolType}, ordered...) {
		all = append(all, binary(operators.In, t, types.NewListType(t), types.BoolType, f))
	}
	for _, t := range scalars {
		of := types.NewMapType(t, anyType)
		all = append(all, binary(operators.In, t, of, types.BoolType, f))
	}
	l.function(operators.In, all)
}

// doubles declares double(x), which of text takes what columns take: CEL's own also reads
// 1_0 and 0x1p3, as Go does.
func (l *declarer) doubles() {
	var all []decls.FunctionOpt
	for _, from := range append(slices.Clone(numbers), types.StringType) {
		f := func(v ref.Val) ref.Val { return v.ConvertToType(types.DoubleType) }
		if from == types.StringType {
			f = func(v ref.Val) ref.Val {
				if text := string(v.(types.String)); strings.ContainsAny(text, "_xX") {
					return types.NewErr("type conversion error from 'string' to 'double'")
				}
				return v.ConvertToType(types.DoubleType)
			}
		}
		all = append(all, unary(overloads.TypeConvertDouble, from, types.DoubleType, f))
	}
	l.function(overloads.TypeConvertDouble, all)
}

func (l *declarer) nulls() {
	nonStrict := decls.OverloadIsNonStrict()
	l.function(fnNull, []decls.FunctionOpt{decls.Overload(fnNull, nil, anyType,
		decls.FunctionBinding(func(...ref.Val) ref.Val { return unknown }))})
	l.function(fnIsNull, []decls.FunctionOpt{unary(fnIsNull, anyType, types.BoolType,
		func(v ref.Val) ref.Val {
			if types.IsError(v) {
				return v
			}
			return types.Bool(types.IsUnknown(v))
		}, nonStrict)})
	l.function(fnIsTrue, []decls.FunctionOpt{unary(fnIsTrue, types.BoolType, types.BoolType,
		func(v ref.Val) ref.Val {
			if types.IsUnknown(v) {
				return types.False
			}
			return v
		}, nonStrict)})
	var all []decls.FunctionOpt
	coalesce := func(left, right, result *types.Type) {
		f := func(first, second ref.Val) ref.Val {
			if types.IsUnknown(first) {
				first = second
			}
			if first.Type() == result || types.IsUnknownOrError(first) || !slices.Contains(numbers, result) {
				return first
			}
			if first = first.ConvertToType(result); types.IsError(first) {
				return types.NewErr(overflow)
			}
			return first
		}
		all = append(all, decls.Overload(idOf(fnCoalesce, left, right), []*types.Type{left, right}, result,
			nonStrict, decls.BinaryBinding(f)))
	}
	numberPairs(coalesce)
	for _, t := range append([]*types.Type{types.BoolType, anyList}, ordered...) {
		coalesce(t, t, t)
	}
	l.function(fnCoalesce, all)
}

func (l *declarer) texts() {
	for name, f := range map[string]func(string) string{"lower": strings.ToLower, "upper": strings.ToUpper,
		"trim": strings.TrimSpace} {
		l.function(name, []decls.FunctionOpt{decls.MemberOverload("expr"+name,
			[]*types.Type{types.StringType}, types.StringType, decls.UnaryBinding(func(v ref.Val) ref.Val {
				return types.String(f(string(v.(types.String))))
			}))})
	}
}
