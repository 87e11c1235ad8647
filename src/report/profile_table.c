/* Texts are found again by a search tree (names are a stranger's: no hash of ours that they could be chosen against), functions and places by the numbers
 * of their parts. protobuf-c encodes; it borrows all that it is given. */
#include "report/profile_table.h"

#include <profile.pb-c.h>
#include <search.h>
#include <string.h>
#include <zlib.h>

#include "base/u64map.h"

enum {
    GZIP = 16,  /* zlib's flag for its format */
    MEMORY = 8, /* zlib's default */
    HALF = 32,
};

struct known_text {
    const char *bytes; /* the table's */
    int64_t index;
};

struct profile_table {
    void *tree; /* of struct known_text */
    struct table_texts VECTOR_OF(char *) texts;
    struct table_comments VECTOR_OF(int64_t) comments;
    struct table_types VECTOR_OF(Pprof__ValueType *) types;
    struct table_functions VECTOR_OF(Pprof__Function *) functions;
    struct table_locations VECTOR_OF(Pprof__Location *) locations;
    struct table_samples VECTOR_OF(Pprof__Sample *) samples;
    struct table_mappings VECTOR_OF(Pprof__Mapping *) mappings;
    struct u64map function_of; /* name and file -> index */
    struct u64map location_of; /* function and line -> index */
    int64_t default_type, unix_ns;
};

static int compare_texts(const void *left, const void *right)
{
    const struct known_text *a = left, *b = right;
    return strcmp(a->bytes, b->bytes);
}

/* The index of a text, escaped. */
static int64_t text_index(struct profile_table *table, const char *raw)
{
    char *bytes = text_escaped(raw ? raw : "", raw ? strlen(raw) : 0);
    struct known_text *fresh = xmalloc(sizeof(*fresh));
    *fresh = (struct known_text){.bytes = bytes, .index = (int64_t)table->texts.length};
    struct known_text **found = tsearch(fresh, &table->tree, compare_texts);
    if (!found)
        abort(); /* memory of seep's own */
    if (*found == fresh) {
        VECTOR_PUSH(&table->texts, bytes);
    } else {
        free(fresh);
        free(bytes);
    }
    return (*found)->index;
}

struct profile_table *profile_table_create(void)
{
    struct profile_table *table = xcalloc(1, sizeof(*table));
    text_index(table, "");
    return table;
}

void profile_table_add_type(struct profile_table *table, const char *type, const char *unit)
{
    Pprof__ValueType *value = xmalloc(sizeof(*value));
    pprof__value_type__init(value);
    value->type = text_index(table, type);
    value->unit = text_index(table, unit);
    VECTOR_PUSH(&table->types, value);
}

void profile_table_set_default(struct profile_table *table, const char *type)
{
    table->default_type = text_index(table, type);
}

void profile_table_set_time(struct profile_table *table, int64_t unix_ns)
{
    table->unix_ns = unix_ns;
}

void profile_table_set_program(struct profile_table *table, const char *file, const char *build_id)
{
    Pprof__Mapping *mapping = xmalloc(sizeof(*mapping));
    pprof__mapping__init(mapping);
    mapping->id = 1;
    mapping->filename = text_index(table, file);
    mapping->build_id = text_index(table, build_id);
    mapping->has_functions = mapping->has_filenames = 1;
    mapping->has_line_numbers = mapping->has_inline_frames = 1;
    VECTOR_PUSH(&table->mappings, mapping);
}

void profile_table_add_comment(struct profile_table *table, const char *comment)
{
    VECTOR_PUSH(&table->comments, text_index(table, comment));
}

/* Numbers of functions and places are their indices and one: 0 stands for none. */
static uint64_t function_number(struct profile_table *table, const struct profile_frame *frame)
{
    int64_t name = text_index(table, frame->name && *frame->name ? frame->name : "?");
    int64_t file = text_index(table, frame->file);
    bool is_new = false;
    uint64_t number = u64map_intern(&table->function_of, (uint64_t)name << HALF | (uint64_t)file,
                                    (uint32_t)table->functions.length, &is_new) +
                      1;
    if (!is_new)
        return number;
    Pprof__Function *function = xmalloc(sizeof(*function));
    pprof__function__init(function);
    function->id = number;
    function->name = function->system_name = name;
    function->filename = file;
    VECTOR_PUSH(&table->functions, function);
    return number;
}

static Pprof__Location *new_location(uint64_t number, uint64_t function, int64_t line, bool mapped)
{
    Pprof__Location *location = xmalloc(sizeof(*location));
    pprof__location__init(location);
    location->id = number;
    location->mapping_id = mapped;
    location->n_line = 1;
    location->line = xmalloc(sizeof(*location->line));
    location->line[0] = xmalloc(sizeof(*location->line[0]));
    pprof__line__init(location->line[0]);
    location->line[0]->function_id = function;
    location->line[0]->line = line;
    return location;
}

static uint64_t location_number(struct profile_table *table, const struct profile_frame *frame)
{
    uint64_t function = function_number(table, frame);
    uint32_t line = frame->line > 0 && frame->line <= INT32_MAX ? (uint32_t)frame->line : 0;
    bool is_new = false;
    uint64_t number = u64map_intern(&table->location_of, function << HALF | line,
                                    (uint32_t)table->locations.length, &is_new) +
                      1;
    if (is_new)
        VECTOR_PUSH(&table->locations,
                    new_location(number, function, line, table->mappings.length > 0));
    return number;
}

static void add_label(struct profile_table *table, Pprof__Sample *sample, const char *key,
                      const char *value)
{
    Pprof__Label *label = xmalloc(sizeof(*label));
    pprof__label__init(label);
    label->key = text_index(table, key);
    label->str = text_index(table, value);
    sample->n_label = 1;
    sample->label = xmalloc(sizeof(*sample->label));
    sample->label[0] = label;
}

static bool all_zero(const uint64_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (values[i])
            return false;
    }
    return true;
}

void profile_table_add_sample(struct profile_table *table, const struct profile_stack *stack,
                              const uint64_t *values, const char *key, const char *value)
{
    size_t count = table->types.length;
    if (all_zero(values, count))
        return;
    Pprof__Sample *sample = xmalloc(sizeof(*sample));
    pprof__sample__init(sample);
    sample->n_value = count;
    sample->value = xcalloc(count, sizeof(*sample->value));
    for (size_t i = 0; i < count; i++)
        sample->value[i] = values[i] > INT64_MAX ? INT64_MAX : (int64_t)values[i];
    sample->n_location_id = stack->length;
    sample->location_id = xcalloc(stack->length + 1, sizeof(*sample->location_id));
    for (size_t i = 0; i < stack->length; i++)
        sample->location_id[i] = location_number(table, &stack->at[i]);
    if (key && value)
        add_label(table, sample, key, value);
    VECTOR_PUSH(&table->samples, sample);
}

/* The message that borrows all of the table. */
static Pprof__Profile message_of(const struct profile_table *table)
{
    Pprof__Profile profile = PPROF__PROFILE__INIT;
    profile.n_sample_type = table->types.length;
    profile.sample_type = table->types.at;
    profile.n_sample = table->samples.length;
    profile.sample = table->samples.at;
    profile.n_mapping = table->mappings.length;
    profile.mapping = table->mappings.at;
    profile.n_location = table->locations.length;
    profile.location = table->locations.at;
    profile.n_function = table->functions.length;
    profile.function = table->functions.at;
    profile.n_string_table = table->texts.length;
    profile.string_table = table->texts.at;
    profile.n_comment = table->comments.length;
    profile.comment = table->comments.at;
    profile.time_nanos = table->unix_ns;
    profile.default_sample_type = table->default_type;
    return profile;
}

struct error *profile_table_bytes(const struct profile_table *table, struct text *bytes_ret)
{
    Pprof__Profile profile = message_of(table);
    size_t plain_length = pprof__profile__get_packed_size(&profile);
    if (plain_length > TEXT_MAX)
        return error_create(ERROR_LIMIT, "the profile would have %zu bytes, more than is written",
                            plain_length);
    AUTO_FREE uint8_t *plain = xmalloc(plain_length + 1);
    pprof__profile__pack(&profile, plain);
    z_stream stream = {.next_in = plain, .avail_in = (uInt)plain_length};
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP + MAX_WBITS, MEMORY,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        abort(); /* memory of seep's own */
    size_t room = deflateBound(&stream, plain_length);
    AUTO_FREE uint8_t *packed = xmalloc(room);
    stream.next_out = packed;
    stream.avail_out = (uInt)room;
    deflate(&stream, Z_FINISH); /* cannot fail: there is room for all */
    text_add(bytes_ret, (const char *)packed, stream.total_out);
    deflateEnd(&stream);
    return NULL;
}

/* ---- the end of it */

static void free_labels(Pprof__Sample *sample)
{
    for (size_t i = 0; i < sample->n_label; i++)
        free(sample->label[i]);
    free(sample->label);
}

static void free_samples(struct profile_table *table)
{
    for (size_t i = 0; i < table->samples.length; i++) {
        free_labels(table->samples.at[i]);
        free(table->samples.at[i]->location_id);
        free(table->samples.at[i]->value);
        free(table->samples.at[i]);
    }
    VECTOR_DEINIT(&table->samples);
}

static void free_locations(struct profile_table *table)
{
    for (size_t i = 0; i < table->locations.length; i++) {
        free(table->locations.at[i]->line[0]);
        free(table->locations.at[i]->line);
        free(table->locations.at[i]);
    }
    VECTOR_DEINIT(&table->locations);
}

void profile_table_destroy(struct profile_table *table)
{
    if (!table)
        return;
    free_samples(table);
    free_locations(table);
    for (size_t i = 0; i < table->functions.length; i++)
        free(table->functions.at[i]);
    for (size_t i = 0; i < table->types.length; i++)
        free(table->types.at[i]);
    for (size_t i = 0; i < table->mappings.length; i++)
        free(table->mappings.at[i]);
    tdestroy(table->tree, free);
    for (size_t i = 0; i < table->texts.length; i++)
        free(table->texts.at[i]);
    VECTOR_DEINIT(&table->functions);
    VECTOR_DEINIT(&table->types);
    VECTOR_DEINIT(&table->mappings);
    VECTOR_DEINIT(&table->texts);
    VECTOR_DEINIT(&table->comments);
    u64map_deinit(&table->function_of);
    u64map_deinit(&table->location_of);
    free(table);
}
