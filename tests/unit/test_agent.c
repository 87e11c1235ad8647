/* Parts of the agent by themselves: over made trees of /proc and control groups, over goroutines that are made in this very process, over clocks that somebody sets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/alert.h"
#include "agent/backlog.h"
#include "agent/calls.h"
#include "agent/cgroup.h"
#include "agent/chains.h"
#include "agent/evidence.h"
#include "agent/families.h"
#include "agent/kills.h"
#include "agent/nearby.h"
#include "agent/outbox.h"
#include "agent/roster.h"
#include "agent/settings.h"
#include "agent/share.h"
#include "agent/tally.h"
#include "agent/vitals.h"
#include "agent/wall.h"
#include "runtime/goroutine_state.h"

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/seep-agent-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[256];
    snprintf(command, sizeof(command), "chmod -R u+w %s; rm -rf %s", folder, folder);
    return system(command);
}

/* A file below the folder, with the folders above it. */
static void put(const char *path, const char *text)
{
    char whole[768], command[900];
    snprintf(whole, sizeof(whole), "%s/%s", folder, path);
    snprintf(command, sizeof(command), "mkdir -p \"$(dirname '%s')\"", whole);
    assert_int_equal(system(command), 0);
    int file = open(whole, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), strlen(text));
    close(file);
}

static int open_folder(void)
{
    return open(folder, O_RDONLY | O_DIRECTORY);
}

static void fail_with(struct error *error)
{
    if (error)
        fail_msg("%s", error_message(error));
}

/* ---- alerts on their way */

static struct outbox outbox_with(const struct settings *settings, const char *program)
{
    struct outbox outbox = {.settings = settings, .program = xstrdup(program)};
    outbox_put(&outbox, xstrdup("{}"), 0);
    return outbox;
}

/* Tends it at a time that somebody sets, until what it began is over. Returns its last line. */
static char *tend_at(struct outbox *outbox, int64_t boot_ms)
{
    char *line = outbox_tend(outbox, boot_ms);
    while (outbox->child) {
        free(line);
        usleep(1000);
        line = outbox_tend(outbox, boot_ms);
    }
    return line;
}

static void test_alerts_are_tried_again_later_each_time(void **state)
{
    (void)state;
    static const int64_t pauses_s[] = {5, 10, 20, 40, 80, 160, 320, 600, 600, 600, 600, 600};
    struct settings settings = {.webhook = (char[]){"http://127.0.0.1:1/"}};
    struct outbox outbox = outbox_with(&settings, "/bin/false"); /* status 1: try again */
    int64_t now_ms = 0;
    for (size_t i = 0; i < LENGTH_OF(pauses_s); i++) {
        char *line = tend_at(&outbox, now_ms);
        assert_int_equal(line != NULL, i == 0); /* said once */
        free(line);
        assert_int_equal(outbox_next_boot_ms(&outbox), now_ms + pauses_s[i] * 1000);
        assert_null(outbox_tend(&outbox, outbox_next_boot_ms(&outbox) - 1));
        assert_int_equal(outbox.child, 0); /* not before its time */
        now_ms = outbox_next_boot_ms(&outbox);
    }
    char *line = tend_at(&outbox, now_ms + 600 * 1000);
    assert_non_null(line);
    assert_non_null(strstr(line, "given up after an hour"));
    free(line);
    assert_int_equal(outbox_next_boot_ms(&outbox), INT64_MAX);
    outbox_deinit(&outbox);
}

static void test_a_poster_that_cannot_be_started_does_not_block(void **state)
{
    (void)state;
    struct settings settings = {.webhook = (char[]){"http://127.0.0.1:1/"}};
    struct outbox outbox = outbox_with(&settings, "/nowhere/seep-post");
    char *line = tend_at(&outbox, 0);
    assert_non_null(line);
    assert_non_null(strstr(line, "No such file"));
    free(line);
    assert_int_equal(outbox_next_boot_ms(&outbox), 5000);
    outbox_deinit(&outbox);
}

/* ---- families */

static struct life new_life(uint32_t id, const char *build, int64_t started_ms)
{
    return (struct life){.id = id,
                         .program = xstrdup("api"),
                         .name = xstrdup("api"),
                         .unit = xstrdup(""),
                         .module = xstrdup("example.com/api"),
                         .release = xstrdup(build),
                         .build_id = xstrdup(build),
                         .started_ms = started_ms,
                         .last_seen_ms = started_ms};
}

static void restarts_releases_and_rollbacks_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *build;
        enum life_kind kind;
    } steps[] = {{"a", LIFE_FIRST},    {"a", LIFE_RESTART},  {"b", LIFE_RELEASE},
                 {"b", LIFE_RESTART},  {"a", LIFE_ROLLBACK}, {"b", LIFE_RELEASE},
                 {"c", LIFE_RELEASE},  {"a", LIFE_ROLLBACK}, {"b", LIFE_RELEASE},
                 {"a", LIFE_ROLLBACK}, {"c", LIFE_RELEASE},  {"c", LIFE_RESTART}};
    struct families families = {0};
    for (uint32_t i = 0; i < LENGTH_OF(steps); i++) {
        struct life life = new_life(i + 1, steps[i].build, i * 1000);
        families_begin(&families, &life);
        assert_int_equal(life.kind, steps[i].kind);
        assert_int_equal(life.lane, 0);
        assert_int_equal(families_before(&families, &life, 500), i);
        life.ended_ms = life.started_ms + 900;
        families_end(&families, &life);
        life_deinit(&life);
    }
    families_deinit(&families);
}

static void several_at_a_time_have_lanes(void **state)
{
    (void)state;
    struct families families = {0};
    struct life lives[3];
    for (uint32_t i = 0; i < 3; i++) {
        lives[i] = new_life(i + 1, "a", 0);
        families_begin(&families, &lives[i]);
        assert_int_equal(lives[i].lane, i);
        assert_int_equal(lives[i].kind, LIFE_FIRST);
    }
    lives[1].ended_ms = 5;
    families_end(&families, &lives[1]);
    struct life next = new_life(4, "a", 6);
    families_begin(&families, &next);
    assert_true(next.lane == 1 && next.kind == LIFE_RESTART);
    life_deinit(&next);
    for (size_t i = 0; i < 3; i++)
        life_deinit(&lives[i]);
    families_deinit(&families);
}

static void keys_stay_over_releases(void **state)
{
    (void)state;
    static const struct {
        const char *name, *unit, *module, *key;
    } samples[] = {{"api", "api.service", "example.com/api", "api@api.service"},
                   {"api", "docker:3f2a9c01d5b7", "example.com/api", "api"},
                   {"server", "docker:3f2a9c01d5b7", "example.com/shop", "server@example.com/shop"},
                   {"x", "", "", "x"}};
    for (size_t i = 0; i < LENGTH_OF(samples); i++) {
        struct life life = {.name = xstrdup(samples[i].name),
                            .unit = xstrdup(samples[i].unit),
                            .module = xstrdup(samples[i].module)};
        AUTO_FREE char *key = families_key(&life);
        assert_string_equal(key, samples[i].key);
        life_deinit(&life);
    }
}

/* ---- time */

static void time_never_jumps_because_of_a_clock(void **state)
{
    (void)state;
    struct wall wall;
    wall_init(&wall, (struct clocks){1000000, 5000, 5000}, 0);
    wall_look(&wall, (struct clocks){1010000, 15000, 15000});
    assert_true(wall.now_ms == 1010000 && !wall.stepped_ms && !wall.slept_ms);
    wall_look(&wall,
              (struct clocks){950000, 25000, 25000}); /* set back by 70 s: time goes on, slower */
    assert_true(wall.stepped_ms == -70000 && wall.now_ms == 1015000);
    wall_look(&wall, (struct clocks){1050000, 125000, 125000});
    assert_true(!wall.stepped_ms && wall.now_ms == 1065000);
    wall_look(&wall, (struct clocks){5000000, 135000, 135000}); /* set forward: believed */
    assert_true(wall.stepped_ms > 3000000 && wall.now_ms == 5000000);
    wall_look(&wall, (struct clocks){8600000, 3735000, 145000}); /* suspended for an hour */
    assert_true(!wall.stepped_ms && wall.slept_ms == 3590000 && wall.now_ms == 8600000);
    wall_look(&wall, (struct clocks){100, 3745000, 155000}); /* set back by hours: believed */
    assert_true(wall.now_ms == 100);
    wall_init(&wall, (struct clocks){1000, 1, 1}, 99999); /* what is kept is newer */
    assert_int_equal(wall.now_ms, 100000);
}

/* ---- settings */

static void settings_go_there_and_back(void **state)
{
    (void)state;
    struct settings settings = settings_default(), back;
    settings.store = xstrdup("/x/y.db");
    settings.webhook = xstrdup("https://u:p@h/?a=\"b\"");
    settings.interval_ms = 1234;
    VECTOR_PUSH(&settings.only, xstrdup("api-*"));
    VECTOR_PUSH(&settings.never, xstrdup("*-test"));
    AUTO_FREE char *json = settings_to_json(&settings);
    fail_with(settings_from_json(json, &back));
    assert_string_equal(back.webhook, settings.webhook);
    assert_true(back.interval_ms == 1234 && back.port == 7337 &&
                back.keep.size_max_bytes == settings.keep.size_max_bytes);
    assert_true(settings_wants(&back, "api-1") && !settings_wants(&back, "web") &&
                !settings_wants(&back, "api-test"));
    settings_deinit(&back);
    settings_deinit(&settings);
    static const char *const wrong[] = {"", "{}", "[]", "null", "{\"store\":5}"};
    for (size_t i = 0; i < LENGTH_OF(wrong); i++)
        assert_true(error_ignore(settings_from_json(wrong[i], &back)));
}

static void addresses_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good, loopback;
    } samples[] = {{"127.0.0.1:1", true, true},
                   {"[::1]:7337", true, true},
                   {"0.0.0.0:80", true, false},
                   {":80", true, false},
                   {"localhost:80", true, true},
                   {"127.0.0.1", false, false},
                   {"127.0.0.1:0", false, false},
                   {"127.0.0.1:65536", false, false},
                   {"host:80", false, false},
                   {"1.2.3.4:x", false, false},
                   {"", false, false},
                   {"1.2.3.4:-1", false, false}};
    for (size_t i = 0; i < LENGTH_OF(samples); i++) {
        struct settings settings = settings_default();
        struct error *error = settings_listen(&settings, samples[i].text);
        assert_int_equal(!error, samples[i].good);
        if (!error_ignore(error))
            assert_int_equal(settings_is_loopback(&settings), samples[i].loopback);
        settings_deinit(&settings);
    }
}

/* ---- control groups */

static void limits_are_the_least_up_the_tree(void **state)
{
    (void)state;
    put("a/b/c/memory.current", "123456\n");
    put("a/b/c/memory.stat", "anon 1000\nfile 2000\n");
    put("a/b/c/memory.max", "max\n");
    put("a/b/memory.max", "50000000\n");
    put("a/memory.max", "90000000\n");
    struct cgroups cgroups;
    cgroups_init(&cgroups, open_folder());
    struct cgroup *group = cgroups_join(&cgroups, "0::/a/b/c\n");
    assert_ptr_equal(group, cgroups_join(&cgroups, "1:name=systemd:/x\n0::/a/b/c\n"));
    cgroups_refresh(&cgroups, group, 1000, 10);
    assert_true(group->current_bytes == 123456 && group->anon_bytes == 1000 &&
                group->limit_bytes == 50000000);
    put("a/b/c/memory.current", "7\n");
    cgroups_refresh(&cgroups, group, 1005, 10);
    assert_int_equal(group->current_bytes, 123456);
    cgroups_refresh(&cgroups, group, 1010, 10);
    assert_int_equal(group->current_bytes, 7);
    cgroups_leave(&cgroups, group);
    cgroups_leave(&cgroups, group);
    assert_int_equal(cgroups.list.length, 0);
    assert_null(cgroups_join(&cgroups, "nonsense"));
    assert_null(cgroups_join(&cgroups, ""));
    close(cgroups.root);
    cgroups_deinit(&cgroups);
}

static void version_one_is_known_too(void **state)
{
    (void)state;
    put("memory/a/memory.usage_in_bytes", "55\n");
    put("memory/a/memory.stat", "rss 4\ntotal_rss 44\n");
    put("memory/a/memory.limit_in_bytes", "9223372036854771712\n");
    put("memory/memory.limit_in_bytes", "9223372036854771712\n");
    put("memory/a/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
    struct cgroups cgroups;
    cgroups_init(&cgroups, open_folder());
    struct cgroup *group = cgroups_join(&cgroups, "4:memory:/a\n0::/b\n");
    cgroups_refresh(&cgroups, group, 1000, 10);
    assert_true(group->current_bytes == 55 && group->anon_bytes == 44 &&
                group->limit_bytes == UINT64_MAX);
    struct cgroup *away = cgroups_join(&cgroups, "4:memory:/../../etc\n");
    cgroups_refresh(&cgroups, away, 1000, 10);
    assert_int_equal(away->current_bytes, UINT64_MAX);
    cgroups_leave(&cgroups, group);
    cgroups_leave(&cgroups, away);
    close(cgroups.root);
    cgroups_deinit(&cgroups);
}

/* What the counts say of a process that was alive when `alive` was noted and is gone now. */
static bool was_killed(const struct cgroups *cgroups, const struct cgroup *group,
                       const struct kills *alive)
{
    struct kills ended = kills_of(cgroups, group);
    return kills_say(alive, &ended);
}

static void replace_group(const char *path)
{
    char command[256];
    snprintf(command, sizeof(command), "mv %s/%s %s/away-$$", folder, path,
             folder); /* its inode stays taken */
    assert_int_equal(system(command), 0);
}

static void a_kill_is_told_by_its_group(void **state)
{
    (void)state;
    put("unified/a/memory.events", "oom_kill 7\n");
    put("unified/a/b/memory.events", "low 0\noom 1\noom_kill 3\noom_group_kill 9\n");
    struct cgroups cgroups;
    cgroups_init(&cgroups, open_folder());
    struct cgroup *group = cgroups_join(&cgroups, "0::/a/b\n");
    struct kills alive = kills_of(&cgroups, group);
    assert_true(alive.directory && alive.in_group == 3 && alive.around == 7);
    assert_false(was_killed(&cgroups, group, &alive));
    put("unified/a/memory.events", "oom_kill 8\n"); /* a neighbour */
    assert_false(was_killed(&cgroups, group, &alive));
    put("unified/a/b/memory.events", "oom_kill 4\n");
    assert_true(was_killed(&cgroups, group, &alive));
    assert_false(kills_say(&(struct kills){0}, &alive)); /* it was never seen */
    cgroups_leave(&cgroups, group);
    close(cgroups.root);
    cgroups_deinit(&cgroups);
}

/* A service manager removes the group at once, and makes another one for the next life. */
static void a_kill_is_told_by_what_is_around_a_group_that_is_gone(void **state)
{
    (void)state;
    put("a/memory.events", "oom_kill 7\n");
    put("a/b/memory.events", "oom_kill 0\n");
    struct cgroups cgroups;
    cgroups_init(&cgroups, open_folder());
    struct cgroup *group = cgroups_join(&cgroups, "0::/a/b\n");
    struct kills alive = kills_of(&cgroups, group);
    replace_group("a/b");
    assert_false(was_killed(&cgroups, group, &alive)); /* it was stopped */
    put("a/memory.events", "oom_kill 8\n");
    assert_true(was_killed(&cgroups, group, &alive));
    put("a/b/memory.events", "oom_kill 0\n");
    assert_true(was_killed(&cgroups, group, &alive));
    replace_group("a");
    assert_false(was_killed(&cgroups, group, &alive)); /* nothing can be known */
    cgroups_leave(&cgroups, group);
    close(cgroups.root);
    cgroups_deinit(&cgroups);
}

static void without_a_count_around_it_the_machine_says(void **state)
{
    (void)state;
    put("memory/a/b/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
    put("vmstat", "nr_free_pages 1\noom_kill 5\nlast 0\n");
    struct cgroups cgroups;
    cgroups_init(&cgroups, open_folder());
    struct cgroup *group = cgroups_join(&cgroups, "4:memory:/a/b\n0::/\n");
    struct kills alive = kills_of(&cgroups, group);
    assert_true(alive.in_group == 2 && alive.around == UINT64_MAX);
    assert_int_equal(kills_on_machine(cgroups.root), 5);
    put("vmstat", "nr_free_pages 1\n"); /* before Linux 4.13 */
    assert_true(kills_on_machine(cgroups.root) == UINT64_MAX);
    assert_true(kills_rose(5, 6) && !kills_rose(5, 5) && !kills_rose(UINT64_MAX, 5) &&
                !kills_rose(5, UINT64_MAX));
    assert_false(was_killed(&cgroups, group, &alive));
    replace_group("memory/a/b");
    assert_true(was_killed(&cgroups, group, &alive));
    cgroups_leave(&cgroups, group);
    close(cgroups.root);
    cgroups_deinit(&cgroups);
}

static void units_have_the_names_that_people_use(void **state)
{
    (void)state;
    static const char id[] = "3f2a9c01d5b73f2a9c01d5b73f2a9c01d5b73f2a9c01d5b73f2a9c01d5b7abcd";
    static const struct {
        const char *path, *unit;
    } samples[] = {
        {"/system.slice/api.service", "api.service"},
        {"/system.slice/docker-%s.scope", "docker:3f2a9c01d5b7"},
        {"/docker/%s", "docker:3f2a9c01d5b7"},
        {"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod7d1c2b3a_1234.slice/"
         "cri-containerd-%s.scope",
         "pod:7d1c2b3a/3f2a9c01d5b7"},
        {"/kubepods/besteffort/pod7d1c2b3a-12/%s", "pod:7d1c2b3a/3f2a9c01d5b7"},
        {"/machine.slice/libpod-%s.scope", "podman:3f2a9c01d5b7"},
        {"/user.slice/user-1000.slice/session-3.scope", ""},
        {"/user.slice/user-1000.slice/user@1000.service/app.slice/x.service", "x.service"},
        {"/user.slice/user-1000.slice/user@1000.service/init.scope", ""},
        {"/system.slice/api.service/worker", "api.service"},
        {"/", ""},
        {"", ""}};
    for (size_t i = 0; i < LENGTH_OF(samples); i++) {
        char path[512];
        const char *hole = strstr(samples[i].path, "%s");
        int before = hole ? (int)(hole - samples[i].path) : (int)strlen(samples[i].path);
        snprintf(path, sizeof(path), "%.*s%s%s", before, samples[i].path, hole ? id : "",
                 hole ? hole + 2 : "");
        AUTO_FREE char *unit = cgroup_unit(path);
        assert_string_equal(unit, samples[i].unit);
    }
}

/* ---- processes */

static void put_process(int pid, const char *comm, char run_state, unsigned long flags,
                        unsigned long long start)
{
    char path[64], text[512];
    snprintf(path, sizeof(path), "%d/stat", pid);
    snprintf(text, sizeof(text),
             "%d (%s) %c 1 1 1 0 -1 %lu 0 0 0 0 150 50 0 0 20 0 7 0 %llu 1000 256 0\n", pid, comm,
             run_state, flags, start);
    put(path, text);
    snprintf(path, sizeof(path), "%d/status", pid);
    put(path, "Name:\tx\nVmRSS:\t 1024 kB\nRssAnon:\t  512 kB\n");
}

static void put_exe(int pid, const char *target)
{
    char path[640], to[640];
    snprintf(path, sizeof(path), "%s/%d/exe", folder, pid);
    snprintf(to, sizeof(to), "%s/%s", folder, target);
    unlink(path);
    assert_int_equal(symlink(to, path), 0);
}

static void processes_are_asked_about_once_and_when_they_change(void **state)
{
    (void)state;
    struct roster roster;
    struct roster_picks picks = {0};
    put("go1", "x");
    put("other", "y");
    put_process(10, "a b) c", 'S', 0, 77);
    put_exe(10, "go1");
    put_process(11, "kernel", 'S', 0x00200000, 1);
    put_process(12, "dead", 'Z', 0, 5);
    put_process(13, "sh", 'S', 0, 6);
    put_exe(13, "other");
    roster_init(&roster, open_folder(), 4242);
    roster_scan(&roster, 1000, 500, 10, &picks);
    assert_int_equal(picks.length, 0); /* too young */
    roster_scan(&roster, 2000, 500, 10, &picks);
    assert_int_equal(picks.length, 2);
    roster_settle(&roster, roster_find(&roster, 10), ROSTER_GO, 2000);
    roster_settle(&roster, roster_find(&roster, 13), ROSTER_OTHER, 2000);
    picks.length = 0;
    put_process(14, "sh", 'S', 0, 8); /* the same executable: it is known to be none */
    put_exe(14, "other");
    roster_scan(&roster, 3000, 0, 10, &picks);
    assert_int_equal(picks.length, 0);
    put_process(13, "gone-go", 'S', 0, 6); /* exec: another name, another program */
    put_exe(13, "go1");
    roster_scan(&roster, 4000, 0, 10, &picks);
    assert_true(picks.length == 1 && picks.at[0] == 13);
    picks.length = 0;
    put_process(10, "new", 'S', 0, 99999); /* the number is used again */
    roster_scan(&roster, 5000, 0, 10, &picks);
    assert_true(picks.length == 1 && picks.at[0] == 10);
    char command[200];
    snprintf(command, sizeof(command), "rm -r %s/10", folder);
    assert_int_equal(system(command), 0);
    picks.length = 0;
    roster_scan(&roster, 6000, 0, 10, &picks);
    assert_null(roster_find(&roster, 10));
    VECTOR_DEINIT(&picks);
    close(roster.proc);
    roster_deinit(&roster);
}

/* A shell that becomes a Go program while it is asked about: what was looked at may be either. */
static void an_answer_about_what_it_was_is_of_no_use(void **state)
{
    (void)state;
    struct roster roster;
    struct roster_picks picks = {0};
    put("shell", "x");
    put("program", "y");
    put_process(20, "sh", 'S', 0, 6);
    put_exe(20, "shell");
    roster_init(&roster, open_folder(), 4242);
    roster_scan(&roster, 1000, 0, 10, &picks);
    assert_true(picks.length == 1 && picks.at[0] == 20);
    put_process(20, "program", 'S', 0, 6);
    put_exe(20, "program");
    assert_false(roster_is_asked(&roster, roster_find(&roster, 20), 1100));
    picks.length = 0;
    roster_scan(&roster, 2000, 0, 10, &picks);
    assert_true(picks.length == 1 && picks.at[0] == 20);
    assert_true(roster_is_asked(&roster, roster_find(&roster, 20), 2100));
    roster_settle(&roster, roster_find(&roster, 20), ROSTER_GO, 2100);
    assert_false(roster_is_asked(&roster, roster_find(&roster, 20), 2200));
    roster_scan(&roster, 200000, 0, 10, &picks);
    assert_int_equal(roster_find(&roster, 20)->kind, ROSTER_GO);
    VECTOR_DEINIT(&picks);
    close(roster.proc);
    roster_deinit(&roster);
}

/* Its file gets another mode or name, as when a release is put in its place: it runs on. */
static void a_program_whose_file_is_replaced_runs_on(void **state)
{
    (void)state;
    struct roster roster;
    struct roster_picks picks = {0};
    char path[640];
    int64_t boot_ms = 1000;
    put("released", "x");
    put_process(21, "released", 'S', 0, 6);
    put_exe(21, "released");
    roster_init(&roster, open_folder(), 4242);
    roster_scan(&roster, boot_ms, 0, 10, &picks);
    roster_settle(&roster, roster_find(&roster, 21), ROSTER_GO, boot_ms);
    int64_t changed_ns = roster_find(&roster, 21)->exe.changed_ns;
    snprintf(path, sizeof(path), "%s/released", folder);
    do { /* until the clock of the file system has ticked */
        assert_int_equal(chmod(path, 0755), 0);
        boot_ms += 100000;
        roster_scan(&roster, boot_ms, 0, 10, &picks);
    } while (roster_find(&roster, 21)->exe.changed_ns == changed_ns);
    assert_int_equal(roster_find(&roster, 21)->kind, ROSTER_GO);
    VECTOR_DEINIT(&picks);
    close(roster.proc);
    roster_deinit(&roster);
}

static void vitals_are_read_and_their_end_is_seen(void **state)
{
    (void)state;
    struct vitals_source source;
    struct vitals vitals;
    put_process(10, "evil) S 1 (name", 'S', 0, 77);
    int proc = open_folder();
    assert_false(vitals_open(proc, 10, 78, &source));
    assert_false(vitals_open(proc, 11, 77, &source));
    assert_true(vitals_open(proc, 10, 77, &source));
    assert_true(vitals_read(&source, false, &vitals));
    assert_true(vitals.threads == 7 && vitals.rss_anon_bytes == 512 << 10);
    assert_int_equal(vitals.cpu_ms, 200 * 1000 / sysconf(_SC_CLK_TCK));
    put_process(10, "x", 'Z', 0, 77);
    assert_false(vitals_read(&source, false, &vitals));
    put("10/stat", "garbage");
    assert_false(vitals_read(&source, false, &vitals));
    put("10/stat", "");
    assert_false(vitals_read(&source, false, &vitals));
    vitals_close(&source);
    close(proc);
}

/* ---- goroutines, made in this process */

enum {
    G_COUNT = 3000
};

struct made_g {
    uint64_t low, high, deferred, pad[4];
    uint64_t number;
    uint32_t status;
    uint8_t reason;
    uint64_t go_pc, start_pc;
};
struct made_defer {
    uint64_t pad, sp, pc, link;
};
static struct made_g made[G_COUNT];
static struct made_g *list[G_COUNT];
static struct {
    struct made_g **at;
    uint64_t length, room;
} allgs;
static struct made_defer records[100000];

static struct recipe made_recipe(void)
{
    return (struct recipe){
        .form = RECIPE_FORM,
        .allgs = (address)(uintptr_t)&allgs,
        .system_low = 0x1000,
        .system_high = 0x2000,
        .g_size = sizeof(struct made_g),
        .g_status = offsetof(struct made_g, status),
        .g_goid = offsetof(struct made_g, number),
        .g_gopc = offsetof(struct made_g, go_pc),
        .g_startpc = offsetof(struct made_g, start_pc),
        .g_waitreason = offsetof(struct made_g, reason),
        .g_defer = offsetof(struct made_g, deferred),
        .g_stack_low = offsetof(struct made_g, low),
        .g_stack_high = offsetof(struct made_g, high),
        .defer_size = sizeof(struct made_defer),
        .defer_link = offsetof(struct made_defer, link),
        .defer_pc = offsetof(struct made_defer, pc),
        .defer_sp = offsetof(struct made_defer, sp),
        .wait_kinds = {[5] = WAIT_CHAN_SEND},
    };
}

static void make_goroutines(size_t count, uint64_t first_number, uint64_t go_pc, uint8_t reason)
{
    for (size_t i = 0; i < count; i++) {
        struct made_g *g = &made[allgs.length];
        *g = (struct made_g){.low = 1,
                             .high = 2,
                             .number = first_number + i,
                             .status = GOROUTINE_WAITING,
                             .reason = reason,
                             .go_pc = go_pc,
                             .start_pc = 0x5000};
        list[allgs.length++] = g;
    }
}

static const struct tally_group *group_at(const struct tally *tally, enum site_kind kind,
                                          uint64_t place)
{
    for (size_t i = 0; i < tally->groups.length; i++) {
        if (tally->groups.at[i].kind == kind && tally->groups.at[i].place == place)
            return &tally->groups.at[i];
    }
    return NULL;
}

static int clear_goroutines(void **state)
{
    (void)state;
    allgs.at = list;
    allgs.length = 0;
    allgs.room = G_COUNT;
    return 0;
}

static void goroutines_are_counted_by_where_they_come_from(void **state)
{
    (void)state;
    struct tally tally = {0};
    struct recipe recipe = made_recipe();
    assert_true(recipe_is_sane(&recipe));
    make_goroutines(700, 1000, 0xaaaa, 5);
    make_goroutines(3, 2000, 0xbbbb, 6);
    made[701].status = GOROUTINE_DEAD;
    made[702].start_pc = 0x1500; /* the runtime's own */
    made[0].high = 0;            /* senseless */
    assert_true(tally_take(&tally, getpid(), &recipe));
    assert_true(tally.goroutines == 700 && tally.system == 1 && tally.unread == 1);
    const struct tally_group *group = group_at(&tally, SITE_GOROUTINES, 0xaaaa);
    assert_true(group->count == 699 && group->wait_kind == WAIT_CHAN_SEND);
    make_goroutines(10, 5000, 0xaaaa, 5); /* ten come, two go */
    made[5].status = made[6].status = GOROUTINE_DEAD;
    assert_true(tally_take(&tally, getpid(), &recipe));
    group = group_at(&tally, SITE_GOROUTINES, 0xaaaa);
    assert_true(group->count == 707 && group->came == 10 && group->went == 2);
    tally_deinit(&tally);
}

static void long_lists_of_deferred_calls_are_counted_once(void **state)
{
    (void)state;
    struct tally tally = {0};
    struct recipe recipe = made_recipe();
    make_goroutines(1, 7, 0xaaaa, 0);
    for (size_t i = 0; i < 90000; i++)
        records[i] = (struct made_defer){.pc = 0xdddd, .link = i ? (uintptr_t)&records[i - 1] : 0};
    made[0].deferred = (uintptr_t)&records[49999];
    assert_true(tally_take(&tally, getpid(), &recipe));
    assert_true(tally.deferred == 50000 && group_at(&tally, SITE_DEFERS, 0xdddd)->count == 50000);
    records[10].link = 1; /* what was counted is not read again */
    made[0].deferred = (uintptr_t)&records[50009];
    assert_true(tally_take(&tally, getpid(), &recipe));
    assert_true(tally.deferred == 50010 && group_at(&tally, SITE_DEFERS, 0xdddd)->came == 10);
    made[0].deferred =
        (uintptr_t)&records[20]; /* they ran: it breaks off where it is broken, and says so */
    assert_true(tally_take(&tally, getpid(), &recipe));
    assert_true(tally.deferred == 11 && tally.partly);
    tally_deinit(&tally);
}

static void what_lies_near_is_read_as_one_and_what_cannot_be_read_alone(void **state)
{
    (void)state;
    enum {
        PIECE = 64,
        PAGES = 8
    };
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *memory =
        mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    for (size_t i = 0; i < PAGES * page; i++)
        memory[i] = (uint8_t)(i * 2654435761U >> 24);
    assert_int_equal(munmap(memory + 3 * page, page), 0);
    address places[NEARBY_MAX];
    const uint8_t *found[NEARBY_MAX];
    uint8_t *room = malloc(nearby_room(NEARBY_MAX, PIECE));
    uint32_t random = 1;
    for (unsigned round = 0; round < 200; round++) {
        size_t good = 0;
        for (size_t i = 0; i < NEARBY_MAX; i++) {
            random = random * 1664525 + 1013904223;
            size_t spread = round % 2
                                ? PAGES * page
                                : (i % 5 + 1) * page; /* anywhere; side by side at five places */
            size_t at = round % 2 ? random % (spread - PIECE) : spread + i / 5 * (PIECE + round);
            places[i] = (address)(uintptr_t)memory + at % (PAGES * page - PIECE);
        }
        size_t count = nearby_read(getpid(), places, NEARBY_MAX, PIECE, room, found);
        for (size_t i = 0; i < NEARBY_MAX; i++) {
            size_t at = places[i] - (address)(uintptr_t)memory;
            bool there = at + PIECE <= 3 * page || at >= 4 * page;
            good += there;
            assert_int_equal(found[i] != NULL, there);
            assert_true(!there || !memcmp(found[i], memory + at, PIECE));
        }
        assert_int_equal(count, good);
    }
    free(room);
    munmap(memory, 3 * page);
    munmap(memory + 4 * page, (PAGES - 4) * page);
}

/* How long one waits; all together must keep to the share. */
static double waits_ms(size_t which, const double *costs_us, size_t count, int64_t interval_ms)
{
    const double share = 0.0004;
    struct share out = share_out(costs_us, count, interval_ms, share);
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += costs_us[i] / 1e3 / fmax(share_wait_ms(&out, costs_us[i]), (double)interval_ms);
    assert_true(sum <= share * 1.0001);
    return share_wait_ms(&out, costs_us[which]);
}

static void counting_is_bounded_and_what_the_small_do_not_need_is_for_the_large(void **state)
{
    (void)state;
    double costs[101] = {[0] = 7500}; /* sixty thousand goroutines, and 17 small ones */
    for (size_t i = 1; i < 18; i++)
        costs[i] = 30;
    assert_true(waits_ms(0, costs, 18, 10000) <= 30e3 && waits_ms(1, costs, 18, 10000) <= 10e3);
    assert_true(waits_ms(0, costs, 18, 1000) <= 30e3 && waits_ms(1, costs, 18, 1000) <= 5e3);
    for (size_t i = 1; i < 18; i++)
        costs[i] = 150; /* of a thousand goroutines */
    assert_true(waits_ms(0, costs, 18, 1000) <= 30e3 && waits_ms(1, costs, 18, 1000) <= 20e3);
    for (size_t i = 0; i < 101; i++)
        costs[i] = i ? 150 : 300000; /* one of millions does not starve a hundred others */
    assert_true(waits_ms(1, costs, 101, 10000) < 80e3 && waits_ms(0, costs, 101, 10000) > 600e3);
    double none[2] = {0, 0}, little[1] = {100};
    assert_true(waits_ms(0, none, 2, 1000) <= 1000);
    assert_true(waits_ms(0, little, 1, 1000) <= 1000); /* within its share: at each sampling */
    assert_true(waits_ms(0, little, 1, 100) > 100);
    assert_true(waits_ms(0, little, 1, 60000) <= 60000);
}

static void hostile_memory_ends(void **state)
{
    (void)state;
    struct tally tally = {0};
    struct recipe recipe = made_recipe();
    make_goroutines(300, 1, 0xaaaa, 200); /* a reason that is none */
    records[0] = (struct made_defer){.pc = 1, .link = (uintptr_t)&records[0]}; /* a circle */
    made[0].deferred = (uintptr_t)&records[0];
    made[1].deferred = 0xffffffffffffffff;
    made[2].deferred = 8;
    for (size_t i = 3; i < 300; i++)
        made[i].go_pc = i * 8; /* more groups than are kept */
    list[100] = (struct made_g *)8;
    list[101] = NULL;
    list[102] = (struct made_g *)(uintptr_t)0x7fffffffff00;
    assert_true(tally_take(&tally, getpid(), &recipe));
    assert_true(tally.unread == 3 && tally.partly && tally.groups.length <= TALLY_GROUPS_MAX &&
                tally.crowded > 0);
    allgs.length = UINT64_C(1) << 60;
    assert_false(tally_take(&tally, getpid(), &recipe));
    allgs.length = 5;
    allgs.at = (struct made_g **)16;
    assert_false(tally_take(&tally, getpid(), &recipe));
    recipe.g_size = 8;
    assert_false(recipe_is_sane(&recipe));
    recipe = made_recipe();
    recipe.counters.live = 12345;
    assert_false(recipe_is_sane(&recipe));
    tally_deinit(&tally);
}

/* ---- evidence, backlog, alerts */

static void evidence_is_read_and_nonsense_is_refused(void **state)
{
    (void)state;
    static const char good[] =
        "{\"findings\":[{\"rule\":\"defer-in-loop\",\"grade\":\"certain\",\"title\":\"t\\u001b\","
        "\"count\":5,"
        "\"held_bytes\":100,\"at\":{\"function\":\"main.f\",\"file\":\"/a/"
        "b.go\",\"line\":7},\"started_at\":null,"
        "\"because\":[\"x\",\"y\",5],\"fix\":null}, 7, {\"at\":{\"line\":-1}}]}";
    struct evidence evidence;
    fail_with(evidence_read(good, strlen(good), &evidence));
    assert_int_equal(evidence.findings.length, 3);
    const struct evidence_finding *finding = &evidence.findings.at[0];
    assert_true(finding->count == 5 && finding->at.line == 7 && !strcmp(finding->because, "x\ny"));
    assert_null(strchr(finding->title, 0x1b));
    AUTO_FREE char *name = spot_name(&finding->at);
    assert_string_equal(name, "main.f b.go:7");
    evidence_deinit(&evidence);
    static const char *const wrong[] = {
        "", "[]", "{}", "{\"findings\":5}", "not json", "{\"findings\":["};
    for (size_t i = 0; i < LENGTH_OF(wrong); i++)
        assert_true(error_ignore(evidence_read(wrong[i], strlen(wrong[i]), &evidence)));
}

/* ---- calls */

struct called {
    struct watched watched;
    struct batch batch;
    uint32_t last_call;
};

/* One site that has just begun to accumulate: `count` goroutines that wait for this. */
static struct tracked rising_site(int32_t line, uint8_t wait_kind, uint32_t count)
{
    struct tracked tracked = {.kind = SITE_GOROUTINES,
                              .wait_kind = wait_kind,
                              .named = true,
                              .state = ACCUMULATION_RISES,
                              .count = count,
                              .started_function = "main.serve",
                              .started_file = "/src/main.go",
                              .started_line = line};
    accumulation_init(&tracked.rise);
    accumulation_add(&tracked.rise, 0, 0, 0);
    accumulation_add(&tracked.rise, 60 * 1000, count, 0);
    return tracked;
}

/* How many calls an inspection opens that found `count` of them at that line. */
static unsigned calls_after(struct called *called, int32_t line, unsigned count, const char *grade)
{
    struct call_context context = {.now_ms = 1000000,
                                   .boot_ms = 60 * 1000,
                                   .last_call = &called->last_call,
                                   .batch = &called->batch};
    struct evidence evidence;
    char document[512];
    snprintf(document, sizeof(document),
             "{\"findings\":[{\"rule\":\"leaked-goroutines\",\"grade\":\"%s\",\"title\":\"t\","
             "\"count\":%u,\"started_at\":{\"function\":\"main.serve\",\"file\":"
             "\"/src/main.go\",\"line\":%d}}]}",
             grade, count, (int)line);
    fail_with(evidence_read(document, strlen(document), &evidence));
    unsigned found = calls_from_evidence(&called->watched, &evidence, 1, &context);
    evidence_deinit(&evidence);
    return found;
}

static void called_deinit(struct called *called)
{
    for (size_t i = 0; i < called->watched.calls.length; i++)
        call_deinit(&called->watched.calls.at[i].call);
    VECTOR_DEINIT(&called->watched.calls);
    VECTOR_DEINIT(&called->watched.tracked);
    batch_deinit(&called->batch);
}

/* Who receives may be a worker: a site that has risen for minutes only is called if it is proved that most of it waits for ever. */
static void receivers_are_called_at_once_only_if_they_are_proved(void **state)
{
    (void)state;
    struct called called = {0};
    VECTOR_PUSH(&called.watched.tracked, rising_site(7, WAIT_CHAN_RECEIVE, 100));
    assert_int_equal(calls_after(&called, 7, 100, "likely"), 0);
    assert_int_equal(calls_after(&called, 7, 8, "certain"), 0);
    assert_int_equal(calls_after(&called, 7, 90, "certain"), 1);
    called_deinit(&called);
    called = (struct called){0};
    VECTOR_PUSH(&called.watched.tracked, rising_site(7, WAIT_CHAN_RECEIVE, 100));
    called.watched.tracked.at[0].state = ACCUMULATION_STEADY;
    assert_int_equal(calls_after(&called, 7, 100, "possible"), 0);
    assert_int_equal(calls_after(&called, 7, 100, "likely"), 1);
    called_deinit(&called);
}

/* What has its call already is nothing new: a process where another site rises on would be inspected again and again at once. */
static void what_is_called_already_is_nothing_new(void **state)
{
    (void)state;
    struct called called = {0};
    VECTOR_PUSH(&called.watched.tracked, rising_site(7, WAIT_CHAN_SEND, 100));
    VECTOR_PUSH(&called.watched.tracked, rising_site(9, WAIT_SELECT, 100));
    assert_int_equal(calls_after(&called, 7, 100, "likely"), 1);
    assert_int_equal(calls_after(&called, 7, 100, "likely"), 0);
    assert_int_equal(called.watched.calls.length, 1);
    called_deinit(&called);
}

static void what_cannot_be_written_waits(void **state)
{
    (void)state;
    struct backlog backlog;
    char path[128], line[256];
    snprintf(path, sizeof(path), "%s/w.db", folder);
    fail_with(backlog_open(path, &store_limits_default, &backlog, NULL));
    store_close(backlog.store);
    backlog.store = NULL;
    snprintf(line, sizeof(line), "mv %s/w.db %s/x.db; mkdir %s/w.db", folder, folder, folder);
    assert_int_equal(system(line), 0);
    for (int64_t i = 1; i <= 20; i++) {
        struct batch batch = {.at_ms = i * 1000};
        VECTOR_PUSH(&batch.samples, (struct sample){1, 0, i});
        if (i == 1)
            VECTOR_PUSH(&batch.lives,
                        (struct life){.id = 1, .program = xstrdup("p"), .first_seen_ms = 1});
        AUTO_FREE char *said = backlog_put(&backlog, &batch, i * 1000);
        assert_int_equal(said != NULL, i == 1); /* said once */
        batch_deinit(&batch);
    }
    assert_true(backlog.waiting.length == 20 && backlog.records.lives.length == 1);
    snprintf(line, sizeof(line), "rmdir %s/w.db; mv %s/x.db %s/w.db", folder, folder, folder);
    assert_int_equal(system(line), 0);
    struct batch batch = {.at_ms = 60000};
    AUTO_FREE char *said = backlog_put(&backlog, &batch, 60000);
    assert_non_null(said);
    assert_non_null(strstr(said, "no samples were lost"));
    assert_int_equal(backlog.waiting.length, 0);
    struct points points = {0};
    int64_t step_ms = 0;
    fail_with(store_points(backlog_store(&backlog), 1, 0, (struct store_span){0, INT64_MAX}, 0,
                           &points, &step_ms));
    assert_int_equal(points.length, 20);
    VECTOR_DEINIT(&points);
    backlog_close(&backlog);
}

static void an_alert_names_the_program_and_links_to_it(void **state)
{
    (void)state;
    struct life life = {.program = xstrdup("a b&c@x.service"),
                        .name = xstrdup("a"),
                        .unit = xstrdup(""),
                        .release = xstrdup(""),
                        .go_version = xstrdup("go1.26"),
                        .pid = 7};
    struct call call = {.id = 3,
                        .cause = xstrdup("rule main.f f.go:1"),
                        .title = xstrdup("t\"\n"),
                        .because = xstrdup("a\nb"),
                        .fix = xstrdup(""),
                        .state = STANDING_LEAKING,
                        .slope_per_s = 1,
                        .slope_low = 0.5,
                        .slope_high = 2,
                        .count_per_s = (double)NAN,
                        .share = (double)NAN};
    AUTO_FREE char *json = alert_json(&life, &call, "h", "https://page/");
    assert_non_null(json);
    assert_non_null(strstr(json, "\"page\":\"https://page/?program=a%20b%26c%40x.service\""));
    assert_non_null(strstr(json, "\"place\":\"main.f f.go:1\""));
    assert_non_null(strstr(json, "\"bytes\":86400.0"));
    life_deinit(&life);
    call_deinit(&call);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alerts_are_tried_again_later_each_time),
        cmocka_unit_test(test_a_poster_that_cannot_be_started_does_not_block),
        cmocka_unit_test(restarts_releases_and_rollbacks_are_told),
        cmocka_unit_test(several_at_a_time_have_lanes),
        cmocka_unit_test(keys_stay_over_releases),
        cmocka_unit_test(time_never_jumps_because_of_a_clock),
        cmocka_unit_test(settings_go_there_and_back),
        cmocka_unit_test(addresses_are_read),
        IN_FOLDER(limits_are_the_least_up_the_tree),
        IN_FOLDER(version_one_is_known_too),
        IN_FOLDER(a_kill_is_told_by_its_group),
        IN_FOLDER(a_kill_is_told_by_what_is_around_a_group_that_is_gone),
        IN_FOLDER(without_a_count_around_it_the_machine_says),
        cmocka_unit_test(units_have_the_names_that_people_use),
        IN_FOLDER(processes_are_asked_about_once_and_when_they_change),
        IN_FOLDER(an_answer_about_what_it_was_is_of_no_use),
        IN_FOLDER(a_program_whose_file_is_replaced_runs_on),
        IN_FOLDER(vitals_are_read_and_their_end_is_seen),
        cmocka_unit_test_setup(goroutines_are_counted_by_where_they_come_from, clear_goroutines),
        cmocka_unit_test_setup(long_lists_of_deferred_calls_are_counted_once, clear_goroutines),
        cmocka_unit_test_setup(hostile_memory_ends, clear_goroutines),
        cmocka_unit_test(what_lies_near_is_read_as_one_and_what_cannot_be_read_alone),
        cmocka_unit_test(counting_is_bounded_and_what_the_small_do_not_need_is_for_the_large),
        cmocka_unit_test(evidence_is_read_and_nonsense_is_refused),
        cmocka_unit_test(receivers_are_called_at_once_only_if_they_are_proved),
        cmocka_unit_test(what_is_called_already_is_nothing_new),
        IN_FOLDER(what_cannot_be_written_waits),
        cmocka_unit_test(an_alert_names_the_program_and_links_to_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
