/* The report as JSON: docs/inspect.schema.json is the contract, a test holds this against it. Keys stay; new ones may come. */
#include <math.h>
#include <string.h>

#include "report/json_internal.h"

enum {
    SCHEMA = 1,
    NS_PER_US = 1000,
    PROVED_LISTED = 10000,
};

json_t *json_text(const char *text)
{
    if (!text)
        return json_null();
    json_t *value = json_string(text);
    return value ? value : json_string("?"); /* not UTF-8: its maker did not escape it */
}

json_t *json_count(uint64_t count)
{
    return json_integer(count > INT64_MAX ? INT64_MAX : (json_int_t)count);
}

json_t *json_seconds(double seconds)
{
    if (!(seconds >= 0) || !isfinite(seconds))
        return json_null();
    return json_real(round(seconds * 1e6) / 1e6);
}

json_t *json_address(address at)
{
    char text[32];
    snprintf(text, sizeof(text), "0x%llx", (unsigned long long)at);
    return json_string(text);
}

json_t *json_place(const struct place *place)
{
    if (!place->function)
        return json_null();
    return json_pack("{s:o, s:o, s:o}", "function", json_text(place->function), "file",
                     json_text(place->file), "line",
                     place->line > 0 ? json_integer(place->line) : json_null());
}

json_t *json_place_taken(struct place place)
{
    json_t *value = json_place(&place);
    place_deinit(&place);
    return value;
}

/* For keys whose place is never null. */
static json_t *known_place(json_t *place)
{
    if (!json_is_null(place))
        return place;
    return json_pack("{s:s, s:n, s:n}", "function", "?", "file", "line");
}

const char *target_kind_word(const struct target_facts *facts)
{
    if (facts->kind == TARGET_CORE)
        return "core";
    return facts->kind == TARGET_SNAPSHOT ? "snapshot" : "process";
}

json_t *target_json(const struct report *report)
{
    const struct target_facts *facts = report->facts;
    struct program *program = report->program;
    const char *source = NULL;
    AUTO_FREE char *release = release_name(&program->info, program->build_id, &source);
    json_t *target = json_object();
    json_object_set_new(target, "kind", json_string(target_kind_word(facts)));
    json_object_set_new(target, "pid", facts->pid ? json_integer(facts->pid) : json_null());
    json_object_set_new(target, "name", json_text(facts->name ? facts->name : "?"));
    json_object_set_new(target, "exe", json_text(facts->exe_path));
    json_object_set_new(target, "exe_deleted", json_boolean(facts->exe_deleted));
    json_object_set_new(target, "go_version", json_text(program->info.go_version));
    json_object_set_new(target, "arch",
                        json_string(program->arch == ARCH_ARM64 ? "arm64" : "amd64"));
    json_object_set_new(target, "main_module", json_text(program->info.main_module));
    json_object_set_new(target, "release", json_text(release));
    json_object_set_new(target, "release_source", json_text(release ? source : NULL));
    json_object_set_new(target, "build_id", json_text(program->build_id));
    json_object_set_new(target, "stripped", json_boolean(program->stripped));
    json_object_set_new(target, "position_independent",
                        json_boolean(program->position_independent));
    json_object_set_new(target, "uptime_s", json_seconds(facts->uptime_s));
    json_object_set_new(target, "saved_unix",
                        facts->kind == TARGET_SNAPSHOT ? json_seconds(facts->saved_unix)
                                                       : json_null());
    return target;
}

static json_t *memory_json(const struct memory_split *memory)
{
    const struct {
        const char *key;
        uint64_t size_bytes;
    } parts[] = {
        {"heap_in_use_bytes", memory->heap_in_use},
        {"heap_idle_bytes", memory->heap_idle},
        {"stacks_bytes", memory->stacks},
        {"runtime_bytes", memory->runtime},
        {"mapped_files_bytes", memory->mapped_files},
        {"outside_go_bytes", memory->outside_go},
    };
    json_t *value = json_object();
    bool total_known = memory->known || memory->total;
    json_object_set_new(value, "rss_bytes", total_known ? json_count(memory->total) : json_null());
    for (size_t i = 0; i < LENGTH_OF(parts); i++)
        json_object_set_new(value, parts[i].key,
                            memory->known ? json_count(parts[i].size_bytes) : json_null());
    return value;
}

static json_t *known_count(bool known, uint64_t count)
{
    return known ? json_count(count) : json_null();
}

static json_t *counters_json(const struct counters *counters)
{
    bool limited = counters->known && counters->limit != INT64_MAX;
    json_t *value = json_object();
    json_object_set_new(value, "heap_live_bytes", known_count(counters->known, counters->live));
    json_object_set_new(value, "heap_goal_bytes",
                        known_count(counters->known && counters->goal, counters->goal));
    json_object_set_new(value, "gogc",
                        counters->known ? json_integer(counters->percent) : json_null());
    json_object_set_new(value, "memory_limit_bytes",
                        known_count(limited, (uint64_t)counters->limit));
    json_object_set_new(value, "heap_in_use_bytes",
                        known_count(counters->heap_known, counters->in_use));
    json_object_set_new(value, "heap_idle_bytes",
                        known_count(counters->heap_known, counters->idle));
    json_object_set_new(value, "heap_released_bytes",
                        known_count(counters->heap_known, counters->released));
    json_object_set_new(value, "stacks_bytes",
                        known_count(counters->stats_known, counters->stacks));
    json_object_set_new(value, "collections",
                        known_count(counters->stats_known, counters->collections));
    return value;
}

json_t *finding_json(const struct finding *finding)
{
    json_t *value = json_object();
    json_object_set_new(value, "rule", json_string(rule_name(finding->rule)));
    json_object_set_new(value, "grade", json_string(grade_name(finding->grade)));
    json_object_set_new(value, "title", json_text(finding->title ? finding->title : "?"));
    json_object_set_new(value, "count", finding->count ? json_count(finding->count) : json_null());
    json_object_set_new(value, "held_bytes",
                        finding->held_bytes ? json_count(finding->held_bytes) : json_null());
    json_object_set_new(value, "at", known_place(json_place(&finding->at)));
    json_object_set_new(value, "started_at", json_place(&finding->started_at));
    json_object_set_new(value, "deferred", json_place(&finding->deferred));
    json_object_set_new(value, "goroutine",
                        finding->goroutine ? json_count(finding->goroutine) : json_null());
    json_object_set_new(value, "oldest_s", json_seconds(finding->oldest_s));
    json_object_set_new(value, "newest_s", json_seconds(finding->newest_s));
    json_object_set_new(
        value, "progress",
        finding->has_progress
            ? json_pack("{s:o, s:o, s:o}", "seconds", json_seconds(finding->progress_s), "came",
                        json_count(finding->came), "went", json_count(finding->went))
            : json_null());
    json_t *because = json_array();
    for (size_t i = 0; i < finding->because.length; i++)
        json_array_append_new(because, json_text(finding->because.at[i]));
    json_object_set_new(value, "because", because);
    json_object_set_new(value, "fix", json_text(finding->fix ? finding->fix : ""));
    return value;
}

static json_t *findings_json(const struct findings *findings)
{
    json_t *values = json_array();
    for (size_t i = 0; i < findings->length; i++) {
        json_t *value = finding_json(&findings->at[i]);
        json_object_set_new(value, "holder", json_text(findings->at[i].holder));
        json_object_set_new(value, "held_measured", json_boolean(findings->at[i].held_measured));
        json_array_append_new(values, value);
    }
    return values;
}

static json_t *unread_json(const struct report *report)
{
    const struct unread *unread = &report->now->unread;
    json_t *notes = json_array();
    for (size_t i = 0; i < report->notes->length; i++)
        json_array_append_new(notes, json_text(report->notes->at[i]));
    for (size_t i = 0; i < unread->notes.length; i++)
        json_array_append_new(notes, json_text(unread->notes.at[i]));
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "goroutines", json_count(unread->goroutines),
                     "stacks", json_count(unread->stacks), "defers", json_count(unread->defers),
                     "channels", json_count(unread->channels), "notes", notes);
}

/* Who is proved to wait for ever: how many, and the first of them. */
static json_t *proof_json(const struct report *report)
{
    const struct instant_facts *instant = &report->instant;
    json_t *goroutines = json_array();
    uint64_t count = 0;
    for (size_t i = 0; instant->stuck && i < report->now->goroutines.length; i++) {
        if (instant->stuck[i] && count++ < PROVED_LISTED)
            json_array_append_new(goroutines, json_count(report->now->goroutines.at[i].id));
    }
    bool known = instant->stuck;
    return json_pack("{s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "known", (int)known, "why",
                     json_text(known          ? NULL
                               : instant->why ? instant->why
                                              : "the process was not stopped for it"),
                     "way", json_text(instant->way), "reached_objects",
                     known_count(known, instant->reached_objects), "reached_bytes",
                     known_count(known, instant->reached_bytes), "stuck", known_count(known, count),
                     "goroutines", goroutines);
}

json_t *report_json(const struct report *report)
{
    const struct observation *now = report->now;
    json_t *goroutines = json_object();
    json_object_set_new(goroutines, "total", json_count(now->user + now->system));
    json_object_set_new(goroutines, "user", json_count(now->user));
    json_object_set_new(goroutines, "system", json_count(now->system));
    json_object_set_new(goroutines, "groups", groups_json(report));

    json_t *value = json_object();
    json_object_set_new(value, "schema", json_integer(SCHEMA));
    json_object_set_new(value, "seep", json_string(SEEP_VERSION));
    json_object_set_new(value, "target", target_json(report));
    json_object_set_new(value, "looks", json_integer(report->looks));
    json_object_set_new(value, "look_interval_s",
                        report->looks > 1 ? json_seconds(report->interval_s) : json_null());
    json_object_set_new(value, "read_s",
                        json_real(report->read_s > 0 ? round(report->read_s * 1e6) / 1e6 : 0));
    json_object_set_new(value, "pause_us",
                        json_integer((report->instant.pause_ns + NS_PER_US / 2) / NS_PER_US));
    json_object_set_new(value, "proof", proof_json(report));
    json_object_set_new(value, "memory", memory_json(&now->memory));
    json_object_set_new(value, "memory_parts", memory_parts_json(report));
    json_object_set_new(value, "runtime_counters", counters_json(&now->counters));
    json_object_set_new(value, "found", whereabouts_json(&report->whereabouts));
    json_object_set_new(value, "goroutines", goroutines);
    json_object_set_new(value, "defers", defers_json(report));
    json_object_set_new(value, "heap", heap_json(report));
    json_object_set_new(value, "findings", findings_json(report->findings));
    json_object_set_new(value, "unread", unread_json(report));
    return value;
}

void report_json_line(json_t *value, FILE *out)
{
    enum {
        REAL_DIGITS = 15
    };
    json_dumpf(value, out, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(REAL_DIGITS));
    fputc('\n', out);
    json_decref(value);
}
