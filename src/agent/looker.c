#include "agent/looker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/child.h"
#include "base/executables.h"
#include "base/memory.h"

enum {
    PIECE = 1 << 16,
    INPUT_MAX = 1 << 16
};

extern char **environ;

struct error *looker_init(struct looker *looker)
{
    *looker = (struct looker){0};
    return executable_find("seep-look", &looker->program);
}

static void end_job(struct look_job *job)
{
    if (job->output >= 0)
        close(job->output);
    text_deinit(&job->text);
    *job = (struct look_job){0};
}

void looker_deinit(struct looker *looker)
{
    for (size_t i = 0; i < LOOKER_JOBS_MAX; i++) {
        struct look_job *job = &looker->jobs[i];
        if (!job->id)
            continue;
        kill(job->pid, SIGKILL);
        waitpid(job->pid, NULL, 0);
        end_job(job);
    }
    free(looker->program);
    *looker = (struct looker){0};
}

bool looker_is_free(const struct looker *looker)
{
    for (size_t i = 0; i < LOOKER_JOBS_MAX; i++) {
        if (!looker->jobs[i].id)
            return true;
    }
    return false;
}

/* ---- starting */

struct pipes {
    int input[2], output[2]; /* read end, write end */
};

static void close_end(int *end)
{
    if (*end >= 0)
        close(*end);
    *end = -1;
}

static void close_pipes(struct pipes *pipes)
{
    for (unsigned i = 0; i < 2; i++) {
        close_end(&pipes->input[i]);
        close_end(&pipes->output[i]);
    }
}

/* The whole input fits into the pipe: nobody waits for anybody. */
static struct error *open_pipes(struct pipes *pipes, const char *input)
{
    size_t length = input ? strlen(input) : 0;
    *pipes = (struct pipes){{-1, -1}, {-1, -1}};
    if (length > INPUT_MAX)
        return error_create(ERROR_LIMIT, "seep-look: too much to say");
    if (pipe2(pipes->input, O_CLOEXEC | O_NONBLOCK) || pipe2(pipes->output, O_CLOEXEC))
        return error_os(errno, "a pipe to seep-look");
    fcntl(pipes->input[0], F_SETFL, 0);
    fcntl(pipes->output[0], F_SETFL, O_NONBLOCK);
    if (length && write(pipes->input[1], input, length) != (ssize_t)length)
        return error_os(errno, "a pipe to seep-look");
    close_end(&pipes->input[1]);
    return NULL;
}

/* seep-look sets the limits itself, before it opens anything: options it cannot overlook. */
static size_t add_limits(const struct look_limits *limits, char texts[2][32], char **arguments,
                         size_t count)
{
    snprintf(texts[0], sizeof(texts[0]), "%llu", (unsigned long long)limits->cpu_s);
    snprintf(texts[1], sizeof(texts[1]), "%llu", (unsigned long long)limits->memory_bytes);
    arguments[count++] = "--cpu-s";
    arguments[count++] = texts[0];
    arguments[count++] = "--memory";
    arguments[count++] = texts[1];
    return count;
}

static int spawn(const struct looker *looker, const struct pipes *pipes,
                 const char *const *arguments, const struct look_limits *limits, pid_t *pid_ret)
{
    char limit_texts[2][32];
    char *all[LOOKER_ARGUMENTS_MAX + 8] = {looker->program};
    size_t count = add_limits(limits, limit_texts, all, 1);
    for (size_t i = 0; arguments[i] && i < LOOKER_ARGUMENTS_MAX; i++)
        all[count++] = (char *)(uintptr_t)arguments[i]; /* posix_spawn changes none */
    const struct child_file files[] = {
        {STDIN_FILENO, pipes->input[0]},
        {STDOUT_FILENO, pipes->output[1]},
        {STDERR_FILENO, CHILD_NULL},
    };
    return child_spawn(all, files, LENGTH_OF(files), pid_ret);
}

struct error *looker_start(struct looker *looker, const char *const *arguments, const char *input,
                           const struct look_limits *limits, int64_t boot_ms, uint32_t *id_ret)
{
    struct look_job *job = NULL;
    for (size_t i = 0; i < LOOKER_JOBS_MAX && !job; i++)
        job = looker->jobs[i].id ? NULL : &looker->jobs[i];
    if (!job)
        return error_create(ERROR_LIMIT, "seep-look: enough of them run");
    struct pipes pipes;
    pid_t pid = 0;
    struct error *error = open_pipes(&pipes, input);
    int failed = error ? 0 : spawn(looker, &pipes, arguments, limits, &pid);
    if (failed)
        error = error_os(failed, "%s", looker->program);
    if (error) {
        close_pipes(&pipes);
        return error;
    }
    looker->last_id += looker->last_id == UINT32_MAX ? 2 : 1;
    *job = (struct look_job){.id = looker->last_id,
                             .pid = pid,
                             .output = pipes.output[0],
                             .began_boot_ms = boot_ms,
                             .deadline_boot_ms = boot_ms + limits->wall_ms};
    pipes.output[0] = -1;
    close_pipes(&pipes);
    *id_ret = job->id;
    return NULL;
}

/* ---- waiting */

size_t looker_polls(const struct looker *looker, struct pollfd polls[LOOKER_JOBS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < LOOKER_JOBS_MAX; i++) {
        if (looker->jobs[i].id && looker->jobs[i].output >= 0)
            polls[count++] = (struct pollfd){.fd = looker->jobs[i].output, .events = POLLIN};
    }
    return count;
}

static void read_output(struct look_job *job)
{
    char piece[PIECE];
    while (job->output >= 0) {
        ssize_t length = read(job->output, piece, sizeof(piece));
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0 && errno == EAGAIN)
            return;
        if (length <= 0) {
            close_end(&job->output);
            return;
        }
        if (job->text.length + (size_t)length <= LOOKER_OUTPUT_MAX)
            text_add(&job->text, piece, (size_t)length);
        else
            job->overflowed = true;
    }
}

static const char *problem_of(const struct look_job *job, int status)
{
    if (job->killed)
        return "it took too long";
    if (job->overflowed)
        return "it had too much to say";
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
        return "it used too much processor time";
    if (WIFSIGNALED(status))
        return "seep-look broke off";
    return WEXITSTATUS(status) > 1 ? "seep-look could not look" : NULL;
}

static double seconds(const struct timeval *time)
{
    return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

/* True if it has ended. */
static bool reap(struct look_job *job, int64_t boot_ms, struct look_result *result)
{
    int status = 0;
    struct rusage usage = {0};
    read_output(job);
    if (boot_ms >= job->deadline_boot_ms && !job->killed) {
        kill(job->pid, SIGKILL);
        job->killed = true;
    }
    if (wait4(job->pid, &status, WNOHANG, &usage) != job->pid)
        return false;
    read_output(job); /* what it said last */
    *result = (struct look_result){
        .id = job->id,
        .problem = problem_of(job, status),
        .text = job->text,
        .cpu_s = seconds(&usage.ru_utime) + seconds(&usage.ru_stime),
        .wall_s = (double)(boot_ms - job->began_boot_ms) / 1e3,
        .peak_bytes = (uint64_t)usage.ru_maxrss * 1024,
    };
    result->done = !result->problem;
    job->text = (struct text){0};
    end_job(job);
    return true;
}

bool looker_next(struct looker *looker, int64_t boot_ms, struct look_result *result_ret)
{
    for (size_t i = 0; i < LOOKER_JOBS_MAX; i++) {
        if (looker->jobs[i].id && reap(&looker->jobs[i], boot_ms, result_ret))
            return true;
    }
    return false;
}
