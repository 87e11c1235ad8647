#include "heap/tangle.h"

#include <stdbool.h>

#include "heap/hot_memory.h"

/* ---- who is within */

struct search {
    const struct csr *incoming;
    uint64_t *within; /* a bit per place */
    uint32_t count;
    struct places VECTOR_OF(uint32_t) open; /* who leads to them is still to be taken in */
};

static inline bool has(const uint64_t *bits, uint32_t place)
{
    return bits[place / 64] >> place % 64 & 1;
}

static inline void take_in(struct search *search, uint32_t place)
{
    if (has(search->within, place))
        return;
    search->within[place / 64] |= UINT64_C(1) << place % 64;
    search->count++;
    VECTOR_PUSH(&search->open, place);
}

/* Edges come lowest first: several from one place stand together. */
static bool is_join(const struct csr *incoming, uint32_t place)
{
    uint32_t first = incoming->first[place], end = incoming->first[place + 1];
    return end - first > 1 && incoming->to[first] != incoming->to[end - 1];
}

/* The place and all from which it can be reached. The root dominates itself, whoever leads back to it. */
static void take_in_all(struct search *search, uint32_t place)
{
    const struct csr *incoming = search->incoming;
    take_in(search, place);
    while (search->open.length) {
        uint32_t at = search->open.at[--search->open.length];
        for (uint32_t i = incoming->first[at]; at && i < incoming->first[at + 1]; i++)
            take_in(search, incoming->to[i]);
    }
}

static void find_all(struct search *search, uint32_t places)
{
    take_in_all(search, 0);
    for (uint32_t place = 1; place < places; place++) {
        if (is_join(search->incoming, place))
            take_in_all(search, place);
    }
    VECTOR_DEINIT(&search->open);
}

/* ---- the walk depth first. The way back is in `parent`. */

struct walk {
    struct tangle *tangle;
    const struct visit *visit;
    uint64_t *left; /* a bit per place: within, and without a number yet */
    uint32_t *next; /* by number: the edge to be followed next */
    uint32_t count; /* numbered so far */
    size_t next_late;
};

static inline uint32_t enter(struct walk *walk, uint32_t place, uint32_t parent)
{
    struct tangle *tangle = walk->tangle;
    uint32_t number = walk->count++;
    walk->left[place / 64] &= ~(UINT64_C(1) << place % 64);
    tangle->number[place] = number;
    tangle->place[number] = place;
    tangle->parent[number] = parent;
    walk->next[number] = walk->visit->outgoing.first[place];
    return number;
}

/* The next place within that this one leads to and that has no number yet. */
static uint32_t follow(struct walk *walk, uint32_t number)
{
    const struct visit *visit = walk->visit;
    uint32_t *next = &walk->next[number];
    uint32_t end = visit->outgoing.first[walk->tangle->place[number] + 1];
    while (*next < end) {
        uint32_t to = visit->outgoing.to[(*next)++];
        if (has(walk->left, to))
            return to;
    }
    while (number == 0 && walk->next_late < visit->late.length) {
        uint32_t to = visit->late.at[walk->next_late++];
        if (has(walk->left, to))
            return to;
    }
    return CSR_NONE;
}

static void number_all(struct walk *walk)
{
    uint32_t at = enter(walk, 0, 0);
    for (;;) {
        uint32_t to = follow(walk, at);
        if (to != CSR_NONE)
            at = enter(walk, to, at);
        else if (at)
            at = walk->tangle->parent[at];
        else
            return;
    }
}

void tangle_find(const struct visit *visit, const struct csr *incoming, struct tangle *tangle_ret)
{
    struct search search = {.incoming = incoming};
    search.within = hot_memory(visit->count / 64 + 1, sizeof(*search.within));
    find_all(&search, visit->count);
    *tangle_ret = (struct tangle){
        .count = search.count,
        .number = hot_memory_unset(visit->count, sizeof(*tangle_ret->number)),
        .place = hot_memory_unset(search.count, sizeof(*tangle_ret->place)),
        .parent = hot_memory_unset(search.count, sizeof(*tangle_ret->parent)),
    };
    struct walk walk = {.tangle = tangle_ret, .visit = visit, .left = search.within};
    walk.next = hot_memory_unset(search.count, sizeof(*walk.next));
    number_all(&walk);
    free(search.within);
    free(walk.next);
}

void tangle_free(struct tangle *tangle)
{
    free(tangle->number);
    free(tangle->place);
    free(tangle->parent);
    *tangle = (struct tangle){0};
}
