/* From an answer of seep-look to a life: a new one, or one that the store has and that still runs. */
#include <jansson.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "agent/answer.h"
#include "agent/jobs.h"
#include "base/text.h"
#include "target/procfs.h"

enum {
    TEXT_LENGTH_MAX = 512,
    CGROUP_ROOM = 8192,
    RESTORED_MAX = FLOORS_MAX
};

static int digit(char letter)
{
    return letter >= '0' && letter <= '9'   ? letter - '0'
           : letter >= 'a' && letter <= 'f' ? letter - 'a' + 10
                                            : -1;
}

static bool read_recipe(const json_t *line, struct recipe *recipe_ret)
{
    const char *text = json_string_value(json_object_get(line, "recipe"));
    uint8_t bytes[sizeof(*recipe_ret)];
    if (!text || strlen(text) != 2 * sizeof(bytes))
        return false;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    memcpy(recipe_ret, bytes, sizeof(bytes));
    return recipe_is_sane(recipe_ret);
}

/* ---- the life */

static void read_program(const json_t *line, struct life *life)
{
    life->name = answer_text(line, "name", TEXT_LENGTH_MAX);
    life->exe = answer_text(line, "exe", TEXT_LENGTH_MAX);
    life->go_version = answer_text(line, "go_version", TEXT_LENGTH_MAX);
    life->module = answer_text(line, "module", TEXT_LENGTH_MAX);
    life->release = answer_text(line, "release", TEXT_LENGTH_MAX);
    life->release_source = answer_text(line, "release_source", TEXT_LENGTH_MAX);
    life->build_id = answer_text(line, "build_id", TEXT_LENGTH_MAX);
    life->stripped = json_is_true(json_object_get(line, "stripped"));
    life->blind =
        answer_text(line, json_object_get(line, "problem") ? "problem" : "blind", TEXT_LENGTH_MAX);
}

static int64_t started_ms(const struct agent *agent, uint64_t start_ticks)
{
    int64_t hertz = sysconf(_SC_CLK_TCK);
    int64_t after_boot_ms = (int64_t)(start_ticks % UINT64_C(0x3fffffffffff)) * 1000 / hertz;
    return agent->wall.now_ms - (agent->wall.boot_ms - after_boot_ms);
}

/* A life of the store that this process goes on with. */
static bool take_up(struct agent *agent, const struct roster_entry *entry, struct life *life_ret)
{
    for (size_t i = 0; i < agent->unfinished.length; i++) {
        struct life *life = &agent->unfinished.at[i];
        if (life->pid != entry->pid || life->start_ticks != entry->start_ticks)
            continue;
        *life_ret = *life;
        *life = agent->unfinished.at[--agent->unfinished.length];
        return true;
    }
    return false;
}

static void begin_life(struct agent *agent, const struct roster_entry *entry, struct cgroup *cgroup,
                       struct life *life)
{
    life->id = ++agent->last.life;
    life->pid = entry->pid;
    life->start_ticks = entry->start_ticks;
    life->boot_id = xstrdup(agent->boot_id);
    life->cgroup = cgroup ? text_escaped(cgroup->path, strlen(cgroup->path)) : xstrdup("");
    life->unit = cgroup ? cgroup_unit(cgroup->path) : xstrdup("");
    life->started_ms = started_ms(agent, entry->start_ticks);
    life->first_seen_ms = life->last_seen_ms = agent->wall.now_ms;
    life->program = families_key(life);
    families_begin(&agent->families, life);
}

static struct cgroup *join_cgroup(struct agent *agent, const struct vitals_source *source)
{
    char text[CGROUP_ROOM];
    if (procfs_read_small(source->directory, "cgroup", text, sizeof(text)) <= 0)
        return NULL;
    return cgroups_join(&agent->cgroups, text);
}

/* ---- what was known of it before the agent began */

static void restore_trend(struct agent *agent, struct watched *watched)
{
    static const uint32_t series[] = {SERIES_KEPT, SERIES_RSS_ANON};
    struct store_span all = {0, INT64_MAX};
    int64_t step_ms = 0;
    struct store *store = backlog_store(&agent->backlog);
    bool counted = watched->has_recipe && watched->recipe.counters.live;
    struct points points = {0};
    if (!store)
        return;
    struct error *error = store_points(store, watched->life.id, series[counted ? 0 : 1], all,
                                       RESTORED_MAX, &points, &step_ms);
    if (error_ignore(error))
        return;
    for (size_t i = 0; i < points.length; i++)
        trend_restore(&watched->trend, points.at[i].at_ms - watched->life.started_ms,
                      (double)points.at[i].min, (double)NAN);
    VECTOR_DEINIT(&points);
}

static void restore_calls(struct agent *agent, struct watched *watched)
{
    struct store *store = backlog_store(&agent->backlog);
    struct calls calls = {0};
    struct store_span now = {agent->wall.now_ms, INT64_MAX};
    struct error *error = store ? store_calls(store, watched->life.id, now, &calls) : NULL;
    error_ignore(error);
    for (size_t i = 0; i < calls.length; i++) {
        if (watched->calls.length == OPEN_CALLS_MAX || calls.at[i].resolved_ms) {
            call_deinit(&calls.at[i]);
            continue;
        }
        watched->trend.climbs = watched->trend.climbs || !strcmp(calls.at[i].cause, "bytes");
        VECTOR_PUSH(&watched->calls, (struct open_call){.call = calls.at[i],
                                                        .bytes_each = (double)NAN,
                                                        .told = true,
                                                        .orphan = true});
    }
    VECTOR_DEINIT(&calls);
}

/* What inspections of today have stopped it for, before the agent was started anew. */
static void restore_pauses(struct agent *agent, struct watched *watched)
{
    uint64_t most_us = (uint64_t)agent->settings.inspect_pause_ms * 1000;
    int64_t today_ms = agent->day * DAY_MS;
    pauses_restore(&watched->pauses, backlog_store(&agent->backlog), watched->life.id, agent->day,
                   (struct store_span){today_ms, today_ms + DAY_MS - 1}, most_us);
}

static void watch(struct agent *agent, const json_t *line, struct roster_entry *entry,
                  struct vitals_source source)
{
    struct life life = {0};
    struct cgroup *cgroup = join_cgroup(agent, &source);
    bool resumed = take_up(agent, entry, &life);
    if (!resumed) {
        read_program(line, &life);
        begin_life(agent, entry, cgroup, &life);
    }
    struct watched *watched = watched_create(life, source);
    watched->cgroup = cgroup;
    if (cgroup)
        watched->kills = watched->kills_next = kills_of(&agent->cgroups, cgroup);
    watched->has_recipe = read_recipe(line, &watched->recipe);
    if (resumed) {
        restore_trend(agent, watched);
        restore_calls(agent, watched);
        restore_pauses(agent, watched);
    }
    VECTOR_PUSH(&agent->watched, watched);
    if (!resumed && agent->said++ < LINES_A_TICK)
        agent_say(false, "%s: watched (pid %d, %s%s%s)", watched->life.program, (int)entry->pid,
                  life_kind_name(watched->life.kind), *watched->life.release ? " " : "",
                  watched->life.release);
}

static void refuse(struct agent *agent, struct roster_entry *entry, const json_t *line)
{
    bool gone = json_is_true(json_object_get(line, "gone"));
    roster_settle(&agent->roster, entry, ROSTER_REFUSED, agent->wall.boot_ms);
    if (gone || !json_is_true(json_object_get(line, "go")))
        return;
    free(agent->unreadable_why);
    agent->unreadable_why = answer_text(line, "problem", TEXT_LENGTH_MAX);
}

static void take_line(struct agent *agent, const json_t *line, struct roster_entry *entry)
{
    bool is_go = json_is_true(json_object_get(line, "go"));
    bool problem = json_is_string(json_object_get(line, "problem"));
    struct vitals_source source;
    AUTO_FREE char *name = answer_text(line, "name", TEXT_LENGTH_MAX);
    if (!problem && !is_go) {
        roster_settle(&agent->roster, entry, ROSTER_OTHER, agent->wall.boot_ms);
        return;
    }
    /* One that has just started may not have its goroutines yet: it is asked again before it is watched from outside only. */
    if (problem && (!is_go || !entry->refusals)) {
        refuse(agent, entry, line);
        return;
    }
    bool wanted = settings_wants(&agent->settings, name) && agent->watched.length < WATCHED_MAX;
    if (!wanted || !vitals_open(agent->proc, entry->pid, entry->start_ticks, &source)) {
        roster_settle(&agent->roster, entry, ROSTER_REFUSED, agent->wall.boot_ms);
        return;
    }
    roster_settle(&agent->roster, entry, ROSTER_GO, agent->wall.boot_ms);
    watch(agent, line, entry, source);
}

void newcomer_take(struct agent *agent, pid_t pid, const char *line, size_t length)
{
    json_t *object = json_loadb(line, length, 0, NULL);
    struct roster_entry *entry = roster_find(&agent->roster, pid);
    uint64_t start_ticks = (uint64_t)json_integer_value(json_object_get(object, "start_ticks"));
    bool same = json_integer_value(json_object_get(object, "pid")) == pid;
    if (entry && roster_is_asked(&agent->roster, entry, agent->wall.boot_ms)) {
        if (object && same && start_ticks == entry->start_ticks)
            take_line(agent, object, entry);
        else
            roster_settle(&agent->roster, entry, ROSTER_REFUSED, agent->wall.boot_ms);
    }
    json_decref(object);
}
