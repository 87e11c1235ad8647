/* A request of the page's server: its target, its headers, and what of it comes back in an answer. The input is lines: the target, Host, Origin, Authorization, Cookie,
 * Sec-Fetch-Site, Sec-Fetch-Mode, Accept-Encoding. */
#include <stdlib.h>

#include "base/memory.h"
#include "fuzz.h"
#include "serve/csv.h"
#include "serve/prometheus.h"
#include "serve/question.h"
#include "serve/respond.h"
#include "serve/welcome.h"

enum {
    LINES = 8
};

static const char *const wanted[] = {"", "life! at!", "program! metric! from to points", "id!",
                                     "program! from to points format"};

static void check(int holds)
{
    if (!holds)
        abort();
}

/* No line of the input: not there. */
static void split(char *text, const char *lines[LINES])
{
    for (unsigned i = 0; i < LINES && text; i++) {
        lines[i] = text;
        text = strchr(text, '\n');
        if (text)
            *text++ = '\0';
    }
}

static void judge(const char *lines[LINES], const struct query *query)
{
    static const struct guards guards[] = {
        {0}, {.token = "0123456789abcdef"}, {.token = "=;\" ,0123456789", .any_host = true}};
    struct claims claims = {.host = lines[1],
                            .origin = lines[2],
                            .authorization = lines[3],
                            .cookie = lines[4],
                            .fetch_site = lines[5],
                            .fetch_mode = lines[6],
                            .token = query_value(query, "token")};
    for (size_t i = 0; i < LENGTH_OF(guards); i++) {
        enum verdict verdict = guards_judge(&guards[i], &claims);
        check(verdict <= VERDICT_BAD_ORIGIN);
        if (!guards[i].any_host && (!lines[1] || !is_loopback_host(lines[1])))
            check(verdict == VERDICT_BAD_HOST);
    }
}

static void write_back(const char *value)
{
    struct text text = {0};
    prometheus_put_label(&text, "a", value);
    check(!strchr(text.bytes, '\n'));
    text_clear(&text);
    csv_put_text(&text, value);
    check(text.length >= 2 && text.bytes[0] == '"' &&
          !strchr("=+-@", text.bytes[1] ? text.bytes[1] : 'x'));
    text_deinit(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *text = xstrndup((const char *)data, size);
    const char *lines[LINES] = {""};
    struct query query;
    split(text, lines);
    AUTO_FREE char *broken = query_read(lines[0], &query);
    check(!broken == !!query.bytes && strlen(query.path) <= TARGET_MAX);
    for (size_t i = 0; i < LENGTH_OF(wanted); i++) {
        struct question question = {0};
        AUTO_FREE char *wrong = question_read(&query, wanted[i], &question);
        check(wrong ? !strchr(wrong, '\n') : question.from_ms <= question.to_ms);
    }
    judge(lines, &query);
    for (size_t i = 0; i < query.count; i++)
        write_back(query.parameters[i].value);
    accepts_gzip(lines[7]);
    query_deinit(&query);
    return 0;
}
