/* What a function does with one channel. */
#ifndef SEEP_SCAN_CHANNELS_H
#define SEEP_SCAN_CHANNELS_H

#include "scan/starts.h"

enum channel_act {
    CHANNEL_SENDS, /* and waits until somebody receives */
    CHANNEL_RECEIVES,
    CHANNEL_RANGES, /* receives with "is it closed?" */
    CHANNEL_CLOSES,
    CHANNEL_SELECTS_SEND, /* a case of a select */
    CHANNEL_SELECTS_RECEIVE,
    CHANNEL_TRIES, /* select with default: never waits */
};

struct channel_use {
    enum channel_act act;
    const struct summary_call *call;
    uint32_t select_case; /* of a select */
};

/* All uses of a channel in one function. */
struct channel_uses {
    struct channel_use_list VECTOR_OF(struct channel_use) uses;
    bool escapes; /* it goes where it is not followed: other functions, memory, results */
};

/* A channel that a function makes. */
struct channel {
    const struct summary *maker;
    struct value value; /* RESULT of makechan */
    int64_t size;       /* of its buffer; negative if it is not a constant */
};

/* True if the value is what this function's call of makechan made. */
bool channel_of(struct scanner *scanner, const struct summary *maker, const struct value *value,
                struct channel *channel_ret);

/* The uses in the maker itself. Captured by the closures of `go` statements (or boxed for them) is
 * no escape. */
void channel_uses_of_maker(struct scanner *scanner, const struct channel *channel,
                           struct channel_uses *uses_ret);

/* The uses in a goroutine that the maker starts. */
void channel_uses_of_body(struct scanner *scanner, const struct channel *channel,
                          const struct start *start, struct channel_uses *uses_ret);

void channel_uses_deinit(struct channel_uses *uses);
#define AUTO_USES __attribute__((cleanup(channel_uses_deinit)))

size_t channel_count(const struct channel_uses *uses, enum channel_act act);

/* The first use of that kind, or NULL. */
const struct channel_use *channel_first(const struct channel_uses *uses, enum channel_act act);

#endif
