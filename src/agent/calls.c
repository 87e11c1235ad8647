#include "agent/calls.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "runtime/goroutine_state.h"

enum {
    ORPHAN_MS = 3600 * 1000,
    RENEW_MS = 60 * 1000
};

static const double day_s = 86400;

struct call call_copy(const struct call *call)
{
    struct call copy = *call;
    copy.cause = xstrdup(call->cause);
    copy.title = xstrdup(call->title);
    copy.because = xstrdup(call->because);
    copy.fix = xstrdup(call->fix);
    return copy;
}

static void changed(const struct open_call *open, const struct call_context *context)
{
    VECTOR_PUSH(&context->batch->calls, call_copy(&open->call));
}

static struct open_call *find(const struct watched *watched, const char *cause)
{
    for (size_t i = 0; i < watched->calls.length; i++) {
        if (!strcmp(watched->calls.at[i].call.cause, cause))
            return &watched->calls.at[i];
    }
    return NULL;
}

/* Takes the texts of the call. NULL if there are too many open. */
static struct open_call *open_call(struct watched *watched, struct call call,
                                   const struct call_context *context)
{
    if (watched->calls.length == OPEN_CALLS_MAX) {
        call_deinit(&call);
        return NULL;
    }
    call.id = ++*context->last_call;
    call.life = watched->life.id;
    call.opened_ms = context->now_ms;
    VECTOR_PUSH(&watched->calls, (struct open_call){.call = call, .bytes_each = (double)NAN});
    return &watched->calls.at[watched->calls.length - 1];
}

/* ---- sites and findings */

static bool text_is(const char *left, const char *right)
{
    return left && !strcmp(left, right);
}

/* Is the finding about what this site counts? Goroutines are told by the go statement, deferred calls by the defer statement. */
static bool is_about(const struct tracked *tracked, const struct evidence_finding *finding)
{
    bool defers = !strcmp(finding->rule, "defer-in-loop");
    if (!tracked->named || defers != (tracked->kind == SITE_DEFERS))
        return false;
    if (defers)
        return tracked->at_line == finding->at.line &&
               text_is(tracked->at_function, finding->at.function) &&
               text_is(tracked->at_file, finding->at.file);
    return tracked->started_line == finding->started_at.line &&
           text_is(tracked->started_function, finding->started_at.function) &&
           text_is(tracked->started_file, finding->started_at.file);
}

/* The largest site that grows and that the finding is about. */
static struct tracked *site_of(struct watched *watched, const struct evidence_finding *finding)
{
    struct tracked *found = NULL;
    for (size_t i = 0; i < watched->tracked.length; i++) {
        struct tracked *tracked = &watched->tracked.at[i];
        if (tracked->state != ACCUMULATION_QUIET && is_about(tracked, finding) &&
            (!found || tracked->count > found->count))
            found = tracked;
    }
    return found;
}

static int64_t since_ms(const struct watched *watched, const struct tracked *tracked,
                        const struct call_context *context)
{
    int64_t since = context->now_ms - (context->boot_ms - accumulation_since_ms(&tracked->rise));
    return since > watched->life.started_ms ? since : watched->life.started_ms;
}

/* "41,233 of them now, 360 an hour more, none went; for 3d 4h" */
static char *count_line(const struct tracked *tracked)
{
    double rate, low, high;
    char count[TEXT_SIZE_ROOM], hourly[TEXT_SIZE_ROOM], lasted[TEXT_SIZE_ROOM];
    char *line = NULL;
    accumulation_rate(&tracked->rise, &rate, &low, &high);
    text_count(count, tracked->count);
    text_count(hourly, (uint64_t)llround(rate * 3600));
    text_duration(lasted, (double)(tracked->rise.last_ms - tracked->rise.from_ms) / 1e3);
    if (asprintf(&line, "%s now, about %s an hour more for %s, and %s went", count, hourly, lasted,
                 tracked->rise.went ? "hardly one" : "none") < 0)
        return xstrdup("");
    return line;
}

static char *cause_of(const char *rule, const struct spot *spot)
{
    AUTO_FREE char *name = spot_name(spot);
    char *cause = NULL;
    if (asprintf(&cause, "%s %s", rule, name) < 0)
        return xstrdup(rule);
    return cause;
}

static char *with_line(const char *text, const char *line)
{
    char *both = NULL;
    if (asprintf(&both, "%s%s%s", text, *text ? "\n" : "", line) < 0)
        return xstrdup(text);
    return both;
}

/* How much of the climb the cause accounts for. */
static void weigh(struct watched *watched, struct open_call *open, const struct tracked *tracked)
{
    double rate, low, high, slope = watched->standing.slope_per_s;
    accumulation_rate(&tracked->rise, &rate, &low, &high);
    open->call.count_per_s = rate;
    open->call.slope_per_s = rate * open->bytes_each;
    open->call.slope_low = low * open->bytes_each;
    open->call.slope_high = high * open->bytes_each;
    double share = open->call.slope_per_s / slope;
    open->call.share = slope > 0 && share >= 0 ? (share < 1 ? share : 1) : (double)NAN;
}

/* A call of an earlier run of the agent has found its site again. */
static void adopt(struct open_call *open, struct tracked *tracked)
{
    open->orphan = false;
    tracked->call = open->call.id;
}

static void open_leak(struct watched *watched, const struct evidence_finding *finding,
                      struct tracked *tracked, uint32_t inspection,
                      const struct call_context *context)
{
    bool defers = tracked->kind == SITE_DEFERS;
    AUTO_FREE char *counts = count_line(tracked);
    struct call call = {
        .cause = cause_of(finding->rule, defers ? &finding->at : &finding->started_at),
        .state = STANDING_LEAKING,
        .since_ms = since_ms(watched, tracked, context),
        .title = xstrdup(finding->title),
        .because = with_line(finding->because, counts),
        .fix = xstrdup(finding->fix),
        .inspection = inspection,
    };
    struct open_call *open = find(watched, call.cause);
    if (open) {
        adopt(open, tracked);
        call_deinit(&call);
        return;
    }
    open = open_call(watched, call, context);
    if (!open)
        return;
    if (finding->held_bytes && finding->count)
        open->bytes_each = (double)finding->held_bytes / (double)finding->count;
    tracked->call = open->call.id;
    weigh(watched, open, tracked);
    changed(open, context);
}

/* Who waits to send, or for a lock, is stuck if nobody comes. Who waits to receive may be a worker, or serve a client that has come to stay: there it takes longer, unless
 * most of them are proved. */
static bool is_enough(const struct tracked *tracked, const struct evidence_finding *finding)
{
    if (!strcmp(finding->grade, "possible"))
        return false;
    switch (tracked->wait_kind) {
    case WAIT_CHAN_RECEIVE:
    case WAIT_SELECT:
    case WAIT_WAITGROUP:
    case WAIT_COND:
    case WAIT_SEMAPHORE:
        return tracked->kind == SITE_DEFERS || tracked->state >= ACCUMULATION_STEADY ||
               (!strcmp(finding->grade, "certain") && finding->count >= tracked->count / 2);
    default:
        return true;
    }
}

unsigned calls_from_evidence(struct watched *watched, const struct evidence *evidence,
                             uint32_t inspection, const struct call_context *context)
{
    unsigned found = 0;
    for (size_t i = 0; i < evidence->findings.length; i++) {
        const struct evidence_finding *finding = &evidence->findings.at[i];
        struct tracked *tracked = site_of(watched, finding);
        if (!tracked || tracked->call || !is_enough(tracked, finding))
            continue;
        open_leak(watched, finding, tracked, inspection, context);
        found += tracked->call != 0;
    }
    return found;
}

/* ---- counts alone */

static char *count_title(const struct tracked *tracked)
{
    char count[TEXT_SIZE_ROOM];
    char *title = NULL;
    text_count(count, tracked->count);
    int printed =
        tracked->kind == SITE_DEFERS
            ? asprintf(&title, "%s deferred calls pend, and ever more", count)
            : asprintf(&title, "%s goroutines from one go statement, and ever more", count);
    return printed < 0 ? xstrdup("ever more of one kind") : title;
}

void calls_from_counts(struct watched *watched, const struct call_context *context)
{
    for (size_t i = 0; i < watched->tracked.length; i++) {
        struct tracked *tracked = &watched->tracked.at[i];
        if (tracked->state != ACCUMULATION_LASTS || tracked->call || !tracked->named ||
            !watched->fruitless)
            continue;
        struct spot spot =
            tracked->kind == SITE_DEFERS
                ? (struct spot){tracked->at_function, tracked->at_file, tracked->at_line}
                : (struct spot){tracked->started_function, tracked->started_file,
                                tracked->started_line};
        AUTO_FREE char *place = spot_name(&spot);
        AUTO_FREE char *counts = count_line(tracked);
        struct call call = {
            .cause = cause_of("count", &spot),
            .state = STANDING_CLIMBING,
            .since_ms = since_ms(watched, tracked, context),
            .title = count_title(tracked),
            .because = with_line(place, counts),
            .fix = xstrdup(""),
        };
        struct open_call *open = find(watched, call.cause);
        if (open) {
            adopt(open, tracked);
            call_deinit(&call);
            continue;
        }
        open = open_call(watched, call, context);
        if (!open)
            return;
        tracked->call = open->call.id;
        weigh(watched, open, tracked);
        changed(open, context);
    }
}

/* ---- bytes */

static const char bytes_cause[] = "bytes";

static char *bytes_title(const struct trend_verdict *verdict)
{
    char low[TEXT_SIZE_ROOM], high[TEXT_SIZE_ROOM];
    char *title = NULL;
    text_size(low, (uint64_t)fmax(0, verdict->slope_low * day_s));
    text_size(high, (uint64_t)fmax(0, verdict->slope_high * day_s));
    if (asprintf(&title, "memory climbs by %s to %s a day", low, high) < 0)
        return xstrdup("memory climbs");
    return title;
}

static char *bytes_because(const struct watched *watched, const struct trend_verdict *verdict)
{
    char left[TEXT_SIZE_ROOM];
    struct text text = {0};
    text_printf(&text,
                "%s: in every model that fits, settling ones too, the slope is %.1f standard "
                "errors over zero",
                series_facts(watched->trend_series)->what, verdict->z);
    if (isfinite(verdict->to_limit_s))
        text_printf(&text, "\nthe limit is reached in about %s",
                    text_duration(left, verdict->to_limit_s));
    return text.bytes;
}

/* While it climbs, an open call says what the newest look says. */
static void renew_bytes(struct watched *watched, struct open_call *open,
                        const struct trend_verdict *verdict, const struct call_context *context)
{
    if (verdict->state != TREND_CLIMBING || context->boot_ms - open->renewed_boot_ms < RENEW_MS)
        return;
    free(open->call.title);
    free(open->call.because);
    open->call.title = bytes_title(verdict);
    open->call.because = bytes_because(watched, verdict);
    open->call.slope_per_s = verdict->slope_per_s;
    open->call.slope_low = verdict->slope_low;
    open->call.slope_high = verdict->slope_high;
    open->renewed_boot_ms = context->boot_ms;
    changed(open, context);
}

void calls_from_trend(struct watched *watched, const struct trend_verdict *verdict,
                      const struct call_context *context)
{
    struct open_call *open = find(watched, bytes_cause);
    for (size_t i = 0; i < watched->tracked.length; i++) {
        struct tracked *tracked = &watched->tracked.at[i];
        for (size_t k = 0; tracked->call && k < watched->calls.length; k++) {
            if (watched->calls.at[k].call.id == tracked->call)
                weigh(watched, &watched->calls.at[k], tracked);
        }
    }
    if (open)
        renew_bytes(watched, open, verdict, context);
    if (!verdict->called || open)
        return;
    struct call call = {
        .cause = xstrdup(bytes_cause),
        .state = STANDING_CLIMBING,
        .since_ms = watched->life.started_ms + verdict->line_from_ms,
        .title = bytes_title(verdict),
        .because = bytes_because(watched, verdict),
        .fix = xstrdup(""),
        .slope_per_s = verdict->slope_per_s,
        .slope_low = verdict->slope_low,
        .slope_high = verdict->slope_high,
        .count_per_s = (double)NAN,
        .share = (double)NAN,
    };
    open = open_call(watched, call, context);
    if (open)
        changed(open, context);
}

/* ---- the end */

static struct tracked *tracked_by_call(struct watched *watched, uint32_t id)
{
    for (size_t i = 0; i < watched->tracked.length; i++) {
        if (watched->tracked.at[i].call == id)
            return &watched->tracked.at[i];
    }
    return NULL;
}

static bool is_over(struct watched *watched, const struct open_call *open,
                    const struct call_context *context)
{
    struct tracked *tracked = tracked_by_call(watched, open->call.id);
    if (!strcmp(open->call.cause, bytes_cause))
        return !watched->trend.climbs;
    if (!tracked &&
        open->orphan) /* it gets as long to be found again as a leak gets to have stopped */
        return context->now_ms - open->call.opened_ms > ORPHAN_MS &&
               context->boot_ms - watched->began_boot_ms > ORPHAN_MS;
    return !tracked || accumulation_stopped(&tracked->rise, context->boot_ms);
}

/* "31 goroutines wait …" becomes "116 goroutines wait …"; the last reason is the count's. */
static void renew_texts(struct call *call, const struct tracked *tracked)
{
    char count[TEXT_SIZE_ROOM];
    size_t digits = strspn(call->title, "0123456789,");
    char *last = strrchr(call->because, '\n');
    char *title = NULL;
    AUTO_FREE char *counts = count_line(tracked);
    if (digits &&
        asprintf(&title, "%s%s", text_count(count, tracked->count), call->title + digits) >= 0) {
        free(call->title);
        call->title = title;
    }
    if (!last)
        return;
    *last = '\0';
    char *because = with_line(call->because, counts);
    free(call->because);
    call->because = because;
}

/* What is said of an open call is kept up to date. */
static void renew(struct watched *watched, struct open_call *open,
                  const struct call_context *context)
{
    const struct tracked *tracked = tracked_by_call(watched, open->call.id);
    if (!tracked || !tracked->here || context->boot_ms - open->renewed_boot_ms < RENEW_MS)
        return;
    if (open->renewed_boot_ms) {
        renew_texts(&open->call, tracked);
        weigh(watched, open, tracked);
        changed(open, context);
    }
    open->renewed_boot_ms = context->boot_ms;
}

void calls_review(struct watched *watched, bool ended, const struct call_context *context)
{
    size_t kept = 0;
    for (size_t i = 0; i < watched->calls.length; i++) {
        struct open_call *open = &watched->calls.at[i];
        if (!ended && !is_over(watched, open, context)) {
            renew(watched, open, context);
            watched->calls.at[kept++] = *open;
            continue;
        }
        struct tracked *tracked = tracked_by_call(watched, open->call.id);
        if (tracked)
            tracked->call = 0;
        open->call.resolved_ms = context->now_ms;
        changed(open, context);
        call_deinit(&open->call);
    }
    watched->calls.length = kept;
}

const struct call *calls_worst(const struct watched *watched)
{
    const struct call *worst = NULL;
    for (size_t i = 0; i < watched->calls.length; i++) {
        const struct call *call = &watched->calls.at[i].call;
        if (!worst || call->state > worst->state)
            worst = call;
    }
    return worst;
}
