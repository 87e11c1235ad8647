#include "agent/chains.h"

#include <string.h>

#include "agent/peek.h"

enum {
    PAGE = 4096,
    REMEMBER_FROM = 64, /* records */
    STEPS_MAX = 1 << 18 /* in one look: some 20 ms */
};

/* Records lie close together: a page is read once for many of them. */
struct walk {
    pid_t pid;
    const struct recipe *recipe;
    address page; /* 0: none */
    uint8_t bytes[PAGE];
};

static bool read_record(struct walk *walk, address at, uint8_t *record)
{
    size_t size = walk->recipe->defer_size;
    address page = at & ~(address)(PAGE - 1);
    if (at < PAGE || at >= UINT64_C(1) << 56 || at % 8)
        return false;
    if (at + size > page + PAGE)
        return peek_at(walk->pid, at, record, size);
    if (walk->page != page) {
        walk->page = 0;
        if (!peek_at(walk->pid, page, walk->bytes, PAGE))
            return false;
        walk->page = page;
    }
    memcpy(record, walk->bytes + (at - page), size);
    return true;
}

static struct tally_chain *chain_of(struct tally_chains *chains, uint64_t goroutine)
{
    for (size_t i = 0; i < chains->length; i++) {
        if (chains->at[i].goroutine == goroutine)
            return &chains->at[i];
    }
    return NULL;
}

void chains_begin(struct tally_chains *chains)
{
    for (size_t i = 0; i < chains->length; i++)
        chains->at[i].seen = false;
}

void chains_finish(struct tally_chains *chains)
{
    size_t kept = 0;
    for (size_t i = 0; i < chains->length; i++) {
        if (chains->at[i].seen)
            chains->at[kept++] = chains->at[i];
    }
    chains->length = kept;
}

static void add(struct chain_count counts[CHAIN_PLACES], size_t *places, address place,
                uint32_t count)
{
    for (size_t i = 0; i < *places; i++) {
        if (counts[i].place == place) {
            counts[i].count += count;
            return;
        }
    }
    if (*places < CHAIN_PLACES)
        counts[(*places)++] = (struct chain_count){place, count};
}

/* How far one list was walked. */
struct walked {
    uint32_t steps;
    bool met; /* the record that was the newest the last time */
    bool cut;
};

static struct walked walk_list(struct walk *walk, address head, address known,
                               struct chain_count counts[CHAIN_PLACES], size_t *places)
{
    struct walked walked = {0};
    uint8_t record[256];
    for (address at = head; at; walked.steps++) {
        uint64_t link = 0, place = 0;
        if (at == known) {
            walked.met = true;
            return walked;
        }
        if (walked.steps == STEPS_MAX || !read_record(walk, at, record)) {
            walked.cut = true;
            return walked;
        }
        memcpy(&link, record + walk->recipe->defer_link, 8);
        memcpy(&place, record + walk->recipe->defer_pc, 8);
        add(counts, places, place, 1);
        at = link;
    }
    return walked;
}

static const struct chain_count *most(const struct chain_count *counts, size_t places)
{
    const struct chain_count *found = &counts[0];
    for (size_t i = 1; i < places; i++)
        found = counts[i].count > found->count ? &counts[i] : found;
    return found;
}

static void remember(struct tally_chains *chains, struct tally_chain *chain, uint64_t goroutine,
                     address head, const struct chain_count *top, uint32_t total)
{
    if (!chain) {
        if (chains->length == TALLY_CHAINS_MAX)
            return;
        VECTOR_PUSH(chains, (struct tally_chain){.goroutine = goroutine});
        chain = &chains->at[chains->length - 1];
    }
    *chain = (struct tally_chain){.goroutine = goroutine,
                                  .head = head,
                                  .place = top->place,
                                  .count = top->count,
                                  .total = total,
                                  .seen = true};
}

size_t chains_count(struct tally_chains *chains, pid_t pid, const struct recipe *recipe,
                    uint64_t goroutine, address head, struct chain_count counts[CHAIN_PLACES],
                    uint64_t *deferred, bool *partly)
{
    struct walk walk = {.pid = pid, .recipe = recipe};
    struct tally_chain *chain = chain_of(chains, goroutine);
    size_t places = 0, kept = 0;
    struct walked walked = walk_list(&walk, head, chain ? chain->head : 0, counts, &places);
    uint32_t total = walked.steps;
    if (chain && walked.met) {
        add(counts, &places, chain->place, chain->count);
        total += chain->total;
    } else if (walked.cut && chain && chain->total > total) {
        /* Longer than is walked, and what was known is not where it was: at least as long as it seems. */
        *partly = true;
    }
    *partly = *partly || walked.cut;
    *deferred += total;
    if (total >= REMEMBER_FROM && places)
        remember(chains, chain, goroutine, head, most(counts, places), total);
    for (size_t i = 0; i < places; i++) {
        if (counts[i].count >= TALLY_CHAIN_LEAST)
            counts[kept++] = counts[i];
    }
    return kept;
}
