#include "heap/timers.h"

#include "heap/roots.h"

enum {
    TIMERS_MAX = 1 << 24,
    WORD = 8,
};

struct places { /* offsets in runtime.p and runtime.timer */
    uint64_t list, entry_bytes;
    uint64_t when, period, function, argument;
};

static bool field_at(const struct layout *layout, const char *name, uint64_t *offset_ret)
{
    struct layout_field field;
    if (!layout || !layout_field(layout, name, &field))
        return false;
    *offset_ret = field.offset;
    return true;
}

static bool find_places(const struct heap *heap, struct places *places)
{
    const struct types *types = heap->runtime->program->types;
    const struct layout *p = types_layout(types, "runtime.p");
    const struct layout *timer = types_layout(types, "runtime.timer");
    *places = (struct places){.entry_bytes = WORD};
    if (field_at(p, "timers.heap", &places->list))
        places->entry_bytes = 2 * WORD; /* timerWhen: the timer, then its time */
    else if (!field_at(p, "timers", &places->list))
        return false;
    return field_at(timer, "when", &places->when) && field_at(timer, "period", &places->period) &&
           field_at(timer, "f", &places->function) && field_at(timer, "arg", &places->argument);
}

static bool word_at(struct heap *heap, address at, uint64_t *word_ret)
{
    struct error *error = target_u64(heap->target, at, word_ret);
    return !error_ignore(error);
}

static void add(struct heap *heap, const struct places *places, address at, address list,
                struct timers *timers)
{
    struct timer timer = {.at = at, .list = list};
    uint64_t function = 0, when = 0, period = 0;
    if (!word_at(heap, at + places->when, &when) || !word_at(heap, at + places->period, &period) ||
        !word_at(heap, at + places->function, &function) ||
        !word_at(heap, at + places->argument + WORD, &timer.argument))
        return;
    if (!function || !word_at(heap, function, &timer.function))
        timer.function = 0;
    timer.when_ns = (int64_t)when;
    timer.period_ns = (int64_t)period;
    VECTOR_PUSH(timers, timer);
}

static void add_list(struct heap *heap, const struct places *places, address p,
                     struct timers *timers)
{
    uint64_t slice[3];
    struct error *error = target_read_cached(heap->target, p + places->list, slice, sizeof(slice));
    if (error_ignore(error) || slice[1] > slice[2] || slice[2] > TIMERS_MAX)
        return;
    for (uint64_t i = 0; i < slice[1] && timers->length < TIMERS_MAX; i++) {
        uint64_t at = 0;
        if (word_at(heap, slice[0] + i * places->entry_bytes, &at) && at && is_user_address(at))
            add(heap, places, at, slice[0], timers);
    }
}

void timers_find(struct heap *heap, struct timers *timers_ret)
{
    struct processors processors;
    struct places places;
    *timers_ret = (struct timers){0};
    if (!find_places(heap, &places))
        return;
    processors_find(heap, &processors);
    for (size_t i = 0; i < processors.length; i++)
        add_list(heap, &places, processors.at[i], timers_ret);
    VECTOR_DEINIT(&processors);
}
