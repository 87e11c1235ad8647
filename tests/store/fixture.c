/* Writes a store with a believable past, through the same door as the agent, with a clock that runs fast: for the tests of what reads a
 * store, and to look at the page without waiting a week.
 *
 *   fixture FILE [--days N] [--programs N] [--story] [--interval-ms N] [--seed N] [--end-ms T] [--measure]
 *
 * Without --programs, or with --story, the store has the story of cast.c; --programs adds so many plain programs. The last samples are of
 * `--end-ms` (default: now). Apart from that the same arguments make the same history. --measure prints what the writing cost, as JSON. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "role.h"

struct play {
    struct store *store;
    struct story story;
    struct cast cast;
    int64_t interval_ms;
    uint32_t last_call, last_inspection;
    uint32_t *calls; /* of each role two: their ids, 0 if not yet called */
    uint64_t batches, samples, tidied;
    double write_s, tidy_s, longest_tidy_s; /* of the processor */
};

enum {
    CALLS_A_ROLE = 2,
    HOUR_MS = 3600 * 1000
};

static double cpu_s(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

static int give_up(struct error *error)
{
    fprintf(stderr, "fixture: %s\n", error_message(error));
    error_destroy(error);
    return 1;
}

static void mark(struct batch *batch, uint32_t life, int64_t length_ms, enum marker_kind kind,
                 const char *text)
{
    VECTOR_PUSH(&batch->markers,
                (struct marker){life, batch->at_ms, length_ms, kind, xstrdup(text)});
}

/* ---- what happens to one life in a period */

static void call_what_is_due(struct play *play, size_t at, struct batch *batch)
{
    const struct role *role = &play->cast.roles.at[at];
    uint32_t life = (uint32_t)at + 1;
    for (unsigned which = 0; which < CALLS_A_ROLE; which++) {
        uint32_t *id = &play->calls[at * CALLS_A_ROLE + which];
        struct call call = role_call(role, life, which, *id, &play->story, batch->at_ms);
        bool due = call.title && !*id && call.opened_ms <= batch->at_ms;
        bool over = call.title && *id && call.resolved_ms;
        if (!due && !over) {
            call_deinit(&call);
            continue;
        }
        if (due) {
            call.id = *id = ++play->last_call;
            VECTOR_PUSH(&batch->inspections, role_inspection(role, life, ++play->last_inspection,
                                                             &play->story, batch->at_ms));
            VECTOR_PUSH(&batch->standings, role_standing(role, life, &play->story, batch->at_ms));
        }
        call.inspection = call.id;
        VECTOR_PUSH(&batch->calls, call);
    }
}

static void end_life(struct play *play, size_t at, struct batch *batch)
{
    const struct role *role = &play->cast.roles.at[at];
    uint32_t life = (uint32_t)at + 1;
    VECTOR_PUSH(&batch->lives, role_life(role, life, &play->story, batch->at_ms));
    VECTOR_PUSH(&batch->standings, role_standing(role, life, &play->story, batch->at_ms));
    if (role->end == LIFE_OUT_OF_MEMORY)
        mark(batch, life, 0, MARKER_OUT_OF_MEMORY, "the kernel's OOM killer came to api.service");
    call_what_is_due(play, at, batch);
}

static bool is_within(int64_t at_ms, const struct play *play, const struct batch *batch)
{
    return at_ms <= batch->at_ms && at_ms > batch->at_ms - play->interval_ms;
}

static void play_role(struct play *play, size_t at, struct batch *batch, bool first, bool last)
{
    const struct role *role = &play->cast.roles.at[at];
    const struct story *story = &play->story;
    int64_t begins_ms = role_begins_ms(role, story), ends_ms = role_ends_ms(role, story);
    uint32_t life = (uint32_t)at + 1;
    if (is_within(ends_ms, play, batch))
        end_life(play, at, batch);
    if (begins_ms > batch->at_ms || ends_ms <= batch->at_ms)
        return;
    if (first || is_within(begins_ms, play, batch)) {
        VECTOR_PUSH(&batch->lives, role_life(role, life, story, batch->at_ms));
        role_sites(role, &batch->sites);
    }
    role_samples(role, life, story, batch->at_ms, &batch->samples);
    call_what_is_due(play, at, batch);
    int64_t trim_ms =
        story->begin_ms + (int64_t)(role->trim_at * (double)(story->end_ms - story->begin_ms));
    if (role->trim_at > 0 && is_within(trim_ms, play, batch))
        mark(batch, life, 0, MARKER_TRIM, "memory fell by more than half");
    if (last)
        VECTOR_PUSH(&batch->standings, role_standing(role, life, story, batch->at_ms));
}

/* ---- the agent itself */

static void play_agent(const struct play *play, struct batch *batch, bool first, bool after_gap)
{
    if (first || after_gap)
        mark(batch, 0, 0, MARKER_AGENT_START, "seep watch started");
    if (after_gap)
        mark(batch, 0, (play->story.end_ms - play->story.begin_ms) / 67, MARKER_AGENT_GAP,
             "nothing was sampled: seep watch did not run");
    if (asprintf(&batch->agent,
                 "{\"host\":\"web-3\",\"started_ms\":%lld,\"processes\":%zu,\"rss_bytes\":6815744,"
                 "\"cpu_s\":%.1f,\"problems\":[],\"unseen\":[\"4 Go processes of other users: seep "
                 "has no right to read them\"]}",
                 (long long)play->story.begin_ms, play->cast.roles.length,
                 (double)(batch->at_ms - play->story.begin_ms) * 0.0000006) < 0)
        batch->agent = NULL;
}

/* ---- the whole play */

static struct error *play_period(struct play *play, int64_t at_ms, bool first, bool after_gap)
{
    struct batch batch = {.at_ms = at_ms};
    bool last = at_ms + play->interval_ms > play->story.end_ms;
    for (size_t i = 0; i < play->cast.roles.length; i++)
        play_role(play, i, &batch, first, last);
    play_agent(play, &batch, first, after_gap);
    double begun = cpu_s();
    struct error *error = store_write(play->store, &batch);
    play->write_s += cpu_s() - begun;
    play->batches++;
    play->samples += batch.samples.length;
    batch_deinit(&batch);
    return error;
}

static struct error *tidy(struct play *play, int64_t now_ms)
{
    bool more = true;
    while (more) {
        double begun = cpu_s();
        TRY(store_maintain(play->store, now_ms, &more));
        double took = cpu_s() - begun;
        play->tidy_s += took;
        play->longest_tidy_s = fmax(play->longest_tidy_s, took);
        play->tidied++;
    }
    return NULL;
}

/* The agent did not run for a while, somewhat before the leak. */
static bool is_gap(const struct play *play, int64_t at_ms)
{
    double part = (double)(at_ms - play->story.begin_ms) /
                  (double)(play->story.end_ms - play->story.begin_ms);
    return part > 0.360 && part < 0.375;
}

static struct error *play_all(struct play *play)
{
    int64_t span_ms = play->story.end_ms - play->story.begin_ms;
    int64_t periods = span_ms / play->interval_ms, tidied = 0;
    bool gap = false, first = true;
    for (int64_t i = periods; i >= 0; i--) {
        int64_t at_ms = play->story.end_ms - i * play->interval_ms;
        if (is_gap(play, at_ms)) {
            gap = true;
            continue;
        }
        TRY(play_period(play, at_ms, first, gap));
        gap = first = false;
        if (at_ms / HOUR_MS != tidied)
            TRY(tidy(play, at_ms));
        tidied = at_ms / HOUR_MS;
    }
    return tidy(play, play->story.end_ms);
}

struct wish {
    const char *file;
    double days;
    unsigned programs;
    bool story, measure;
    int64_t interval_ms, end_ms;
    uint64_t seed;
};

static bool parse(int argc, char **argv, struct wish *wish)
{
    static const struct option options[] = {
        {"days", required_argument, NULL, 'd'}, {"programs", required_argument, NULL, 'p'},
        {"story", no_argument, NULL, 's'},      {"interval-ms", required_argument, NULL, 'i'},
        {"seed", required_argument, NULL, 'r'}, {"end-ms", required_argument, NULL, 'e'},
        {"measure", no_argument, NULL, 'm'},    {0}};
    for (int option; option = getopt_long(argc, argv, "", options, NULL), option != -1;) {
        if (option == 'd')
            wish->days = strtod(optarg, NULL);
        else if (option == 'p')
            wish->programs = (unsigned)strtoul(optarg, NULL, 10);
        else if (option == 's')
            wish->story = true;
        else if (option == 'm')
            wish->measure = true;
        else if (option == 'i')
            wish->interval_ms = strtoll(optarg, NULL, 10);
        else if (option == 'r')
            wish->seed = strtoull(optarg, NULL, 10);
        else if (option == 'e')
            wish->end_ms = strtoll(optarg, NULL, 10);
        else
            return false;
    }
    wish->file = argv[optind];
    wish->story = wish->story || !wish->programs;
    return optind + 1 == argc && wish->days > 0 && wish->interval_ms > 0;
}

/* Not getrusage(2): that counts the memory of whoever called exec, too. */
static long peak_kib(void)
{
    char line[128];
    long kib = 0;
    FILE *status = fopen("/proc/self/status", "re");
    while (status && fgets(line, sizeof(line), status)) {
        if (!strncmp(line, "VmHWM:", 6))
            kib = strtol(line + 6, NULL, 10);
    }
    if (status)
        fclose(status);
    return kib;
}

static void print_costs(const struct play *play)
{
    printf("{\"batches\": %llu, \"samples\": %llu, \"write_cpu_s\": %.6f, \"pieces\": %llu, "
           "\"maintain_cpu_s\": %.6f, \"longest_piece_s\": %.6f, \"peak_kib\": %ld}\n",
           (unsigned long long)play->batches, (unsigned long long)play->samples, play->write_s,
           (unsigned long long)play->tidied, play->tidy_s, play->longest_tidy_s, peak_kib());
}

int main(int argc, char **argv)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct wish wish = {.days = 7,
                        .interval_ms = 30000,
                        .end_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000,
                        .seed = 1};
    if (!parse(argc, argv, &wish)) {
        fputs("usage: fixture FILE [--days N] [--programs N] [--story] [--interval-ms N] "
              "[--seed N] [--end-ms T] [--measure]\n",
              stderr);
        return 2;
    }
    struct play play = {.interval_ms = wish.interval_ms,
                        .story = {.begin_ms = wish.end_ms - (int64_t)(wish.days * 86400e3),
                                  .end_ms = wish.end_ms,
                                  .seed = wish.seed}};
    struct store_limits limits = store_limits_default;
    struct error *error = store_open_writer(wish.file, &limits, &play.store, NULL);
    if (error)
        return give_up(error);
    cast_init(&play.cast, wish.story, wish.programs, wish.seed);
    play.calls = xcalloc(play.cast.roles.length * CALLS_A_ROLE + 1, sizeof(*play.calls));
    error = play_all(&play);
    store_close(play.store);
    if (wish.measure && !error)
        print_costs(&play);
    cast_deinit(&play.cast);
    free(play.calls);
    return error ? give_up(error) : 0;
}
