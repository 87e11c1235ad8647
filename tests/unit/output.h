/* What writers write, kept in memory; and JSON held against the keys that a schema in docs/ requires. Include after cmocka.h. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <jansson.h>
#include <stdio.h>
#include <string.h>

struct output {
    char *bytes;
    size_t size;
    FILE *file;
};

static inline FILE *output_open(struct output *output)
{
    *output = (struct output){0};
    output->file = open_memstream(&output->bytes, &output->size);
    return output->file;
}

static inline char *output_close(struct output *output)
{
    fclose(output->file);
    return output->bytes;
}

static inline void assert_no_trailing_blanks(const char *text)
{
    assert_null(strstr(text, " \n"));
    assert_null(strstr(text, "\t\n"));
}

/* The keys of an object are those that the schema requires. */
static inline void assert_keys(json_t *schema, const char *definition, json_t *object)
{
    json_t *defs =
        definition ? json_object_get(json_object_get(schema, "$defs"), definition) : schema;
    json_t *required = json_object_get(defs, "required");
    assert_true(json_is_object(object));
    assert_int_equal(json_object_size(object), json_array_size(required));
    for (size_t i = 0; i < json_array_size(required); i++)
        assert_non_null(json_object_get(object, json_string_value(json_array_get(required, i))));
}

static inline json_t *load(const char *name)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", DOCS, name);
    json_t *schema = json_load_file(path, 0, NULL);
    assert_non_null(schema);
    return schema;
}

#endif
