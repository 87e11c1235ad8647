#include "find/heap_growth.h"

#include <string.h>

#include "base/text.h"
#include "base/u64map.h"

/* A hash of the names from the top down, as key: two lines with one key would have to be of two names by accident. */
static uint64_t *keys_of(const struct heap_view *view)
{
    uint64_t *keys = xcalloc(view->lines.length + 1, sizeof(*keys));
    for (size_t i = 1; i < view->lines.length; i++) {
        const struct heap_line *line = &view->lines.at[i];
        uint64_t key = u64_mix(keys[line->parent] + line->kind);
        for (const char *at = line->name; *at; at++)
            key = u64_mix(key ^ (uint8_t)*at);
        keys[i] = key;
    }
    return keys;
}

static bool is_compared(const struct heap_line *line)
{
    return line->kind != HEAP_LINE_ALL && line->kind != HEAP_LINE_OTHERS;
}

static void add(const struct heap_line *before, const struct heap_line *after,
                struct heap_growth growth, struct heap_growths *growths)
{
    static const struct heap_line none;
    before = before ? before : &none;
    after = after ? after : &none;
    growth.members = (int64_t)(after->members - before->members);
    growth.objects = (int64_t)(after->held_objects - before->held_objects);
    growth.bytes = (int64_t)(after->held_bytes - before->held_bytes);
    if (before->elements.count && after->elements.count &&
        before->elements.since == after->elements.since)
        growth.elements = (int64_t)(after->elements.count - before->elements.count);
    VECTOR_PUSH(growths, growth);
}

static int most_first(const void *left, const void *right)
{
    const struct heap_growth *a = left, *b = right;
    if (a->bytes != b->bytes)
        return a->bytes > b->bytes ? -1 : 1;
    if (a->after != b->after)
        return a->after < b->after ? -1 : 1;
    return (a->before > b->before) - (a->before < b->before);
}

void heap_growths_find(const struct heap_view *before, const struct heap_view *after,
                       struct heap_growths *growths_ret)
{
    AUTO_FREE uint64_t *old = keys_of(before);
    AUTO_FREE uint64_t *new = keys_of(after);
    AUTO_FREE uint8_t *met = xcalloc(before->lines.length + 1, 1);
    struct u64map index = {0};
    *growths_ret = (struct heap_growths){0};
    for (uint32_t i = 1; i < before->lines.length; i++)
        u64map_set(&index, old[i], i);
    for (uint32_t i = 1; i < after->lines.length; i++) {
        struct heap_growth growth = {.before = HEAP_LINE_NONE, .after = i};
        if (!is_compared(&after->lines.at[i]))
            continue;
        if (u64map_get(&index, new[i], &growth.before))
            met[growth.before] = 1;
        add(growth.before == HEAP_LINE_NONE ? NULL : &before->lines.at[growth.before],
            &after->lines.at[i], growth, growths_ret);
    }
    for (uint32_t i = 1; i < before->lines.length; i++) {
        if (!met[i] && is_compared(&before->lines.at[i]))
            add(&before->lines.at[i], NULL,
                (struct heap_growth){.before = i, .after = HEAP_LINE_NONE}, growths_ret);
    }
    u64map_deinit(&index);
    if (growths_ret->length)
        qsort(growths_ret->at, growths_ret->length, sizeof(*growths_ret->at), most_first);
}

void heap_line_path(const struct heap_view *view, uint32_t line, struct text *text)
{
    const struct heap_line *at = &view->lines.at[line];
    if (at->depth > 1) {
        heap_line_path(view, at->parent, text);
        text_puts(text, " → ");
    }
    text_puts(text, at->name);
}
