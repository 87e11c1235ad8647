/* Children that do what the agent itself does not: open programs and processes that may be hostile (seep-look). Each has limits on time, memory and output, and none can make
 * the agent wait, grow or stop. */
#ifndef SEEP_AGENT_LOOKER_H
#define SEEP_AGENT_LOOKER_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/text.h"

enum {
    LOOKER_JOBS_MAX = 3,
    LOOKER_OUTPUT_MAX = 4 << 20,
    LOOKER_ARGUMENTS_MAX = 80
};

struct look_limits {
    int64_t wall_ms;
    uint64_t cpu_s, memory_bytes;
};

struct look_job {
    uint32_t id; /* 0: free */
    pid_t pid;
    int output; /* -1: at its end */
    int64_t began_boot_ms, deadline_boot_ms;
    bool killed, overflowed;
    struct text text;
};

struct look_result {
    uint32_t id;
    bool done;           /* false: `problem` says why not */
    const char *problem; /* constant, or NULL */
    struct text text;    /* owned by the receiver */
    double cpu_s, wall_s;
    uint64_t peak_bytes;
};

struct looker {
    char *program; /* seep-look */
    uint32_t last_id;
    struct look_job jobs[LOOKER_JOBS_MAX];
};

struct error *looker_init(struct looker *looker) NODISCARD;

/* Kills what runs. */
void looker_deinit(struct looker *looker);

bool looker_is_free(const struct looker *looker);

/* Starts seep-look with arguments (NULL-terminated) and a text on its standard input (at most a pipe's worth, 64 KiB; may be NULL). */
struct error *looker_start(struct looker *looker, const char *const *arguments, const char *input,
                           const struct look_limits *limits, int64_t boot_ms,
                           uint32_t *id_ret) NODISCARD;

/* What to wait for. Returns how many. */
size_t looker_polls(const struct looker *looker, struct pollfd polls[LOOKER_JOBS_MAX]);

/* Reads what there is, kills who is over time. True if one has ended, and its result. To be called until it says false. */
bool looker_next(struct looker *looker, int64_t boot_ms, struct look_result *result_ret);

#endif
