#include "cli/suppressions_file.h"

#include <string.h>
#include <yaml.h>

#include "base/text.h"
#include "cli/options.h"
#include "cli/read_file.h"

enum {
    FILE_SIZE_MAX = 1 << 20,
    ENTRIES_MAX = 10000,
    VALUE_SIZE_MAX = 4096
};

static const char default_path[] = ".seep.yaml";
static const char star_hint[] = " (what begins with a star wants quotes: \"*.go\")";

struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the one that is looked at */
    const char *bytes;
    const char *shown;
    struct suppressions *suppressions;
};

static size_t event_line(const struct reader *reader)
{
    return reader->event.start_mark.line + 1;
}

/* libyaml has no line for bytes that are no text. */
static size_t problem_line(const struct reader *reader)
{
    if (reader->parser.error != YAML_READER_ERROR)
        return reader->parser.problem_mark.line + 1;
    size_t line = 1;
    for (size_t i = 0; i < reader->parser.problem_offset; i++)
        line += reader->bytes[i] == '\n';
    return line;
}

static struct error *next(struct reader *reader)
{
    yaml_event_delete(&reader->event);
    if (yaml_parser_parse(&reader->parser, &reader->event))
        return NULL;
    const char *problem = reader->parser.problem;
    const char *context = reader->parser.context;
    bool star = context && strstr(context, "alias");
    return error_create(ERROR_BAD_DATA, "%s:%zu: not YAML: %s%s", reader->shown,
                        problem_line(reader), problem ? problem : "out of memory",
                        star ? star_hint : "");
}

static struct error *PRINTF_LIKE(3, 4)
    complaint(const struct reader *reader, size_t line, const char *format, ...)
{
    AUTO_FREE char *text = NULL;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    return error_create(ERROR_BAD_DATA, "%s:%zu: %s", reader->shown, line,
                        text ? text : "out of memory");
}

/* A key or value as one line: what a block of text has as newlines are blanks, and blanks at its ends
 * are none. */
static char *scalar_text(const struct reader *reader)
{
    static const char blanks[] = " \t\n";
    struct text text = {0};
    const char *value = (const char *)reader->event.data.scalar.value; /* ends with NUL */
    const char *end = value + reader->event.data.scalar.length;
    while (value += strspn(value, blanks), value < end) {
        size_t word = strcspn(value, blanks);
        word += !word; /* a NUL */
        if (text.length)
            text_puts(&text, " ");
        text_escape(&text, value, word);
        value += word;
    }
    return text.bytes ? text.bytes : xstrdup("");
}

static bool is_nothing(const struct reader *reader)
{
    return reader->event.type == YAML_SCALAR_EVENT && !reader->event.data.scalar.length &&
           reader->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

/* The value of a key: text, as a new string. The next event follows it. */
static struct error *read_value(struct reader *reader, const char *key, char **value_ret)
{
    if (reader->event.type != YAML_SCALAR_EVENT)
        return complaint(reader, event_line(reader), "'%s' wants text%s", key,
                         reader->event.type == YAML_ALIAS_EVENT ? star_hint : "");
    size_t line = event_line(reader);
    if (reader->event.data.scalar.length > VALUE_SIZE_MAX)
        return complaint(reader, line, "'%s' has more than %d bytes", key, VALUE_SIZE_MAX);
    AUTO_FREE char *value = scalar_text(reader);
    if (!*value)
        return complaint(reader, line, "'%s' is empty", key);
    TRY(next(reader));
    *value_ret = xstrdup(value);
    return NULL;
}

static struct error *read_rule(struct reader *reader, struct suppression *suppression)
{
    AUTO_FREE char *value = NULL;
    size_t line = event_line(reader);
    TRY(read_value(reader, "rule", &value));
    suppression->every_rule = !strcmp(value, "*");
    struct error *error = suppression->every_rule ? NULL : option_rule(value, &suppression->rule);
    return error ? error_context(error, "%s:%zu", reader->shown, line) : NULL;
}

/* One key of an entry with its value. */
static struct error *read_key(struct reader *reader, struct suppression *suppression,
                              bool *has_rule)
{
    if (reader->event.type != YAML_SCALAR_EVENT)
        return complaint(reader, event_line(reader), "a key is no text");
    AUTO_FREE char *key = scalar_text(reader);
    size_t line = event_line(reader);
    char **const values[] = {&suppression->function, &suppression->file, &suppression->reason};
    static const char *const keys[] = {"function", "file", "reason"};
    bool is_rule = !strcmp(key, "rule");
    if (is_rule && *has_rule)
        return complaint(reader, line, "'rule' is there twice");
    TRY(next(reader));
    if (is_rule) {
        *has_rule = true;
        return read_rule(reader, suppression);
    }
    for (size_t i = 0; i < LENGTH_OF(keys); i++) {
        if (strcmp(key, keys[i]) != 0)
            continue;
        if (*values[i])
            return complaint(reader, line, "'%s' is there twice", key);
        return read_value(reader, key, values[i]);
    }
    return complaint(reader, line, "'%s' is not known: an entry has rule, function, file, reason",
                     key);
}

static struct error *read_entry_into(struct reader *reader, struct suppression *suppression)
{
    bool has_rule = false;
    if (reader->event.type != YAML_MAPPING_START_EVENT)
        return complaint(reader, suppression->line,
                         "an entry has the keys rule, function, file, reason");
    TRY(next(reader));
    while (reader->event.type != YAML_MAPPING_END_EVENT)
        TRY(read_key(reader, suppression, &has_rule));
    if (!has_rule)
        return complaint(reader, suppression->line, "the entry has no rule");
    if (!suppression->function && !suppression->file)
        return complaint(reader, suppression->line, "the entry has neither function nor file");
    if (!suppression->reason)
        return complaint(reader, suppression->line, "the entry has no reason");
    return next(reader);
}

static struct error *read_entry(struct reader *reader)
{
    struct suppression suppression = {.line = event_line(reader)};
    struct error *error = read_entry_into(reader, &suppression);
    if (!error && reader->suppressions->list.length == ENTRIES_MAX)
        error = complaint(reader, suppression.line, "more than %d entries", ENTRIES_MAX);
    if (error)
        suppression_deinit(&suppression);
    else
        VECTOR_PUSH(&reader->suppressions->list, suppression);
    return error;
}

static struct error *read_list(struct reader *reader)
{
    if (is_nothing(reader))
        return next(reader);
    if (reader->event.type != YAML_SEQUENCE_START_EVENT)
        return complaint(reader, event_line(reader), "'suppress' wants a list");
    TRY(next(reader));
    while (reader->event.type != YAML_SEQUENCE_END_EVENT)
        TRY(read_entry(reader));
    return next(reader);
}

static struct error *read_document(struct reader *reader)
{
    bool seen = false;
    if (is_nothing(reader))
        return next(reader);
    if (reader->event.type != YAML_MAPPING_START_EVENT)
        return complaint(reader, event_line(reader), "expected 'suppress:' and a list below it");
    TRY(next(reader));
    while (reader->event.type != YAML_MAPPING_END_EVENT) {
        size_t line = event_line(reader);
        AUTO_FREE char *key =
            reader->event.type == YAML_SCALAR_EVENT ? scalar_text(reader) : xstrdup("?");
        if (strcmp(key, "suppress") != 0)
            return complaint(reader, line, "'%s' is not known: the file has 'suppress'", key);
        if (seen)
            return complaint(reader, line, "'suppress' is there twice");
        seen = true;
        TRY(next(reader));
        TRY(read_list(reader));
    }
    return next(reader);
}

static struct error *read_stream(struct reader *reader)
{
    TRY(next(reader)); /* the stream begins */
    TRY(next(reader));
    if (reader->event.type == YAML_STREAM_END_EVENT)
        return NULL;
    TRY(next(reader)); /* the document begins */
    TRY(read_document(reader));
    TRY(next(reader)); /* it has ended */
    if (reader->event.type != YAML_STREAM_END_EVENT)
        return complaint(reader, event_line(reader), "a second document");
    return NULL;
}

struct error *suppressions_parse(const char *bytes, size_t size, const char *shown,
                                 struct suppressions *suppressions_ret)
{
    struct suppressions suppressions = {0};
    struct reader reader = {.bytes = bytes, .shown = shown, .suppressions = &suppressions};
    if (!yaml_parser_initialize(&reader.parser))
        return error_create(ERROR_NO_MEMORY, "out of memory");
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)bytes, size);
    struct error *error = read_stream(&reader);
    yaml_event_delete(&reader.event);
    yaml_parser_delete(&reader.parser);
    if (error) {
        suppressions_deinit(&suppressions);
        return error;
    }
    suppressions.path = xstrdup(shown);
    *suppressions_ret = suppressions;
    return NULL;
}

struct error *suppressions_read(const char *path, struct suppressions *suppressions_ret)
{
    struct text text = {0};
    const char *name = path ? path : default_path;
    AUTO_FREE char *shown = text_escaped(name, strlen(name));
    struct error *error = read_file(name, FILE_SIZE_MAX, &text);
    if (!path && error && error_code(error) == ERROR_NOT_FOUND) {
        error_destroy(error);
        error = NULL;
        *suppressions_ret = (struct suppressions){0};
    } else if (!error) {
        error =
            suppressions_parse(text.bytes ? text.bytes : "", text.length, shown, suppressions_ret);
    }
    text_deinit(&text);
    return error;
}
