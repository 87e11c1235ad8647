/* What is examined: one interface over a live process, a core file, an executable by itself, a
 * process as it was at one instant (freeze.h), and a snapshot of one (snapshot.h). Nothing here writes to the target or stops it; reads of a live process are process_vm_readv, page by page where a page is
 * missing.
 *
 * A read may block as long as the kernel needs to bring a page in. Reads of the same place at two
 * times may differ: whoever needs a consistent picture reads twice and compares (runtime/). */
#ifndef SEEP_TARGET_TARGET_H
#define SEEP_TARGET_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "elf/elffile.h"
#include "target/address.h"
#include "target/extents.h"

enum target_kind {
    TARGET_PROCESS,
    TARGET_CORE,
    TARGET_EXECUTABLE, /* a file that does not run */
    TARGET_FROZEN,     /* a live process as it was at one instant (freeze.h) */
    TARGET_SNAPSHOT    /* a file that was saved from one of the others (snapshot.h) */
};

struct mapping {
    address start;
    address end;
    uint64_t file_offset;
    bool readable, writable, executable, shared;
    char *path;         /* escaped; "" for anonymous memory, else as the kernel says: "[heap]" */
    uint64_t rss_bytes; /* live: filled by target_measure(); core: what the file holds of it */
    uint64_t
        huge_bytes; /* live: what of it is in transparent huge pages; by target_measure() too */
    bool is_file;   /* backed by a file (path starts with '/') */
};

struct target_facts {
    enum target_kind kind;
    pid_t pid;           /* 0 if a core file does not tell */
    char *name;          /* the executable's base name, escaped; comm if there is no executable */
    char *exe_path;      /* escaped; NULL if unknown; without " (deleted)" */
    bool exe_deleted;    /* removed or replaced since the start */
    double uptime_s;     /* negative if unknown (cores) */
    double started_unix; /* seconds; negative if unknown */
    double saved_unix;   /* snapshots: when it was saved; 0 for others */
    uint64_t
        cut_bytes; /* cores: memory that the file's own table has and the file does not: its end was cut off */
    bool ran_on; /* snapshots: the process was not stopped while it was saved */
};

/* Registers of one stopped thread (of a core file or a frozen process). */
enum {
    GENERAL_MAX = 32,
    VECTOR_WORDS = 64,
    VECTOR_OTHERS = 32
};
struct thread_registers {
    pid_t tid; /* as the thread itself knows it: in its own pid namespace */
    uint64_t pc;
    uint64_t sp;
    uint64_t lr; /* arm64 x30; 0 on amd64 */
    /* All that may hold a pointer, sp and pc apart: amd64 r15, r14, r13, r12, rbp, rbx, r11, r10,
     * r9, r8, rax, rcx, rdx, rsi, rdi; arm64 x0 to x30. */
    uint64_t general[GENERAL_MAX];
    unsigned general_count;
    /* Moving memory keeps pointers in these, and nowhere else, for a moment: amd64 Y0 to Y15, four words each; arm64 V0 to V31, two words each. */
    uint64_t vector[VECTOR_WORDS];
    /* Words of still other registers (x87, AVX-512) that could be addresses. */
    uint64_t other[VECTOR_OTHERS];
    unsigned other_count;
    bool vector_known; /* that is all of them */
};

/* One piece of a scattered read. `failed` is set by target_read_many. */
struct read_request {
    address at;
    uint32_t size;
    bool failed;
    void *to;
};

struct target;
struct readlog;

/* A live process. Errors name what helps: no such process; gone; no permission (CAP_SYS_PTRACE: run
 * as root, `sudo setcap cap_sys_ptrace+ep seep`, or --cap-add SYS_PTRACE in a container); a kernel
 * thread; no executable. The executable is read through /proc/PID/exe, so that a deleted one and
 * one in another mount namespace work. */
struct error *target_open_process(pid_t pid, struct target **target_ret) NODISCARD;

/* An ELF core file (the kernel's or gcore's). exe_path NULL: the path in the core's NT_FILE
 * (fallback: AT_EXECFN, then base name beside the core file) is tried; if that is missing or is
 * another program (build id differs where the core holds it, or the segments do not match), the
 * error says: give --exe FILE. */
struct error *target_open_core(const char *path, const char *exe_path,
                               struct target **target_ret) NODISCARD;

/* A program, shared library or plugin by itself: memory is what it would be before its first
 * instruction, at linked addresses (bias 0). Errors: not an ELF file; a core file; an object file;
 * a file that is cut off. */
struct error *target_open_executable(const char *path, struct target **target_ret) NODISCARD;

/* The same over bytes that the caller keeps alive: for tests and fuzzing. */
struct error *target_open_executable_bytes(const uint8_t *bytes, size_t size, const char *shown,
                                           struct target **target_ret) NODISCARD;

void target_close(struct target *target);

const struct target_facts *target_facts(const struct target *target);

/* Whether it stands still, so that all that is read is of one instant: all but live processes, and snapshots of such. */
bool target_stands_still(const struct target *target);

/* The main executable and the difference between linked and loaded addresses (0 if not position
 * independent). */
const struct elffile *target_executable(const struct target *target);
uint64_t target_bias(const struct target *target);

/* Sorted by start. Read at opening; valid until target_measure() or target_close(). */
const struct mapping *target_mappings(const struct target *target, size_t *count_ret);

/* The mapping that holds an address, or NULL. */
const struct mapping *target_mapping_at(const struct target *target, address at);

/* Fills rss_bytes of the mappings: live: reads the list anew with /proc/PID/smaps; core: at once.
 * Pointers from target_mappings and target_mapping_at end here. */
struct error *target_measure(struct target *target) NODISCARD;

/* For a range of a live process: how many of its bytes are resident and its own (/proc/PID/pagemap, as it was at the last target_measure()); in a core,
 * how many bytes of pages that hold anything but zeros. Counts each page once per call. ERROR_UNSUPPORTED if pagemap
 * cannot be read, ERROR_LIMIT over 1 TiB. */
struct error *target_resident(struct target *target, address start, uint64_t size,
                              uint64_t *resident_ret) NODISCARD;

/* `size` bytes at an address, all or an error (ERROR_FAULT names the address; ERROR_GONE if the
 * process exited). Memory of non-writable segments of the executable is served from its file. */
struct error *target_read(struct target *target, address at, void *to, size_t size) NODISCARD;

/* Many pieces at once: neighbours less than a page apart are merged, up to 1,024 pieces a system
 * call. Blocks of some thousand pieces into a buffer that is used again are faster than one large
 * buffer, whose first touch costs more than the reading. A piece that can't be read has failed =
 * true and its bytes are zero. Returns an error only if the target as a whole is gone. The array
 * is left sorted by address. */
struct error *target_read_many(struct target *target, struct read_request *requests,
                               size_t count) NODISCARD;

/* Small reads at scattered places through a cache of pages (bounded: 4 MiB), e.g. for chains. */
struct error *target_read_cached(struct target *target, address at, void *to,
                                 size_t size) NODISCARD;
struct error *target_u64(struct target *target, address at,
                         uint64_t *value_ret) NODISCARD; /* cached */
struct error *target_u32(struct target *target, address at,
                         uint32_t *value_ret) NODISCARD; /* cached */

/* Drops the cache: the target ran on and what was read may be old. */
void target_forget(struct target *target);

/* Immutable bytes of the executable at an address, in place: only of segments that are not writable
 * (with `relocated_too`, also of writable ones, whose pointers then are as linked: for plain data
 * such as pclntab in a PIE). NULL if there are none. */
const uint8_t *target_view(const struct target *target, address at, bool relocated_too,
                           size_t *left_ret);

/* The target's bytes themselves, where seep holds them anyway (a core file, a copy of a process); NULL where they must be read. As
 * long as the target is open. */
const uint8_t *target_in_place(const struct target *target, address at, uint64_t size);

/* All threads with their registers, sorted by tid; none for live processes (they are not stopped).
 * Valid as long as the target is open. */
const struct thread_registers *target_threads(const struct target *target, size_t *count_ret);

/* Registers of the thread; false for live processes (they are not stopped) and unknown threads. */
bool target_registers(const struct target *target, pid_t tid,
                      struct thread_registers *registers_ret);

/* NULL if the process still runs the same program (start time and executable), else ERROR_GONE with
 * one clear line: "the process exited while it was read", "the process became another program
 * (exec)". Always NULL for cores and for what is frozen. */
struct error *target_check(struct target *target) NODISCARD;

/* CLOCK_MONOTONIC now of the target's machine in ns; of a frozen one, the instant; 0 for a core (it
 * does not tell). */
int64_t target_now_ns(const struct target *target);

/* Which ranges of private memory that can be written are there, as opposed to never touched (these would read as zeros, and
 * reading brings them in); ordered. All that is mapped, where that cannot be told. */
struct error *target_touched(struct target *target, struct extents *touched_ret) NODISCARD;

/* From now on all reads of memory are noted in a log. NULL ends it. */
void target_log_reads(struct target *target, struct readlog *log);

/* How many reads were asked for so far, and the hook of the torture tests: the n-th read from now
 * on (1 = the next), and with `all_after` all later ones too, fails with ERROR_FAULT. 0 switches it
 * off. */
uint64_t target_read_count(const struct target *target);
void target_fail_read(struct target *target, uint64_t nth, bool all_after);

#endif
