#include "agent/self.h"

#include <jansson.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

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

static json_t *unseen(const struct agent *agent)
{
    json_t *array = json_array();
    size_t hidden = roster_hidden(&agent->roster);
    if (hidden)
        json_array_append_new(
            array,
            json_sprintf("%zu processes may not be looked at: root or CAP_SYS_PTRACE may", hidden));
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
