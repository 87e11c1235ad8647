/* Starts many processes, so many at a time, and waits for all: for tests of what sees processes come and go.
 *
 *   crowd COUNT AT-A-TIME PROGRAM [ARGUMENT…] */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

extern char **environ;

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: crowd COUNT AT-A-TIME PROGRAM [ARGUMENT…]\n");
        return 2;
    }
    long count = strtol(argv[1], NULL, 10), at_a_time = strtol(argv[2], NULL, 10), running = 0;
    for (long i = 0; i < count; i++) {
        pid_t pid;
        if (running == at_a_time && wait(NULL) > 0)
            running--;
        if (posix_spawn(&pid, argv[3], NULL, NULL, argv + 3, environ)) {
            perror(argv[3]);
            return 1;
        }
        running++;
    }
    while (wait(NULL) > 0)
        continue;
    return 0;
}
