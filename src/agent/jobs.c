#include "agent/jobs.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agent/answer.h"
#include "agent/calls.h"
#include "base/text.h"

enum {
    RECIPES_A_JOB = 32,
    SITES_A_JOB = 32,
    RECIPES_WALL_MS = 30 * 1000,
    SITES_WALL_MS = 60 * 1000,
    CPU_S = 30,
    LOOKS_LEAST_S = 2,
    LOOKS_MOST_S = 60,
    ARRIVALS_BETWEEN =
        4, /* between the two looks of an inspection, if that takes no longer than LOOKS_MOST_S */
    INSPECT_AGAIN_MS = 60 * 1000, /* doubled after each inspection that named nothing new */
    INSPECT_DOUBLED = 9,
    INSPECTIONS_MAX = 2, /* at a time: mostly they wait */
    REASON_MAX = 300,
    US_PER_MS = 1000
};

struct watched *agent_watched(const struct agent *agent, uint32_t life)
{
    for (size_t i = 0; i < agent->watched.length; i++) {
        if (agent->watched.at[i]->life.id == life)
            return agent->watched.at[i];
    }
    return NULL;
}

struct call_context agent_context(struct agent *agent)
{
    return (struct call_context){.now_ms = agent->wall.now_ms,
                                 .boot_ms = agent->wall.boot_ms,
                                 .last_call = &agent->last.call,
                                 .batch = &agent->batch};
}

static void job_deinit(struct job *job)
{
    VECTOR_DEINIT(&job->pids);
    VECTOR_DEINIT(&job->sites);
}

void jobs_deinit(struct agent *agent)
{
    for (size_t i = 0; i < agent->jobs.length; i++)
        job_deinit(&agent->jobs.at[i]);
    VECTOR_DEINIT(&agent->jobs);
}

/* ---- starting */

static bool start(struct agent *agent, struct job job, const char *const *arguments,
                  const char *input, int64_t wall_ms)
{
    struct look_limits limits = {
        .wall_ms = wall_ms, .cpu_s = CPU_S, .memory_bytes = agent->settings.inspect_memory_bytes};
    struct error *error =
        looker_start(&agent->looker, arguments, input, &limits, agent->wall.boot_ms, &job.id);
    if (error) {
        agent_say(true, "%s", error_message(error));
        error_destroy(error);
        job_deinit(&job);
        return false;
    }
    VECTOR_PUSH(&agent->jobs, job);
    return true;
}

static void start_recipes(struct agent *agent)
{
    struct job job = {.kind = JOB_RECIPES};
    char numbers[RECIPES_A_JOB][16];
    const char *arguments[RECIPES_A_JOB + 2] = {"recipes"};
    size_t count = 0;
    for (; count < RECIPES_A_JOB && count < agent->candidates.length; count++) {
        snprintf(numbers[count], sizeof(numbers[count]), "%d", (int)agent->candidates.at[count]);
        arguments[count + 1] = numbers[count];
        VECTOR_PUSH(&job.pids, agent->candidates.at[count]);
    }
    agent->candidates.length -= count;
    memmove(agent->candidates.at, agent->candidates.at + count,
            agent->candidates.length * sizeof(*agent->candidates.at));
    start(agent, job, arguments, NULL, RECIPES_WALL_MS);
}

static void start_sites(struct agent *agent, struct watched *watched)
{
    struct job job = {.kind = JOB_SITES, .life = watched->life.id};
    struct text input = {0};
    char pid[16];
    snprintf(pid, sizeof(pid), "%d", (int)watched->life.pid);
    const char *const arguments[] = {"sites", pid, NULL};
    watched->wants_names = false;
    watched->named_boot_ms = agent->wall.boot_ms;
    for (size_t i = 0; i < watched->tracked.length && job.sites.length < SITES_A_JOB; i++) {
        struct tracked *tracked = &watched->tracked.at[i];
        if (tracked->named || !tracked->here)
            continue;
        tracked->asked++;
        VECTOR_PUSH(&job.sites,
                    (struct asked_site){tracked->place, tracked->kind, tracked->reason});
        text_printf(&input, "%c %llu %u\n", tracked->kind == SITE_DEFERS ? 'd' : 'g',
                    (unsigned long long)tracked->place, tracked->reason);
    }
    bool started = job.sites.length && start(agent, job, arguments, input.bytes, SITES_WALL_MS);
    watched->job = started ? agent->jobs.at[agent->jobs.length - 1].id : 0;
    text_deinit(&input);
}

/* So long that some should come in between, as fast as the fastest site grows that has no call yet; longer after an inspection that named nothing. */
static double between_looks_s(const struct watched *watched)
{
    double fastest = 0;
    for (size_t i = 0; i < watched->tracked.length; i++) {
        const struct tracked *tracked = &watched->tracked.at[i];
        double rate, low, high;
        accumulation_rate(&tracked->rise, &rate, &low, &high);
        if (tracked->state != ACCUMULATION_QUIET && !tracked->call && rate > fastest)
            fastest = rate;
    }
    double arrivals = ARRIVALS_BETWEEN * (1.0 + watched->fruitless);
    double wait_s = fastest > 0 ? arrivals / fastest : LOOKS_MOST_S;
    return wait_s < LOOKS_LEAST_S ? LOOKS_LEAST_S : wait_s > LOOKS_MOST_S ? LOOKS_MOST_S : wait_s;
}

static void start_inspection(struct agent *agent, struct watched *watched)
{
    const struct settings *settings = &agent->settings;
    struct job job = {.kind = JOB_INSPECT, .life = watched->life.id};
    char pid[16], wait[16], pause[24];
    double wait_s = between_looks_s(watched);
    snprintf(pid, sizeof(pid), "%d", (int)watched->life.pid);
    snprintf(wait, sizeof(wait), "%.0f", wait_s);
    if (settings_may_pause(settings))
        job.pause_us = pauses_take(&watched->pauses, agent->day,
                                   (uint64_t)settings->inspect_pause_ms * US_PER_MS,
                                   (uint64_t)settings->inspect_process_pause_ms * US_PER_MS);
    snprintf(pause, sizeof(pause), "%llu", (unsigned long long)job.pause_us);
    const char *const arguments[] = {"inspect", pid, wait, pause, NULL};
    watched->wants_inspection = false;
    watched->inspected_boot_ms = agent->wall.boot_ms;
    int64_t wall_ms = agent->settings.inspect_wall_ms + (int64_t)(wait_s * 1e3);
    bool started = start(agent, job, arguments, NULL, wall_ms);
    if (!started)
        pauses_settle(&watched->pauses, job.pause_us, 0);
    watched->job = started ? agent->jobs.at[agent->jobs.length - 1].id : 0;
}

static bool may_inspect(const struct agent *agent, struct watched *watched)
{
    unsigned doubled = watched->fruitless < INSPECT_DOUBLED ? watched->fruitless : INSPECT_DOUBLED;
    int64_t pause_ms = watched->fruitless ? (int64_t)INSPECT_AGAIN_MS << (doubled - 1) : 0;
    if (watched->inspect_day != agent->day) {
        watched->inspect_day = agent->day;
        watched->inspect_cpu_s = 0;
    }
    return agent->settings.inspect && watched->wants_inspection && !watched->job &&
           agent->wall.boot_ms - watched->inspected_boot_ms >= pause_ms &&
           watched->inspect_cpu_s < agent->settings.inspect_process_cpu_s &&
           agent->inspect_cpu_s < agent->settings.inspect_all_cpu_s;
}

static unsigned running(const struct agent *agent, enum job_kind kind)
{
    unsigned count = 0;
    for (size_t i = 0; i < agent->jobs.length; i++)
        count += agent->jobs.at[i].kind == kind;
    return count;
}

void jobs_start(struct agent *agent)
{
    if (agent->candidates.length && !running(agent, JOB_RECIPES) && looker_is_free(&agent->looker))
        start_recipes(agent);
    for (size_t i = 0; i < agent->watched.length; i++) {
        struct watched *watched = agent->watched.at[i];
        if (!looker_is_free(&agent->looker))
            return;
        if (watched->wants_names && !watched->job && !running(agent, JOB_SITES))
            start_sites(agent, watched);
        else if (may_inspect(agent, watched) && running(agent, JOB_INSPECT) < INSPECTIONS_MAX)
            start_inspection(agent, watched);
    }
}

/* ---- taking in */

/* The next line of an answer, without its newline; NULL at the end. */
static const char *next_line(const char **at, size_t *length_ret)
{
    const char *line = *at;
    if (!line || !*line)
        return NULL;
    *length_ret = strcspn(line, "\n");
    *at = line + *length_ret + (line[*length_ret] == '\n');
    return line;
}

/* A process without an answer is what seep-look broke at; those behind it were not reached. */
static void collect_recipes(struct agent *agent, const struct job *job,
                            const struct look_result *result)
{
    const char *at = result->text.bytes;
    bool broke = false;
    for (size_t i = 0; i < job->pids.length; i++) {
        size_t length = 0;
        const char *line = next_line(&at, &length);
        struct roster_entry *entry = roster_find(&agent->roster, job->pids.at[i]);
        if (line)
            newcomer_take(agent, job->pids.at[i], line, length);
        else if (entry && entry->kind == ROSTER_ASKED)
            roster_settle(&agent->roster, entry, broke ? ROSTER_NEW : ROSTER_REFUSED,
                          agent->wall.boot_ms);
        broke = broke || !line;
    }
}

static struct tracked *tracked_at(struct watched *watched, const struct asked_site *site)
{
    for (size_t i = 0; i < watched->tracked.length; i++) {
        struct tracked *tracked = &watched->tracked.at[i];
        if (tracked->place == site->place && tracked->kind == site->kind &&
            tracked->reason == site->reason)
            return tracked;
    }
    return NULL;
}

static bool same_site(const struct site_record *left, const struct site_record *right)
{
    return left->kind == right->kind && left->at_line == right->at_line &&
           left->started_line == right->started_line && !strcmp(left->build_id, right->build_id) &&
           !strcmp(left->at_function, right->at_function) &&
           !strcmp(left->at_file, right->at_file) &&
           !strcmp(left->started_function, right->started_function) &&
           !strcmp(left->started_file, right->started_file) &&
           !strcmp(left->wait_reason, right->wait_reason);
}

static struct site_record site_copy(const struct site_record *site)
{
    struct site_record copy = *site;
    copy.build_id = xstrdup(site->build_id);
    copy.at_function = xstrdup(site->at_function);
    copy.at_file = xstrdup(site->at_file);
    copy.started_function = xstrdup(site->started_function);
    copy.started_file = xstrdup(site->started_file);
    copy.wait_reason = xstrdup(site->wait_reason);
    return copy;
}

/* The id that a site has, or a new one. Takes the record. */
static uint32_t site_id(struct agent *agent, struct site_record site)
{
    for (size_t i = 0; i < agent->sites.length; i++) {
        if (same_site(&agent->sites.at[i], &site)) {
            site_record_deinit(&site);
            return agent->sites.at[i].id;
        }
    }
    site.id = ++agent->last.site;
    VECTOR_PUSH(&agent->batch.sites, site_copy(&site));
    if (agent->sites.length ==
        SITES_KNOWN_MAX) { /* the oldest is forgotten: it would get a new id */
        site_record_deinit(&agent->sites.at[0]);
        memmove(agent->sites.at, agent->sites.at + 1,
                (agent->sites.length - 1) * sizeof(*agent->sites.at));
        agent->sites.length--;
    }
    VECTOR_PUSH(&agent->sites, site);
    return site.id;
}

static void name_site(struct agent *agent, const struct watched *watched, struct tracked *tracked,
                      const json_t *answer)
{
    const json_t *at = json_object_get(answer, "at");
    const json_t *started = json_object_get(answer, "started_at");
    struct site_record site = {
        .kind = tracked->kind,
        .build_id = xstrdup(watched->life.build_id),
        .at_function = answer_text(at, "function", REASON_MAX),
        .at_file = answer_text(at, "file", REASON_MAX),
        .at_line = answer_line(at),
        .started_function = answer_text(started, "function", REASON_MAX),
        .started_file = answer_text(started, "file", REASON_MAX),
        .started_line = answer_line(started),
        .wait_reason = answer_text(answer, "wait_reason", REASON_MAX),
    };
    tracked->named = true;
    tracked->at_function = xstrdup(site.at_function);
    tracked->at_file = xstrdup(site.at_file);
    tracked->at_line = site.at_line;
    tracked->started_function = xstrdup(site.started_function);
    tracked->started_file = xstrdup(site.started_file);
    tracked->started_line = site.started_line;
    tracked->site = site_id(agent, site);
    tracked->written = UINT32_MAX;
}

static void collect_sites(struct agent *agent, struct watched *watched, const struct job *job,
                          const struct look_result *result)
{
    const char *at = result->text.bytes;
    for (size_t i = 0; i < job->sites.length; i++) {
        size_t length = 0;
        const char *line = next_line(&at, &length);
        struct tracked *tracked = tracked_at(watched, &job->sites.at[i]);
        json_t *answer = line ? json_loadb(line, length, 0, NULL) : NULL;
        bool found = json_is_object(json_object_get(answer, "at"));
        if (found && tracked && !tracked->named)
            name_site(agent, watched, tracked, answer);
        json_decref(answer);
    }
}

static void record_inspection(struct agent *agent, struct watched *watched,
                              const struct look_result *result, const char *problem)
{
    struct inspection_record record = {
        .id = ++agent->last.inspection,
        .life = watched->life.id,
        .at_ms = agent->wall.now_ms,
        .why = xstrdup(watched->why_inspect ? watched->why_inspect : ""),
        .json = problem ? xstrdup("") : xstrndup(result->text.bytes, result->text.length),
        .problem = xstrdup(problem ? problem : ""),
        .cpu_s = result->cpu_s,
        .wall_s = result->wall_s,
        .peak_bytes = result->peak_bytes,
    };
    VECTOR_PUSH(&agent->batch.inspections, record);
}

static void collect_inspection(struct agent *agent, struct watched *watched, const struct job *job,
                               const struct look_result *result)
{
    struct evidence evidence = {0};
    struct error *error =
        result->done && result->text.length
            ? evidence_read(result->text.bytes, result->text.length, &evidence)
            : error_create(ERROR_BAD_DATA, "%s", result->problem ? result->problem : "no answer");
    record_inspection(agent, watched, result, error ? error_message(error) : NULL);
    /* One that broke off may have stopped the process for as long as it was allowed to. */
    uint64_t paused_us = error ? job->pause_us : evidence.pause_us;
    pauses_settle(&watched->pauses, job->pause_us, paused_us);
    agent->paused_us += paused_us;
    struct call_context context = agent_context(agent);
    unsigned named =
        error ? 0 : calls_from_evidence(watched, &evidence, agent->last.inspection, &context);
    watched->fruitless = named ? 0 : watched->fruitless + 1;
    /* What was suspected while it ran: the next look says whether it still is. */
    watched->wants_inspection = false;
    evidence_deinit(&evidence);
    error_destroy(error);
}

static void collect(struct agent *agent, const struct job *job, const struct look_result *result)
{
    if (job->kind == JOB_RECIPES) {
        collect_recipes(agent, job, result);
        return;
    }
    struct watched *watched = agent_watched(agent, job->life);
    if (!watched)
        return;
    watched->job = 0;
    watched->inspect_cpu_s += result->cpu_s;
    agent->inspect_cpu_s += result->cpu_s;
    if (job->kind == JOB_SITES)
        collect_sites(agent, watched, job, result);
    else
        collect_inspection(agent, watched, job, result);
}

void jobs_collect(struct agent *agent)
{
    struct look_result result;
    while (looker_next(&agent->looker, agent->wall.boot_ms, &result)) {
        for (size_t i = 0; i < agent->jobs.length; i++) {
            if (agent->jobs.at[i].id != result.id)
                continue;
            struct job job = agent->jobs.at[i];
            agent->jobs.at[i] = agent->jobs.at[--agent->jobs.length];
            collect(agent, &job, &result);
            job_deinit(&job);
            break;
        }
        text_deinit(&result.text);
    }
}
