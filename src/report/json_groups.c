/* The lists of the JSON report: groups of goroutines with their stacks and waits, and pending deferred calls. */
#include <string.h>

#include "report/json_internal.h"
#include "report/words.h"

enum {
    IDS_SHOWN = 10,
    WAITS_SHOWN = 10,
    LABELS_MAX = 64
};

static json_t *raw_text(const char *text)
{
    if (!text)
        return json_null();
    AUTO_FREE char *escaped = text_escaped(text, strlen(text));
    return json_text(escaped);
}

static json_t *shown_function(const char *raw)
{
    AUTO_FREE char *shown = function_shown(raw);
    return json_text(shown);
}

static json_t *frames_json(const struct report *report, const struct goroutine *goroutine)
{
    struct placed_frames frames;
    frames_of_stack(report->program, report->now->stacks, goroutine->stack, &frames);
    frames_drop_wrappers(&frames);
    json_t *values = json_array();
    for (size_t i = 0; i < frames.length; i++) {
        const struct source_frame *frame = &frames.at[i].source;
        json_array_append_new(
            values, json_pack("{s:o, s:o, s:o, s:b, s:o}", "function",
                              shown_function(frame->function), "file", raw_text(frame->file),
                              "line", frame->line > 0 ? json_integer(frame->line) : json_null(),
                              "inlined", frame->inlined, "pc", json_address(frames.at[i].pc)));
    }
    VECTOR_DEINIT(&frames);
    return values;
}

static json_t *direction_json(enum wait_direction direction)
{
    if (direction == DIRECTION_NONE)
        return json_null();
    return json_string(direction == DIRECTION_SEND ? "send" : "receive");
}

static json_t *count_if(bool known, uint64_t count)
{
    return known ? json_count(count) : json_null();
}

static json_t *wait_json(const struct report *report, const struct group_wait *wait)
{
    const struct wait_object *object = &report->now->objects.at[wait->object];
    bool is_nil = object->kind == WAIT_NIL_CHAN;
    bool is_channel = object->kind == WAIT_CHAN_SEND && object->readable;
    const char *element = is_channel && object->element_type && report->program->types
                              ? types_name(report->program->types, object->element_type)
                              : NULL;
    json_t *value = json_object();
    json_object_set_new(value, "kind", json_string(wait_kind_text(object->kind)));
    json_object_set_new(value, "address", json_address(object->at));
    json_object_set_new(value, "direction", direction_json(wait->direction));
    json_object_set_new(value, "element_type", json_text(element));
    json_object_set_new(value, "length", count_if(is_channel, object->length));
    json_object_set_new(value, "capacity", count_if(is_channel, object->capacity));
    json_object_set_new(value, "closed", is_channel ? json_boolean(object->closed) : json_null());
    json_object_set_new(value, "senders", count_if(is_channel, object->senders));
    json_object_set_new(value, "receivers", count_if(is_channel, object->receivers));
    json_object_set_new(value, "waiters",
                        count_if(object->kind != WAIT_CHAN_SEND && !is_nil, object->waiters));
    json_object_set_new(value, "goroutines", json_count(wait->goroutines));
    return value;
}

static void set_waits(json_t *value, const struct report *report,
                      const struct goroutine_group *group)
{
    struct group_waits waits;
    group_waits_of(report->now, report->groups, group, &waits);
    json_t *values = json_array();
    for (size_t i = 0; i < waits.length && i < WAITS_SHOWN; i++)
        json_array_append_new(values, wait_json(report, &waits.at[i]));
    json_object_set_new(value, "waits_on", values);
    json_object_set_new(value, "waits_on_total", json_count(waits.length));
    VECTOR_DEINIT(&waits);
}

static json_t *ids_json(const struct report *report, const struct goroutine_group *group)
{
    json_t *ids = json_array();
    for (uint32_t i = group->first; i != UINT32_MAX && json_array_size(ids) < IDS_SHOWN;
         i = report->groups->next[i])
        json_array_append_new(ids, json_count(report->now->goroutines.at[i].id));
    return ids;
}

static json_t *labels_json(const struct report *report, const struct goroutine *goroutine)
{
    char *pairs[LABELS_MAX][2];
    json_t *labels = json_object();
    size_t count = report->runtime && goroutine->labels
                       ? goroutine_labels(report->runtime, goroutine, pairs, LABELS_MAX)
                       : 0;
    for (size_t i = 0; i < count; i++) {
        json_object_set_new(labels, pairs[i][0], json_text(pairs[i][1]));
        free(pairs[i][0]);
        free(pairs[i][1]);
    }
    return labels;
}

static uint64_t group_held(const struct report *report, const struct goroutine_group *group)
{
    return report->heap->group_held[group - report->groups->groups.at];
}

static json_t *group_json(const struct report *report, const struct goroutine_group *group)
{
    const struct observation *now = report->now;
    const struct goroutine *first = &now->goroutines.at[group->first];
    bool complete =
        first->stack < now->stacks->stacks.length && now->stacks->stacks.at[first->stack].complete;
    json_t *value = json_object();
    json_object_set_new(value, "count", json_count(group->count));
    json_object_set_new(value, "state", json_string(goroutine_state_name(first->state)));
    json_object_set_new(value, "wait_reason", json_text(wait_reason_text(now, first)));
    json_object_set_new(value, "system", json_boolean(first->system));
    json_object_set_new(value, "wait_min_s", json_seconds(group->wait_min_s));
    json_object_set_new(value, "wait_max_s", json_seconds(group->wait_max_s));
    json_object_set_new(value, "wait_unknown", json_count(group->wait_unknown));
    json_object_set_new(value, "frames", frames_json(report, first));
    json_object_set_new(value, "complete", json_boolean(complete));
    json_object_set_new(value, "started_at",
                        json_place_taken(place_of_start(report->program, first)));
    json_object_set_new(value, "started_by",
                        group->same_parent ? json_count(group->parent_id) : json_null());
    json_object_set_new(value, "ids", ids_json(report, group));
    json_object_set_new(value, "labels", labels_json(report, first));
    json_object_set_new(value, "stack_bytes", json_count(group->stack_bytes));
    json_object_set_new(value, "held_bytes",
                        report->heap ? json_count(group_held(report, group)) : json_null());
    json_object_set_new(value, "deferred_calls", json_count(group->deferred));
    set_waits(value, report, group);
    return value;
}

json_t *groups_json(const struct report *report)
{
    json_t *values = json_array();
    for (size_t i = 0; i < report->groups->groups.length; i++)
        json_array_append_new(values, group_json(report, &report->groups->groups.at[i]));
    return values;
}

static json_t *defer_json(const struct report *report, const struct defer_site *site)
{
    static const char *const kinds[] = {[DEFER_LINKED] = "linked",
                                        [DEFER_OPEN_CODED] = "open-coded",
                                        [DEFER_RANGE_FUNC] = "range-func"};
    bool single = site->goroutine < report->now->goroutines.length;
    json_t *at = json_place_taken(place_of_defer(report->program, site));
    if (json_is_null(at)) {
        json_decref(at);
        at = json_pack("{s:s, s:n, s:n}", "function", "?", "file", "line");
    }
    json_t *value = json_object();
    json_object_set_new(value, "count", json_count(site->count));
    json_object_set_new(value, "frames", json_count(site->frames));
    json_object_set_new(value, "goroutine",
                        single ? json_count(report->now->goroutines.at[site->goroutine].id)
                               : json_null());
    json_object_set_new(value, "frame_sp", site->sp ? json_address(site->sp) : json_null());
    json_object_set_new(value, "at", at);
    json_object_set_new(value, "deferred",
                        json_place_taken(place_of_deferred(report->target, report->program, site)));
    json_object_set_new(value, "kind", json_string(kinds[site->kind]));
    json_object_set_new(value, "bytes",
                        site->record_bytes ? json_count(site->record_bytes) : json_null());
    return value;
}

json_t *defers_json(const struct report *report)
{
    json_t *values = json_array();
    for (size_t i = 0; i < report->now->defers.length; i++)
        json_array_append_new(values, defer_json(report, &report->now->defers.at[i]));
    return values;
}
