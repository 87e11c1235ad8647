#include "cli/history_find.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/text.h"

enum {
    NEAR_MAX = 4
};

/* ---- programs */

enum likeness {
    LIKE_PART, /* somewhere in it: not meant, but near */
    LIKE_BEGINNING,
    LIKE_NAME,
    LIKE_PID_ENDED,
    LIKE_PID,
    LIKE_KEY
};

static bool is_number(const char *text, pid_t number)
{
    char *end = NULL;
    return isdigit((unsigned char)*text) && strtol(text, &end, 10) == number && !*end;
}

static int likeness_of(const struct life *life, const char *name)
{
    size_t length = strlen(name);
    if (!strcmp(life->program, name))
        return LIKE_KEY;
    if (is_number(name, life->pid))
        return life->ended_ms ? LIKE_PID_ENDED : LIKE_PID;
    if (!strcmp(life->name, name))
        return LIKE_NAME;
    if (!strncmp(life->program, name, length) || !strncmp(life->unit, name, length))
        return LIKE_BEGINNING;
    return length && strcasestr(life->program, name) ? LIKE_PART : -1;
}

struct names VECTOR_OF(const char *);

static void add_once(struct names *names, const char *name)
{
    for (size_t i = 0; i < names->length; i++) {
        if (!strcmp(names->at[i], name))
            return;
    }
    VECTOR_PUSH(names, name);
}

static char *listed(const struct names *names)
{
    struct text text = {0};
    for (size_t i = 0; i < names->length && i < NEAR_MAX; i++)
        text_printf(&text, "%s%.200s", i ? ", " : "", names->at[i]);
    if (names->length > NEAR_MAX)
        text_puts(&text, ", …");
    return text.bytes;
}

static struct error *not_one(const struct names *best, const struct names *near, const char *name)
{
    AUTO_FREE char *shown = text_escaped(name, strlen(name));
    AUTO_FREE char *all = listed(best->length ? best : near);
    if (best->length)
        return error_create(ERROR_NOT_FOUND, "'%s' may be any of %s: say more of it", shown, all);
    if (near->length)
        return error_create(ERROR_NOT_FOUND, "there is no program '%s'; there is %s", shown, all);
    return error_create(ERROR_NOT_FOUND, "there is no program '%s': `seep history` lists all",
                        shown);
}

/* So far apart two short words may be and still be a slip of the finger. */
static bool is_slip(const char *left, const char *right)
{
    enum {
        LETTERS = 32
    };
    size_t rows = strlen(left), columns = strlen(right), before[LETTERS], now[LETTERS];
    if (rows >= LETTERS || columns >= LETTERS || rows < 3)
        return false;
    for (size_t k = 0; k <= columns; k++)
        before[k] = k;
    for (size_t i = 1; i <= rows; i++) {
        now[0] = i;
        for (size_t k = 1; k <= columns; k++) {
            size_t swap = before[k - 1] + (left[i - 1] != right[k - 1]);
            size_t least = before[k] < now[k - 1] ? before[k] + 1 : now[k - 1] + 1;
            now[k] = swap < least ? swap : least;
        }
        memcpy(before, now, sizeof(before));
    }
    return before[columns] <= 2;
}

struct error *history_find(const struct lives *lives, const char *name, char **program_ret)
{
    struct names best = {0}, near = {0};
    int likeness = LIKE_PART;
    for (size_t i = 0; i < lives->length; i++) {
        const struct life *life = &lives->at[i];
        int here = likeness_of(life, name);
        if (here == LIKE_PART || (here < 0 && is_slip(life->name, name)))
            add_once(&near, life->program);
        if (here <= LIKE_PART || here < likeness)
            continue;
        if (here > likeness)
            best.length = 0;
        likeness = here;
        add_once(&best, life->program);
    }
    struct error *error = best.length == 1 ? NULL : not_one(&best, &near, name);
    if (!error)
        *program_ret = xstrdup(best.at[0]);
    VECTOR_DEINIT(&best);
    VECTOR_DEINIT(&near);
    return error;
}

/* ---- times */

static bool read_ago(const char *text, int64_t now_ms, int64_t *at_ms_ret)
{
    static const struct {
        const char *unit;
        double seconds;
    } units[] = {{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}, {"w", 604800}, {"y", 31557600}};
    char *end = NULL;
    size_t digits = strspn(text, "0123456789.");
    double number = strtod(text, &end);
    for (size_t i = 0; digits && i < LENGTH_OF(units); i++) {
        double ago_ms = number * units[i].seconds * 1e3;
        if (strcmp(text + digits, units[i].unit) != 0 || end != text + digits)
            continue;
        *at_ms_ret = ago_ms < (double)now_ms ? now_ms - (int64_t)ago_ms : 0;
        return true;
    }
    return false;
}

static bool read_date(const char *text, int64_t *at_ms_ret)
{
    static const char *const formats[] = {"%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S",
                                          "%Y-%m-%d %H:%M"};
    for (size_t i = 0; i < LENGTH_OF(formats); i++) {
        struct tm calendar = {.tm_isdst = -1};
        const char *end = strptime(text, formats[i], &calendar);
        calendar.tm_isdst = -1;
        time_t at = end && !*end ? mktime(&calendar) : -1;
        if (at < 0)
            continue;
        *at_ms_ret = (int64_t)at * 1000;
        return true;
    }
    return false;
}

struct error *option_moment(const char *text, int64_t now_ms, int64_t *at_ms_ret)
{
    if (read_ago(text, now_ms, at_ms_ret) || read_date(text, at_ms_ret))
        return NULL;
    AUTO_FREE char *shown = text_escaped(text, strlen(text));
    return error_create(ERROR_BAD_DATA,
                        "'%s' is no time: say 7d, 12h or 30m (ago), 2026-03-01 or "
                        "2026-03-01T14:00",
                        shown);
}
