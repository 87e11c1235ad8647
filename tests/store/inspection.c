/* A document as `seep inspect --json` writes it, of a life that leaks. */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "role.h"

static json_t *place(const char *function, const char *file, int line)
{
    return json_pack("{s:s, s:s, s:i}", "function", function, "file", file, "line", line);
}

static json_t *frame(const char *function, const char *file, int line, const char *pc)
{
    return json_pack("{s:s, s:s, s:i, s:b, s:s}", "function", function, "file", file, "line", line,
                     "inlined", 0, "pc", pc);
}

static json_t *senders(json_int_t count)
{
    json_t *frames = json_pack(
        "[o, o]", frame("runtime.gopark", "/usr/lib/go/src/runtime/proc.go", 435, "0x43f0ce"),
        frame("main.(*Agent).publish.func1", "/src/agent/metrics.go", 58, "0x6b2c45"));
    json_t *wait = json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:b, s:i, s:i, s:n, s:i}", "kind",
                             "chan", "address", "0xc000126060", "direction", "send", "element_type",
                             "main.metric", "length", 0, "capacity", 0, "closed", 0, "senders", 1,
                             "receivers", 0, "waiters", "goroutines", 1);
    return json_pack("{s:I, s:s, s:s, s:b, s:f, s:f, s:I, s:o, s:b, s:o, s:I, s:[I], s:{}, s:I, "
                     "s:n, s:i, s:[o], "
                     "s:I}",
                     "count", count, "state", "waiting", "wait_reason", "chan send", "system", 0,
                     "wait_min_s", 61.5, "wait_max_s", 86400.0, "wait_unknown", (json_int_t)3,
                     "frames", frames, "complete", 1, "started_at",
                     place("main.(*Agent).publish", "/src/agent/metrics.go", 56), "started_by",
                     (json_int_t)1, "ids", (json_int_t)40, "labels", "stack_bytes", count * 8192,
                     "held_bytes", "deferred_calls", 0, "waits_on", wait, "waits_on_total", count);
}

static json_t *finding(json_int_t count, const char *title)
{
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:b, s:n, s:o, s:o, s:n, s:n, s:f, s:f, s:{s:f, "
                     "s:i, s:i}, s:[s, s], "
                     "s:s}",
                     "rule", "blocked-goroutines", "grade", "likely", "title", title, "count",
                     count, "held_bytes", count * 10240, "held_measured", 0, "holder", "at",
                     place("main.(*Agent).publish.func1", "/src/agent/metrics.go", 58),
                     "started_at", place("main.(*Agent).publish", "/src/agent/metrics.go", 56),
                     "deferred", "goroutine", "oldest_s", 86400.0, "newest_s", 2.0, "progress",
                     "seconds", 2.0, "came", 3, "went", 0, "because",
                     "none of these channels moves", "no other goroutine's stack leads to them",
                     "fix", "select { case ch <- value: default: }   a send that cannot block");
}

/* The agent stops nobody, so its inspections prove nothing. */
static json_t *proof(void)
{
    return json_pack("{s:b, s:s, s:n, s:n, s:n, s:n, s:[]}", "known", 0, "why",
                     "the process was not stopped for it", "way", "reached_objects",
                     "reached_bytes", "stuck", "goroutines");
}

static json_t *target(const struct role *role, const struct life *life, int64_t now_ms)
{
    return json_pack("{s:s, s:i, s:s, s:s, s:b, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:f, s:n}",
                     "kind", "process", "pid", (int)life->pid, "name", role->name, "exe", life->exe,
                     "exe_deleted", 0, "go_version", life->go_version, "arch", "amd64",
                     "main_module", life->module, "release", life->release, "release_source",
                     life->release_source, "build_id", life->build_id, "stripped",
                     (int)life->stripped, "position_independent", 0, "uptime_s",
                     (double)(now_ms - life->started_ms) / 1e3, "saved_unix");
}

/* The values of the samples as the document names them; what is not known is null. */
static json_t *numbers(const struct samples *samples, const char *const *names,
                       const uint32_t *series, size_t count)
{
    json_t *object = json_object();
    for (size_t i = 0; i < count; i++) {
        json_object_set_new(object, names[i], json_null());
        for (size_t k = 0; k < samples->length; k++) {
            if (samples->at[k].series == series[i])
                json_object_set_new(object, names[i], json_integer(samples->at[k].value));
        }
    }
    return object;
}

static json_t *counters(const struct samples *samples)
{
    static const char *const names[] = {"heap_live_bytes",   "heap_goal_bytes", "heap_in_use_bytes",
                                        "heap_idle_bytes",   "stacks_bytes",    "collections",
                                        "memory_limit_bytes"};
    static const uint32_t series[] = {SERIES_HEAP_LIVE, SERIES_HEAP_GOAL, SERIES_HEAP_IN_USE,
                                      SERIES_HEAP_IDLE, SERIES_STACKS,    SERIES_COLLECTIONS,
                                      UINT32_MAX};
    json_t *object = numbers(samples, names, series, LENGTH_OF(names));
    json_object_set_new(object, "gogc", json_integer(100));
    json_object_set_new(object, "heap_released_bytes", json_integer(0));
    return object;
}

static json_t *memory(const struct samples *samples)
{
    static const char *const names[] = {"rss_bytes", "heap_in_use_bytes", "heap_idle_bytes",
                                        "stacks_bytes"};
    static const uint32_t series[] = {SERIES_RSS, SERIES_HEAP_IN_USE, SERIES_HEAP_IDLE,
                                      SERIES_STACKS};
    json_t *object = numbers(samples, names, series, LENGTH_OF(names));
    json_int_t files = 11 << 20;
    json_int_t rest = json_integer_value(json_object_get(object, "rss_bytes")) - files;
    for (size_t i = 1; i < LENGTH_OF(names); i++)
        rest -= json_integer_value(json_object_get(object, names[i]));
    json_object_set_new(object, "runtime_bytes", json_integer(rest));
    json_object_set_new(object, "mapped_files_bytes", json_integer(files));
    json_object_set_new(object, "outside_go_bytes", json_integer(0));
    return object;
}

static json_t *heap(void)
{
    return json_pack("{s:b, s:s, s:n, s:n, s:n, s:n, s:[], s:[]}", "known", 0, "why",
                     "the process was not stopped for it", "objects", "bytes", "stack_bytes",
                     "typed_bytes", "holders", "types");
}

struct inspection_record role_inspection(const struct role *role, uint32_t life, uint32_t id,
                                         const struct story *story, int64_t now_ms)
{
    struct samples samples = {0};
    struct life record = role_life(role, life, story, now_ms);
    json_int_t leaked = (json_int_t)role_leaked(role, story, now_ms);
    struct call call = role_call(role, life, 0, 0, story, now_ms);
    role_samples(role, life, story, now_ms, &samples);
    json_t *groups = json_array(), *findings = json_array();
    if (leaked) {
        json_array_append_new(groups, senders(leaked));
        json_array_append_new(findings, finding(leaked, call.title));
    }
    json_t *document =
        json_pack("{s:i, s:s, s:o, s:i, s:f, s:f, s:i, s:o, s:o, s:o, s:n, s:[], s:{s:I, s:I, s:i, "
                  "s:o}, s:[], s:o, s:o, "
                  "s:{s:i, s:i, s:i, s:i, s:[]}}",
                  "schema", 1, "seep", SEEP_VERSION, "target", target(role, &record, now_ms),
                  "looks", 2, "look_interval_s", 2.0, "read_s", 0.083, "pause_us", 0, "proof",
                  proof(), "runtime_counters", counters(&samples), "memory", memory(&samples),
                  "memory_parts", "found", "goroutines", "total", leaked + 21, "user", leaked + 16,
                  "system", 5, "groups", groups, "defers", "heap", heap(), "findings", findings,
                  "unread", "goroutines", 0, "stacks", 1, "defers", 0, "channels", 0, "notes");
    char *json = json_dumps(document, JSON_COMPACT);
    json_decref(document);
    VECTOR_DEINIT(&samples);
    life_deinit(&record);
    call_deinit(&call);
    return (struct inspection_record){
        .id = id,
        .life = life,
        .at_ms = now_ms,
        .why = xstrdup("asked for by: goroutines of one place only ever become more"),
        .json = json ? json : xstrdup(""),
        .problem = xstrdup(""),
        .cpu_s = 0.04,
        .wall_s = 2.1,
        .peak_bytes = 17 << 20,
    };
}
