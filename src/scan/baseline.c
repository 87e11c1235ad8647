#include "scan/baseline.h"

#include <string.h>

#include "find/rules.h"

static int by_text(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

void baseline_add(struct baseline *baseline, const char *rule, const char *fingerprint)
{
    VECTOR_PUSH(&baseline->keys, sentence("%s %s", rule, fingerprint));
    baseline->sorted = false;
}

bool baseline_has(struct baseline *baseline, const struct finding *finding)
{
    struct baseline_keys *keys = &baseline->keys;
    if (!keys->length || !finding->fingerprint)
        return false;
    if (!baseline->sorted)
        qsort(keys->at, keys->length, sizeof(*keys->at), by_text);
    baseline->sorted = true;
    AUTO_FREE char *key = sentence("%s %s", rule_name(finding->rule), finding->fingerprint);
    return bsearch(&key, keys->at, keys->length, sizeof(*keys->at), by_text);
}

void baseline_deinit(struct baseline *baseline)
{
    for (size_t i = 0; i < baseline->keys.length; i++)
        free(baseline->keys.at[i]);
    VECTOR_DEINIT(&baseline->keys);
}
