#include "scan/suppressions.h"

#include <string.h>

#include "scan/pattern.h"

/* "github.com/x/y.(*T).run[a/b]": what stands behind the last slash of the import path. */
static const char *without_path(const char *function)
{
    const char *name = function;
    for (const char *at = function; *at && *at != '['; at++) {
        if (*at == '/')
            name = at + 1;
    }
    return name;
}

static bool is_function(const char *pattern, const char *function)
{
    if (!function)
        return false;
    return pattern_matches(pattern, function, false) ||
           (!strchr(pattern, '/') && pattern_matches(pattern, without_path(function), false));
}

static bool stands_for(const struct suppression *suppression, const struct finding *finding)
{
    if (!suppression->every_rule && suppression->rule != finding->rule)
        return false;
    if (suppression->function && !is_function(suppression->function, finding->at.function))
        return false;
    const char *path = finding->origin.path;
    return !suppression->file || (path && pattern_matches(suppression->file, path, true));
}

const struct suppression *suppressions_find(struct suppressions *suppressions,
                                            const struct finding *finding)
{
    const struct suppression *first = NULL;
    for (size_t i = 0; i < suppressions->list.length; i++) {
        struct suppression *suppression = &suppressions->list.at[i];
        if (!stands_for(suppression, finding))
            continue;
        suppression->used = true;
        first = first ? first : suppression;
    }
    return first;
}

void suppression_deinit(struct suppression *suppression)
{
    free(suppression->function);
    free(suppression->file);
    free(suppression->reason);
    *suppression = (struct suppression){0};
}

void suppressions_deinit(struct suppressions *suppressions)
{
    for (size_t i = 0; i < suppressions->list.length; i++)
        suppression_deinit(&suppressions->list.at[i]);
    VECTOR_DEINIT(&suppressions->list);
    free(suppressions->path);
    suppressions->path = NULL;
}
