#include "find/holder_names.h"

#include <string.h>

#include "find/places.h"

void holder_names_open(const struct looks *looks, const struct group_table *groups,
                       const struct data_symbols *symbols, struct holder_names *names_ret)
{
    *names_ret = (struct holder_names){.looks = looks, .groups = groups, .symbols = symbols};
    names_ret->group_of = xcalloc(looks->now->goroutines.length + 1, sizeof(*names_ret->group_of));
    for (uint32_t i = 0; i < groups->groups.length; i++) {
        for (uint32_t k = groups->groups.at[i].first; k != UINT32_MAX; k = groups->next[k])
            names_ret->group_of[k] = i;
    }
}

void holder_names_close(struct holder_names *names)
{
    free(names->group_of);
    u64map_deinit(&names->index);
    VECTOR_DEINIT(&names->holders);
}

uint32_t holder_names_label(struct holder_names *names, const struct graph_holder *holder)
{
    enum {
        KIND_SHIFT = 56
    };
    struct graph_holder named = *holder;
    if (named.kind == HOLDER_GOROUTINE) {
        named.kind = HOLDER_GROUP;
        named.index = names->group_of[named.index];
    }
    uint64_t what = named.kind == HOLDER_GROUP ? named.index : named.at;
    bool is_new = false;
    uint32_t label = u64map_intern(&names->index, (uint64_t)named.kind << KIND_SHIFT ^ what,
                                   (uint32_t)names->holders.length, &is_new);
    if (is_new)
        VECTOR_PUSH(&names->holders, named);
    return label | HOLDER_LABELS;
}

static const struct graph_holder *holder_of(const struct holder_names *names, uint32_t label)
{
    return &names->holders.at[label & ~(uint32_t)HOLDER_LABELS];
}

enum holder_kind holder_names_kind(const struct holder_names *names, uint32_t label)
{
    return holder_of(names, label)->kind;
}

address holder_names_unnamed(const struct holder_names *names, uint32_t label)
{
    const struct graph_holder *holder = holder_of(names, label);
    const struct data_symbol *symbol = data_symbol_at(names->symbols, holder->at);
    bool unnamed = holder->kind == HOLDER_VARIABLE && (!symbol || !symbol->name);
    return unnamed ? holder->at : 0;
}

static void put_place(const struct place *place, struct text *text)
{
    const char *slash = place->file ? strrchr(place->file, '/') : NULL;
    text_puts(text, place->function ? place->function : "?");
    if (place->file && place->line > 0)
        text_printf(text, " %s:%d", slash ? slash + 1 : place->file, place->line);
}

static const struct goroutine *first_of(const struct holder_names *names, uint32_t group)
{
    return &names->looks->now->goroutines.at[names->groups->groups.at[group].first];
}

static struct place place_of_group(const struct holder_names *names, uint32_t group)
{
    const struct looks *looks = names->looks;
    return place_of_stack(looks->program, looks->now, first_of(names, group));
}

struct place holder_names_place(const struct holder_names *names, uint32_t label)
{
    const struct graph_holder *holder = holder_of(names, label);
    if (holder->kind == HOLDER_GROUP)
        return place_of_group(names, holder->index);
    if (holder->kind == HOLDER_DEFERS)
        return place_of(names->looks->program, holder->at);
    return (struct place){0};
}

struct place holder_names_start(const struct holder_names *names, uint32_t label, bool *of_main_ret)
{
    const struct graph_holder *holder = holder_of(names, label);
    *of_main_ret = false;
    if (holder->kind != HOLDER_GROUP)
        return (struct place){0};
    const struct goroutine *first = first_of(names, holder->index);
    *of_main_ret = first->id == 1;
    return place_of_start(names->looks->program, first);
}

static void put_group(const struct holder_names *names, uint32_t group, struct text *text)
{
    struct place at = place_of_group(names, group);
    text_puts(text, names->groups->groups.at[group].count == 1 ? "goroutine" : "goroutines");
    if (at.function) {
        text_puts(text, " at ");
        put_place(&at, text);
    }
    place_deinit(&at);
}

static void put_defers(const struct holder_names *names, const struct graph_holder *holder,
                       struct text *text)
{
    struct place at = place_of(names->looks->program, holder->at);
    text_puts(text, "deferred at ");
    put_place(&at, text);
    place_deinit(&at);
}

static void put_variable(const struct holder_names *names, const struct graph_holder *holder,
                         struct text *text)
{
    const struct data_symbol *symbol = data_symbol_at(names->symbols, holder->at);
    if (symbol && symbol->name)
        text_escape(text, symbol->name, strlen(symbol->name));
    else
        text_printf(text, "variable at 0x%llx", (unsigned long long)holder->at);
}

void holder_names_put(const struct holder_names *names, uint32_t label, struct text *text)
{
    static const char *const kinds[] = {
        [HOLDER_DESCRIPTORS] = "descriptors of goroutines",
        [HOLDER_RUNTIME] = "blocks for tiny objects",
        [HOLDER_THREADS] = "threads that run Go code",
        [HOLDER_FINALIZERS] = "finalizers and cleanups",
    };
    const struct graph_holder *holder = holder_of(names, label);
    switch (holder->kind) {
    case HOLDER_VARIABLE:
        put_variable(names, holder, text);
        break;
    case HOLDER_DEFERS:
        put_defers(names, holder, text);
        break;
    case HOLDER_GROUP:
        put_group(names, holder->index, text);
        break;
    case HOLDER_DESCRIPTORS:
    case HOLDER_RUNTIME:
    case HOLDER_THREADS:
    case HOLDER_FINALIZERS:
        text_puts(text, kinds[holder->kind]);
        break;
    default:
        break;
    }
}
