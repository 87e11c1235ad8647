#include "agent/evidence.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "agent/answer.h"
#include "base/text.h"

enum {
    TEXT_LENGTH_MAX = 2000
};

void spot_deinit(struct spot *spot)
{
    free(spot->function);
    free(spot->file);
    *spot = (struct spot){0};
}

char *spot_name(const struct spot *spot)
{
    const char *slash = strrchr(spot->file, '/');
    struct text text = {0};
    text_puts(&text, *spot->function ? spot->function : "?");
    if (*spot->file)
        text_printf(&text, " %s:%d", slash ? slash + 1 : spot->file, (int)spot->line);
    return text.bytes;
}

/* A text as it is shown and kept: escaped once more, since it came through another process. */
static uint64_t count_in(const json_t *object, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(object, key));
    return value > 0 ? (uint64_t)value : 0;
}

static struct spot spot_in(const json_t *object, const char *key)
{
    const json_t *place = json_object_get(object, key);
    return (struct spot){
        .function = answer_text(place, "function", TEXT_LENGTH_MAX),
        .file = answer_text(place, "file", TEXT_LENGTH_MAX),
        .line = answer_line(place),
    };
}

static char *reasons_in(const json_t *object)
{
    const json_t *array = json_object_get(object, "because");
    struct text text = {0};
    for (size_t i = 0; i < json_array_size(array) && i < EVIDENCE_REASONS_MAX; i++) {
        const json_t *line = json_array_get(array, i);
        if (!json_is_string(line))
            continue;
        if (text.length)
            text_puts(&text, "\n");
        text_escape(&text, json_string_value(line),
                    json_string_length(line) < TEXT_LENGTH_MAX ? json_string_length(line)
                                                               : TEXT_LENGTH_MAX);
    }
    return text.bytes ? text.bytes : xstrdup("");
}

static void finding_deinit(struct evidence_finding *finding)
{
    free(finding->rule);
    free(finding->grade);
    free(finding->title);
    free(finding->fix);
    free(finding->because);
    spot_deinit(&finding->at);
    spot_deinit(&finding->started_at);
}

void evidence_deinit(struct evidence *evidence)
{
    for (size_t i = 0; i < evidence->findings.length; i++)
        finding_deinit(&evidence->findings.at[i]);
    VECTOR_DEINIT(&evidence->findings);
}

struct error *evidence_read(const char *json, size_t length, struct evidence *evidence_ret)
{
    json_error_t problem;
    json_t *document = json_loadb(json, length, JSON_DISABLE_EOF_CHECK, &problem);
    const json_t *findings = json_object_get(document, "findings");
    if (!json_is_array(findings)) {
        json_decref(document);
        return error_create(ERROR_BAD_DATA, "the inspection's document makes no sense");
    }
    struct evidence evidence = {.pause_us = count_in(document, "pause_us")};
    for (size_t i = 0; i < json_array_size(findings) && i < EVIDENCE_FINDINGS_MAX; i++) {
        const json_t *finding = json_array_get(findings, i);
        VECTOR_PUSH(&evidence.findings, (struct evidence_finding){
                                            .rule = answer_text(finding, "rule", TEXT_LENGTH_MAX),
                                            .grade = answer_text(finding, "grade", TEXT_LENGTH_MAX),
                                            .title = answer_text(finding, "title", TEXT_LENGTH_MAX),
                                            .fix = answer_text(finding, "fix", TEXT_LENGTH_MAX),
                                            .because = reasons_in(finding),
                                            .at = spot_in(finding, "at"),
                                            .started_at = spot_in(finding, "started_at"),
                                            .count = count_in(finding, "count"),
                                            .held_bytes = count_in(finding, "held_bytes"),
                                        });
    }
    json_decref(document);
    *evidence_ret = evidence;
    return NULL;
}
