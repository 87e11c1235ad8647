#include "agent/outbox.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/child.h"
#include "base/executables.h"
#include "base/text.h"

enum {
    FIRST_PAUSE_MS = 5 * 1000,
    PAUSE_MOST_MS = 10 * 60 * 1000,
    KEPT_MS = 3600 * 1000,
    CHILD_MS = 20 * 1000,
    LETTER_MAX = 60 << 10, /* fits a pipe */
    REASON_MAX = 200,
    USELESS = 2
};

extern char **environ;

struct error *outbox_init(const struct settings *settings, struct outbox *outbox_ret)
{
    *outbox_ret = (struct outbox){.settings = settings};
    return settings->webhook ? executable_find("seep-post", &outbox_ret->program) : NULL;
}

static void drop_first(struct outbox *outbox)
{
    struct letters *letters = &outbox->letters;
    free(letters->at[0].body);
    letters->length--;
    memmove(letters->at, letters->at + 1, letters->length * sizeof(*letters->at));
}

void outbox_deinit(struct outbox *outbox)
{
    if (outbox->child) {
        kill(outbox->child, SIGKILL);
        waitpid(outbox->child, NULL, 0);
        close(outbox->says);
    }
    while (outbox->letters.length)
        drop_first(outbox);
    VECTOR_DEINIT(&outbox->letters);
    free(outbox->program);
    *outbox = (struct outbox){0};
}

void outbox_put(struct outbox *outbox, char *body, int64_t boot_ms)
{
    if (!outbox->program || !body) {
        free(body);
        return;
    }
    if (outbox->letters.length == OUTBOX_MAX) {
        size_t oldest = outbox->child ? 1 : 0; /* not the one that is on its way */
        free(outbox->letters.at[oldest].body);
        memmove(outbox->letters.at + oldest, outbox->letters.at + oldest + 1,
                (outbox->letters.length - oldest - 1) * sizeof(*outbox->letters.at));
        outbox->letters.length--;
        outbox->dropped++;
    }
    VECTOR_PUSH(&outbox->letters,
                (struct letter){.body = body, .first_boot_ms = boot_ms, .next_boot_ms = boot_ms});
}

/* ---- seep-post */

static char *message_of(const struct outbox *outbox, const struct letter *letter)
{
    json_t *headers = json_array();
    for (size_t i = 0; i < outbox->settings->headers.length; i++)
        json_array_append_new(headers, json_string(outbox->settings->headers.at[i]));
    json_t *message = json_pack("{s:s, s:o, s:s}", "url", outbox->settings->webhook, "headers",
                                headers, "body", letter->body);
    char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
    json_decref(message);
    return text;
}

static int spawn(const struct outbox *outbox, int input, int output, pid_t *pid_ret)
{
    char *arguments[] = {outbox->program, NULL};
    const struct child_file files[] = {
        {STDIN_FILENO, input},
        {STDOUT_FILENO, output},
        {STDERR_FILENO, CHILD_NULL},
    };
    return child_spawn(arguments, files, LENGTH_OF(files), pid_ret);
}

static void close_ends(const int ends[2])
{
    close(ends[0]);
    close(ends[1]);
}

/* With what it reads in `input`, and a place for what it says. 0 or an errno. */
static int start_child(struct outbox *outbox, const char *message, const int input[2])
{
    int output[2];
    size_t length = strlen(message);
    if (write(input[1], message, length) != (ssize_t)length ||
        pipe2(output, O_CLOEXEC | O_NONBLOCK))
        return errno;
    int failed = spawn(outbox, input[0], output[1], &outbox->child);
    close(output[1]);
    if (failed) {
        close(output[0]);
        outbox->child = 0;
        return failed;
    }
    outbox->says = output[0];
    return 0;
}

/* 0 or an errno. */
static int send_first(struct outbox *outbox, int64_t boot_ms)
{
    AUTO_FREE char *message = message_of(outbox, &outbox->letters.at[0]);
    int input[2];
    if (!message)
        return EINVAL;
    if (strlen(message) > LETTER_MAX)
        return EMSGSIZE;
    if (pipe2(input, O_CLOEXEC))
        return errno;
    outbox->began_boot_ms = boot_ms;
    int failed = start_child(outbox, message, input);
    close_ends(input);
    return failed;
}

/* ---- what became of it */

static char *say(const struct outbox *outbox, const char *why, const char *then)
{
    char *line = NULL;
    if (asprintf(&line, "an alert could not be delivered to the webhook: %s; %s; %zu wait", why,
                 then, outbox->letters.length) < 0)
        return NULL;
    return line;
}

static char *failed(struct outbox *outbox, bool useless, const char *why, int64_t boot_ms)
{
    struct letter *letter = &outbox->letters.at[0];
    int64_t pause_ms = (int64_t)FIRST_PAUSE_MS << (letter->tries < 7 ? letter->tries : 7);
    letter->tries++;
    letter->next_boot_ms = boot_ms + (pause_ms < PAUSE_MOST_MS ? pause_ms : PAUSE_MOST_MS);
    if (useless || boot_ms - letter->first_boot_ms > KEPT_MS) {
        drop_first(outbox);
        outbox->dropped++;
        return say(outbox, why, useless ? "it is not tried again" : "it is given up after an hour");
    }
    return letter->tries == 1 ? say(outbox, why, "it is tried again") : NULL;
}

/* Why the child failed, in its own words. */
static char *reason_of(const struct outbox *outbox, int status)
{
    char words[REASON_MAX];
    ssize_t length = read(outbox->says, words, sizeof(words));
    if (length > 0)
        return text_escaped(words, (size_t)length);
    return xstrdup(WIFSIGNALED(status) ? "seep-post was ended" : "seep-post does not say why");
}

/* A line or NULL, as for outbox_tend(). */
static char *ended(struct outbox *outbox, int status, int64_t boot_ms)
{
    AUTO_FREE char *why = reason_of(outbox, status);
    close(outbox->says);
    outbox->child = 0;
    if (WIFEXITED(status) && !WEXITSTATUS(status)) {
        drop_first(outbox);
        outbox->delivered++;
        return NULL;
    }
    return failed(outbox, WIFEXITED(status) && WEXITSTATUS(status) == USELESS, why, boot_ms);
}

char *outbox_tend(struct outbox *outbox, int64_t boot_ms)
{
    int status = 0;
    char *line = NULL;
    if (outbox->child) {
        if (boot_ms - outbox->began_boot_ms > CHILD_MS)
            kill(outbox->child, SIGKILL);
        if (waitpid(outbox->child, &status, WNOHANG) != outbox->child)
            return NULL;
        line = ended(outbox, status, boot_ms);
    }
    if (!line && outbox->letters.length && boot_ms >= outbox->letters.at[0].next_boot_ms) {
        int reason = send_first(outbox, boot_ms);
        if (reason)
            line =
                failed(outbox, reason == EMSGSIZE || reason == EINVAL, strerror(reason), boot_ms);
    }
    return line;
}

int64_t outbox_next_boot_ms(const struct outbox *outbox)
{
    if (outbox->child)
        return outbox->began_boot_ms + CHILD_MS + 1;
    return outbox->letters.length ? outbox->letters.at[0].next_boot_ms : INT64_MAX;
}
