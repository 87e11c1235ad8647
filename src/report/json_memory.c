/* The parts of the memory as JSON: all of them, however small. */
#include "report/json_internal.h"

static json_t *known_count(bool known, uint64_t count)
{
    return known ? json_count(count) : json_null();
}

static json_t *classes_json(const struct memory_parts *parts)
{
    json_t *values = json_array();
    for (unsigned i = 0; i < SLOT_CLASSES; i++) {
        const struct slot_class *class = &parts->classes[i];
        if (class->spans)
            json_array_append_new(values, json_pack("{s:o, s:o, s:o, s:o, s:o}", "slot_bytes",
                                                    json_count(class->size_bytes), "spans",
                                                    json_count(class->spans), "slots",
                                                    json_count(class->slots), "free_slots",
                                                    json_count(class->free_slots), "free_bytes",
                                                    json_count(class->free_bytes)));
    }
    return values;
}

static json_t *named_json(const struct large_mapping *list)
{
    json_t *values = json_array();
    for (unsigned i = 0; i < MAPPINGS_NAMED && list[i].rss_bytes; i++)
        json_array_append_new(
            values, json_pack("{s:o, s:o, s:o}", "at", json_address(list[i].start), "name",
                              json_text(list[i].name), "rss_bytes", json_count(list[i].rss_bytes)));
    return values;
}

static json_t *sums_json(const struct memory_parts *parts)
{
    const struct {
        const char *key;
        uint64_t size_bytes;
    } sums[] = {
        {"objects_bytes", parts->objects},
        {"dead_descriptors_bytes", parts->dead_descriptors},
        {"free_slots_bytes", parts->free_slots},
        {"span_ends_bytes", parts->span_ends},
        {"heap_untold_bytes", parts->untold},
        {"idle_bytes", parts->idle},
        {"idle_again_bytes", parts->idle_again},
        {"stacks_used_bytes", parts->stacks_used},
        {"stacks_kept_bytes", parts->stacks_kept},
        {"buffers_bytes", parts->buffers},
        {"tables_bytes", parts->tables},
        {"program_files_bytes", parts->program_files},
        {"other_files_bytes", parts->other_files},
        {"c_heap_bytes", parts->c_heap},
        {"outside_bytes", parts->outside},
    };
    json_t *value = json_object();
    for (size_t i = 0; i < LENGTH_OF(sums); i++)
        json_object_set_new(value, sums[i].key, json_count(sums[i].size_bytes));
    return value;
}

json_t *memory_parts_json(const struct report *report)
{
    const struct memory_parts *parts = &report->now->memory.parts;
    const struct instant_facts *instant = &report->instant;
    bool live = report->facts->kind == TARGET_PROCESS;
    if (!report->now->memory.known || !parts->known)
        return json_null();
    uint64_t garbage = garbage_among(&instant->garbage, parts->objects + parts->dead_descriptors);
    json_t *value = json_object();
    json_object_set_new(value, "sum", sums_json(parts));
    json_object_set_new(value, "garbage_objects",
                        known_count(instant->garbage_known, instant->garbage.objects));
    json_object_set_new(
        value, "garbage_bytes",
        known_count(instant->garbage_known, garbage < parts->objects ? garbage : parts->objects));
    json_object_set_new(value, "huge_pages_bytes", known_count(live, parts->huge));
    json_object_set_new(value, "heap_huge_pages_bytes", known_count(live, parts->heap_huge));
    json_object_set_new(value, "stack_frames_bytes", json_count(parts->frames));
    json_object_set_new(value, "dead_goroutines", json_count(report->now->dead));
    json_object_set_new(value, "dead_stacks_bytes", json_count(parts->dead_stacks));
    json_object_set_new(value, "slot_classes", classes_json(parts));
    json_object_set_new(value, "outside_largest", named_json(parts->outside_named));
    json_object_set_new(value, "files_largest", named_json(parts->files_named));
    return value;
}
