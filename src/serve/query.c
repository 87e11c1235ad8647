#include "serve/query.h"

#include <stdbool.h>
#include <string.h>

#include "base/memory.h"

static int hex(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

/* In place: never longer than it was. False if a percent sign is not followed by two digits, or stands for NUL. */
static bool decode(char *text, bool plus_is_blank)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        if (*from == '%') {
            int high = hex(from[1]), low = high < 0 ? -1 : hex(from[2]);
            if (low < 0 || !(high | low))
                return false;
            *to++ = (char)(high << 4 | low);
            from += 2;
        } else {
            *to++ = *from == '+' && plus_is_blank ? ' ' : *from;
        }
    }
    *to = '\0';
    return true;
}

static const char *add_parameter(struct query *query, char *text)
{
    char *value = strchr(text, '=');
    if (!*text)
        return NULL; /* "a=1&&b=2" */
    if (query->count == PARAMETERS_MAX)
        return "too many parameters";
    if (value)
        *value++ = '\0';
    if (!decode(text, true) || (value && !decode(value, true)))
        return "a percent sign wants two hexadecimal digits behind it, and not 00";
    if (!*text)
        return "a parameter has no name";
    query->parameters[query->count++] = (struct parameter){text, value ? value : ""};
    return NULL;
}

static const char *read_parts(struct query *query)
{
    char *rest = strchr(query->bytes, '?');
    const char *wrong = NULL;
    if (rest)
        *rest++ = '\0';
    if (query->bytes[0] != '/' || !decode(query->bytes, false))
        return "the address is not well formed";
    query->path = query->bytes;
    while (rest && !wrong) {
        char *next = strchr(rest, '&');
        if (next)
            *next++ = '\0';
        wrong = add_parameter(query, rest);
        rest = next;
    }
    return wrong;
}

char *query_read(const char *target, struct query *query_ret)
{
    struct query query = {.path = ""};
    const char *wrong = "the address is too long";
    if (strnlen(target, TARGET_MAX + 1) <= TARGET_MAX) {
        query.bytes = xstrdup(target);
        wrong = read_parts(&query);
    }
    if (wrong) {
        query_deinit(&query);
        *query_ret = (struct query){.path = ""};
        return xstrdup(wrong);
    }
    *query_ret = query;
    return NULL;
}

void query_deinit(struct query *query)
{
    free(query->bytes);
    *query = (struct query){.path = ""};
}

const char *query_value(const struct query *query, const char *name)
{
    for (size_t i = 0; i < query->count; i++) {
        if (!strcmp(query->parameters[i].name, name))
            return query->parameters[i].value;
    }
    return NULL;
}
