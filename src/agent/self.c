#include "agent/self.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/text.h"
#include "target/procfs.h"

static double own_cpu_s(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static uint64_t own_rss_bytes(const struct agent *agent)
{
    char text[256];
    unsigned long long pages = 0;
    if (procfs_read_small(agent->proc, "self/statm", text, sizeof(text)) <= 0 ||
        sscanf(text, "%*u %llu", &pages) != 1)
        return 0;
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static json_t *problems(const struct agent *agent)
{
    json_t *array = json_array();
    if (agent->store_note)
        json_array_append_new(array, json_string(agent->store_note));
    return array;
}

/* CAP_SYS_PTRACE, in force (capabilities(7)). */
static bool may_trace(const struct agent *agent)
{
    enum {
        SYS_PTRACE = 19
    };
    char text[4096];
    ssize_t length = procfs_read_small(agent->proc, "self/status", text, sizeof(text));
    const char *line = length > 0 ? strstr(text, "\nCapEff:") : NULL;
    return line && strtoull(line + strlen("\nCapEff:"), NULL, 16) >> SYS_PTRACE & 1;
}

/* Who has the right already is not told to get it: a machine may keep some of its processes from everybody in a container. */
static json_t *hidden_line(const struct agent *agent, size_t count, pid_t one)
{
    char path[32], comm[64];
    snprintf(path, sizeof(path), "%d/comm", (int)one);
    ssize_t length = procfs_read_small(agent->proc, path, comm, sizeof(comm));
    length = length > 0 ? (ssize_t)strcspn(comm, "\n") : 0;
    AUTO_FREE char *name = text_escaped(comm, (size_t)length);
    const char *which = count == 1 ? "" : "one of them is ";
    const char *why = may_trace(agent)
                          ? "it refuses even who has CAP_SYS_PTRACE, as the kernel may "
                            "where that right is a container's only"
                          : "root or CAP_SYS_PTRACE may";
    return json_sprintf("%zu process%s may not be looked at (%spid %d, %s): %s", count,
                        count == 1 ? "" : "es", which, (int)one, *name ? name : "without a name",
                        why);
}

static json_t *unseen(const struct agent *agent)
{
    json_t *array = json_array();
    pid_t one = 0;
    size_t hidden = roster_hidden(&agent->roster, &one);
    if (hidden)
        json_array_append_new(array, hidden_line(agent, hidden, one));
    if (agent->unreadable_why)
        json_array_append_new(array, json_string(agent->unreadable_why));
    return array;
}

char *self_described(const struct agent *agent)
{
    json_t *self = json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:i, s:I, s:f, s:f, s:o, s:o}", "version", SEEP_VERSION, "host",
        agent->host, "started_ms", (json_int_t)agent->started_ms, "sampled_ms",
        (json_int_t)agent->wall.now_ms, "interval_ms", (json_int_t)agent->settings.interval_ms,
        "processes", (int)agent->watched.length, "rss_bytes", (json_int_t)own_rss_bytes(agent),
        "cpu_s", own_cpu_s(), "paused_s", (double)agent->paused_us / 1e6, "problems",
        problems(agent), "unseen", unseen(agent));
    char *text = self ? json_dumps(self, JSON_COMPACT) : NULL;
    json_decref(self);
    return text;
}
