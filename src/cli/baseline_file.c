#include "cli/baseline_file.h"

#include <jansson.h>
#include <string.h>

#include "base/text.h"
#include "cli/read_file.h"

enum {
    FILE_SIZE_MAX = 64 << 20,
    SCHEMA = 1 /* the one that scan_json.c writes */
};

static struct error *not_a_scan(const char *shown)
{
    return error_create(ERROR_BAD_DATA, "%s is no output of `seep scan --json`", shown);
}

static struct error *take_document(const json_t *document, const char *shown,
                                   struct baseline *baseline)
{
    const json_t *schema = json_object_get(document, "schema");
    const json_t *findings = json_object_get(document, "findings");
    if (!json_is_integer(schema) || !json_is_array(findings) ||
        !json_is_object(json_object_get(document, "binary")))
        return not_a_scan(shown);
    if (json_integer_value(schema) != SCHEMA)
        return error_create(ERROR_UNSUPPORTED,
                            "%s has schema %lld, and this seep reads %d: make it anew", shown,
                            (long long)json_integer_value(schema), SCHEMA);
    for (size_t i = 0; i < json_array_size(findings); i++) {
        const json_t *finding = json_array_get(findings, i);
        const char *rule = json_string_value(json_object_get(finding, "rule"));
        const char *fingerprint = json_string_value(json_object_get(finding, "fingerprint"));
        if (!rule || !fingerprint)
            return not_a_scan(shown);
        baseline_add(baseline, rule, fingerprint);
    }
    return NULL;
}

static size_t count_lines(const char *bytes, size_t size)
{
    size_t lines = 0;
    for (size_t i = 0; i < size; i++)
        lines += bytes[i] == '\n';
    return lines;
}

static struct error *take_documents(const struct text *text, const char *shown,
                                    struct baseline *baseline)
{
    size_t at = 0;
    unsigned documents = 0;
    while (at += strspn(text->bytes + at, " \t\r\n"), at < text->length) {
        json_error_t problem;
        json_t *document =
            json_loadb(text->bytes + at, text->length - at, JSON_DISABLE_EOF_CHECK, &problem);
        if (!document)
            return error_create(ERROR_BAD_DATA, "%s:%zu: not JSON", shown,
                                count_lines(text->bytes, at) +
                                    (problem.line > 0 ? (size_t)problem.line : 1));
        struct error *error = take_document(document, shown, baseline);
        json_decref(document);
        TRY(error);
        at += (size_t)problem.position;
        documents++;
    }
    return documents ? NULL : not_a_scan(shown);
}

struct error *baseline_read(const char *path, struct baseline *baseline)
{
    struct text text = {0};
    AUTO_FREE char *shown = text_escaped(path, strlen(path));
    struct error *error = read_file(path, FILE_SIZE_MAX, &text);
    if (!error)
        error = text.bytes ? take_documents(&text, shown, baseline) : not_a_scan(shown);
    text_deinit(&text);
    return error;
}
