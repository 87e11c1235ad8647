/* Rules by their names, as people write them: in options and in the file of suppressions. */
#include <string.h>

#include "find/rule_text.h"

enum {
    NAME_MAX_LIKE = 32 /* longer words are like none */
};

bool rule_named(const char *name, enum rule *rule_ret)
{
    for (unsigned i = 0; i < RULE_COUNT; i++) {
        if (!strcmp(name, rule_name((enum rule)i))) {
            *rule_ret = (enum rule)i;
            return true;
        }
    }
    return false;
}

/* How many letters must be put in, taken out or changed to make one of the other (Levenshtein). */
static size_t distance(const char *a, const char *b)
{
    size_t row[NAME_MAX_LIKE + 1];
    size_t width = strlen(b);
    for (size_t k = 0; k <= width; k++)
        row[k] = k;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t k = 1; k <= width; k++) {
            size_t above = row[k];
            size_t changed = diagonal + (a[i - 1] != b[k - 1]);
            size_t least = above < row[k - 1] ? above + 1 : row[k - 1] + 1;
            row[k] = changed < least ? changed : least;
            diagonal = above;
        }
    }
    return row[width];
}

/* "defer" is like "defer-in-loop" as a part of it; "defer-in-lop" by its letters. */
bool rule_like(const char *word, enum rule *rule_ret)
{
    size_t length = strlen(word);
    size_t least = length / 3 + 2;
    bool found = false;
    if (length < 3 || length > NAME_MAX_LIKE)
        return false;
    for (unsigned i = 0; i < RULE_COUNT; i++) {
        const char *name = rule_name((enum rule)i);
        size_t far = strstr(name, word) || strstr(word, name) ? 1 : distance(word, name);
        if (far < least) {
            least = far;
            *rule_ret = (enum rule)i;
            found = true;
        }
    }
    return found;
}
