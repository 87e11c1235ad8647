#include "agent/alert.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/text.h"

static const double day_s = 86400;

static json_t *text_or_null(const char *text)
{
    json_t *value = text && *text ? json_string(text) : json_null();
    return value ? value : json_null();
}

static json_t *number_or_null(double number)
{
    return isfinite(number) ? json_real(number) : json_null();
}

static json_t *lines(const char *text)
{
    json_t *array = json_array();
    while (*text) {
        size_t length = strcspn(text, "\n");
        if (length)
            json_array_append_new(array, json_stringn(text, length));
        text += length + (text[length] == '\n');
    }
    return array;
}

/* The page's address with the program in it. */
static json_t *link_to(const char *page_url, const char *program)
{
    struct text text = {0};
    size_t length = page_url ? strlen(page_url) : 0;
    if (!length)
        return json_null();
    text_add(&text, page_url, length - (page_url[length - 1] == '/'));
    text_puts(&text, "/?program=");
    for (const char *letter = program; *letter; letter++) {
        bool plain = (*letter >= 'a' && *letter <= 'z') || (*letter >= 'A' && *letter <= 'Z') ||
                     (*letter >= '0' && *letter <= '9') || strchr("-._~", *letter);
        if (plain)
            text_add(&text, letter, 1);
        else
            text_printf(&text, "%%%02X", (unsigned char)*letter);
    }
    json_t *link = json_string(text.bytes);
    text_deinit(&text);
    return link;
}

char *alert_json(const struct life *life, const struct call *call, const char *host,
                 const char *page_url)
{
    const char *place = strchr(call->cause, ' ');
    json_t *grows =
        isfinite(call->slope_per_s)
            ? json_pack("{s:o, s:o, s:o}", "bytes", number_or_null(call->slope_per_s * day_s),
                        "low", number_or_null(call->slope_low * day_s), "high",
                        number_or_null(call->slope_high * day_s))
            : json_null();
    json_t *alert = json_pack(
        "{s:s, s:i, s:s, s:o, s:o, s:o, s:o, s:i, s:o, s:o, s:s, s:s, s:o, s:o, s:o, s:I, s:I, "
        "s:o, s:o, "
        "s:o, s:o, s:o}",
        "event", call->resolved_ms ? "resolved" : "opened", "call", (int)call->id, "state",
        standing_state_name(call->state), "host", text_or_null(host), "program",
        text_or_null(life->program), "name", text_or_null(life->name), "unit",
        text_or_null(life->unit), "pid", (int)life->pid, "release", text_or_null(life->release),
        "go_version", text_or_null(life->go_version), "title", call->title, "cause", call->cause,
        "place", text_or_null(place ? place + 1 : NULL), "because", lines(call->because), "fix",
        text_or_null(call->fix), "since_ms", call->since_ms, "opened_ms", call->opened_ms,
        "resolved_ms", call->resolved_ms ? json_integer(call->resolved_ms) : json_null(),
        "grows_per_day", grows, "count_per_hour", number_or_null(call->count_per_s * 3600),
        "share_of_climb", number_or_null(call->share), "page", link_to(page_url, life->program));
    char *text = alert ? json_dumps(alert, JSON_COMPACT) : NULL;
    json_decref(alert);
    return text;
}
