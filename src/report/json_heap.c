/* The heap in the JSON report: who holds what, as a tree, and what is live by type. */
#include "report/json_internal.h"

static const char *const kinds[] = {
    [HEAP_LINE_ALL] = "all",
    [HEAP_LINE_VARIABLE] = "variable",
    [HEAP_LINE_GOROUTINES] = "goroutines",
    [HEAP_LINE_DEFERS] = "defers",
    [HEAP_LINE_RUNTIME] = "runtime",
    [HEAP_LINE_OBJECTS] = "objects",
    [HEAP_LINE_OTHERS] = "others",
};

static json_t *line_json(const struct heap_line *line)
{
    json_t *value = json_object();
    json_object_set_new(value, "kind", json_string(kinds[line->kind]));
    json_object_set_new(value, "name", json_text(line->name));
    json_object_set_new(value, "parent", line->depth ? json_count(line->parent) : json_null());
    json_object_set_new(value, "members", json_count(line->members));
    json_object_set_new(value, "objects", json_count(line->objects));
    json_object_set_new(value, "bytes", json_count(line->bytes));
    json_object_set_new(value, "held_objects", json_count(line->held_objects));
    json_object_set_new(value, "held_bytes", json_count(line->held_bytes));
    return value;
}

static json_t *type_json(const struct heap_type *type)
{
    json_t *value = json_object();
    json_object_set_new(value, "name", json_text(type->name));
    json_object_set_new(value, "typed", json_boolean(type->typed));
    json_object_set_new(value, "objects", json_count(type->objects));
    json_object_set_new(value, "bytes", json_count(type->bytes));
    json_object_set_new(value, "held_bytes", json_count(type->held_bytes));
    json_object_set_new(value, "path", json_text(type->path));
    return value;
}

json_t *heap_json(const struct report *report)
{
    const struct heap_view *view = report->heap && report->heap->lines.length ? report->heap : NULL;
    const char *why = report->heap ? "it was not asked for: --heap" : report->heap_why;
    json_t *holders = json_array(), *types = json_array();
    for (size_t i = 0; view && i < view->lines.length; i++)
        json_array_append_new(holders, line_json(&view->lines.at[i]));
    for (size_t i = 0; view && i < view->types.length; i++)
        json_array_append_new(types, type_json(&view->types.at[i]));
    json_t *value = json_object();
    json_object_set_new(value, "known", json_boolean(view != NULL));
    json_object_set_new(value, "why", json_text(view ? NULL : why));
    json_object_set_new(value, "objects", view ? json_count(view->objects) : json_null());
    json_object_set_new(value, "bytes", view ? json_count(view->bytes) : json_null());
    json_object_set_new(value, "stack_bytes", view ? json_count(view->stack_bytes) : json_null());
    json_object_set_new(value, "typed_bytes", view ? json_count(view->typed_bytes) : json_null());
    json_object_set_new(value, "holders", holders);
    json_object_set_new(value, "types", types);
    return value;
}
