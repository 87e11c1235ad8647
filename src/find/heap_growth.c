#include "find/heap_growth.h"

#include <string.h>

#include "base/text.h"
#include "base/u64map.h"

/* The lines of two views that are the same one. */
struct matching {
    const struct heap_view *before, *after;
    struct u64map index; /* key of a line before: its number */
    uint32_t *before_of; /* by line of `after`; HEAP_LINE_NONE: it has none */
};

static uint64_t mix_text(uint64_t key, const char *text)
{
    for (; text && *text; text++)
        key = u64_mix(key ^ (uint8_t)*text);
    return u64_mix(key + 1);
}

/* "goroutine at …" and "goroutines at …" are one name: how many they are may change. */
static const char *name_of(const struct heap_line *line)
{
    const char *blank = line->kind == HEAP_LINE_GOROUTINES ? strchr(line->name, ' ') : NULL;
    return blank ? blank : line->name;
}

static uint64_t mix_start(uint64_t key, const struct heap_line *line)
{
    key = mix_text(mix_text(key, line->started_at.function), line->started_at.file);
    return u64_mix(key + (uint64_t)line->started_at.line + line->of_main);
}

/* By what it hangs on before, its name and its go statement: two lines with one key would have to be of two names by accident. */
static uint64_t key_of(const struct heap_line *line, uint32_t parent_before)
{
    uint64_t key = u64_mix(((uint64_t)parent_before << 8) + line->kind);
    return mix_start(mix_text(key, name_of(line)), line);
}

static bool is_same_start(const struct heap_line *a, const struct heap_line *b)
{
    if (a->of_main || b->of_main)
        return a->of_main && b->of_main;
    return a->started_at.function && b->started_at.function &&
           a->started_at.line == b->started_at.line &&
           !strcmp(a->started_at.function, b->started_at.function);
}

/* The one line of a view whose goroutines were started where those of `line` were; HEAP_LINE_NONE if there is none, or several. */
static uint32_t only_start(const struct heap_view *view, const struct heap_line *line)
{
    uint32_t found = HEAP_LINE_NONE;
    for (uint32_t i = 1; i < view->lines.length; i++) {
        const struct heap_line *other = &view->lines.at[i];
        if (other->kind != HEAP_LINE_GOROUTINES || other->depth != 1 || !is_same_start(other, line))
            continue;
        if (found != HEAP_LINE_NONE)
            return HEAP_LINE_NONE;
        found = i;
    }
    return found;
}

/* A goroutine is called by the line where it waits, and may wait at another one now: then its go statement tells. */
static uint32_t match_by_start(const struct matching *matching, uint32_t after)
{
    const struct heap_line *line = &matching->after->lines.at[after];
    bool known = line->kind == HEAP_LINE_GOROUTINES && line->depth == 1 &&
                 only_start(matching->after, line) == after;
    return known ? only_start(matching->before, line) : HEAP_LINE_NONE;
}

/* What a line hangs on, as far as that has a name of its own. What has no type is called by its size, and another one joins or leaves it when it grows: a map's directory
 * doubles, and is as large as its tables or not. */
static uint32_t named_parent(const struct heap_view *view, uint32_t line)
{
    do
        line = view->lines.at[line].parent;
    while (heap_line_is_sized(&view->lines.at[line]));
    return line;
}

static uint32_t match(const struct matching *matching, uint32_t after)
{
    const struct heap_line *line = &matching->after->lines.at[after];
    uint32_t parent = matching->before_of[named_parent(matching->after, after)];
    uint32_t found = HEAP_LINE_NONE;
    if (parent == HEAP_LINE_NONE || u64map_get(&matching->index, key_of(line, parent), &found))
        return found;
    return match_by_start(matching, after);
}

/* Children follow their parents, which stand before them. The whole is the first line of both. */
static void matching_open(const struct heap_view *before, const struct heap_view *after,
                          struct matching *matching_ret)
{
    *matching_ret = (struct matching){.before = before, .after = after};
    matching_ret->before_of = xcalloc(after->lines.length + 1, sizeof(*matching_ret->before_of));
    for (uint32_t i = 1; i < before->lines.length; i++)
        u64map_set(&matching_ret->index, key_of(&before->lines.at[i], named_parent(before, i)), i);
    for (uint32_t i = 1; i < after->lines.length; i++)
        matching_ret->before_of[i] = match(matching_ret, i);
}

static void matching_close(struct matching *matching)
{
    u64map_deinit(&matching->index);
    free(matching->before_of);
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
    AUTO_FREE uint8_t *met = xcalloc(before->lines.length + 1, 1);
    struct matching matching;
    *growths_ret = (struct heap_growths){0};
    matching_open(before, after, &matching);
    for (uint32_t i = 1; i < after->lines.length; i++) {
        struct heap_growth growth = {.before = matching.before_of[i], .after = i};
        if (!is_compared(&after->lines.at[i]))
            continue;
        if (growth.before != HEAP_LINE_NONE)
            met[growth.before] = 1;
        add(growth.before == HEAP_LINE_NONE ? NULL : &before->lines.at[growth.before],
            &after->lines.at[i], growth, growths_ret);
    }
    matching_close(&matching);
    for (uint32_t i = 1; i < before->lines.length; i++) {
        if (!met[i] && is_compared(&before->lines.at[i]))
            add(&before->lines.at[i], NULL,
                (struct heap_growth){.before = i, .after = HEAP_LINE_NONE}, growths_ret);
    }
    if (growths_ret->length)
        qsort(growths_ret->at, growths_ret->length, sizeof(*growths_ret->at), most_first);
}

bool heap_line_is_sized(const struct heap_line *line)
{
    return line->kind == HEAP_LINE_OBJECTS && line->name[0] >= '0' && line->name[0] <= '9';
}

bool heap_line_is_shared(const struct heap_line *line)
{
    return line->kind == HEAP_LINE_OBJECTS && line->depth == 1;
}

void heap_line_put(const struct heap_line *line, struct text *text)
{
    text_printf(text, "%s%s", heap_line_is_shared(line) ? "several holders of " : "", line->name);
}

void heap_line_path(const struct heap_view *view, uint32_t line, struct text *text)
{
    const struct heap_line *at = &view->lines.at[line];
    if (at->depth > 1) {
        heap_line_path(view, at->parent, text);
        text_puts(text, " → ");
    }
    heap_line_put(at, text);
}
