#include "cli/options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "find/rule_text.h"

enum {
    DAY_S = 86400
};

static struct error *bad_duration(const char *text)
{
    AUTO_FREE char *shown = text_escaped(text, strlen(text));
    return error_create(ERROR_BAD_DATA, "'%s' is no duration: say 0, 500ms, 30s, 2m or 1h", shown);
}

struct error *option_duration(const char *text, int64_t *duration_ns_ret)
{
    static const struct {
        const char *unit;
        double seconds;
    } units[] = {{"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}};
    if (strspn(text, "0123456789.") == 0)
        return bad_duration(text);
    char *end = NULL;
    double number = strtod(text, &end);
    double seconds = *end || number != 0 ? -1 : 0;
    for (size_t i = 0; i < LENGTH_OF(units); i++) {
        if (!strcmp(end, units[i].unit))
            seconds = number * units[i].seconds;
    }
    if (!(seconds >= 0))
        return bad_duration(text);
    if (seconds > DAY_S)
        return error_create(ERROR_LIMIT, "a duration of more than a day");
    *duration_ns_ret = (int64_t)llround(seconds * 1e9);
    return NULL;
}

struct error *option_color(const char *text, enum color_when *when_ret)
{
    static const char *const words[] = {
        [COLOR_AUTO] = "auto", [COLOR_ALWAYS] = "always", [COLOR_NEVER] = "never"};
    for (size_t i = 0; i < LENGTH_OF(words); i++) {
        if (!strcmp(text, words[i])) {
            *when_ret = (enum color_when)i;
            return NULL;
        }
    }
    AUTO_FREE char *shown = text_escaped(text, strlen(text));
    return error_create(ERROR_BAD_DATA, "--color is always, never or auto, not '%s'", shown);
}

struct error *option_grade(const char *text, enum grade *grade_ret)
{
    for (enum grade grade = GRADE_POSSIBLE; grade <= GRADE_CERTAIN; grade++) {
        if (!strcmp(text, grade_name(grade))) {
            *grade_ret = grade;
            return NULL;
        }
    }
    AUTO_FREE char *shown = text_escaped(text, strlen(text));
    return error_create(ERROR_BAD_DATA, "a grade is certain, likely or possible, not '%s'", shown);
}

struct error *option_rule(const char *text, enum rule *rule_ret)
{
    if (rule_named(text, rule_ret))
        return NULL;
    AUTO_FREE char *shown = text_escaped(text, strlen(text));
    enum rule like;
    if (rule_like(text, &like))
        return error_create(ERROR_NOT_FOUND,
                            "there is no rule '%s'; did you mean %s? `seep explain` lists all",
                            shown, rule_name(like));
    return error_create(ERROR_NOT_FOUND, "there is no rule '%s'; `seep explain` lists all", shown);
}
