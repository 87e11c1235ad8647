/* What the writers of a history have in common: which life speaks for a program, and how times, paces and values look. */
#include <math.h>
#include <string.h>
#include <time.h>

#include "report/history.h"

enum {
    DAY_S = 86400
};

const struct life *history_newest(const struct history *history)
{
    const struct life *newest = NULL;
    for (size_t i = 0; i < history->lives.length; i++) {
        const struct life *life = &history->lives.at[i];
        if (!newest || (!life->ended_ms && newest->ended_ms) ||
            (!life->ended_ms == !newest->ended_ms && life->started_ms > newest->started_ms))
            newest = life;
    }
    return newest;
}

const struct standing *history_standing(const struct history *history, uint32_t life)
{
    for (size_t i = 0; i < history->standings.length; i++) {
        if (history->standings.at[i].life == life)
            return &history->standings.at[i];
    }
    return NULL;
}

size_t history_running(const struct history *history)
{
    size_t count = 0;
    for (size_t i = 0; i < history->lives.length; i++)
        count += !history->lives.at[i].ended_ms;
    return count;
}

const struct standing *history_worst(const struct history *history)
{
    const struct standing *worst = NULL;
    for (size_t i = 0; i < history->lives.length; i++) {
        const struct life *life = &history->lives.at[i];
        const struct standing *standing = history_standing(history, life->id);
        if (!life->ended_ms && standing && (!worst || standing->state > worst->state))
            worst = standing;
    }
    return worst;
}

const char *history_state(const struct history *history)
{
    const struct standing *worst = history_worst(history);
    if (!history_running(history))
        return "ended";
    return standing_state_name(worst ? worst->state : STANDING_UNKNOWN);
}

enum style history_style(const char *state)
{
    static const struct {
        const char *state;
        enum style style;
    } styles[] = {{"leaking", STYLE_RED},  {"climbing", STYLE_YELLOW}, {"settling", STYLE_CYAN},
                  {"steady", STYLE_GREEN}, {"warming-up", STYLE_CYAN}, {"ended", STYLE_DIM},
                  {"unknown", STYLE_PLAIN}};
    for (size_t i = 0; i < LENGTH_OF(styles); i++) {
        if (!strcmp(styles[i].state, state))
            return styles[i].style;
    }
    return STYLE_PLAIN;
}

bool history_now(const struct history *history, uint32_t series, int64_t *value_ret)
{
    for (size_t i = 0; i < history->now.length; i++) {
        if (history->now.at[i].series == series) {
            *value_ret = history->now.at[i].value;
            return true;
        }
    }
    return false;
}

/* A call of a life that has ended is over, even if nobody was there to say so. */
bool history_is_open(const struct history *history, const struct call *call)
{
    for (size_t i = 0; i < history->lives.length; i++) {
        if (history->lives.at[i].id == call->life)
            return !call->resolved_ms && !history->lives.at[i].ended_ms;
    }
    return false;
}

size_t history_open_calls(const struct history *history)
{
    size_t count = 0;
    for (size_t i = 0; i < history->calls.length; i++)
        count += history_is_open(history, &history->calls.at[i]);
    return count;
}

/* ---- how things look */

static void calendar_of(int64_t at_ms, struct tm *calendar)
{
    time_t at = (time_t)(at_ms / 1000);
    if (!localtime_r(&at, calendar))
        *calendar = (struct tm){.tm_mday = 1};
}

const char *history_time(char buffer[TEXT_SIZE_ROOM], int64_t at_ms, int64_t now_ms)
{
    struct tm at, now;
    calendar_of(at_ms, &at);
    calendar_of(now_ms, &now);
    strftime(buffer, TEXT_SIZE_ROOM, at.tm_year == now.tm_year ? "%e %b %H:%M" : "%e %b %Y", &at);
    return buffer;
}

const char *history_pace(char buffer[TEXT_SIZE_ROOM], const struct standing *standing)
{
    if (!standing || !isfinite(standing->slope_per_s) || standing->slope_low <= 0)
        return strcpy(buffer, "-");
    buffer[0] = '+';
    char size[TEXT_SIZE_ROOM];
    snprintf(buffer + 1, TEXT_SIZE_ROOM - 1, "%.30s",
             text_size(size, (uint64_t)fmin(standing->slope_per_s * DAY_S, 1e18)));
    return buffer;
}

/* Bytes of a character from its first byte; broken ones count one by one. */
static size_t character_length(const char *text)
{
    size_t length = 1;
    while (((unsigned char)text[length] & 0xc0) == 0x80 && length < 4)
        length++;
    return length;
}

char *history_cut(const char *text, size_t cells)
{
    if (term_cells(text) <= cells)
        return xstrdup(text);
    size_t length = 0, end = 0, wide = 0;
    while (text[length]) {
        char one[8] = {0};
        size_t step = character_length(text + length);
        memcpy(one, text + length, step);
        wide += term_cells(one);
        if (wide + 1 > cells)
            break;
        end = length += step;
    }
    struct text cut = {0};
    text_add(&cut, text, end);
    text_puts(&cut, "…");
    return cut.bytes;
}

const char *history_value(char buffer[TEXT_SIZE_ROOM], uint32_t metric, double value)
{
    uint64_t whole = value > 0 ? (uint64_t)fmin(value, 1e18) : 0;
    if (!strcmp(series_facts(metric)->unit, "bytes"))
        return text_size(buffer, whole);
    if (!strcmp(series_facts(metric)->unit, "ms"))
        return text_duration(buffer, value / 1e3);
    return text_count(buffer, whole);
}
