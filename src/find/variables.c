/* A variable that no code names, so far as it is known, is part of something larger. */
#include <string.h>

#include "code/calls.h"
#include "code/data_users.h"
#include "find/way_search.h"

struct variables {
    struct way_search *search;
    struct data_users users;
    struct found_variables VECTOR_OF(uint32_t) leads;
    struct way_in *ways; /* by variable */
};

static bool is_standard(const struct program *program, address entry)
{
    struct func func;
    return !pclntab_func(&program->pclntab, entry, &func) ||
           calls_is_standard(program, func_name(&program->pclntab, &func));
}

/* Its own books (of all goroutines, of timers) say nothing about who could use what they name. */
static bool is_runtime(const struct program *program, address entry)
{
    struct func func;
    return pclntab_func(&program->pclntab, entry, &func) &&
           !strncmp(func_name(&program->pclntab, &func), "runtime.", strlen("runtime."));
}

/* What gives variables their first values. */
static bool is_initializer(const struct program *program, address entry)
{
    struct func func;
    if (!pclntab_func(&program->pclntab, entry, &func))
        return false;
    const char *name = func_name(&program->pclntab, &func);
    const char *slash = strrchr(name, '/');
    const char *dot = strchr(slash ? slash : name, '.');
    return dot &&
           (!strcmp(dot, ".init") || !strncmp(dot, ".init.", 6) || !strncmp(dot, ".map.init.", 10));
}

static const struct lead *lead_of(const struct variables *variables, size_t variable)
{
    return &variables->search->leads.list.at[variables->leads.at[variable]];
}

/* One function that names the variable. */
static void judge_user(struct variables *variables, const struct data_user *user)
{
    struct way_in *way = &variables->ways[user->variable];
    uint32_t goroutine = UINT32_MAX;
    if (is_runtime(variables->search->looks->program, user->entry))
        return;
    if (is_standard(variables->search->looks->program, user->entry)) {
        if (user->exact && !lead_of(variables, user->variable)->near)
            way_raise(way, (struct way_in){.way = WAY_UNSURE, .goroutine = UINT32_MAX});
        return;
    }
    if (living_helps(&variables->search->living, user->entry)) {
        bool runs = living_runs(&variables->search->living, user->entry, &goroutine);
        way_raise(way, (struct way_in){.way = runs ? WAY_ALIVE : WAY_GONE,
                                       .function = user->entry,
                                       .goroutine = goroutine});
        return;
    }
    way_raise(way, (struct way_in){.way = WAY_UNUSED, .goroutine = UINT32_MAX});
    if (way->way != WAY_UNUSED || !user->exact ||
        is_initializer(variables->search->looks->program, user->entry))
        return;
    if (!way->function)
        way->function = user->entry;
    else if (!way->other)
        way->other = user->entry;
}

/* By lead: whether another one leads there. */
static bool *find_led_to(const struct way_search *search)
{
    bool *led_to = xcalloc(search->leads.list.length + 1, sizeof(*led_to));
    for (size_t i = 0; i < search->leads.edges.length; i++)
        led_to[search->leads.edges.at[i].to] = true;
    return led_to;
}

/* What only the initializer names (the elements of a slice that is a variable) is used through something else: that must be known too. */
static void judge_variables(struct variables *variables)
{
    size_t count = variables->leads.length;
    AUTO_FREE bool *named = xcalloc(count + 1, sizeof(*named));
    AUTO_FREE bool *led_to = find_led_to(variables->search);
    variables->ways = xcalloc(count + 1, sizeof(*variables->ways));
    for (size_t i = 0; i < variables->users.length; i++) {
        const struct data_user *user = &variables->users.at[i];
        if (led_to[variables->leads.at[user->variable]] ||
            !is_initializer(variables->search->looks->program, user->entry))
            named[user->variable] = true;
        judge_user(variables, user);
    }
    for (size_t i = 0; i < count; i++) {
        if (!named[i] && !lead_of(variables, i)->near)
            way_raise(&variables->ways[i],
                      (struct way_in){.way = WAY_UNSURE, .goroutine = UINT32_MAX});
    }
}

bool variables_search(struct way_search *search)
{
    const struct looks *looks = search->looks;
    struct variables variables = {.search = search};
    struct addresses VECTOR_OF(address) at = {0};
    for (uint32_t i = 0; i < search->leads.list.length; i++) {
        if (!search->leads.list.at[i].variable)
            continue;
        VECTOR_PUSH(&variables.leads, i);
        VECTOR_PUSH(&at, search->leads.list.at[i].at);
    }
    bool complete =
        data_users_find(looks->target, looks->program, at.at, at.length, &variables.users);
    if (complete)
        judge_variables(&variables);
    for (uint32_t i = 0; complete && i < variables.leads.length; i++)
        way_spread(search, variables.leads.at[i], variables.ways[i]);
    VECTOR_DEINIT(&at);
    VECTOR_DEINIT(&variables.users);
    VECTOR_DEINIT(&variables.leads);
    free(variables.ways);
    return complete;
}
