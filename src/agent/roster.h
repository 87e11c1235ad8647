/* The processes of this machine as they come and go. A scan costs a few microseconds for each; what they run is asked of seep-look, for those that have lived for
 * a while and whose executable is not known to be no Go program. So ten thousand short-lived processes cost no more than their lines in /proc. */
#ifndef SEEP_AGENT_ROSTER_H
#define SEEP_AGENT_ROSTER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/vector.h"

enum {
    ROSTER_MAX = 1 << 16,
    ROSTER_FOREIGN_MAX = 4096 /* executables that are known to be no Go programs */
};

enum roster_kind {
    ROSTER_NEW,   /* not asked about yet */
    ROSTER_ASKED, /* seep-look is at it */
    ROSTER_GO,    /* watched */
    ROSTER_OTHER, /* no Go program, or the kernel's */
    ROSTER_REFUSED, /* a Go program, or perhaps one, that cannot be read now: is asked about again later */
};

struct roster_exe {
    uint64_t device, inode;
    int64_t changed_ns;
};

struct roster_entry {
    pid_t pid;
    uint64_t start_ticks;
    uint32_t comm;       /* a hash: a program that becomes another one takes its name */
    bool kernel, hidden; /* the kernel's; its executable may not be looked at */
    enum roster_kind kind;
    unsigned refusals;
    int64_t seen_boot_ms;  /* first */
    int64_t check_boot_ms; /* when to look at its executable again */
    struct roster_exe exe;
};

struct roster {
    int proc; /* an open /proc, or a tree like it; borrowed */
    pid_t own;
    struct roster_entries VECTOR_OF(struct roster_entry) entries; /* by pid */
    struct roster_foreign VECTOR_OF(struct roster_exe) foreign;
    size_t next_foreign;
    unsigned scans;
    uint64_t
        hidden; /* how often an executable could not be looked at for want of rights, since the last time this was set to 0 */
};

struct roster_picks VECTOR_OF(pid_t);

void roster_init(struct roster *roster, int proc, pid_t own);
void roster_deinit(struct roster *roster);

/* Brings the list up to date. `picks` gets at most `max` processes to be asked about: they become ROSTER_ASKED. One that became another program by exec is new
 * again. `young_ms`: those that have not been seen for so long are left alone. */
void roster_scan(struct roster *roster, int64_t boot_ms, int64_t young_ms, size_t max,
                 struct roster_picks *picks);

/* How many may not be looked at, for want of rights; *one_ret is one of them, if there is any. */
size_t roster_hidden(const struct roster *roster, pid_t *one_ret);

/* NULL if it is not there any more. */
struct roster_entry *roster_find(struct roster *roster, pid_t pid);

/* Whether the answer about it is of use: it was asked about, and runs what it ran then. If it became another program meanwhile (a shell that calls exec), it is not known which of both
 * was looked at, and it is new again. */
bool roster_is_asked(struct roster *roster, struct roster_entry *entry, int64_t boot_ms);

/* What became of asking. */
void roster_settle(struct roster *roster, struct roster_entry *entry, enum roster_kind kind,
                   int64_t boot_ms);

#endif
