#include "serve/request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

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

/* ---- parameters */

static bool is_allowed(const char *allowed, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = allowed; length && (at = strstr(at, name)); at += length) {
        bool begins = at == allowed || at[-1] == ' ', ends = !at[length] || at[length] == ' ';
        if (begins && ends)
            return true;
    }
    return false;
}

/* A whole number from 0 on, at most `most`. */
static char *read_number(const struct parameter *parameter, int64_t most, int64_t *number_ret)
{
    char *end = NULL;
    errno = 0;
    long long number = strtoll(parameter->value, &end, 10);
    bool digits = parameter->value[0] >= '0' && parameter->value[0] <= '9';
    if (!digits || *end || errno || number > most)
        return say("'%s' wants a whole number, at most %lld", parameter->name, (long long)most);
    *number_ret = number;
    return NULL;
}

static char *read_id(const struct parameter *parameter, uint32_t *id_ret)
{
    int64_t number = 0;
    char *wrong = read_number(parameter, UINT32_MAX - 1, &number);
    if (!wrong && !number)
        wrong = say("'%s' wants a number from 1 on", parameter->name);
    *id_ret = (uint32_t)number;
    return wrong;
}

static char *read_parameter(const struct parameter *parameter, struct question *question)
{
    static const int64_t time_most = INT64_C(1) << 50;
    const char *name = parameter->name;
    if (!strcmp(name, "from"))
        return read_number(parameter, time_most, &question->from_ms);
    if (!strcmp(name, "to"))
        return read_number(parameter, time_most, &question->to_ms);
    if (!strcmp(name, "at"))
        return read_number(parameter, time_most, &question->at_ms);
    if (!strcmp(name, "points"))
        return read_number(parameter, POINTS_MOST, &question->points);
    if (!strcmp(name, "life"))
        return read_id(parameter, &question->life);
    if (!strcmp(name, "id"))
        return read_id(parameter, &question->id);
    const char **texts[] = {&question->program, &question->metric, &question->format};
    static const char *const names[] = {"program", "metric", "format"};
    for (size_t i = 0; i < LENGTH_OF(names); i++) {
        if (!strcmp(name, names[i]))
            *texts[i] = parameter->value;
    }
    return *parameter->value ? NULL : say("'%s' is empty", name);
}

char *question_read(const struct query *query, const char *allowed, struct question *question_ret)
{
    struct question question = {.to_ms = INT64_MAX, .at_ms = -1, .points = -1};
    if (query->crowded)
        return say("too many parameters");
    for (size_t i = 0; i < query->count; i++) {
        const struct parameter *parameter = &query->parameters[i];
        AUTO_FREE char *shown = text_escaped(parameter->name, strlen(parameter->name));
        if (!strcmp(parameter->name, "token"))
            continue;
        if (!is_allowed(allowed, parameter->name))
            return say("there is no parameter '%s' here%s%s", shown,
                       *allowed ? "; there are: " : "", allowed);
        for (size_t k = 0; k < i; k++) {
            if (!strcmp(query->parameters[k].name, parameter->name))
                return say("'%s' is there twice", shown);
        }
        char *wrong = read_parameter(parameter, &question);
        if (wrong)
            return wrong;
    }
    if (question.from_ms > question.to_ms)
        return say("'from' is later than 'to'");
    *question_ret = question;
    return NULL;
}

/* ---- who may ask */

static bool is_port(const char *text)
{
    return !*text ||
           (text[0] == ':' && text[1] && strspn(text + 1, "0123456789") == strlen(text + 1));
}

bool is_loopback_host(const char *host)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    for (size_t i = 0; i < LENGTH_OF(names); i++) {
        size_t length = strlen(names[i]);
        if (!strncasecmp(host, names[i], length) && is_port(host + length))
            return true;
    }
    return false;
}

/* As long for a wrong token as for a right one. */
static bool same_secret(const char *given, const char *wanted)
{
    size_t given_length = strlen(given), wanted_length = strlen(wanted);
    unsigned differs = given_length != wanted_length;
    for (size_t i = 0; i < wanted_length; i++)
        differs |= (unsigned char)(given[given_length ? i % given_length : 0] ^ wanted[i]);
    return !differs;
}

static bool has_cookie(const char *cookies, const char *token)
{
    static const char name[] = "seep_token=";
    for (const char *at = cookies; at && *at; at = strchr(at, ';')) {
        at += strspn(at, "; ");
        if (strncmp(at, name, strlen(name)) != 0)
            continue;
        AUTO_FREE char *value = xstrndup(at + strlen(name), strcspn(at + strlen(name), "; "));
        if (same_secret(value, token))
            return true;
    }
    return false;
}

static enum verdict judge_token(const char *token, const struct claims *claims)
{
    static const char scheme[] = "Bearer ";
    const char *header = claims->authorization;
    if (header && !strncasecmp(header, scheme, strlen(scheme)) &&
        same_secret(header + strlen(scheme), token))
        return VERDICT_WELCOME;
    if (has_cookie(claims->cookie, token))
        return VERDICT_WELCOME;
    return claims->token && same_secret(claims->token, token) ? VERDICT_GIVE_COOKIE
                                                              : VERDICT_NO_TOKEN;
}

/* The origin of a page that this very server has served: the same host, over HTTP (or over HTTPS in front of it). */
static bool is_own_origin(const char *origin, const char *host)
{
    const char *slashes = strstr(origin, "://");
    return slashes && !strcasecmp(slashes + 3, host);
}

enum verdict guards_judge(const struct guards *guards, const struct claims *claims)
{
    if (!claims->host || (!guards->any_host && !is_loopback_host(claims->host)))
        return VERDICT_BAD_HOST;
    if (claims->origin && !is_own_origin(claims->origin, claims->host))
        return VERDICT_BAD_ORIGIN;
    return guards->token ? judge_token(guards->token, claims) : VERDICT_WELCOME;
}
