/* A small fixed table of mapped files, since the handler may neither lock nor allocate. When it is
 * full the next files are not in it: a SIGBUS in one of them ends the process as it would without
 * us. */
#include "elf/cutfile.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    FILES_MAX = 64,
    SHOWN_ROOM = 256
};

struct watched {
    _Atomic(uintptr_t) start; /* 0: free. Written last, and cleared first. */
    size_t size;
    char shown[SHOWN_ROOM];
};

static struct watched files[FILES_MAX];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void say(const char *text)
{
    size_t length = strlen(text);
    if (write(STDERR_FILENO, text, length) < 0)
        return; /* nobody is left to be told */
}

static void on_bus_error(int number, siginfo_t *info, void *context)
{
    (void)context;
    uintptr_t at = (uintptr_t)info->si_addr;
    for (size_t i = 0; i < FILES_MAX; i++) {
        uintptr_t start = atomic_load(&files[i].start);
        if (!start || at < start || at - start >= files[i].size)
            continue;
        say("seep: ");
        say(files[i].shown);
        say(": the file was cut while it was read\n");
        _exit(2);
    }
    /* Not ours: the fault comes again when this returns, and ends the process. */
    signal(number, SIG_DFL);
}

static void install(void)
{
    struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
}

void cutfile_watch(const void *start, size_t size, const char *shown)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install);
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < FILES_MAX; i++) {
        if (atomic_load(&files[i].start))
            continue;
        files[i].size = size;
        snprintf(files[i].shown, sizeof(files[i].shown), "%s", shown);
        atomic_store(&files[i].start, (uintptr_t)start);
        break;
    }
    pthread_mutex_unlock(&lock);
}

void cutfile_forget(const void *start)
{
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < FILES_MAX; i++)
        if (atomic_load(&files[i].start) == (uintptr_t)start)
            atomic_store(&files[i].start, 0);
    pthread_mutex_unlock(&lock);
}
