#include "serve/patience.h"

#include <stddef.h>
#include <sys/socket.h>

#include "base/memory.h"

enum {
    PAUSE_MS = 1000,
    PAUSE_FULL_MS = 100
};

/* While there is room, and when there is none. Who means it sends its request with its first packet. */
static const struct {
    int64_t room_ms, full_ms;
} most[] = {
    [PACE_FREE] = {INT64_MAX, INT64_MAX},
    [PACE_ASKING] = {20 * 1000, 250},
    [PACE_ANSWER] = {60 * 1000, 10 * 1000},
    [PACE_STREAM] = {60 * 1000, 10 * 1000},
};

static bool is_full(const struct patience *patience)
{
    size_t taken = 0;
    for (size_t i = 0; i < LENGTH_OF(patience->visitors); i++)
        taken += patience->visitors[i].pace != PACE_FREE;
    return taken >= CONNECTIONS_MAX;
}

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
    bool full = is_full(patience);
    for (size_t i = 0; i < LENGTH_OF(patience->visitors); i++) {
        const struct visitor *visitor = &patience->visitors[i];
        int64_t most_ms = full ? most[visitor->pace].full_ms : most[visitor->pace].room_ms;
        if (visitor->pace != PACE_FREE && now_ms - visitor->since_ms > most_ms)
            shutdown(visitor->socket, SHUT_RDWR);
    }
}

int64_t patience_pause_ms(const struct patience *patience)
{
    return is_full(patience) ? PAUSE_FULL_MS : PAUSE_MS;
}

bool patience_is_busy(const struct patience *patience)
{
    for (size_t i = 0; i < LENGTH_OF(patience->visitors); i++) {
        if (patience->visitors[i].pace >= PACE_ANSWER)
            return true;
    }
    return false;
}
