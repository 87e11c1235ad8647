#include "agent/page.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/child.h"
#include "base/executables.h"

enum {
    QUEUE = 64,
    UNSENT_BYTES =
        64 << 10, /* of one connection: what its client does not take is the kernel's memory */
    TOKEN_LEAST = 16,
    TOKEN_MOST = 1024,
    IDLE_S = 60,
    SOCKET_FD = 3,
    TOKEN_FD = 4,
    NOTICE_FD = 5,
    TAKEN_TRIES = 40, /* for a place that is taken: two seconds */
    TAKEN_TRY_US = 50 * 1000,
    REST_MS = 1000,
    REST_MOST_MS = 60 * 1000
};

extern char **environ;

/* ---- the socket */

static socklen_t address_of(const struct settings *settings, struct sockaddr_storage *address_ret)
{
    struct sockaddr_in *four = (struct sockaddr_in *)address_ret;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)address_ret;
    memset(address_ret, 0, sizeof(*address_ret));
    if (inet_pton(AF_INET, settings->address, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons(settings->port);
        return sizeof(*four);
    }
    inet_pton(AF_INET6, settings->address, &six->sin6_addr);
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(settings->port);
    return sizeof(*six);
}

/* 0, or what was wrong. */
static int try_listen(const struct settings *settings, int *socket_ret)
{
    struct sockaddr_storage address;
    socklen_t length = address_of(settings, &address);
    int descriptor = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int yes = 1, unsent_bytes = UNSENT_BYTES;
    if (descriptor >= 0) {
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
        setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &unsent_bytes, sizeof(unsent_bytes));
    }
    if (descriptor < 0 || bind(descriptor, (struct sockaddr *)&address, length) ||
        listen(descriptor, QUEUE)) {
        int reason = errno;
        if (descriptor >= 0)
            close(descriptor);
        return reason;
    }
    *socket_ret = descriptor;
    return 0;
}

/* Who is begun again after a kill may find the seep-page of the agent before it still on its way out, with the socket. */
static struct error *listen_on(const struct settings *settings, int *socket_ret)
{
    int descriptor = -1, reason = try_listen(settings, &descriptor);
    for (unsigned i = 0; reason == EADDRINUSE && i < TAKEN_TRIES; i++) {
        usleep(TAKEN_TRY_US);
        reason = try_listen(settings, &descriptor);
    }
    if (reason) {
        struct error *error =
            error_os(reason, "the page at %s:%u", settings->address, settings->port);
        return reason == EADDRINUSE
                   ? error_context(error,
                                   "another program listens there (--listen chooses another place, "
                                   "--listen none does without)")
                   : error;
    }
    /* Out of the way of the numbers that seep-page gets. */
    *socket_ret = fcntl(descriptor, F_DUPFD_CLOEXEC, NOTICE_FD + 1);
    close(descriptor);
    return *socket_ret < 0 ? error_os(errno, "a socket for the page") : NULL;
}

/* ---- the token */

static struct error *read_token(const char *path, char **token_ret)
{
    char bytes[TOKEN_MOST + 2];
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t length = descriptor < 0 ? -1 : read(descriptor, bytes, sizeof(bytes) - 1);
    int reason = errno;
    if (descriptor >= 0)
        close(descriptor);
    if (length < 0)
        return error_os(reason, "the page's token, %s", path);
    bytes[length] = '\0';
    bytes[strcspn(bytes, "\r\n")] = '\0';
    size_t token_length = strlen(bytes);
    if (token_length < TOKEN_LEAST || token_length > TOKEN_MOST)
        return error_create(ERROR_BAD_DATA,
                            "the page's token, %s: its first line wants %d to %d letters; "
                            "`openssl rand -hex 32` makes a good one",
                            path, TOKEN_LEAST, TOKEN_MOST);
    for (const char *letter = bytes; *letter; letter++) {
        if (*letter <= ' ' || *letter > '~')
            return error_create(ERROR_BAD_DATA,
                                "the page's token, %s: only letters of ASCII without blanks", path);
    }
    *token_ret = xstrdup(bytes);
    return NULL;
}

struct error *page_open(const struct settings *settings, struct page *page_ret)
{
    struct page page = {.settings = settings, .socket = -1, .notice = {.own = -1, .shown = -1}};
    struct error *error = NULL;
    if (settings->address) {
        error = executable_find("seep-page", &page.program);
        if (!error && settings->token_file)
            error = read_token(settings->token_file, &page.token);
        if (!error)
            error = listen_on(settings, &page.socket);
        if (!error)
            error = notice_create(NOTICE_FD + 1, &page.notice);
    }
    if (error) {
        page_close(&page);
        return error;
    }
    *page_ret = page;
    return NULL;
}

int page_descriptor(const struct page *page, int64_t boot_ms)
{
    return page->child || boot_ms < page->rest_until_boot_ms ? -1 : page->socket;
}

void page_tell(struct page *page, const char *facts)
{
    if (page->notice.own >= 0)
        notice_put(&page->notice, facts);
}

/* ---- seep-page */

/* A pipe from which the token can be read. */
static struct error *token_pipe(const struct page *page, int *descriptor_ret)
{
    int ends[2];
    *descriptor_ret = -1;
    if (!page->token)
        return NULL;
    if (pipe2(ends, O_CLOEXEC))
        return error_os(errno, "a pipe to seep-page");
    ssize_t written = write(ends[1], page->token, strlen(page->token)); /* fits a pipe */
    close(ends[1]);
    *descriptor_ret = ends[0];
    return written == (ssize_t)strlen(page->token) ? NULL : error_os(errno, "a pipe to seep-page");
}

static int spawn(const struct page *page, int token, pid_t *pid_ret)
{
    char interval[32], idle[16], socket_fd[16], token_fd[16], notice_fd[16], parent[16];
    snprintf(interval, sizeof(interval), "%lld", (long long)page->settings->interval_ms);
    snprintf(idle, sizeof(idle), "%d", IDLE_S);
    snprintf(socket_fd, sizeof(socket_fd), "%d", SOCKET_FD);
    snprintf(token_fd, sizeof(token_fd), "%d", TOKEN_FD);
    snprintf(notice_fd, sizeof(notice_fd), "%d", NOTICE_FD);
    snprintf(parent, sizeof(parent), "%d", (int)getpid());
    char *arguments[20] = {page->program, "--store",  page->settings->store,
                           "--socket",    socket_fd,  "--interval-ms",
                           interval,      "--idle-s", idle,
                           "--parent",    parent,     "--notice-fd",
                           notice_fd};
    size_t count = 13;
    struct child_file files[5] = {{STDIN_FILENO, CHILD_NULL}, {STDOUT_FILENO, CHILD_NULL}};
    size_t file_count = 2;
    if (token >= 0) {
        files[file_count++] = (struct child_file){TOKEN_FD, token};
        arguments[count++] = "--token-fd";
        arguments[count++] = token_fd;
        if (!settings_is_loopback(page->settings))
            arguments[count++] = "--allow-any-host-with-token";
    }
    files[file_count++] = (struct child_file){SOCKET_FD, page->socket};
    files[file_count++] = (struct child_file){NOTICE_FD, page->notice.shown};
    return child_spawn(arguments, files, file_count, pid_ret);
}

/* After n failures in a row it rests for 2ⁿ seconds, at most a minute. */
static void rest(struct page *page, int64_t boot_ms)
{
    unsigned shift = page->failures < 6 ? page->failures : 6;
    int64_t rest_ms = (int64_t)REST_MS << shift;
    page->failures++;
    page->rest_until_boot_ms = boot_ms + (rest_ms < REST_MOST_MS ? rest_ms : REST_MOST_MS);
}

struct error *page_wake(struct page *page, int64_t boot_ms)
{
    int token = -1;
    pid_t pid = 0;
    struct error *error = token_pipe(page, &token);
    int failed = error ? 0 : spawn(page, token, &pid);
    if (token >= 0)
        close(token);
    if (failed)
        error = error_os(failed, "%s", page->program);
    if (error) {
        rest(page, boot_ms);
        return error;
    }
    page->child = pid;
    page->began_boot_ms = boot_ms;
    return NULL;
}

char *page_tend(struct page *page, int64_t boot_ms)
{
    int status = 0;
    if (!page->child || waitpid(page->child, &status, WNOHANG) != page->child)
        return NULL;
    page->child = 0;
    if (WIFEXITED(status) && !WEXITSTATUS(status)) {
        page->failures = 0;
        return NULL;
    }
    char *line = NULL;
    rest(page, boot_ms);
    int printed = WIFSIGNALED(status)
                      ? asprintf(&line,
                                 "the page's process was ended by signal %d; it is started again "
                                 "when somebody asks",
                                 WTERMSIG(status))
                      : asprintf(&line,
                                 "the page's process ended with status %d; it is started again "
                                 "when somebody asks",
                                 WEXITSTATUS(status));
    return printed < 0 ? NULL : line;
}

void page_close(struct page *page)
{
    if (page->child) {
        kill(page->child, SIGTERM);
        for (unsigned i = 0; i < 50 && page->child; i++) {
            if (waitpid(page->child, NULL, WNOHANG) == page->child)
                page->child = 0;
            else
                usleep(10000);
        }
        if (page->child) {
            kill(page->child, SIGKILL);
            waitpid(page->child, NULL, 0);
        }
    }
    if (page->socket >= 0)
        close(page->socket);
    notice_close(&page->notice);
    free(page->token);
    free(page->program);
    *page = (struct page){.socket = -1, .notice = {.own = -1, .shown = -1}};
}
