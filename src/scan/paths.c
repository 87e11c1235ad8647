/* A walk over (node, the select passed last, its cases that are still possible). */
#include "scan/paths.h"

#include "base/memory.h"

enum {
    STATES_MAX = 1 << 18,
    CASES_MAX = 64
};

struct state {
    uint32_t node;
    uint32_t select; /* index + 1; 0: none */
    uint64_t cases;
};

struct walk {
    const struct path *path;
    struct u64map seen;
    struct states VECTOR_OF(struct state) work;
    uint32_t wanted; /* a node, or UINT32_MAX: any return */
    bool found;
};

/* It exits or panics, or calls a function that can exit. */
static bool ends_process(const struct scanner *scanner, const struct summary_call *call)
{
    enum callee callee = scanner_callee(scanner, call);
    struct func func;
    size_t count = 0;
    if (callee == CALLEE_EXIT || callee == CALLEE_PANIC)
        return true;
    if (!call->made.callee || callee != CALLEE_NONE || !scanner->program ||
        !pclntab_func(&scanner->program->pclntab, call->made.callee, &func))
        return false;
    const struct call_site *sites =
        call_sites_within(&scanner->sites, func.entry, func.end, &count);
    for (size_t i = 0; i < count; i++) {
        if (sites[i].name == CALLEE_EXIT)
            return true;
    }
    return false;
}

void path_init(struct path *path, const struct scanner *scanner, const struct summary *summary,
               uint32_t from)
{
    *path = (struct path){.summary = summary, .from = from};
    path->blocked = xcalloc(summary->traced.nodes.length, sizeof(bool));
    for (size_t i = 0; i < summary->calls.length; i++) {
        if (ends_process(scanner, &summary->calls.at[i]))
            path_block(path, summary->calls.at[i].made.node);
    }
}

void path_deinit(struct path *path)
{
    free(path->blocked);
}

void path_block(struct path *path, uint32_t node)
{
    path->blocked[node] = true;
}

void path_block_case(struct path *path, uint32_t node, uint32_t index, uint32_t case_count)
{
    for (unsigned i = 0; i < path->select_count; i++) {
        if (path->selects[i].node == node) {
            path->selects[i].cases &= ~(UINT64_C(1) << index);
            return;
        }
    }
    if (path->select_count == PATH_SELECTS_MAX || case_count >= CASES_MAX) {
        path_block(path, node);
        return;
    }
    uint64_t all = (UINT64_C(1) << case_count) - 1;
    path->selects[path->select_count++] =
        (struct path_select){.node = node, .cases = all & ~(UINT64_C(1) << index)};
}

static void enter(struct walk *walk, struct state state)
{
    bool is_new = false;
    uint64_t key = u64_mix(u64_mix(state.cases) ^ ((uint64_t)state.select << 32 | state.node));
    if (walk->path->blocked[state.node] || walk->seen.length >= STATES_MAX)
        return;
    u64map_intern(&walk->seen, key, 1, &is_new);
    if (is_new)
        VECTOR_PUSH(&walk->work, state);
}

static bool holds(enum condition condition, int64_t left, int64_t right)
{
    switch (condition) {
    case CONDITION_EQUAL:
        return left == right;
    case CONDITION_NOT_EQUAL:
        return left != right;
    case CONDITION_LESS:
        return left < right;
    case CONDITION_LESS_EQUAL:
        return left <= right;
    case CONDITION_GREATER:
        return left > right;
    case CONDITION_GREATER_EQUAL:
        return left >= right;
    case CONDITION_BELOW:
        return (uint64_t)left < (uint64_t)right;
    case CONDITION_BELOW_EQUAL:
        return (uint64_t)left <= (uint64_t)right;
    case CONDITION_ABOVE:
        return (uint64_t)left > (uint64_t)right;
    default:
        return (uint64_t)left >= (uint64_t)right;
    }
}

/* The comparison of the select's result that decides the branch; NULL if another one does. */
static const struct summary_compare *compare_at(const struct path *path, const struct state *state)
{
    if (!state->select)
        return NULL;
    uint32_t node = path->selects[state->select - 1].node;
    const struct summary *summary = path->summary;
    for (size_t i = 0; i < summary->compares.length; i++) {
        const struct summary_compare *compare = &summary->compares.at[i];
        if (compare->branch == state->node && compare->left.kind == VALUE_RESULT &&
            compare->left.node == node && compare->left.number == 0)
            return compare;
    }
    return NULL;
}

/* The cases for which the branch is taken, or not. */
static uint64_t cases_for(const struct summary_compare *compare, uint64_t cases, bool taken)
{
    uint64_t left = 0;
    for (unsigned i = 0; i < CASES_MAX; i++) {
        if (cases >> i & 1 && holds(compare->condition, i, compare->right) == taken)
            left |= UINT64_C(1) << i;
    }
    return left;
}

static void go_on(struct walk *walk, struct state state)
{
    const struct summary *summary = walk->path->summary;
    const struct summary_compare *compare = compare_at(walk->path, &state);
    uint32_t first = summary->forward.first[state.node];
    uint32_t last = summary->forward.first[state.node + 1];
    for (uint32_t i = first; i < last; i++) {
        struct state next = {summary->forward.to[i], state.select, state.cases};
        if (compare && last - first == 2) {
            next.cases = cases_for(compare, state.cases, i == first);
            if (!next.cases)
                continue;
        }
        if (next.node == walk->wanted)
            walk->found = true;
        enter(walk, next);
    }
}

static void visit(struct walk *walk, struct state state)
{
    const struct path *path = walk->path;
    if (walk->wanted == UINT32_MAX && path->summary->traced.nodes.at[state.node] == NODE_RETURNS)
        walk->found = true;
    for (unsigned i = 0; i < path->select_count; i++) {
        if (path->selects[i].node != state.node)
            continue;
        state.select = i + 1;
        state.cases = path->selects[i].cases;
        if (!state.cases)
            return;
    }
    go_on(walk, state);
}

static bool walk_to(const struct path *path, uint32_t wanted)
{
    struct walk walk = {.path = path, .wanted = wanted};
    go_on(&walk, (struct state){.node = path->from});
    while (walk.work.length > 0 && !walk.found)
        visit(&walk, walk.work.at[--walk.work.length]);
    u64map_deinit(&walk.seen);
    VECTOR_DEINIT(&walk.work);
    return walk.found;
}

bool path_returns(const struct path *path)
{
    return walk_to(path, UINT32_MAX);
}

bool path_reaches(const struct path *path, uint32_t to)
{
    return walk_to(path, to);
}
