#include "agent/settings_check.h"

#include <string.h>
#include <strings.h>

struct error *check_interval(int64_t interval_ms)
{
    enum {
        LEAST_MS = 100,
        MOST_MS = 5 * 60 * 1000
    };
    return interval_ms >= LEAST_MS && interval_ms <= MOST_MS
               ? NULL
               : error_create(ERROR_BAD_DATA, "from 100ms to 5m is possible");
}

struct error *check_pause(int64_t pause_ms)
{
    enum {
        MOST_MS = 10 * 1000
    };
    return pause_ms <= MOST_MS ? NULL : error_create(ERROR_BAD_DATA, "at most 10s is possible");
}

static bool has_control(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return true;
    }
    return false;
}

struct error *check_http(const char *url)
{
    size_t scheme = !strncasecmp(url, "http://", 7) ? 7 : !strncasecmp(url, "https://", 8) ? 8 : 0;
    return scheme && url[scheme] && !strchr(url, ' ') && !has_control(url)
               ? NULL
               : error_create(ERROR_BAD_DATA,
                              "an address that begins with http:// or https:// is wanted");
}

struct error *check_header(const char *line)
{
    static const char name[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    size_t length = strspn(line, name);
    return length && line[length] == ':' && !has_control(line)
               ? NULL
               : error_create(ERROR_BAD_DATA, "a header in one line is wanted: \"Name: value\"");
}

struct error *check_keep(const struct store_limits *keep)
{
    return keep->keep_samples_ms <= keep->keep_rollups_ms
               ? NULL
               : error_create(ERROR_BAD_DATA, "keep.samples is longer than keep.rollups: roll-ups "
                                              "are what is kept when samples go");
}
