/* A live process, shared between opening it (process.c) and reading its memory
 * (process_memory.c). */
#ifndef SEEP_TARGET_PROCESS_H
#define SEEP_TARGET_PROCESS_H

#include <sys/stat.h>
#include <sys/uio.h>

#include "target/internal.h"

enum {
    PIECES_MAX = 1024,         /* UIO_MAXIOV: longer lists are refused */
    GAP_MAX = TARGET_PAGE - 1, /* such a gap brings no page that its neighbours do not touch */
};

/* One system call's worth of pieces. */
struct batch {
    struct iovec local[PIECES_MAX];
    struct iovec remote[PIECES_MAX];
    size_t ends[PIECES_MAX]; /* bytes of the transfer up to the end of each piece */
    size_t local_count;
    size_t remote_count;
    size_t piece_count;
    size_t total_bytes;
};

/* The part of /proc/PID/pagemap that was read last: neighbouring ranges are asked for one after the other. */
enum {
    PAGEMAP_WINDOW = 8192
};
struct pagemap_window {
    uint64_t first; /* page */
    size_t count;   /* of pages; 0: nothing was read since the last measuring */
    uint64_t entries[PAGEMAP_WINDOW];
};

struct process {
    struct target target; /* first: a struct target * is a struct process * */
    pid_t pid;
    int directory; /* /proc/PID: stays with this process even when the number is used again */
    int pidfd;     /* -1 if the kernel has none (before 5.3) */
    int memory;    /* /proc/PID/mem, reads nothing after an exec; -1 if refused */
    int pagemap;   /* opened at the first use; -1 until then */
    bool
        only_memory_file; /* process_vm_readv is not allowed, not there, or costs the target memory */
    uint64_t start_ticks;
    dev_t exe_device;
    ino_t exe_inode;
    int64_t clock_offset_ns; /* CLOCK_MONOTONIC of its time namespace minus ours */
    uint8_t scrap[GAP_MAX];
    struct batch batch;
    struct pagemap_window window;
};

/* The error for a process that is no longer what was opened: it exited, or it runs another program
 * now. */
struct error *process_gone(const struct process *process) NODISCARD;

/* The list of mappings in /proc/PID/maps or smaps as it is now, in place of what *mappings_ret holds. */
struct error *process_read_mappings(struct process *process, const char *file,
                                    struct mappings *mappings_ret) NODISCARD;

/* A stopped copy of a process, for reading its memory; without an executable. */
struct error *process_open_twin(const struct process *original, pid_t pid,
                                struct process **twin_ret) NODISCARD;

struct error *process_read(struct target *target, address at, void *to, size_t size) NODISCARD;
struct error *process_read_many(struct target *target, struct read_request *requests,
                                size_t count) NODISCARD;

/* How much of a range is resident, from /proc/PID/pagemap as it was since the last measuring. */
struct error *process_resident(struct target *target, address start, uint64_t size,
                               uint64_t *resident_ret) NODISCARD;

/* The same; of a twin, whose pages its original has as well, not `only_exclusive`. */
struct error *process_resident_of(struct process *process, bool only_exclusive, address start,
                                  uint64_t size, uint64_t *resident_ret) NODISCARD;

#endif
