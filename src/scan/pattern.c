/* When the rest does not fit, the last star takes one character more; a star that may not, because
 * it would take a slash, leaves that to the last double star before it. Earlier stars never need to
 * take more: what they left to the later ones is the longest rest that there is. */
#include "scan/pattern.h"

#include <stddef.h>
#include <string.h>

/* A star, and how far it reaches. */
struct star {
    const char *rest; /* of the pattern, behind it; NULL: there is none */
    const char *text; /* where the rest is tried */
    bool whole;       /* takes whole folders only */
};

static size_t character_length(const char *text)
{
    size_t length = 1;
    while ((text[length] & 0xc0) == 0x80) /* the rest of a character of UTF-8 */
        length++;
    return length;
}

/* The star takes more. False if it can't. */
static bool take_more(struct star *star, bool folders)
{
    if (!star->rest || !*star->text || (folders && *star->text == '/'))
        return false;
    star->text += character_length(star->text);
    return true;
}

static bool take_more_deep(struct star *deep)
{
    const char *slash = deep->whole && deep->rest ? strchr(deep->text, '/') : NULL;
    if (!deep->whole)
        return take_more(deep, false);
    if (slash)
        deep->text = slash + 1;
    return slash;
}

/* Reads the star or stars at `pattern`; returns what is behind. */
static const char *read_star(const char *pattern, const char *text, bool at_folder, bool folders,
                             struct star *star, struct star *deep)
{
    size_t stars = strspn(pattern, "*");
    const char *rest = pattern + stars;
    if (folders && stars == 1) {
        *star = (struct star){.rest = rest, .text = text};
        return rest;
    }
    bool whole = folders && at_folder && *rest == '/';
    rest += whole;
    *star = (struct star){0};
    *deep = (struct star){.rest = rest, .text = text, .whole = whole};
    return rest;
}

bool pattern_matches(const char *pattern, const char *text, bool folders)
{
    const char *start = pattern;
    struct star star = {0}, deep = {0};
    while (*text || *pattern) {
        if (*pattern == '*') {
            bool at_folder = pattern == start || pattern[-1] == '/';
            pattern = read_star(pattern, text, at_folder, folders, &star, &deep);
        } else if (*text && *pattern == '?' && !(folders && *text == '/')) {
            text += character_length(text);
            pattern++;
        } else if (*text && *pattern == *text && *pattern != '?') {
            text++;
            pattern++;
        } else if (take_more(&star, folders)) {
            text = star.text;
            pattern = star.rest;
        } else if (take_more_deep(&deep)) {
            star = (struct star){0};
            text = deep.text;
            pattern = deep.rest;
        } else {
            return false;
        }
    }
    return true;
}
