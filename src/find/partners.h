/* Partners: goroutines that could still end what others wait for, because a live slot of their stack leads to the channel, or a variable does that their
 * code uses. */
#ifndef SEEP_FIND_PARTNERS_H
#define SEEP_FIND_PARTNERS_H

#include "find/ways.h"

enum partner {
    PARTNER_NONE,   /* no other goroutine's stack leads to it */
    PARTNER_SENDER, /* somebody holds it, but what they run does not receive */
    PARTNER_LIKELY, /* somebody holds it who can receive (of a receiver: who holds it at all) */
};

struct partners {
    struct u64map index;  /* channel's address -> place in the arrays */
    uint8_t *kinds;       /* enum partner by channel */
    bool *is_sent;        /* by channel: the members send to it */
    uint32_t *goroutines; /* one who holds it, UINT32_MAX if none */
    struct ways ways;     /* through variables, by channel */
    size_t count;
    uint8_t *still;  /* by member: it still waits, now that its partners have been looked for */
    uint64_t unseen; /* running goroutines without a stack that may receive */
};

/* Asks for the channels that the site's members wait on, at most PARTNERS_CHANNELS_MAX of them. */
enum {
    PARTNERS_CHANNELS_MAX = 1 << 16
};
struct error *partners_find(const struct looks *looks, const struct site *site,
                            struct partners *partners_ret) NODISCARD;

/* The same for locks, WaitGroups and Conds: only ways are asked for. */
void partners_find_locks(const struct looks *looks, const struct site *site,
                         struct partners *partners_ret);

/* By goroutine, 1: not to be counted on. Members, their like, who waits for one of these objects, and who is proved to wait for ever. The caller frees. */
uint8_t *partners_skipped(const struct looks *looks, const struct site *site,
                          const struct partners *partners);

/* Functions that the members run: the one they were started with, the one that waits. */
void partners_own(const struct looks *looks, const struct site *site, address own_ret[2]);

void partners_deinit(struct partners *partners);

/* PARTNER_NONE for channels that were not asked for. */
enum partner partners_of(const struct partners *partners, address channel, uint32_t *goroutine_ret);

/* What a variable may do for who waits on the channel. */
struct way_in partners_way(const struct partners *partners, address channel);

#endif
