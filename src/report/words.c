#include "report/words.h"

const char *wait_reason_text(const struct observation *observation,
                             const struct goroutine *goroutine)
{
    bool waits = goroutine->state == GOROUTINE_WAITING || goroutine->state == GOROUTINE_LEAKED;
    if (!waits || goroutine->wait_reason >= observation->wait_reasons.length)
        return NULL;
    const char *reason = observation->wait_reasons.at[goroutine->wait_reason];
    return reason && *reason ? reason : NULL;
}

const char *state_text(const struct observation *observation, const struct goroutine *goroutine)
{
    const char *reason = wait_reason_text(observation, goroutine);
    return reason ? reason : goroutine_state_name(goroutine->state);
}

const char *wait_kind_text(enum wait_kind kind)
{
    switch (kind) {
    case WAIT_CHAN_SEND:
    case WAIT_CHAN_RECEIVE:
    case WAIT_SELECT:
        return "chan";
    case WAIT_NIL_CHAN:
        return "nil chan";
    case WAIT_MUTEX:
        return "mutex";
    case WAIT_RWMUTEX:
        return "rwmutex";
    case WAIT_WAITGROUP:
        return "waitgroup";
    case WAIT_COND:
        return "cond";
    default:
        return "semaphore";
    }
}
