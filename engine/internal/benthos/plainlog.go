package benthos

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/redpanda-data/benthos/v4/public/service"
	"gopkg.in/natefinch/lumberjack.v2"
)

// LogOptions say where the log of a plain config goes, and how much of it,
// whatever its logger section says.
type LogOptions struct {
	Output io.Writer  // unless the section names a file
	Level  slog.Level // if Given
	Given  bool
	Least  slog.Level // never less than that
}

// loggerFields are those of Benthos's logger section.
var loggerFields = []*service.ConfigField{
	service.NewStringField("level").Default("INFO"),
	service.NewStringField("format").Default("logfmt"),
	service.NewBoolField("add_timestamp").Default(true),
	service.NewStringField("level_name").Default(slog.LevelKey),
	service.NewStringField("timestamp_name").Default(slog.TimeKey),
	service.NewStringField("message_name").Default(slog.MessageKey),
	service.NewStringMapField("static_fields").Default(map[string]any{}),
	service.NewObjectField("file",
		service.NewStringField("path").Default(""),
		service.NewBoolField("rotate").Default(false),
		service.NewIntField("rotate_max_age_days").Default(0)).Optional(),
}

// loggerSettings are a logger section.
type loggerSettings struct {
	level     slog.Level
	json      bool
	names     map[string]string // of the keys of a line; "" leaves one out
	fields    map[string]string
	path      string
	rotate    bool
	maxAge    int // days
	timestamp bool
}

func loggerOf(conf *service.ParsedConfig) (l loggerSettings, err error) {
	l = loggerSettings{level: slog.LevelInfo, timestamp: true, names: map[string]string{}}
	if !conf.Contains("logger") {
		return l, nil
	}
	conf = conf.Namespace("logger")
	var all []error
	text := func(path ...string) string {
		value, err := conf.FieldString(path...)
		all = append(all, err)
		return value
	}
	flag := func(path ...string) bool {
		value, err := conf.FieldBool(path...)
		all = append(all, err)
		return value
	}
	for key, field := range map[string]string{slog.LevelKey: "level_name", slog.TimeKey: "timestamp_name",
		slog.MessageKey: "message_name"} {
		l.names[key] = text(field)
	}
	if l.timestamp = flag("add_timestamp"); !l.timestamp {
		l.names[slog.TimeKey] = ""
	}
	if l.fields, err = conf.FieldStringMap("static_fields"); err != nil {
		all = append(all, err)
	}
	if conf.Contains("file") {
		l.path, l.rotate = text("file", "path"), flag("file", "rotate")
		l.maxAge, err = conf.FieldInt("file", "rotate_max_age_days")
		all = append(all, err)
	}
	level, format := text("level"), text("format")
	if l.level, err = plainLevel(level); err != nil {
		all = append(all, err)
	}
	if l.json = format == "json"; !l.json && format != "logfmt" {
		all = append(all, fmt.Errorf("format: want json or logfmt, got %q", format))
	}
	return l, errors.Join(all...)
}

// plainLevel is a level by the name that Benthos has for it.
func plainLevel(name string) (slog.Level, error) {
	switch strings.ToUpper(name) {
	case "OFF", "NONE", "FATAL":
		return slog.LevelError + 4, nil
	case "ERROR":
		return slog.LevelError, nil
	case "WARN":
		return slog.LevelWarn, nil
	case "INFO":
		return slog.LevelInfo, nil
	case "DEBUG", "TRACE", "ALL":
		return slog.LevelDebug, nil
	}
	return 0, fmt.Errorf("level: want OFF, FATAL, ERROR, WARN, INFO, DEBUG, TRACE or ALL, got %q", name)
}

// plainLog is the log of a plain config.
type plainLog struct {
	logger *slog.Logger
	file   io.Closer // nil: standard error
}

func (l *plainLog) close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

// openPlainLog makes the log that a section asks for. It goes to standard error,
// away from the data, or to the section's file.
func openPlainLog(s loggerSettings, o LogOptions) (*plainLog, error) {
	l, out := &plainLog{}, o.Output
	if s.path != "" && s.rotate {
		file := &lumberjack.Logger{Filename: s.path, MaxSize: 10, MaxAge: s.maxAge, MaxBackups: 1, Compress: true}
		l.file, out = file, file
	} else if s.path != "" {
		file, err := os.OpenFile(s.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o666)
		if err != nil {
			return nil, err
		}
		l.file, out = file, file
	}
	level := s.level
	if o.Given {
		level = o.Level
	}
	if l.file == nil {
		level = max(level, o.Least)
	}
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: s.rename}
	var handler slog.Handler = slog.NewTextHandler(out, options)
	if s.json {
		handler = slog.NewJSONHandler(out, options)
	}
	var fields []slog.Attr
	for _, key := range slices.Sorted(maps.Keys(s.fields)) {
		fields = append(fields, slog.String(key, s.fields[key]))
	}
	l.logger = slog.New(tidied{handler, fields})
	return l, nil
}

// rename gives the keys of a line the names of the section, and levels the
// spelling that Benthos has.
func (s loggerSettings) rename(groups []string, a slog.Attr) slog.Attr {
	if a.Key == spokenMark {
		return slog.Attr{}
	}
	name, ok := s.names[a.Key]
	if len(groups) > 0 || !ok {
		return a
	}
	if name == "" {
		return slog.Attr{}
	}
	if level, is := a.Value.Any().(slog.Level); is && a.Key == slog.LevelKey {
		return slog.String(name, strings.ToLower(level.String()))
	}
	a.Key = name
	return a
}
