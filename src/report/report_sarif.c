#include "report/report_sarif.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "report/sarif_internal.h"

static const char schema_uri[] =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json";

static const char *level_of(enum grade grade)
{
    return grade == GRADE_CERTAIN ? "error" : grade == GRADE_LIKELY ? "warning" : "note";
}

/* Braces mark placeholders in a message: those that are meant are written twice (SARIF 2.1.0,
 * "Messages with placeholders"). Wide gaps, which set code apart on a terminal, become one blank. */
static void add_words(struct text *message, const char *words)
{
    for (; *words; words++) {
        if (words[0] == ' ' && words[1] == ' ')
            continue;
        text_add(message, words, 1);
        if (*words == '{' || *words == '}')
            text_add(message, words, 1);
    }
}

static json_t *message_json(const char *words)
{
    struct text message = {0};
    add_words(&message, words);
    json_t *value = json_pack("{s:o}", "text", json_text(message.bytes ? message.bytes : ""));
    text_deinit(&message);
    return value;
}

/* "title. Because: reason; reason. Fix: fix. The goroutine is started [here](1)." The first sentence
 * is all that a code host shows in a list. */
static json_t *finding_message(const struct finding *finding)
{
    struct text message = {0};
    add_words(&message, finding->title ? finding->title : "?");
    for (size_t i = 0; i < finding->because.length; i++) {
        text_puts(&message, i ? "; " : ". Because: ");
        add_words(&message, finding->because.at[i]);
    }
    text_puts(&message, ".");
    if (finding->fix) {
        text_puts(&message, " Fix: ");
        add_words(&message, finding->fix);
        text_puts(&message, ".");
    }
    if (finding->started_at.function)
        text_puts(&message, " The goroutine is started [here](1).");
    json_t *value = json_pack("{s:o}", "text", json_text(message.bytes));
    text_deinit(&message);
    return value;
}

static void add_related(const struct scan_report *report, const struct place *place, int id,
                        const char *words, json_t *bases, json_t *related)
{
    if (!place->function)
        return;
    json_t *location = sarif_other_location(report, place, bases);
    json_object_set_new(location, "id", json_integer(id));
    json_object_set_new(location, "message", message_json(words));
    json_array_append_new(related, location);
}

static json_t *related_json(const struct scan_report *report, const struct finding *finding,
                            json_t *bases)
{
    json_t *related = json_array();
    add_related(report, &finding->started_at, 1, "the goroutine is started", bases, related);
    add_related(report, &finding->deferred, 2, "the deferred function", bases, related);
    return related;
}

static void add_known(const struct scan_report *report, const struct finding *finding,
                      json_t *result)
{
    const struct known *known = scan_report_known(report, finding);
    if (known->suppression)
        json_object_set_new(result, "suppressions",
                            json_pack("[{s:s, s:o}]", "kind", "external", "justification",
                                      json_text(known->suppression->reason)));
    if (report->has_baseline)
        json_object_set_new(result, "baselineState",
                            json_string(known->in_baseline ? "unchanged" : "new"));
}

static json_t *result_json(const struct scan_report *report, const struct finding *finding,
                           json_t *bases)
{
    const struct origin *origin = &finding->origin;
    json_t *related = related_json(report, finding, bases);
    json_t *result = json_pack("{s:s, s:i, s:s, s:o, s:[o]}", "ruleId", rule_name(finding->rule),
                               "ruleIndex", (int)sarif_rule_index(finding->rule), "level",
                               level_of(finding->grade), "message", finding_message(finding),
                               "locations", sarif_location(report, &finding->at, origin, bases));
    if (json_array_size(related))
        json_object_set(result, "relatedLocations", related);
    json_decref(related);
    if (finding->fingerprint)
        json_object_set_new(result, "partialFingerprints",
                            json_pack("{s:o}", "seep/v1", json_text(finding->fingerprint)));
    add_known(report, finding, result);
    json_object_set_new(result, "properties",
                        json_pack("{s:s, s:o, s:o}", "grade", grade_name(finding->grade), "module",
                                  json_text(origin->module), "version",
                                  json_text(origin->version)));
    return result;
}

static json_t *invocation_json(const struct scan *scan)
{
    json_t *notes = json_array();
    for (size_t i = 0; i < scan->notes.length; i++)
        json_array_append_new(notes, json_pack("{s:s, s:o}", "level", "note", "message",
                                               message_json(scan->notes.at[i])));
    json_t *value = json_pack("{s:b}", "executionSuccessful", true);
    if (json_array_size(notes))
        json_object_set(value, "toolExecutionNotifications", notes);
    json_decref(notes);
    return value;
}

json_t *report_sarif_run(const struct scan_report *report)
{
    const struct findings *findings = &report->scan->findings;
    const char *main_path = report->program->info.main_path;
    json_t *results = json_array(), *bases = json_object();
    for (size_t i = 0; i < findings->length; i++) {
        if (scan_report_wants(report, &findings->at[i]))
            json_array_append_new(results, result_json(report, &findings->at[i], bases));
    }
    json_t *run = json_pack("{s:{s:{s:s, s:s, s:s, s:o}}, s:{s:o}}", "tool", "driver", "name",
                            "seep", "version", SEEP_VERSION, "semanticVersion", SEEP_VERSION,
                            "rules", sarif_rules(), "automationDetails", "id",
                            json_text(main_path ? main_path : report->facts->name));
    json_object_set_new(run, "invocations", json_pack("[o]", invocation_json(report->scan)));
    json_object_set_new(run, "artifacts",
                        json_pack("[{s:{s:o}, s:[s]}]", "location", "uri",
                                  sarif_uri(report->facts->exe_path), "roles", "analysisTarget"));
    json_object_set_new(run, "originalUriBaseIds", bases);
    json_object_set_new(run, "results", results);
    return run;
}

/* "seep/example.com/agent/cmd/agent/": no two runs of one log may have the same, or a code host takes
 * one for the successor of the other. */
static void name_run(json_t *runs, size_t number)
{
    json_t *details = json_object_get(json_array_get(runs, number), "automationDetails");
    const char *program = json_string_value(json_object_get(details, "id"));
    struct text id = {0};
    bool taken = true;
    for (unsigned n = 1; taken; n++) {
        text_clear(&id);
        text_printf(&id, n > 1 ? "seep/%s-%u/" : "seep/%s/", program ? program : "?", n);
        taken = false;
        for (size_t i = 0; i < number && !taken; i++) {
            json_t *other = json_object_get(json_array_get(runs, i), "automationDetails");
            const char *other_id = json_string_value(json_object_get(other, "id"));
            taken = other_id && !strcmp(other_id, id.bytes);
        }
    }
    json_object_set_new(details, "id", json_string(id.bytes));
    text_deinit(&id);
}

static json_t *unused_json(const struct suppressions *suppressions)
{
    json_t *notes = json_array();
    for (size_t i = 0; i < suppressions->list.length; i++) {
        const struct suppression *suppression = &suppressions->list.at[i];
        if (suppression->used)
            continue;
        AUTO_FREE char *words = NULL;
        if (asprintf(&words, "this suppresses nothing any more: %s", suppression->reason) < 0)
            words = NULL;
        json_t *location = json_pack("{s:{s:{s:o}, s:{s:I}}}", "physicalLocation",
                                     "artifactLocation", "uri", sarif_uri(suppressions->path),
                                     "region", "startLine", (json_int_t)suppression->line);
        json_array_append_new(notes,
                              json_pack("{s:s, s:o, s:[o]}", "level", "note", "message",
                                        message_json(words ? words : "?"), "locations", location));
    }
    return notes;
}

json_t *report_sarif_log(json_t *runs, const struct suppressions *suppressions)
{
    json_t *unused = unused_json(suppressions);
    for (size_t i = 0; i < json_array_size(runs); i++) {
        name_run(runs, i);
        json_t *invocations = json_object_get(json_array_get(runs, i), "invocations");
        if (json_array_size(unused))
            json_object_set(json_array_get(invocations, 0), "toolConfigurationNotifications",
                            unused);
    }
    json_decref(unused);
    return json_pack("{s:s, s:s, s:O}", "$schema", schema_uri, "version", "2.1.0", "runs", runs);
}
