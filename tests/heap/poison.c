/* What is called dead must not be missed: threads of a program that runs are interrupted anywhere, and what the code ahead is said not to use is overwritten. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

#include "code/dead_registers.h"
#include "heapcheck.h"

#ifdef __x86_64__

enum {
    R12 = 1 << 10,
    R13 = 1 << 11,
    R15 = 1 << 13,
    THREADS_MAX = 64,
    PAUSE_NS = 200000
};

struct counts {
    uint64_t looked, compiled, r12, r13, r15;
};

static const uint64_t poison = UINT64_C(0xbadc0de5badc0de5); /* no address */

static bool runs(pid_t pid, const char *tid)
{
    char path[64];
    char state = 0;
    snprintf(path, sizeof(path), "/proc/%d/task/%.20s/stat", (int)pid, tid);
    FILE *file = fopen(path, "re");
    bool is_read = file && fscanf(file, "%*d (%*[^)]) %c", &state) == 1;
    if (file)
        fclose(file);
    return is_read && state == 'R';
}

/* Of those that run; 0: none does. */
static pid_t any_thread(pid_t pid)
{
    char path[64];
    pid_t threads[THREADS_MAX] = {0};
    size_t count = 0;
    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *directory = opendir(path);
    for (struct dirent *entry = directory ? readdir(directory) : NULL; entry && count < THREADS_MAX;
         entry = readdir(directory)) {
        if (entry->d_name[0] != '.' && runs(pid, entry->d_name))
            threads[count++] = (pid_t)strtol(entry->d_name, NULL, 10);
    }
    if (directory)
        closedir(directory);
    return count ? threads[(size_t)rand() % count] : 0;
}

/* Compiled code that is not the runtime's, as the proof asks for it (frame_maps_is_plain). */
static bool is_compiled(const struct pclntab *table, address pc, struct func *func_ret)
{
    return pclntab_func(table, pc, func_ret) && !(func_ret->flags & FUNC_ASM) &&
           strncmp(func_name(table, func_ret), "runtime.", 8) != 0;
}

static void put_poison(struct opened *opened, struct decoder *decoder, pid_t tid,
                       struct counts *counts)
{
    struct user_regs_struct registers;
    struct func func;
    if (ptrace(PTRACE_GETREGS, tid, NULL, &registers) < 0)
        return;
    counts->looked++;
    if (!is_compiled(&opened->program->pclntab, registers.rip, &func))
        return;
    uint32_t dead = dead_registers(opened->target, opened->program, decoder, &func, registers.rip) &
                    (R12 | R13 | R15); /* vector registers may hold numbers */
    counts->compiled++;
    counts->r12 += dead & R12 ? 1 : 0;
    counts->r13 += dead & R13 ? 1 : 0;
    counts->r15 += dead & R15 ? 1 : 0;
    registers.r12 = dead & R12 ? poison : registers.r12;
    registers.r13 = dead & R13 ? poison : registers.r13;
    registers.r15 = dead & R15 ? poison : registers.r15;
    if (dead)
        ptrace(PTRACE_SETREGS, tid, NULL, &registers);
}

/* One that is about to take a signal is let go with it, untouched. */
static void interrupt(struct opened *opened, struct decoder *decoder, pid_t tid,
                      struct counts *counts)
{
    int status = 0;
    if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) < 0)
        return;
    ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
    if (waitpid(tid, &status, __WALL) != tid || !WIFSTOPPED(status))
        return;
    bool by_us = status >> 16 == PTRACE_EVENT_STOP;
    if (by_us)
        put_poison(opened, decoder, tid, counts);
    ptrace(PTRACE_DETACH, tid, NULL, by_us ? 0 : (long)WSTOPSIG(status));
}

struct error *poison_threads(struct opened *opened, pid_t pid, uint64_t times)
{
    struct counts counts = {0};
    struct decoder *decoder = NULL;
    TRY(decoder_create(opened->program->arch, &decoder));
    for (uint64_t i = 0; i < times; i++) {
        pid_t tid = any_thread(pid);
        if (tid)
            interrupt(opened, decoder, tid, &counts);
        nanosleep(&(struct timespec){.tv_nsec = rand() % PAUSE_NS}, NULL);
    }
    decoder_destroy(decoder);
    printf("looked %" PRIu64 "\ncompiled %" PRIu64 "\nr12 %" PRIu64 "\nr13 %" PRIu64
           "\nr15 %" PRIu64 "\n",
           counts.looked, counts.compiled, counts.r12, counts.r13, counts.r15);
    return NULL;
}

#else

struct error *poison_threads(struct opened *opened, pid_t pid, uint64_t times)
{
    (void)opened, (void)pid, (void)times;
    return error_create(ERROR_UNSUPPORTED, "only on amd64");
}

#endif
