/* Stopping all threads of a process, by ptrace: for the guardian, who traces nobody else.
 *
 * PTRACE_SEIZE and PTRACE_INTERRUPT send no signal, and what stands in such a stop goes on by itself
 * when its tracer dies. A signal that arrives meanwhile stops its thread before it is delivered; it
 * is handed back when the thread is let go. A thread that somebody else stopped (SIGSTOP) stays
 * stopped. */
#ifndef SEEP_TARGET_THREADS_H
#define SEEP_TARGET_THREADS_H

#include <sys/types.h>

#include "base/u64map.h"
#include "base/vector.h"
#include "target/target.h"

enum thread_state {
    THREAD_RUNS,    /* traced, and asked to stop */
    THREAD_STOPPED, /* in a ptrace-stop */
    THREAD_GONE
};

struct traced_thread {
    pid_t tid; /* as we see it */
    enum thread_state state;
    int signal; /* that is about to be delivered; 0: none */
};

struct threads {
    pid_t pid;
    int directory;  /* /proc/PID; borrowed */
    int seep;       /* the socket to seep: readable when seep has died; borrowed */
    int child_stop; /* a signalfd for SIGCHLD; borrowed */
    int64_t began_ns; /* when the first was asked to stop; 0: none was */
    struct {
        struct traced_thread *at;
        size_t length, room;
    } list;
    struct u64map places; /* by tid */
};

enum {
    THREADS_MAX = 10000
};

/* Until all threads stand, and no new one shows up. Fails at the deadline (ERROR_LIMIT) and as
 * freeze.h says. Whatever it returns: threads_let_go() comes next. */
struct error *threads_stop(struct threads *threads, int64_t deadline_ns) NODISCARD;

/* The same for one thread; the others run on. What the list held before is forgotten. Waits for as long
 * as the thread needs: once asked it will stop, and somebody must be there to let it go. */
struct error *threads_stop_one(struct threads *threads, pid_t tid) NODISCARD;

/* Lets all go on that stand. A thread that runs but is still traced is freed when the tracer ends:
 * after a failure it must. */
void threads_let_go(struct threads *threads);

void threads_deinit(struct threads *threads);

/* Why a thread did not stop in time, by its state in /proc (proc(5)), for a sentence. */
const char *threads_why_late(char state);

/* Waits until a traced thread has something to tell, seep has died or `until_ns` has come. True if
 * seep has died. */
bool threads_wait(const struct threads *threads, int64_t until_ns);

#endif
