/* An error is one heap block: a code and a message that callers prefix as it travels up. The message is cut at
 * MESSAGE_MAX bytes, since parts of it may come from a target. */
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MESSAGE_MAX = 1024
};

struct error {
    enum error_code code;
    char message[MESSAGE_MAX];
};

static struct error no_memory = {.code = ERROR_NO_MEMORY, .message = "out of memory"};

static struct error *create(enum error_code code, const char *format, va_list args)
{
    struct error *error = malloc(sizeof(*error));
    if (!error)
        return &no_memory;
    error->code = code;
    vsnprintf(error->message, sizeof(error->message), format, args);
    return error;
}

struct error *error_create(enum error_code code, const char *format, ...)
{
    if (code == ERROR_NO_MEMORY)
        return &no_memory;
    va_list args;
    va_start(args, format);
    struct error *error = create(code, format, args);
    va_end(args);
    return error;
}

static enum error_code code_of_errno(int errno_value)
{
    switch (errno_value) {
    case ENOMEM:
        return ERROR_NO_MEMORY;
    case EACCES:
    case EPERM:
        return ERROR_PERMISSION;
    case ESRCH:
        return ERROR_GONE;
    case EFAULT:
    case EIO:
        return ERROR_FAULT;
    case ENOENT:
        return ERROR_NOT_FOUND;
    default:
        return ERROR_OS;
    }
}

struct error *error_os(int errno_value, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct error *error = create(code_of_errno(errno_value), format, args);
    va_end(args);
    if (error == &no_memory)
        return error;
    size_t used = strlen(error->message);
    snprintf(error->message + used, sizeof(error->message) - used, ": %s", strerror(errno_value));
    return error;
}

struct error *error_context(struct error *error, const char *format, ...)
{
    if (!error || error == &no_memory)
        return error;
    char tail[MESSAGE_MAX];
    memcpy(tail, error->message, sizeof(tail));
    va_list args;
    va_start(args, format);
    int length = vsnprintf(error->message, sizeof(error->message), format, args);
    va_end(args);
    size_t used = length < 0 ? 0 : (size_t)length;
    size_t room = used < sizeof(error->message) ? sizeof(error->message) - used : 0;
    if (room && (size_t)snprintf(error->message + used, room, ": %s", tail) >= room)
        error->message[sizeof(error->message) - 1] = '\0'; /* cut at the end */
    return error;
}

enum error_code error_code(const struct error *error)
{
    return error->code;
}

const char *error_message(const struct error *error)
{
    return error->message;
}

void error_destroy(struct error *error)
{
    if (error != &no_memory)
        free(error);
}

bool error_ignore(struct error *error)
{
    bool failed = error;
    error_destroy(error);
    return failed;
}
