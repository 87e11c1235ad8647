#include "agent/nearby.h"

enum {
    RUN_MOST = 16 << 10, /* bytes */
    OPEN_RUNS =
        8 /* that may still grow: processors make records of one kind side by side, each at a place of its own */
};

/* What is read as one. */
struct run {
    address low, high;
    uint8_t *at;
    bool failed;
};

struct runs {
    struct run runs[NEARBY_MAX];
    size_t length;
    uint16_t of[NEARBY_MAX]; /* a piece's run */
};

size_t nearby_room(size_t count, uint32_t size)
{
    return count * ((size_t)size + NEARBY_GAP); /* each piece makes its run longer by no more */
}

static bool grow(struct run *run, address low, address high)
{
    address new_low = low < run->low ? low : run->low,
            new_high = high > run->high ? high : run->high;
    if (low > run->high + NEARBY_GAP || high + NEARBY_GAP < run->low ||
        new_high - new_low > RUN_MOST)
        return false;
    run->low = new_low;
    run->high = new_high;
    return true;
}

static void put_into_run(struct runs *runs, size_t piece, address low, address high)
{
    for (size_t back = 1; back <= OPEN_RUNS && back <= runs->length; back++) {
        if (grow(&runs->runs[runs->length - back], low, high)) {
            runs->of[piece] = (uint16_t)(runs->length - back);
            return;
        }
    }
    runs->of[piece] = (uint16_t)runs->length;
    runs->runs[runs->length++] = (struct run){.low = low, .high = high};
}

static void read_runs(pid_t pid, struct runs *runs, uint8_t *room)
{
    struct read_request requests[NEARBY_MAX];
    for (size_t i = 0; i < runs->length; i++) {
        struct run *run = &runs->runs[i];
        run->at = room;
        requests[i] =
            (struct read_request){run->low, (uint32_t)(run->high - run->low), false, room};
        room += run->high - run->low;
    }
    peek_many(pid, requests, runs->length);
    for (size_t i = 0; i < runs->length; i++)
        runs->runs[i].failed = requests[i].failed;
}

size_t nearby_read(pid_t pid, const address *places, size_t count, uint32_t size, uint8_t *room,
                   const uint8_t **found)
{
    struct runs runs = {.length = 0};
    size_t good = 0;
    for (size_t i = 0; i < count; i++)
        put_into_run(&runs, i, places[i], places[i] + size);
    read_runs(pid, &runs, room);
    for (size_t i = 0; i < count; i++) {
        const struct run *run = &runs.runs[runs.of[i]];
        uint8_t *at = run->at + (places[i] - run->low);
        bool read = !run->failed ||
                    peek_at(pid, places[i], at, size); /* one that can't be read spoils its run */
        found[i] = read ? at : NULL;
        good += read;
    }
    return good;
}
