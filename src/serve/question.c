#include "serve/question.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "store/series.h"

enum {
    NAME_ROOM = 16
};

static char *PRINTF_LIKE(1, 2) say(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    return text ? text : xstrdup("wrong question");
}

/* The next name of `wanted`; false at the end. */
static bool next_name(const char **at, char name_ret[NAME_ROOM], bool *must_ret)
{
    *at += strspn(*at, " ");
    size_t length = strcspn(*at, " !");
    snprintf(name_ret, NAME_ROOM, "%.*s", (int)length, *at);
    *must_ret = (*at)[length] == '!';
    *at += length + *must_ret;
    return length > 0;
}

static bool is_wanted(const char *wanted, const char *name)
{
    char one[NAME_ROOM];
    bool must = false;
    while (next_name(&wanted, one, &must)) {
        if (!strcmp(one, name))
            return true;
    }
    return false;
}

static char *check_missing(const struct query *query, const char *wanted)
{
    char one[NAME_ROOM];
    bool must = false;
    while (next_name(&wanted, one, &must)) {
        if (must && !query_value(query, one))
            return say("'%s' is missing", one);
    }
    return NULL;
}

static char *unknown_name(const char *wanted, const char *name)
{
    struct text names = {0};
    char one[NAME_ROOM];
    bool must = false;
    AUTO_FREE char *shown = text_escaped(name, strnlen(name, 100));
    while (next_name(&wanted, one, &must))
        text_printf(&names, "%s%s", names.length ? ", " : "; there are: ", one);
    char *line = say("there is no parameter '%s' here%s", shown,
                     names.bytes ? names.bytes : "; there is none");
    text_deinit(&names);
    return line;
}

/* A whole number from `least` to `most`, in digits only. */
static char *read_number(const struct parameter *parameter, int64_t least, int64_t most,
                         int64_t *number_ret)
{
    size_t length = strlen(parameter->value);
    long long number = 0;
    bool good = length && strspn(parameter->value, "0123456789") == length;
    if (good) {
        errno = 0;
        number = strtoll(parameter->value, NULL, 10);
        good = !errno && number >= least && number <= most;
    }
    if (!good)
        return say("'%s' wants a whole number from %" PRId64 " to %" PRId64, parameter->name, least,
                   most);
    *number_ret = number;
    return NULL;
}

static char *read_id(const struct parameter *parameter, uint32_t *id_ret)
{
    int64_t number = 0;
    char *wrong = read_number(parameter, 1, UINT32_MAX - 1, &number);
    *id_ret = (uint32_t)number;
    return wrong;
}

static char *read_metric(const char *name, struct question *question)
{
    question->series = series_named(name);
    return question->series == SERIES_METRIC_COUNT
               ? say("there is no such metric: /api/v1/machine lists all")
               : NULL;
}

static char *read_format(const char *name, struct question *question)
{
    question->json = !strcmp(name, "json");
    return question->json || !strcmp(name, "csv") ? NULL : say("'format' is csv or json");
}

static char *read_parameter(const struct parameter *parameter, struct question *question)
{
    static const int64_t time_most = INT64_C(1) << 50;
    const char *name = parameter->name;
    if (!strcmp(name, "from"))
        return read_number(parameter, 0, time_most, &question->from_ms);
    if (!strcmp(name, "to"))
        return read_number(parameter, 0, time_most, &question->to_ms);
    if (!strcmp(name, "at"))
        return read_number(parameter, 0, time_most, &question->at_ms);
    if (!strcmp(name, "points"))
        return read_number(parameter, 0, POINTS_MOST, &question->points);
    if (!strcmp(name, "life"))
        return read_id(parameter, &question->life);
    if (!strcmp(name, "id"))
        return read_id(parameter, &question->id);
    if (!strcmp(name, "metric"))
        return read_metric(parameter->value, question);
    if (!strcmp(name, "format"))
        return read_format(parameter->value, question);
    question->program = parameter->value;
    return *parameter->value ? NULL : say("'%s' is empty", name);
}

static bool is_repeated(const struct query *query, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (!strcmp(query->parameters[i].name, query->parameters[at].name))
            return true;
    }
    return false;
}

char *question_read(const struct query *query, const char *wanted, struct question *question_ret)
{
    struct question question = {
        .series = SERIES_METRIC_COUNT, .to_ms = INT64_MAX, .at_ms = -1, .points = -1};
    for (size_t i = 0; i < query->count; i++) {
        const struct parameter *parameter = &query->parameters[i];
        if (!strcmp(parameter->name, "token"))
            continue;
        if (!is_wanted(wanted, parameter->name))
            return unknown_name(wanted, parameter->name);
        if (is_repeated(query, i))
            return say("'%s' is there twice", parameter->name);
        char *wrong = read_parameter(parameter, &question);
        if (wrong)
            return wrong;
    }
    char *missing = check_missing(query, wanted);
    if (missing)
        return missing;
    if (question.from_ms > question.to_ms)
        return say("'from' is later than 'to'");
    *question_ret = question;
    return NULL;
}
