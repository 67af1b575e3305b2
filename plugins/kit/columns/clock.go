package columns

import (
	"encoding/binary"
	"strconv"
	"time"
)

const (
	microsPerSecond = 1_000_000
	microsPerMinute = 60 * microsPerSecond
	microsPerDay    = 24 * 60 * microsPerMinute
)

// Clock reads and writes timestamps in RFC 3339. It remembers the last minute,
// since neighbouring rows tend to share it. The zero Clock is ready.
type Clock struct {
	high, low uint64   // the 16 bytes "2006-01-02T15:04" last read
	read      int64    // the microseconds they stand for
	text      [19]byte // the second last written, "2006-01-02T15:04:05"
	second    int64    // since 1970
	minute    int64    // the second with which its minute begins
	wrote     bool
}

// Parse reads a timestamp as microseconds. The zone is required; the T may be a
// space; digits finer than a microsecond are cut.
func (k *Clock) Parse(s []byte) (micros int64, ok bool) {
	if len(s) < 20 {
		return 0, false
	}
	high, low := binary.BigEndian.Uint64(s), binary.BigEndian.Uint64(s[8:])
	// No minute begins with eight zero bytes, and a new Clock has not read any.
	if high != k.high || low != k.low || high == 0 {
		minute, ok := parseMinute(s)
		if !ok {
			return 0, false
		}
		k.high, k.low, k.read = high, low, minute
	}
	second, ok := pair(s[17:])
	if !ok || s[16] != ':' || second > 59 {
		return 0, false
	}
	micros = k.read + second*microsPerSecond
	if len(s) == 20 && s[19] == 'Z' {
		return micros, true
	}
	suffix := s[19:]
	if suffix[0] == '.' {
		fraction, length := parseFraction(suffix[1:])
		if length == 0 {
			return 0, false
		}
		micros, suffix = micros+fraction, suffix[1+length:]
	}
	offset, ok := parseZone(suffix)
	return micros - offset, ok
}

// parseMinute reads "2006-01-02T15:04".
func parseMinute(s []byte) (int64, bool) {
	days, ok := ParseDate(s[:10])
	hour, hourOK := pair(s[11:])
	minute, minuteOK := pair(s[14:])
	between := s[10] == 'T' || s[10] == ' ' || s[10] == 't'
	if !ok || !hourOK || !minuteOK || !between || s[13] != ':' || hour > 23 || minute > 59 {
		return 0, false
	}
	return int64(days)*microsPerDay + (hour*60+minute)*microsPerMinute, true
}

// parseFraction reads the digits after a point and returns how many there are.
func parseFraction(s []byte) (micros int64, length int) {
	for length < len(s) && s[length]-'0' <= 9 {
		if length < 6 {
			micros = micros*10 + int64(s[length]-'0')
		}
		length++
	}
	return micros * units[min(length, 6)], length
}

// units are the microseconds of the last of so many digits of a fraction.
var units = [7]int64{0, 100_000, 10_000, 1_000, 100, 10, 1}

// parseZone reads Z or an offset such as +02:00.
func parseZone(s []byte) (micros int64, ok bool) {
	if len(s) == 1 {
		return 0, s[0] == 'Z' || s[0] == 'z'
	}
	if len(s) != 6 || (s[0] != '+' && s[0] != '-') || s[3] != ':' {
		return 0, false
	}
	hours, hoursOK := pair(s[1:])
	minutes, minutesOK := pair(s[4:])
	if !hoursOK || !minutesOK || hours > 23 || minutes > 59 {
		return 0, false
	}
	micros = (hours*60 + minutes) * microsPerMinute
	if s[0] == '-' {
		micros = -micros
	}
	return micros, true
}

// pair reads two digits.
func pair(s []byte) (int64, bool) {
	tens, ones := s[0]-'0', s[1]-'0'
	return int64(tens)*10 + int64(ones), tens <= 9 && ones <= 9
}

// ParseDate reads "2006-01-02" as days since the Unix epoch.
func ParseDate(s []byte) (days int32, ok bool) {
	if len(s) != 10 || s[4] != '-' || s[7] != '-' {
		return 0, false
	}
	century, centuryOK := pair(s)
	year, yearOK := pair(s[2:])
	month, monthOK := pair(s[5:])
	day, dayOK := pair(s[8:])
	if !centuryOK || !yearOK || !monthOK || !dayOK {
		return 0, false
	}
	// time.Date turns the 30th of February into March: what comes back must be what went in.
	t := time.Date(int(century*100+year), time.Month(month), int(day), 0, 0, 0, 0, time.UTC)
	if t.Month() != time.Month(month) || t.Day() != int(day) {
		return 0, false
	}
	return int32(t.Unix() / (24 * 60 * 60)), true
}

// ParseTime reads "15:04:05", with or without a fraction, as microseconds of a day.
func ParseTime(s []byte) (micros int64, ok bool) {
	if len(s) < 8 || s[2] != ':' || s[5] != ':' {
		return 0, false
	}
	hour, hourOK := pair(s)
	minute, minuteOK := pair(s[3:])
	second, secondOK := pair(s[6:])
	if !hourOK || !minuteOK || !secondOK || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	micros = ((hour*60+minute)*60 + second) * microsPerSecond
	if len(s) == 8 {
		return micros, true
	}
	fraction, length := parseFraction(s[9:])
	return micros + fraction, s[8] == '.' && length > 0 && length == len(s)-9
}

// Append writes a timestamp in RFC 3339, UTC, with no fraction, three digits or
// six, as needed.
func (k *Clock) Append(dst []byte, micros int64) []byte {
	second := floor(micros, microsPerSecond)
	if (!k.wrote || second != k.second) && !k.setSecond(second) {
		return time.UnixMicro(micros).UTC().AppendFormat(dst, time.RFC3339Nano)
	}
	dst = append(dst, k.text[:]...)
	return append(appendFraction(dst, micros-second*microsPerSecond), 'Z')
}

// setSecond changes the second last written. It returns false for one of a year
// of five digits.
func (k *Clock) setSecond(second int64) bool {
	k.second = second
	if in := second - k.minute; k.wrote && in >= 0 && in < 60 {
		k.text[17], k.text[18] = byte('0'+in/10), byte('0'+in%10)
		return true
	}
	t := time.Unix(second, 0).UTC()
	k.wrote = len(t.AppendFormat(k.text[:0:len(k.text)], "2006-01-02T15:04:05")) == len(k.text)
	k.minute = second - int64(t.Second())
	return k.wrote
}

// AppendTime writes microseconds of a day. Others, which only messages show, have a
// sign or more hours.
func AppendTime(dst []byte, micros int64) []byte {
	if micros < 0 || micros >= microsPerDay {
		return appendClock(dst, micros)
	}
	minute := floor(micros, microsPerMinute)
	dst = append(appendPair(dst, minute/60), ':')
	dst = appendPair(dst, minute%60)
	return appendSeconds(dst, micros-minute*microsPerMinute)
}

func appendClock(dst []byte, micros int64) []byte {
	size := uint64(micros)
	if micros < 0 {
		dst, size = append(dst, '-'), -size
	}
	if hours := size / (60 * microsPerMinute); hours > 99 {
		dst = strconv.AppendUint(dst, hours, 10)
	} else {
		dst = appendPair(dst, int64(hours))
	}
	minute := size / microsPerMinute
	dst = appendPair(append(dst, ':'), int64(minute%60))
	return appendSeconds(dst, int64(size-minute*microsPerMinute))
}

// AppendDate writes days since the Unix epoch.
func AppendDate(dst []byte, days int32) []byte {
	return time.Unix(int64(days)*24*60*60, 0).UTC().AppendFormat(dst, time.DateOnly)
}

// appendSeconds writes ":05" and the fraction.
func appendSeconds(dst []byte, micros int64) []byte {
	dst = appendPair(append(dst, ':'), micros/microsPerSecond)
	return appendFraction(dst, micros%microsPerSecond)
}

func appendFraction(dst []byte, fraction int64) []byte {
	if fraction == 0 {
		return dst
	}
	millis := fraction / 1_000
	dst = appendPair(append(dst, '.', byte('0'+millis/100)), millis%100)
	if fraction -= millis * 1_000; fraction == 0 {
		return dst
	}
	return appendPair(append(dst, byte('0'+fraction/100)), fraction%100)
}

func appendPair(dst []byte, v int64) []byte {
	return append(dst, byte('0'+v/10), byte('0'+v%10))
}

func floor(v, unit int64) int64 {
	n := v / unit
	if v%unit < 0 {
		n--
	}
	return n
}
