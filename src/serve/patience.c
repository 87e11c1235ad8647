#include "serve/patience.h"

#include <stddef.h>
#include <sys/socket.h>

#include "base/memory.h"

static const int64_t most_ms[] = {
    [PACE_FREE] = INT64_MAX,
    [PACE_ASKING] = 20 * 1000,
    [PACE_ANSWER] = 60 * 1000,
    [PACE_STREAM] = 3600 * 1000,
};

struct visitor *patience_meet(struct patience *patience, int socket, int64_t now_ms)
{
    for (size_t i = 0; i < LENGTH_OF(patience->visitors); i++) {
        struct visitor *visitor = &patience->visitors[i];
        if (visitor->pace == PACE_FREE) {
            *visitor = (struct visitor){PACE_ASKING, socket, now_ms};
            return visitor;
        }
    }
    return NULL;
}

void visitor_goes_on(struct visitor *visitor, enum pace pace, int64_t now_ms)
{
    if (!visitor)
        return;
    visitor->pace = pace;
    visitor->since_ms = now_ms;
}

void patience_tend(struct patience *patience, int64_t now_ms)
{
    for (size_t i = 0; i < LENGTH_OF(patience->visitors); i++) {
        const struct visitor *visitor = &patience->visitors[i];
        if (visitor->pace != PACE_FREE && now_ms - visitor->since_ms > most_ms[visitor->pace])
            shutdown(visitor->socket, SHUT_RDWR);
    }
}

bool patience_is_busy(const struct patience *patience)
{
    for (size_t i = 0; i < LENGTH_OF(patience->visitors); i++) {
        if (patience->visitors[i].pace >= PACE_ANSWER)
            return true;
    }
    return false;
}
