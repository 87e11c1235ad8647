/* A mapping of keys, some of which are mappings or lists themselves; read as a document, since files that people write are small. */
#include "cli/watch_file.h"

#include <string.h>
#include <yaml.h>

#include "agent/settings_check.h"
#include "base/text.h"
#include "cli/options.h"
#include "cli/read_file.h"

enum {
    FILE_SIZE_MAX = 1 << 20
};

struct reader {
    yaml_document_t *document;
    const char *shown; /* the file */
    struct settings *settings;
};

static struct error *PRINTF_LIKE(3, 4)
    complaint(const struct reader *reader, const yaml_node_t *node, const char *format, ...)
{
    AUTO_FREE char *text = NULL;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    return error_create(ERROR_BAD_DATA, "%s:%zu: %s", reader->shown, node->start_mark.line + 1,
                        text ? text : "out of memory");
}

/* NULL if it is no plain text. */
static const char *text_of(const yaml_node_t *node)
{
    const char *text =
        node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
    return text && *text && strlen(text) == node->data.scalar.length ? text : NULL;
}

/* The same error with the file and the line. */
static struct error *placed(const struct reader *reader, const yaml_node_t *node,
                            struct error *error)
{
    if (!error)
        return NULL;
    struct error *told = complaint(reader, node, "%s", error_message(error));
    error_destroy(error);
    return told;
}

/* ---- kinds of values */

static struct error *read_text(const struct reader *reader, const yaml_node_t *node, void *to)
{
    const char *text = text_of(node);
    if (!text)
        return complaint(reader, node, "text is wanted here");
    free(*(char **)to);
    *(char **)to = xstrdup(text);
    return NULL;
}

static struct error *read_address(const struct reader *reader, const yaml_node_t *node, void *to)
{
    TRY(read_text(reader, node, to));
    return placed(reader, node, check_http(*(char **)to));
}

static struct error *read_texts(const struct reader *reader, const yaml_node_t *node, void *to)
{
    struct patterns *texts = to;
    if (node->type != YAML_SEQUENCE_NODE)
        return complaint(reader, node, "a list is wanted here: [\"api-*\", worker]");
    for (const yaml_node_item_t *item = node->data.sequence.items.start;
         item < node->data.sequence.items.top; item++) {
        char *text = NULL;
        TRY(read_text(reader, yaml_document_get_node(reader->document, *item), &text));
        VECTOR_PUSH(texts, text);
    }
    return NULL;
}

static struct error *read_headers(const struct reader *reader, const yaml_node_t *node, void *to)
{
    struct patterns *lines = to;
    TRY(read_texts(reader, node, to));
    for (size_t i = 0; i < lines->length; i++)
        TRY(placed(reader, node, check_header(lines->at[i])));
    return NULL;
}

static struct error *read_flag(const struct reader *reader, const yaml_node_t *node, void *to)
{
    const char *text = text_of(node);
    if (!text || (strcmp(text, "true") != 0 && strcmp(text, "false") != 0))
        return complaint(reader, node, "true or false is wanted here");
    *(bool *)to = !strcmp(text, "true");
    return NULL;
}

/* A number with one of the units, in the first of them. */
struct unit {
    const char *name;
    double factor;
};

static struct error *read_number(const struct reader *reader, const yaml_node_t *node,
                                 const struct unit *units, double *number_ret)
{
    const char *text = text_of(node);
    char *end = NULL;
    double number = text ? strtod(text, &end) : -1;
    if (!text || end == text || !(number >= 0 && number < 1e15))
        return complaint(reader, node, "a number with a unit is wanted here, such as 90%s",
                         units[0].name);
    if (!*end && number == 0) {
        *number_ret = 0;
        return NULL;
    }
    for (const struct unit *unit = units; unit->name; unit++) {
        if (!strcmp(unit->name, end)) {
            *number_ret = number * unit->factor;
            return NULL;
        }
    }
    return complaint(reader, node, "'%s' has no unit that is known here; %s and %s are some", text,
                     units[0].name, units[1].name);
}

static struct error *read_time_ms(const struct reader *reader, const yaml_node_t *node, void *to)
{
    static const struct unit units[] = {{"s", 1e3},     {"ms", 1},      {"m", 60e3},
                                        {"h", 3600e3},  {"d", 86400e3}, {"w", 7 * 86400e3},
                                        {"y", 31536e6}, {NULL, 0}};
    double number = 0;
    TRY(read_number(reader, node, units, &number));
    *(int64_t *)to = (int64_t)number;
    return NULL;
}

static struct error *read_interval(const struct reader *reader, const yaml_node_t *node, void *to)
{
    TRY(read_time_ms(reader, node, to));
    return placed(reader, node, check_interval(*(int64_t *)to));
}

static struct error *read_pause(const struct reader *reader, const yaml_node_t *node, void *to)
{
    TRY(read_time_ms(reader, node, to));
    return placed(reader, node, check_pause(*(int64_t *)to));
}

static struct error *read_time_s(const struct reader *reader, const yaml_node_t *node, void *to)
{
    int64_t time_ms = 0;
    TRY(read_time_ms(reader, node, &time_ms));
    *(double *)to = (double)time_ms / 1e3;
    return NULL;
}

static struct error *read_size(const struct reader *reader, const yaml_node_t *node, void *to)
{
    static const struct unit units[] = {{"MiB", 1 << 20}, {"GiB", 1 << 30}, {"KiB", 1 << 10},
                                        {"MB", 1e6},      {"GB", 1e9},      {NULL, 0}};
    double number = 0;
    TRY(read_number(reader, node, units, &number));
    *(uint64_t *)to = (uint64_t)number;
    return NULL;
}

static struct error *read_listen(const struct reader *reader, const yaml_node_t *node, void *to)
{
    const char *text = text_of(node);
    return text ? placed(reader, node, settings_listen(to, text))
                : complaint(reader, node, "no address");
}

/* ---- keys */

typedef struct error *read_function(const struct reader *reader, const yaml_node_t *node, void *to);

struct key {
    const char *section, *name; /* "webhook", "url"; section NULL: at the top */
    read_function *read;
    size_t offset;
};

#define KEY(section, name, read, member)                       \
    {                                                          \
        section, name, read, offsetof(struct settings, member) \
    }

static const struct key keys[] = {
    KEY(NULL, "store", read_text, store),
    {NULL, "listen", read_listen, 0},
    KEY(NULL, "interval", read_interval, interval_ms),
    KEY(NULL, "token_file", read_text, token_file),
    KEY(NULL, "page_url", read_address, page_url),
    KEY(NULL, "only", read_texts, only),
    KEY(NULL, "never", read_texts, never),
    KEY("webhook", "url", read_address, webhook),
    KEY("webhook", "headers", read_headers, headers),
    KEY("keep", "samples", read_time_ms, keep.keep_samples_ms),
    KEY("keep", "rollups", read_time_ms, keep.keep_rollups_ms),
    KEY("keep", "size", read_size, keep.size_max_bytes),
    KEY("inspect", "enabled", read_flag, inspect),
    KEY("inspect", "cpu_per_process", read_time_s, inspect_process_cpu_s),
    KEY("inspect", "cpu_in_all", read_time_s, inspect_all_cpu_s),
    KEY("inspect", "memory", read_size, inspect_memory_bytes),
    KEY("inspect", "pause", read_pause, inspect_pause_ms),
    KEY("inspect", "pause_per_process", read_time_ms, inspect_process_pause_ms),
    KEY("inspect", "time", read_time_ms, inspect_wall_ms),
};

static bool is_section(const char *name)
{
    for (size_t i = 0; i < LENGTH_OF(keys); i++) {
        if (keys[i].section && !strcmp(keys[i].section, name))
            return true;
    }
    return false;
}

static struct error *read_key(const struct reader *reader, const char *section,
                              const yaml_node_t *name_node, const yaml_node_t *value)
{
    const char *name = text_of(name_node);
    AUTO_FREE char *shown = name ? text_escaped(name, strlen(name)) : NULL;
    for (size_t i = 0; name && i < LENGTH_OF(keys); i++) {
        bool here =
            section ? keys[i].section && !strcmp(keys[i].section, section) : !keys[i].section;
        if (here && !strcmp(keys[i].name, name))
            return keys[i].read(reader, value, (char *)reader->settings + keys[i].offset);
    }
    return complaint(reader, name_node, "there is no key '%s%s%s' (docs/running.md has all)",
                     section ? section : "", section ? "." : "", shown ? shown : "?");
}

/* YAML itself would take the last one without a word. */
static struct error *check_once(const struct reader *reader, const yaml_node_t *mapping,
                                const yaml_node_pair_t *pair)
{
    const yaml_node_t *name = yaml_document_get_node(reader->document, pair->key);
    const char *text = text_of(name);
    for (const yaml_node_pair_t *before = mapping->data.mapping.pairs.start; before < pair;
         before++) {
        const yaml_node_t *other = yaml_document_get_node(reader->document, before->key);
        const char *other_text = text_of(other);
        if (text && other_text && !strcmp(text, other_text)) {
            AUTO_FREE char *shown = text_escaped(text, strlen(text));
            return complaint(reader, name, "the key '%s' stands in line %zu already", shown,
                             other->start_mark.line + 1);
        }
    }
    return NULL;
}

static struct error *read_mapping(const struct reader *reader, const char *section,
                                  const yaml_node_t *node)
{
    if (node->type != YAML_MAPPING_NODE)
        return complaint(reader, node, "keys with values are wanted here");
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *name = yaml_document_get_node(reader->document, pair->key),
                          *value = yaml_document_get_node(reader->document, pair->value);
        const char *text = text_of(name);
        TRY(check_once(reader, node, pair));
        if (!section && text && is_section(text))
            TRY(read_mapping(reader, text, value));
        else
            TRY(read_key(reader, section, name, value));
    }
    return section && !strcmp(section, "keep")
               ? placed(reader, node, check_keep(&reader->settings->keep))
               : NULL;
}

static struct error *read_document(struct reader *reader, const struct text *file)
{
    yaml_parser_t parser;
    yaml_document_t document;
    if (!yaml_parser_initialize(&parser))
        return error_create(ERROR_NO_MEMORY, "out of memory");
    yaml_parser_set_input_string(&parser, (const unsigned char *)file->bytes, file->length);
    struct error *error = NULL;
    if (!yaml_parser_load(&parser, &document)) {
        error = error_create(ERROR_BAD_DATA, "%s:%zu: not YAML: %s", reader->shown,
                             parser.problem_mark.line + 1,
                             parser.problem ? parser.problem : "out of memory");
    } else {
        reader->document = &document;
        const yaml_node_t *root = yaml_document_get_root_node(&document);
        error = root ? read_mapping(reader, NULL, root) : NULL; /* an empty file says nothing */
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    return error;
}

struct error *watch_file_read(const char *path, struct settings *settings)
{
    AUTO_FREE char *shown = text_escaped(path, strlen(path));
    struct text file = {0};
    struct reader reader = {.shown = shown, .settings = settings};
    struct error *error = read_file(path, FILE_SIZE_MAX, &file);
    if (!error && file.length)
        error = read_document(&reader, &file);
    text_deinit(&file);
    return error;
}
