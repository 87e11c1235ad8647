/* What is said of a life beside its numbers: its record, its sites, how it stands, what was called. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "role.h"

enum {
    LEAKED_BYTES = 10 * 1024, /* a leaked goroutine: its stack and what it holds */
    DEFER_BYTES = 1024,
    MIB = 1 << 20
};

static char *escaped(const char *text)
{
    return text_escaped(text, strlen(text));
}

static char *printed(const char *format, ...) PRINTF_LIKE(1, 2);

static char *printed(const char *format, ...)
{
    struct text text = {0};
    char *line = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&line, format, args);
    va_end(args);
    text_puts(&text, length < 0 ? "" : line);
    free(line);
    return text.bytes;
}

struct life role_life(const struct role *role, uint32_t id, const struct story *story,
                      int64_t now_ms)
{
    int64_t begins_ms = role_begins_ms(role, story), ends_ms = role_ends_ms(role, story);
    bool ended = ends_ms <= now_ms;
    bool module = *role->release == 'v';
    return (struct life){
        .id = id,
        .program = escaped(role->program),
        .lane = role->lane,
        .name = escaped(role->name),
        .unit = xstrdup(role->unit),
        .cgroup = *role->unit ? printed("/system.slice/%s", role->unit) : xstrdup("/user.slice"),
        .exe = printed("/opt/%s", role->blind ? "importer" : "bin"),
        .boot_id = xstrdup("6f0c2f0e-5d1c-4f5a-9f0e-2b7c1d3e4f50"),
        .pid = (pid_t)(2000 + id * 37),
        .start_ticks = (uint64_t)(begins_ms / 10),
        .started_ms = begins_ms,
        .first_seen_ms = begins_ms > story->begin_ms ? begins_ms : story->begin_ms,
        .last_seen_ms = ended ? ends_ms : now_ms,
        .ended_ms = ended ? ends_ms : 0,
        .kind = role->kind,
        .end = ended ? role->end : LIFE_RUNS,
        .go_version = xstrdup(role->build % 3 ? "go1.26.8" : "go1.24.2"),
        .module = printed("example.com/%.40s", role->unit[0] ? role->name : "tools"),
        .release = *role->release ? escaped(role->release) : printed("b%08u", role->build),
        .release_source = xstrdup(module           ? "module"
                                  : *role->release ? "vcs"
                                                   : "build-id"),
        .build_id = printed("build%u", role->build),
        .stripped = role->build % 2,
        .blind = xstrdup(
            role->blind ? "heap live: the runtime's counters were not found in this build" : ""),
    };
}

void role_sites(const struct role *role, struct site_records *sites)
{
    char *build = printed("build%u", role->build);
    struct site_record all[SITES_A_BUILD] = {
        {.kind = SITE_GOROUTINES,
         .at_function = xstrdup("main.(*Agent).publish.func1"),
         .at_file = xstrdup("/src/agent/metrics.go"),
         .at_line = 58,
         .started_function = xstrdup("main.(*Agent).publish"),
         .started_file = xstrdup("/src/agent/metrics.go"),
         .started_line = 56,
         .wait_reason = xstrdup("chan send")},
        {.kind = SITE_GOROUTINES,
         .at_function = xstrdup("internal/poll.(*FD).Read"),
         .at_file = xstrdup("/usr/lib/go/src/internal/poll/fd_unix.go"),
         .at_line = 165,
         .started_function = xstrdup("net/http.(*Server).Serve"),
         .started_file = xstrdup("/usr/lib/go/src/net/http/server.go"),
         .started_line = 3454,
         .wait_reason = xstrdup("IO wait")},
        {.kind = SITE_DEFERS,
         .at_function = xstrdup("main.(*Agent).poll"),
         .at_file = xstrdup("/src/agent/poll.go"),
         .at_line = 31,
         .started_function = xstrdup("main.main"),
         .started_file = xstrdup("/src/agent/main.go"),
         .started_line = 24,
         .wait_reason = xstrdup("sleep")},
    };
    for (unsigned i = 0; i < SITES_A_BUILD; i++) {
        all[i].id = role_site(role, i);
        all[i].build_id = xstrdup(build);
        VECTOR_PUSH(sites, all[i]);
    }
    free(build);
}

/* ---- how fast it grows */

static double lasts_s(const struct role *role, const struct story *story)
{
    return (role->to - role->from) * (double)(story->end_ms - story->begin_ms) / 1e3;
}

static double slope_of(const struct role *role, const struct story *story)
{
    double bytes = role->goroutines * LEAKED_BYTES + role->defers * DEFER_BYTES +
                   role->grows_mib * MIB * (role->blind ? 2 : 1);
    return bytes / lasts_s(role, story);
}

static double memory_now(const struct role *role, uint32_t life, const struct story *story,
                         int64_t now_ms, uint32_t series)
{
    struct samples samples = {0};
    double value = (double)NAN;
    role_samples(role, life, story, now_ms, &samples);
    for (size_t i = 0; i < samples.length; i++) {
        if (samples.at[i].series == series)
            value = (double)samples.at[i].value;
    }
    VECTOR_DEINIT(&samples);
    return value;
}

static char *why_of(const struct role *role, const struct story *story, int64_t now_ms)
{
    char count[TEXT_SIZE_ROOM];
    switch (role->state) {
    case STANDING_LEAKING:
        text_count(count, (uint64_t)role_leaked(role, story, now_ms));
        return printed("%s goroutines wait to send, and nobody receives", count);
    case STANDING_CLIMBING:
        return printed("memory climbs by about %s a day",
                       text_size(count, (uint64_t)(slope_of(role, story) * 86400)));
    case STANDING_SETTLING:
        return printed("it grows ever more slowly, towards about %.1f MiB",
                       role->base_mib + role->warm_mib);
    default:
        return xstrdup("");
    }
}

/* What a climb is called by: stacks grow with goroutines. */
static double judged_now(const struct role *role, uint32_t life, const struct story *story,
                         int64_t at_ms)
{
    if (role->blind)
        return memory_now(role, life, story, at_ms, SERIES_RSS_ANON);
    return memory_now(role, life, story, at_ms, SERIES_HEAP_LIVE) +
           memory_now(role, life, story, at_ms, SERIES_STACKS);
}

struct standing role_standing(const struct role *role, uint32_t life, const struct story *story,
                              int64_t now_ms)
{
    double slope = slope_of(role, story), noise = 200.0 * MIB * 0.02 / lasts_s(role, story);
    int64_t begins_ms = role_begins_ms(role, story), ends_ms = role_ends_ms(role, story);
    int64_t until_ms = ends_ms < now_ms ? ends_ms : now_ms;
    int64_t warm_ms = begins_ms + (until_ms - begins_ms) / 8;
    uint32_t series = role->blind ? SERIES_RSS_ANON : SERIES_HEAP_LIVE;
    double rss = memory_now(role, life, story, until_ms, SERIES_RSS);
    double left_s =
        slope > 0 && role->limit_mib > 0 ? (role->limit_mib * MIB - rss) / slope : (double)INFINITY;
    bool young = role->state == STANDING_WARMING_UP || role->state == STANDING_UNKNOWN;
    bool climbs = role->state >= STANDING_CLIMBING;
    return (struct standing){
        .life = life,
        .at_ms = until_ms,
        .state = role->state,
        .series = series,
        .slope_per_s = young ? (double)NAN : slope,
        .slope_low = young ? (double)NAN : slope * 0.82 - (climbs ? 0 : noise),
        .slope_high = young ? (double)NAN : slope * 1.19 + noise,
        .plateau = role->state == STANDING_SETTLING ? (role->base_mib + role->warm_mib) * MIB
                                                    : (double)NAN,
        .to_limit_s = climbs ? left_s : (double)INFINITY,
        .to_limit_low_s = climbs ? left_s / 1.19 : (double)INFINITY,
        .to_limit_high_s = climbs ? left_s / 0.82 : (double)INFINITY,
        .limit = role->limit_mib > 0 ? role->limit_mib * MIB : (double)NAN,
        .warm_up_ends_ms = young ? 0 : warm_ms,
        .line_from_ms = warm_ms,
        .line_to_ms = until_ms,
        .line_from = climbs ? judged_now(role, life, story, warm_ms) : (double)NAN,
        .line_to = climbs ? judged_now(role, life, story, until_ms) : (double)NAN,
        .why = why_of(role, story, until_ms),
    };
}

/* ---- calls */

static struct call send_call(const struct role *role, const struct story *story, int64_t now_ms)
{
    char count[TEXT_SIZE_ROOM];
    double rate = role->goroutines / lasts_s(role, story);
    text_count(count, (uint64_t)role_leaked(role, story, now_ms));
    return (struct call){
        .cause = xstrdup("blocked-goroutines main.(*Agent).publish metrics.go:56"),
        .state = STANDING_LEAKING,
        .title = printed("%s goroutines wait to send, and nobody receives", count),
        .because = printed("they wait on %s channels, and none of these moves\n"
                           "no other goroutine's stack leads to them\n"
                           "%s now, about %.0f an hour more, and none went",
                           count, count, rate * 3600),
        .fix = xstrdup("select { case ch <- value: default: }   a send that cannot block; or one "
                       "beside ctx.Done(), or a channel with room for all senders"),
        .slope_per_s = rate * LEAKED_BYTES,
        .slope_low = rate * LEAKED_BYTES * 0.98,
        .slope_high = rate * LEAKED_BYTES * 1.02,
        .count_per_s = rate,
        .share = role->goroutines * LEAKED_BYTES /
                 (role->goroutines * LEAKED_BYTES + role->defers * DEFER_BYTES),
    };
}

static struct call defer_call(const struct role *role, const struct story *story, int64_t now_ms)
{
    char count[TEXT_SIZE_ROOM];
    double rate = role->defers / lasts_s(role, story);
    text_count(count, (uint64_t)role_pending(role, story, now_ms));
    return (struct call){
        .cause = xstrdup("defer-in-loop main.(*Agent).poll poll.go:31"),
        .state = STANDING_LEAKING,
        .title = printed("%s deferred calls pending in one frame", count),
        .because = printed("main.(*Agent).poll loops without a way out: short of a panic, its "
                           "deferred calls never run\n%s now, about %.0f an hour more, and none "
                           "went",
                           count, rate * 3600),
        .fix = xstrdup("make the loop's body a function, so that its defers run each turn"),
        .slope_per_s = rate * DEFER_BYTES,
        .slope_low = rate * DEFER_BYTES * 0.98,
        .slope_high = rate * DEFER_BYTES * 1.02,
        .count_per_s = rate,
        .share = role->defers * DEFER_BYTES /
                 (role->goroutines * LEAKED_BYTES + role->defers * DEFER_BYTES),
    };
}

static struct call bytes_call(const struct role *role, const struct story *story)
{
    double slope = slope_of(role, story);
    char low[TEXT_SIZE_ROOM], high[TEXT_SIZE_ROOM];
    text_size(low, (uint64_t)(slope * 0.82 * 86400));
    text_size(high, (uint64_t)(slope * 1.19 * 86400));
    return (struct call){
        .cause = xstrdup("bytes"),
        .state = STANDING_CLIMBING,
        .title = printed("memory climbs by %s to %s a day", low, high),
        .because = xstrdup("resident memory of its own: in every model that fits, settling ones "
                           "too, the slope is 5.1 standard errors over zero"),
        .fix = xstrdup(""),
        .slope_per_s = slope,
        .slope_low = slope * 0.82,
        .slope_high = slope * 1.19,
        .count_per_s = (double)NAN,
        .share = (double)NAN,
    };
}

struct call role_call(const struct role *role, uint32_t life, unsigned which, uint32_t id,
                      const struct story *story, int64_t now_ms)
{
    struct call call = {0};
    int64_t begins_ms = role_begins_ms(role, story), ends_ms = role_ends_ms(role, story);
    int64_t until_ms = ends_ms < story->end_ms ? ends_ms : story->end_ms;
    if (which == 0 && role->goroutines > 0)
        call = send_call(role, story, now_ms);
    else if (which == 0 && role->state == STANDING_CLIMBING)
        call = bytes_call(role, story);
    else if (which == 1 && role->defers > 0)
        call = defer_call(role, story, now_ms);
    call.id = id;
    call.life = life;
    call.since_ms = begins_ms + (until_ms - begins_ms) / 100;
    call.opened_ms = begins_ms + (until_ms - begins_ms) / (which ? 4 : 6);
    call.resolved_ms = ends_ms <= now_ms ? ends_ms : 0;
    return call;
}
