#include "agent/backlog.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum {
    RETRY_MS = 5000,
    BATCHES_MAX = 4096
};

struct error *backlog_open(const char *where, const struct store_limits *limits,
                           struct backlog *backlog_ret, char **note_ret)
{
    struct store *store = NULL;
    TRY(store_open_writer(where, limits, &store, note_ret));
    *backlog_ret = (struct backlog){
        .where = xstrdup(where), .limits = *limits, .store = store, .opened = store_opened(store)};
    return NULL;
}

/* ---- taking over what a batch holds */

/* Moves the records of one vector behind those of another; at most `max` stay, the newest. */
#define MOVE(to, from, max, deinit)                                                \
    do {                                                                           \
        for (size_t i = 0; i < (from)->length; i++) {                              \
            if ((to)->length >= (max)) {                                           \
                deinit(&(to)->at[0]);                                              \
                (to)->length--;                                                    \
                memmove((to)->at, (to)->at + 1, (to)->length * sizeof(*(to)->at)); \
            }                                                                      \
            VECTOR_PUSH(to, (from)->at[i]);                                        \
        }                                                                          \
        (from)->length = 0;                                                        \
    } while (0)

static void take_records(struct batch *to, struct batch *from)
{
    MOVE(&to->lives, &from->lives, BACKLOG_RECORDS_MAX, life_deinit);
    MOVE(&to->markers, &from->markers, BACKLOG_RECORDS_MAX, marker_deinit);
    MOVE(&to->sites, &from->sites, BACKLOG_RECORDS_MAX, site_record_deinit);
    MOVE(&to->standings, &from->standings, BACKLOG_RECORDS_MAX, standing_deinit);
    MOVE(&to->calls, &from->calls, BACKLOG_RECORDS_MAX, call_deinit);
    MOVE(&to->inspections, &from->inspections, BACKLOG_INSPECTIONS_MAX, inspection_record_deinit);
    if (from->agent) {
        free(to->agent);
        to->agent = from->agent;
        from->agent = NULL;
    }
}

static void drop_oldest(struct backlog *backlog)
{
    struct batches *waiting = &backlog->waiting;
    backlog->lost_samples += waiting->at[0].samples.length;
    backlog->waiting_samples -= waiting->at[0].samples.length;
    batch_deinit(&waiting->at[0]);
    waiting->length--;
    memmove(waiting->at, waiting->at + 1, waiting->length * sizeof(*waiting->at));
}

static void take(struct backlog *backlog, struct batch *batch)
{
    take_records(&backlog->records, batch);
    struct batch samples = {.at_ms = batch->at_ms, .samples = batch->samples};
    batch->samples = (struct samples){0};
    backlog->waiting_samples += samples.samples.length;
    VECTOR_PUSH(&backlog->waiting, samples);
    while (backlog->waiting.length > 1 && (backlog->waiting_samples > BACKLOG_SAMPLES_MAX ||
                                           backlog->waiting.length > BATCHES_MAX))
        drop_oldest(backlog);
}

/* ---- writing */

/* A store that is broken or was taken away is begun anew. */
static struct error *reopen(struct backlog *backlog)
{
    AUTO_FREE char *moved = NULL;
    TRY(store_open_again(backlog->where, &backlog->limits, &backlog->opened, &backlog->store,
                         &moved));
    backlog->opened = store_opened(backlog->store);
    backlog->renewed = true;
    return NULL;
}

/* The oldest batch with all records; what is in it is gone afterwards if that succeeded. */
static struct error *write_oldest(struct backlog *backlog)
{
    struct batch *oldest = &backlog->waiting.at[0];
    struct batch whole = backlog->records;
    whole.at_ms = oldest->at_ms;
    whole.samples = oldest->samples;
    TRY(store_write(backlog->store, &whole));
    batch_deinit(&backlog->records);
    backlog->waiting_samples -= oldest->samples.length;
    batch_deinit(oldest);
    backlog->waiting.length--;
    memmove(oldest, oldest + 1, backlog->waiting.length * sizeof(*oldest));
    return NULL;
}

static struct error *write_all(struct backlog *backlog)
{
    if (!backlog->store)
        TRY(reopen(backlog));
    while (backlog->waiting.length)
        TRY(write_oldest(backlog));
    return NULL;
}

static char *say_failing(const struct backlog *backlog)
{
    char *line = NULL;
    if (asprintf(&line, "%s; what is seen is kept in memory meanwhile", backlog->problem) < 0)
        return NULL;
    return line;
}

static char *failed(struct backlog *backlog, struct error *error, int64_t boot_ms)
{
    bool broken = error_code(error) == ERROR_BAD_DATA || error_code(error) == ERROR_NOT_FOUND;
    bool same = backlog->problem && !strcmp(backlog->problem, error_message(error));
    free(backlog->problem);
    backlog->problem = xstrdup(error_message(error));
    if (!backlog->failing_since_ms)
        backlog->failing_since_ms = boot_ms;
    backlog->tried_boot_ms = boot_ms;
    error_destroy(error);
    if (broken && backlog->store) {
        store_close(backlog->store);
        backlog->store = NULL;
    }
    return same ? NULL : say_failing(backlog);
}

static char *goes_on(struct backlog *backlog, int64_t boot_ms)
{
    char *line = NULL;
    char duration[TEXT_SIZE_ROOM], count[TEXT_SIZE_ROOM];
    if (!backlog->failing_since_ms)
        return NULL;
    text_duration(duration, (double)(boot_ms - backlog->failing_since_ms) / 1e3);
    text_count(count, backlog->lost_samples);
    if (asprintf(&line, "the store can be written again after %s; %s samples were lost", duration,
                 backlog->lost_samples ? count : "no") < 0)
        line = NULL;
    free(backlog->problem);
    backlog->problem = NULL;
    backlog->failing_since_ms = 0;
    backlog->lost_samples = 0;
    return line;
}

char *backlog_put(struct backlog *backlog, struct batch *batch, int64_t boot_ms)
{
    take(backlog, batch);
    if (backlog->failing_since_ms && boot_ms - backlog->tried_boot_ms < RETRY_MS)
        return NULL;
    struct error *error = write_all(backlog);
    return error ? failed(backlog, error, boot_ms) : goes_on(backlog, boot_ms);
}

char *backlog_trouble(const struct backlog *backlog, int64_t now_ms)
{
    char kept[TEXT_SIZE_ROOM], lost[TEXT_SIZE_ROOM];
    struct text text = {0};
    if (!backlog->problem)
        return NULL;
    int64_t kept_ms = backlog->waiting.length ? now_ms - backlog->waiting.at[0].at_ms : 0;
    if (kept_ms < 1000)
        text_printf(&text, "%s; what is seen is kept in memory", backlog->problem);
    else
        text_printf(&text, "%s; %s are kept in memory", backlog->problem,
                    text_duration(kept, (double)kept_ms / 1e3));
    if (backlog->lost_samples)
        text_printf(&text, ", %s older samples are lost", text_count(lost, backlog->lost_samples));
    return text.bytes;
}

bool backlog_maintain(struct backlog *backlog, int64_t now_ms)
{
    bool more = false;
    if (backlog->failing_since_ms || !backlog->store)
        return false;
    struct error *error = store_maintain(backlog->store, now_ms, &more);
    return !error_ignore(error) &&
           more; /* what keeps it from that keeps the next write, too, which tells */
}

struct store *backlog_store(struct backlog *backlog)
{
    return backlog->store;
}

void backlog_close(struct backlog *backlog)
{
    for (size_t i = 0; i < backlog->waiting.length; i++)
        batch_deinit(&backlog->waiting.at[i]);
    VECTOR_DEINIT(&backlog->waiting);
    batch_deinit(&backlog->records);
    if (backlog->store)
        store_close(backlog->store);
    free(backlog->where);
    free(backlog->problem);
    *backlog = (struct backlog){0};
}
