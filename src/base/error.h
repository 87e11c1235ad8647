/* Errors as values: NULL is success, anything else says what, where and what would help.
 * The caller owns the error and ends it with error_destroy(). Running out of memory is a static object, so
 * that reporting it cannot fail. Nothing in here blocks. */
#ifndef SEEP_BASE_ERROR_H
#define SEEP_BASE_ERROR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

enum error_code {
    ERROR_NO_MEMORY,
    ERROR_OS,       /* a system call failed; the message has its reason */
    ERROR_FAULT,    /* the target's memory could not be read at an address */
    ERROR_BAD_DATA, /* bytes of a file or target make no sense */
    ERROR_NOT_FOUND,
    ERROR_UNSUPPORTED,
    ERROR_LIMIT, /* a size or count from outside is over what seep allows */
    ERROR_PERMISSION,
    ERROR_GONE, /* the target exited or became another program */
};

struct error;

#define NODISCARD              __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* A new error with one line of text. Never returns NULL. */
struct error *error_create(enum error_code code, const char *format, ...) NODISCARD
    PRINTF_LIKE(2, 3);

/* The same for a failed system call: appends strerror(errno_value). EACCES and EPERM give ERROR_PERMISSION,
 * ESRCH gives ERROR_GONE, EFAULT gives ERROR_FAULT. */
struct error *error_os(int errno_value, const char *format, ...) NODISCARD PRINTF_LIKE(2, 3);

/* Puts "context: " in front of the message. Takes and returns the error. */
struct error *error_context(struct error *error, const char *format, ...) NODISCARD
    PRINTF_LIKE(2, 3);

enum error_code error_code(const struct error *error);
const char *
error_message(const struct error *error); /* one line, already escaped by its maker's data rules */

/* Destroying NULL is fine. */
void error_destroy(struct error *error);

/* Drops an error on purpose; true if there was one. */
bool error_ignore(struct error *error);

static inline void error_cleanup(struct error **error)
{
    error_destroy(*error);
}

/* Return early with the error, if there is one. */
#define TRY(expression)                         \
    do {                                        \
        struct error *try_error = (expression); \
        if (try_error)                          \
            return try_error;                   \
    } while (0)

#endif
