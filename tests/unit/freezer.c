/* Freezes a process, reads all that it keeps, and says what came of it, in a line of JSON each time:
 * for the tests of the pause and for measuring it; of a twin also what memory became its own.
 *
 *   freezer PID [copy|twin|auto] [BUDGET_MS] [HOLD_MS] [TIMES] [PERIOD_MS] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "target/freeze.h"

static const int64_t ns_per_ms = 1000000;

enum {
    CHUNK = 1 << 20
};

/* Reads what is private and can be written, as the graph of the heap does. */
static uint64_t read_all(struct target *target, uint64_t *failed_ret)
{
    size_t count = 0;
    uint64_t bytes = 0;
    const struct mapping *mappings = target_mappings(target, &count);
    static uint8_t chunk[CHUNK];
    for (size_t i = 0; i < count; i++) {
        if (!mappings[i].readable || !mappings[i].writable || mappings[i].shared)
            continue;
        uint64_t resident = 0;
        for (address at = mappings[i].start; at < mappings[i].end; at += CHUNK) {
            size_t size = mappings[i].end - at < CHUNK ? mappings[i].end - at : CHUNK;
            if (error_ignore(target_resident(target, at, size, &resident)) || !resident)
                continue;
            if (error_ignore(target_read(target, at, chunk, size)))
                ++*failed_ret;
            bytes += size;
        }
    }
    return bytes;
}

/* Memory of the process's first child that is its own, in KiB; -1: there is none. */
static long own_memory_of_child(const char *pid)
{
    char path[64], line[128];
    long child = 0, kib = 0, own = 0;
    snprintf(path, sizeof(path), "/proc/%.20s/task/%.20s/children", pid, pid);
    FILE *file = fopen(path, "re");
    bool is_there = file && fscanf(file, "%ld", &child) == 1;
    if (file)
        fclose(file);
    snprintf(path, sizeof(path), "/proc/%ld/smaps_rollup", child);
    file = is_there ? fopen(path, "re") : NULL;
    if (!file)
        return -1;
    while (fgets(line, sizeof(line), file)) {
        if (sscanf(line, "Private_Clean: %ld", &kib) == 1 ||
            sscanf(line, "Private_Dirty: %ld", &kib) == 1)
            own += kib;
    }
    fclose(file);
    return own;
}

static const char *name_of(enum freeze_way way)
{
    return way == FREEZE_COPY ? "copy" : way == FREEZE_TWIN ? "twin" : "none";
}

static void freeze_once(struct target *live, const char *pid, const struct freeze_options *options,
                        int64_t hold_ns)
{
    struct freeze_facts facts;
    struct target *frozen = NULL;
    int64_t start_ns = clock_now_ns();
    struct error *error = target_freeze(live, options, &frozen, &facts);
    int64_t took_ns = clock_now_ns() - start_ns;
    uint64_t bytes = 0, failed = 0;
    size_t threads = 0;
    long own_kib = -1;
    if (frozen) {
        clock_sleep_ns(hold_ns);
        bytes = read_all(frozen, &failed);
        target_threads(frozen, &threads);
        own_kib = own_memory_of_child(pid);
    }
    printf("{\"event\": \"frozen\", \"way\": \"%s\", \"pause_us\": %.1f, \"estimated_us\": %.1f, "
           "\"took_ms\": %.2f, \"copied\": %llu, \"read\": %llu, \"failed\": %llu, "
           "\"threads\": %zu, \"own_kib\": %ld, \"code\": %d, \"reason\": \"%s\"}\n",
           name_of(facts.way), (double)facts.pause_ns / 1e3, (double)facts.estimated_ns / 1e3,
           (double)took_ns / 1e6, (unsigned long long)facts.copied_bytes, (unsigned long long)bytes,
           (unsigned long long)failed, threads, own_kib, error ? (int)error_code(error) : -1,
           facts.reason);
    fflush(stdout);
    error_destroy(error);
    target_close(frozen);
}

int main(int count, char **words)
{
    const char *way = count > 2 ? words[2] : "auto";
    struct freeze_options options = {
        .budget_ns = (count > 3 ? atol(words[3]) : 50) * ns_per_ms,
        .way = !strcmp(way, "copy")   ? FREEZE_COPY
               : !strcmp(way, "twin") ? FREEZE_TWIN
                                      : FREEZE_AUTO,
    };
    int64_t hold_ns = (count > 4 ? atol(words[4]) : 0) * ns_per_ms;
    long times = count > 5 ? atol(words[5]) : 1;
    int64_t period_ns = (count > 6 ? atol(words[6]) : 0) * ns_per_ms;
    struct target *live = NULL;
    struct error *error = target_open_process((pid_t)atol(count > 1 ? words[1] : "0"), &live);
    for (long i = 0; i < times && !error; i++) {
        int64_t start_ns = clock_now_ns();
        freeze_once(live, words[1], &options, hold_ns);
        clock_sleep_ns(start_ns + period_ns - clock_now_ns());
    }
    if (error)
        fprintf(stderr, "%s\n", error_message(error));
    int status = error ? 2 : 0;
    error_destroy(error);
    target_close(live);
    return status;
}
