package columns

import (
	"encoding/json"
	"sort"
	"strconv"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// Dates are of the years of timestamps. A time is of a day.
var (
	minDate = int32(floor(minTime, microsPerDay))
	maxDate = int32(floor(maxTime, microsPerDay))
)

const maxClock = microsPerDay - 1

// Misfits finds the values that the types of their columns do not hold, in lists and
// structs too: a null where there can be none, text that is not UTF-8, json that is none,
// a date or timestamp outside the years 1 to 9999, a time outside a day, a decimal of
// more digits. It adds why to reasons, by row; the first reason of a row stays.
//
// A Builder lets no such value in. Who makes rows in another way calls Misfits before
// they are handed on.
func Misfits(rows arrow.RecordBatch, reasons map[int]string) {
	for i, f := range rows.Schema().Fields() {
		m := misfits{path: f.Name, reasons: &reasons, text: true}
		m.column(f, rows.Column(i), nil)
	}
}

// OutOfRange is Misfits for what steps compute: dates, timestamps, times and decimals.
// It returns why by row, nil if all fit. The columns of known, if it is not nil, are
// known to.
func OutOfRange(rows, known arrow.RecordBatch) map[int]string {
	var reasons map[int]string
	for i, f := range rows.Schema().Fields() {
		if column := rows.Column(i); ranged(f.Type) && !among(known, column) {
			m := misfits{path: f.Name, reasons: &reasons}
			m.column(f, column, nil)
		}
	}
	return reasons
}

// ranged reports whether a type has values that OutOfRange looks for.
func ranged(t arrow.DataType) bool {
	switch t := t.(type) {
	case *arrow.TimestampType, *arrow.Date32Type, *arrow.Time64Type, *arrow.Decimal128Type:
		return true
	case *arrow.ListType:
		return ranged(t.Elem())
	case *arrow.StructType:
		for _, f := range t.Fields() {
			if ranged(f.Type) {
				return true
			}
		}
	}
	return false
}

func among(rows arrow.RecordBatch, column arrow.Array) bool {
	if rows == nil {
		return false
	}
	for _, c := range rows.Columns() {
		if c == column {
			return true
		}
	}
	return false
}

// misfits checks a column, or one inside it.
type misfits struct {
	path    string
	lists   []*array.List // that the column's elements are in, the innermost last
	reasons *map[int]string
	text    bool // nulls and text are checked too
}

func (m *misfits) add(element int, reason string) {
	for i := len(m.lists) - 1; i >= 0; i-- {
		element = listOf(m.lists[i], element)
	}
	if *m.reasons == nil {
		*m.reasons = map[int]string{}
	}
	if _, known := (*m.reasons)[element]; !known {
		(*m.reasons)[element] = m.path + ": " + reason
	}
}

// listOf is the list that an item is in.
func listOf(list *array.List, item int) int {
	return sort.Search(list.Len(), func(i int) bool {
		_, end := list.ValueOffsets(i)
		return end > int64(item)
	})
}

// column checks elements; above is the struct that they are in.
func (m *misfits) column(f arrow.Field, a, above arrow.Array) {
	if m.text && !f.Nullable && a.NullN() > 0 {
		for i := range a.Len() {
			if a.IsNull(i) && (above == nil || above.IsValid(i)) {
				m.add(i, "want a value, got null")
			}
		}
	}
	switch a := a.(type) {
	case *array.String:
		if m.text {
			m.texts(f, a)
		}
	case *array.Struct:
		for i, field := range f.Type.(*arrow.StructType).Fields() {
			inside := *m
			inside.path += "." + field.Name
			inside.column(field, a.Field(i), a)
		}
	case *array.List:
		inside := *m
		inside.lists = append(inside.lists[:len(inside.lists):len(inside.lists)], a)
		inside.column(f.Type.(*arrow.ListType).ElemField(), a.ListValues(), nil)
	default:
		m.numbers(f, a)
	}
}

func (m *misfits) texts(f arrow.Field, a *array.String) {
	if !allUTF8(a) {
		for i := range a.Len() {
			if a.IsValid(i) && !utf8.ValidString(a.Value(i)) {
				m.add(i, "want UTF-8, got other bytes: "+Quoted([]byte(a.Value(i))))
			}
		}
	}
	if KindOf(f) != JSON {
		return
	}
	v := NewView(f, a)
	for i := range a.Len() {
		if a.IsValid(i) && !json.Valid(v.Bytes(i)) {
			m.add(i, "want json, got "+Quoted(v.Bytes(i)))
		}
	}
}

// allUTF8 checks all values at once: each is valid if all of them are in one piece and
// none begins in the middle of a character.
func allUTF8(s *array.String) bool {
	data := s.ValueBytes()
	if !utf8.Valid(data) {
		return false
	}
	for row := range s.Len() {
		if at := s.ValueOffset(row); at < len(data) && !utf8.RuneStart(data[at]) {
			return false
		}
	}
	return true
}

func (m *misfits) numbers(f arrow.Field, a arrow.Array) {
	const years = "of the years 1 to 9999"
	switch a := a.(type) {
	case *array.Timestamp:
		least, most := timestampRange(a.DataType().(*arrow.TimestampType).Unit)
		if outside(a.TimestampValues(), arrow.Timestamp(least), arrow.Timestamp(most)) {
			m.each(f, a, func(i int) bool { return int64(a.Value(i)) >= least && int64(a.Value(i)) <= most },
				"want a timestamp "+years)
		}
	case *array.Date32:
		if outside(a.Date32Values(), arrow.Date32(minDate), arrow.Date32(maxDate)) {
			m.each(f, a, func(i int) bool { return int32(a.Value(i)) >= minDate && int32(a.Value(i)) <= maxDate },
				"want a date "+years)
		}
	case *array.Time64:
		if KindOf(f) == Time && outside(a.Time64Values(), 0, maxClock) {
			m.each(f, a, func(i int) bool { return a.Value(i) >= 0 && a.Value(i) <= maxClock },
				"want a time from 00:00:00 to 23:59:59.999999")
		}
	case *array.Decimal128:
		t := a.DataType().(*arrow.Decimal128Type)
		if fits := digits(t.Precision); !allFit(a.Values(), fits) {
			m.each(f, a, func(i int) bool { return fits(a.Value(i)) }, "want a decimal("+
				strconv.Itoa(int(t.Precision))+","+strconv.Itoa(int(t.Scale))+")")
		}
	}
}

// each names the values that do not fit. What stands under a null does not matter.
func (m *misfits) each(f arrow.Field, a arrow.Array, fits func(i int) bool, want string) {
	view := NewView(f, a)
	for i := range a.Len() {
		if a.IsValid(i) && !fits(i) {
			m.add(i, want+", got "+string(view.Append(nil, i)))
		}
	}
}

// outside reports whether one of the values is not from least to most.
func outside[T ~int32 | ~int64](values []T, least, most T) bool {
	low, high := most, least
	for _, v := range values {
		low, high = min(low, v), max(high, v)
	}
	return low < least || high > most
}

// timestampRange is the years 1 to 9999 in units, as far as they have those.
func timestampRange(unit arrow.TimeUnit) (least, most int64) {
	switch unit {
	case arrow.Second:
		return floor(minTime, microsPerSecond), floor(maxTime, microsPerSecond)
	case arrow.Millisecond:
		return floor(minTime, 1000), floor(maxTime, 1000)
	case arrow.Nanosecond:
		return -1 << 63, 1<<63 - 1
	}
	return minTime, maxTime
}

// digits returns a function that reports whether a decimal has at most so many digits.
func digits(precision int32) func(decimal128.Num) bool {
	if precision > 18 {
		most := decimal128.GetMaxValue(precision) // not FitsInPrecision, which lets the least number of 128 bits in
		least := most.Negate()
		return func(n decimal128.Num) bool { return n.Cmp(most) <= 0 && n.Cmp(least) >= 0 }
	}
	most := int64(1)
	for range precision {
		most *= 10
	}
	return func(n decimal128.Num) bool {
		v := int64(n.LowBits())
		return n.HighBits() == v>>63 && v > -most && v < most
	}
}

func allFit(values []decimal128.Num, fits func(decimal128.Num) bool) bool {
	for _, v := range values {
		if !fits(v) {
			return false
		}
	}
	return true
}
