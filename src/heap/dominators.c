/* Only the tangle needs the algorithm: there, places go by their numbers of a walk depth first. They are visited from the last to the first. One that was visited is in
 * the forest: linked to its parent, its `ancestor`; shortening the ways through the forest is what makes the algorithm fast. Nearly everywhere a place is
 * led to by its parent only, or by others that its parent leads to: then its semidominator is its parent, and no more is to be found out. */
#include "heap/dominators.h"

#include <string.h>

#include "base/vector.h"
#include "heap/hot_memory.h"

struct finder {
    const struct tangle *tangle;
    const struct csr *incoming;
    uint32_t *ancestor;  /* all by number; outside the forest: the parent */
    uint32_t *semi;      /* semidominator */
    uint32_t *label;     /* the one with the least semi on the way that was shortened */
    uint32_t *dominator; /* while it waits in a bucket: the next one in it */
    uint32_t *bucket;    /* by semidominator: the first one that waits */
    uint32_t lowest;     /* numbers from here on are in the forest */
    struct way VECTOR_OF(uint32_t) way;
};

static void shorten(struct finder *finder, uint32_t number)
{
    uint32_t *ancestor = finder->ancestor, *label = finder->label;
    const uint32_t *semi = finder->semi;
    finder->way.length = 0;
    for (uint32_t at = number; ancestor[at] >= finder->lowest; at = ancestor[at])
        VECTOR_PUSH(&finder->way, at);
    for (size_t i = finder->way.length; i > 0; i--) {
        uint32_t at = finder->way.at[i - 1], up = ancestor[at];
        if (semi[label[up]] < semi[label[at]])
            label[at] = label[up];
        ancestor[at] = ancestor[up];
    }
}

/* The one with the least semidominator on the way from the top of its tree, which does not count, to this one. */
static inline uint32_t least(struct finder *finder, uint32_t number)
{
    if (number < finder->lowest)
        return number;
    if (finder->ancestor[number] >= finder->lowest)
        shorten(finder, number);
    return finder->label[number];
}

static void find_semi(struct finder *finder, uint32_t number)
{
    const struct csr *incoming = finder->incoming;
    uint32_t semi = finder->ancestor[number], place = finder->tangle->place[number];
    for (uint32_t i = incoming->first[place]; i < incoming->first[place + 1]; i++) {
        uint32_t from = finder->tangle->number[incoming->to[i]];
        uint32_t other = finder->semi[least(finder, from)];
        if (other < semi)
            semi = other;
    }
    finder->semi[number] = semi;
    if (semi == finder->ancestor[number]) {
        finder->dominator[number] = semi;
        return;
    }
    finder->dominator[number] = finder->bucket[semi];
    finder->bucket[semi] = number;
}

static void empty_bucket(struct finder *finder, uint32_t semi)
{
    uint32_t number = finder->bucket[semi];
    finder->bucket[semi] = 0;
    while (number) {
        uint32_t next = finder->dominator[number], by = least(finder, number);
        finder->dominator[number] = finder->semi[by] < finder->semi[number] ? by : semi;
        number = next;
    }
}

static void open(struct finder *finder, const struct csr *incoming, const struct tangle *tangle)
{
    uint32_t count = tangle->count;
    *finder = (struct finder){
        .tangle = tangle,
        .incoming = incoming,
        .ancestor = hot_memory_unset(count, sizeof(*finder->ancestor)),
        .semi = hot_memory_unset(count, sizeof(*finder->semi)),
        .label = hot_memory_unset(count, sizeof(*finder->label)),
        .dominator = hot_memory_unset(count, sizeof(*finder->dominator)),
        .bucket = hot_memory(count, sizeof(*finder->bucket)),
        .lowest = count,
    };
    for (uint32_t i = 0; i < count; i++) {
        finder->ancestor[i] = tangle->parent[i];
        finder->semi[i] = finder->label[i] = i;
    }
}

static void close(struct finder *finder)
{
    VECTOR_DEINIT(&finder->way);
    free(finder->ancestor);
    free(finder->semi);
    free(finder->label);
    free(finder->dominator);
    free(finder->bucket);
}

static void find(struct finder *finder)
{
    uint32_t count = finder->tangle->count;
    for (uint32_t number = count; --number > 0;) {
        find_semi(finder, number);
        finder->lowest = number;
        empty_bucket(finder, finder->tangle->parent[number]);
    }
    for (uint32_t number = 1; number < count; number++) {
        uint32_t *dominator = &finder->dominator[number];
        if (*dominator != finder->semi[number])
            *dominator = finder->dominator[*dominator];
    }
}

uint32_t *dominators_find(const struct visit *visit, const struct csr *incoming,
                          const struct tangle *tangle)
{
    struct finder finder;
    uint32_t *dominator = hot_memory_unset(visit->count, sizeof(*dominator));
    memcpy(dominator, visit->parent, visit->count * sizeof(*dominator));
    open(&finder, incoming, tangle);
    find(&finder);
    for (uint32_t number = 1; number < tangle->count; number++)
        dominator[tangle->place[number]] = tangle->place[finder.dominator[number]];
    close(&finder);
    return dominator;
}
