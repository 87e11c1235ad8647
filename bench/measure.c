/* Runs one command with its output thrown away and prints what it cost, as JSON: wall and CPU seconds, peak RSS.
 *
 * A small program of its own, because Linux counts the memory of the process that called exec into the peak of
 * what it became: measured from a Python script, nothing would seem to need less than Python does. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void become(char **command)
{
    int null = open("/dev/null", O_WRONLY);
    if (null < 0 || dup2(null, STDOUT_FILENO) < 0)
        _exit(127);
    execvp(command[0], command);
    perror(command[0]);
    _exit(127);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: measure COMMAND...\n");
        return 2;
    }
    double begun = now();
    pid_t child = fork();
    if (child < 0) {
        perror("fork");
        return 2;
    }
    if (child == 0)
        become(argv + 1);
    int status;
    struct rusage used;
    if (wait4(child, &status, 0, &used) != child) {
        perror("wait4");
        return 2;
    }
    printf("{\"status\": %d, \"wall_s\": %.6f, \"user_s\": %.6f, \"system_s\": %.6f, \"peak_kib\": "
           "%ld}\n",
           WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), now() - begun,
           seconds(used.ru_utime), seconds(used.ru_stime), used.ru_maxrss);
    return 0;
}
