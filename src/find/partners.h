/* Partners: goroutines that could still end what others wait for, because a live slot of their stack leads to the channel. */
#ifndef SEEP_FIND_PARTNERS_H
#define SEEP_FIND_PARTNERS_H

#include "find/sites.h"

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
void partners_deinit(struct partners *partners);

/* PARTNER_NONE for channels that were not asked for. */
enum partner partners_of(const struct partners *partners, address channel, uint32_t *goroutine_ret);

#endif
