#include "agent/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/calls.h"
#include "agent/jobs.h"
#include "agent/judge.h"
#include "agent/self.h"
#include "agent/voice.h"
#include "base/text.h"
#include "target/procfs.h"

enum {
    SLOW_MS =
        60 *
        1000, /* between two readings of what is dearer, and of what the agent says of itself */
    TELL_MS = 1000, /* between two times that the page is told how the agent is */
    MAINTAIN_MS = 60 * 1000,
    YOUNG_PERIODS = 1, /* who has not lived for so many is left alone */
    PICKS_MAX = 256,
    GAP_PERIODS = 3,
};

static const double tally_share_all = 0.0002; /* of a core, that counting goroutines may take */

/* ---- beginning */

static void read_boot_id(struct agent *agent)
{
    char text[64];
    ssize_t length =
        procfs_read_small(agent->proc, "sys/kernel/random/boot_id", text, sizeof(text));
    text[length > 0 ? strcspn(text, "\n") : 0] = '\0';
    agent->boot_id = text_escaped(text, strlen(text));
}

static void read_host(struct agent *agent)
{
    char name[256] = "";
    if (gethostname(name, sizeof(name) - 1))
        name[0] = '\0';
    agent->host = text_escaped(name, strlen(name));
}

static bool still_runs(const struct agent *agent, const struct life *life)
{
    char path[32];
    struct process_stat stat;
    snprintf(path, sizeof(path), "%d/stat", (int)life->pid);
    return !strcmp(life->boot_id, agent->boot_id) && !procfs_stat(agent->proc, path, &stat) &&
           stat.start_ticks == life->start_ticks && stat.state != 'Z';
}

/* What ended while no agent ran. */
static void end_lost(struct agent *agent, struct life *life)
{
    struct calls calls = {0};
    struct store_span after = {life->last_seen_ms, INT64_MAX};
    life->ended_ms = life->last_seen_ms;
    life->end = LIFE_LOST;
    struct error *error = store_calls(backlog_store(&agent->backlog), life->id, after, &calls);
    if (error_ignore(error))
        return;
    for (size_t i = 0; i < calls.length; i++) {
        if (calls.at[i].resolved_ms) {
            call_deinit(&calls.at[i]);
            continue;
        }
        calls.at[i].resolved_ms = life->ended_ms;
        VECTOR_PUSH(&agent->batch.calls, calls.at[i]);
    }
    VECTOR_DEINIT(&calls);
}

/* Takes over what the store knows: families, ids, lives that still run, sites of their builds. */
static struct error *recall(struct agent *agent, int64_t *newest_ret)
{
    struct store *store = backlog_store(&agent->backlog);
    struct store_span all = {0, INT64_MAX};
    struct lives lives = {0};
    TRY(store_ids(store, &agent->last));
    TRY(store_lives(store, NULL, all, &lives));
    for (size_t i = 0; i < lives.length; i++) {
        struct life *life = &lives.at[i];
        *newest_ret = life->last_seen_ms > *newest_ret ? life->last_seen_ms : *newest_ret;
        if (!life->ended_ms && !still_runs(agent, life)) {
            end_lost(agent, life);
            families_learn(&agent->families, life);
            VECTOR_PUSH(&agent->batch.lives, *life);
        } else if (!life->ended_ms) {
            families_learn(&agent->families, life);
            error_ignore(store_sites(store, life->id, &agent->sites));
            VECTOR_PUSH(&agent->unfinished, *life);
        } else {
            families_learn(&agent->families, life);
            life_deinit(life);
        }
    }
    VECTOR_DEINIT(&lives);
    return NULL;
}

static void mark(struct agent *agent, enum marker_kind kind, int64_t length_ms, const char *text)
{
    struct marker marker = {
        .at_ms = agent->wall.now_ms, .length_ms = length_ms, .kind = kind, .text = xstrdup(text)};
    VECTOR_PUSH(&agent->batch.markers, marker);
}

static struct error *set_up(struct agent *agent)
{
    AUTO_FREE char *note = NULL;
    int64_t newest_ms = 0;
    agent->proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (agent->proc < 0)
        return error_os(errno, "/proc");
    agent->cgroup_root = open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* optional */
    read_boot_id(agent);
    read_host(agent);
    cgroups_init(&agent->cgroups, agent->cgroup_root);
    agent->kills = agent->kills_next = kills_on_machine(agent->proc);
    roster_init(&agent->roster, agent->proc, getpid());
    TRY(looker_init(&agent->looker));
    TRY(outbox_init(&agent->settings, &agent->outbox));
    TRY(page_open(&agent->settings, &agent->page));
    TRY(backlog_open(agent->settings.store, &agent->settings.keep, &agent->backlog, &note));
    if (note)
        agent_say(true, "%s", note);
    TRY(recall(agent, &newest_ms));
    wall_init(&agent->wall, clocks_now(), newest_ms);
    agent->started_ms = agent->wall.now_ms;
    mark(agent, MARKER_AGENT_START, newest_ms ? agent->wall.now_ms - newest_ms : 0,
         "seep watch began");
    return NULL;
}

struct error *agent_create(struct settings settings, struct agent **agent_ret)
{
    struct agent *agent = xcalloc(1, sizeof(*agent));
    agent->settings = settings;
    agent->proc = agent->cgroup_root = -1;
    agent->page = (struct page){.socket = -1, .notice = {.own = -1, .shown = -1}};
    struct error *error = set_up(agent);
    if (error) {
        agent_destroy(agent);
        return error;
    }
    *agent_ret = agent;
    return NULL;
}

void agent_destroy(struct agent *agent)
{
    looker_deinit(&agent->looker);
    page_close(&agent->page);
    outbox_deinit(&agent->outbox);
    jobs_deinit(agent);
    for (size_t i = 0; i < agent->watched.length; i++)
        watched_destroy(agent->watched.at[i], &agent->cgroups);
    VECTOR_DEINIT(&agent->watched);
    VECTOR_DEINIT(&agent->candidates);
    lives_deinit(&agent->unfinished);
    site_records_deinit(&agent->sites);
    families_deinit(&agent->families);
    roster_deinit(&agent->roster);
    cgroups_deinit(&agent->cgroups);
    batch_deinit(&agent->batch);
    backlog_close(&agent->backlog);
    settings_deinit(&agent->settings);
    if (agent->proc >= 0)
        close(agent->proc);
    if (agent->cgroup_root >= 0)
        close(agent->cgroup_root);
    free(agent->boot_id);
    free(agent->host);
    free(agent->unreadable_why);
    free(agent->store_note);
    free(agent);
}

/* ---- time */

static void look_at_clock(struct agent *agent)
{
    char length[TEXT_SIZE_ROOM];
    AUTO_FREE char *line = NULL;
    int64_t boot_ms = agent->wall.boot_ms;
    wall_look(&agent->wall, clocks_now());
    if (agent->wall.stepped_ms) {
        /* Two clocks cannot be read at one instant: a step of half an hour is some milliseconds more or less. */
        text_duration(length, round((double)llabs(agent->wall.stepped_ms) / 1e3));
        if (asprintf(&line, "the clock was set %s by %s",
                     agent->wall.stepped_ms < 0 ? "back" : "forward", length) >= 0)
            mark(agent, MARKER_CLOCK_STEP, agent->wall.stepped_ms, line);
    }
    int64_t missed_ms = agent->wall.boot_ms - boot_ms - GAP_PERIODS * agent->settings.interval_ms;
    if (agent->ticks && missed_ms > 0)
        mark(agent, MARKER_AGENT_GAP, agent->wall.boot_ms - boot_ms,
             agent->wall.slept_ms ? "the machine was suspended" : "nothing was sampled");
    int64_t day = agent->wall.now_ms / DAY_MS;
    if (day != agent->day)
        agent->inspect_cpu_s = 0;
    agent->day = day;
}

/* ---- processes that are gone */

static enum life_end how_it_ended(struct agent *agent, struct watched *watched)
{
    struct roster_entry *entry = roster_find(&agent->roster, watched->life.pid);
    if (entry && entry->start_ticks == watched->life.start_ticks && entry->kind != ROSTER_GO)
        return LIFE_EXEC;
    if (!watched->cgroup || !kills_rose(agent->kills, kills_on_machine(agent->proc)))
        return LIFE_EXITED;
    struct kills kills = kills_of(&agent->cgroups, watched->cgroup);
    if (!kills_say(&watched->kills, &kills))
        return LIFE_EXITED;
    agent->kills++; /* each kill is of one process */
    return LIFE_OUT_OF_MEMORY;
}

static struct life life_copy(const struct life *life)
{
    struct life copy = *life;
    char **const texts[] = {&copy.program, &copy.name,     &copy.unit,           &copy.cgroup,
                            &copy.exe,     &copy.boot_id,  &copy.go_version,     &copy.module,
                            &copy.release, &copy.build_id, &copy.release_source, &copy.blind};
    for (size_t i = 0; i < LENGTH_OF(texts); i++)
        *texts[i] = xstrdup(*texts[i]);
    return copy;
}

static void end_life(struct agent *agent, struct watched *watched)
{
    struct call_context context = agent_context(agent);
    struct life *life = &watched->life;
    life->end = how_it_ended(agent, watched);
    life->ended_ms = agent->wall.now_ms;
    calls_review(watched, true, &context);
    families_end(&agent->families, life);
    VECTOR_PUSH(&agent->batch.lives, life_copy(life));
    if (life->end == LIFE_OUT_OF_MEMORY) {
        struct marker marker = {.life = life->id,
                                .at_ms = life->ended_ms,
                                .kind = MARKER_OUT_OF_MEMORY,
                                .text = xstrdup("killed by the kernel for want of memory")};
        VECTOR_PUSH(&agent->batch.markers, marker);
    }
    if (life->end != LIFE_OUT_OF_MEMORY && agent->said++ >= LINES_A_TICK)
        return;
    agent_say(life->end == LIFE_OUT_OF_MEMORY, "%s: pid %d %s", life->program, (int)life->pid,
              life->end == LIFE_OUT_OF_MEMORY ? "was killed for want of memory"
              : life->end == LIFE_EXEC        ? "became another program"
                                              : "ended");
}

static double share_of_limit(const struct watched *watched)
{
    return (double)watched->vitals.rss_bytes / (double)watched->limit_bytes;
}

static int by_share_of_limit(const void *left, const void *right)
{
    double a = share_of_limit(*(struct watched *const *)left);
    double b = share_of_limit(*(struct watched *const *)right);
    return (a < b) - (a > b);
}

/* If fewer were killed than ended, it was those that were nearest to their limit. Takes the list. */
static void end_lives(struct agent *agent, struct watched_list *ended)
{
    if (ended->length)
        qsort(ended->at, ended->length, sizeof(ended->at[0]), by_share_of_limit);
    for (size_t i = 0; i < ended->length; i++) {
        end_life(agent, ended->at[i]);
        watched_destroy(ended->at[i], &agent->cgroups);
    }
    VECTOR_DEINIT(ended);
}

static bool became_another(struct agent *agent, const struct watched *watched)
{
    const struct roster_entry *entry = roster_find(&agent->roster, watched->life.pid);
    return entry && entry->kind != ROSTER_GO;
}

/* ---- kills */

/* Before it is known who is still alive. */
static void note_kills(struct agent *agent)
{
    agent->kills_next = kills_on_machine(agent->proc);
    if (agent->kills_next == agent->kills)
        return;
    for (size_t i = 0; i < agent->watched.length; i++) {
        struct watched *watched = agent->watched.at[i];
        if (watched->cgroup)
            watched->kills_next = kills_of(&agent->cgroups, watched->cgroup);
    }
}

/* Those that are left were not meant. */
static void settle_kills(struct agent *agent)
{
    agent->kills = agent->kills_next;
    for (size_t i = 0; i < agent->watched.length; i++)
        agent->watched.at[i]->kills = agent->watched.at[i]->kills_next;
}

/* ---- a tick */

static struct share tally_share(const struct agent *agent)
{
    AUTO_FREE double *costs_us = xcalloc(agent->watched.length + 1, sizeof(*costs_us));
    for (size_t i = 0; i < agent->watched.length; i++)
        costs_us[i] = agent->watched.at[i]->tally.spent_us;
    return share_out(costs_us, agent->watched.length, agent->settings.interval_ms, tally_share_all);
}

static void sample_all(struct agent *agent)
{
    struct moment moment = {
        .now_ms = agent->wall.now_ms,
        .boot_ms = agent->wall.boot_ms,
        .interval_ms = agent->settings.interval_ms,
        .slow = agent->wall.boot_ms >= agent->slow_boot_ms,
        .tally_share = tally_share(agent),
        .available_bytes = memory_available(agent->proc),
    };
    struct watched_list ended = {0};
    for (size_t i = 0; i < agent->watched.length;) {
        struct watched *watched = agent->watched.at[i];
        bool runs = !became_another(agent, watched) &&
                    watched_sample(watched, &agent->cgroups, &moment, &agent->batch);
        if (!runs) {
            VECTOR_PUSH(&ended, watched);
            agent->watched.at[i] = agent->watched.at[--agent->watched.length];
            continue;
        }
        judge(agent, watched);
        if (watched->life_changed)
            VECTOR_PUSH(&agent->batch.lives, life_copy(&watched->life));
        watched->life_changed = false;
        i++;
    }
    end_lives(agent, &ended);
}

static void publish_all(struct agent *agent)
{
    for (size_t i = 0; i < agent->watched.length; i++) {
        agent->watched.at[i]->life_changed = true;
        agent->watched.at[i]->published = -1;
    }
    agent->slow_boot_ms = 0; /* what it says of itself, too */
}

/* Whether the store can be written is not left to the store to say. */
static void tell_page(struct agent *agent)
{
    bool failing = agent->store_note;
    if (agent->page.socket < 0)
        return;
    if (failing == agent->told_failing && agent->wall.boot_ms - agent->told_boot_ms < TELL_MS)
        return;
    AUTO_FREE char *self = self_described(agent);
    if (self)
        page_tell(&agent->page, self);
    agent->told_failing = failing;
    agent->told_boot_ms = agent->wall.boot_ms;
}

static void write_batch(struct agent *agent)
{
    bool failing = agent->backlog.failing_since_ms;
    agent->batch.at_ms = agent->wall.now_ms;
    AUTO_FREE char *line = backlog_put(&agent->backlog, &agent->batch, agent->wall.boot_ms);
    if (line)
        agent_say(true, "%s", line);
    if (agent->backlog.renewed)
        publish_all(agent);
    agent->backlog.renewed = false;
    if (failing && !agent->backlog.failing_since_ms)
        mark(agent, MARKER_STORE_LOST, 0, line ? line : "the store could not be written");
    free(agent->store_note);
    agent->store_note = backlog_trouble(&agent->backlog, agent->wall.now_ms);
}

void agent_tick(struct agent *agent)
{
    look_at_clock(agent);
    int64_t young_ms = agent->ticks ? YOUNG_PERIODS * agent->settings.interval_ms : 0;
    size_t room = PICKS_MAX > agent->candidates.length ? PICKS_MAX - agent->candidates.length : 0;
    roster_scan(&agent->roster, agent->wall.boot_ms, young_ms, agent->candidates.length + room,
                &agent->candidates);
    jobs_collect(agent);
    note_kills(agent);
    sample_all(agent);
    settle_kills(agent);
    jobs_start(agent);
    if (agent->wall.boot_ms >= agent->slow_boot_ms) {
        agent->batch.agent = self_described(agent);
        agent->slow_boot_ms = agent->wall.boot_ms + SLOW_MS;
    }
    voice_tell(agent);
    if (agent->said > LINES_A_TICK)
        agent_say(false, "and %u more that came or went", agent->said - LINES_A_TICK);
    agent->said = 0;
    write_batch(agent);
    tell_page(agent);
    agent->ticks++;
}

bool agent_between(struct agent *agent)
{
    struct clocks clocks = clocks_now();
    int64_t boot_ms = clocks.boot_ms;
    jobs_collect(agent);
    jobs_start(agent);
    AUTO_FREE char *line = page_tend(&agent->page, boot_ms);
    AUTO_FREE char *post = outbox_tend(&agent->outbox, boot_ms);
    if (line)
        agent_say(true, "%s", line);
    if (post)
        agent_say(true, "%s", post);
    if (boot_ms < agent->maintain_boot_ms)
        return false;
    bool more = backlog_maintain(&agent->backlog, agent->wall.now_ms);
    if (!more)
        agent->maintain_boot_ms = boot_ms + MAINTAIN_MS;
    return more;
}
