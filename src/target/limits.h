/* What the control groups of a process, and the machine, still allow: memory and processes. */
#ifndef SEEP_TARGET_LIMITS_H
#define SEEP_TARGET_LIMITS_H

#include <stdint.h>

/* UINT64_MAX where there is no limit, or none that can be read. */
struct limits {
    uint64_t memory_bytes;
    uint64_t processes;
};

/* `directory`: /proc/PID. Both versions of control groups, with all groups above. */
void limits_read(int directory, struct limits *limits_ret);
void limits_read_own(struct limits *limits_ret);

#endif
