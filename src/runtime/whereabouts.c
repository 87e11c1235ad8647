#include "runtime/whereabouts.h"

static const char *const names[GLOBAL_COUNT] = {
#define NAME(global, name, words) [GLOBAL_##global] = name,
    GLOBALS(NAME)
#undef NAME
};

static const char *const words[GLOBAL_COUNT] = {
#define WORDS(global, name, words) [GLOBAL_##global] = words,
    GLOBALS(WORDS)
#undef WORDS
};

void whereabouts_note(struct whereabouts *whereabouts, enum global global, bool found,
                      enum found_way way, address at)
{
    whereabouts->of[global] =
        found ? (struct whereabout){.way = way, .at = at} : (struct whereabout){.way = FOUND_NONE};
}

void whereabouts_add(struct whereabouts *whereabouts, const struct whereabouts *other)
{
    for (unsigned i = 0; i < GLOBAL_COUNT; i++) {
        if (whereabouts->of[i].way <= FOUND_NONE && other->of[i].way != FOUND_NOT_SOUGHT)
            whereabouts->of[i] = other->of[i];
    }
}

const char *global_name(enum global global)
{
    return names[global];
}

const char *found_way_name(enum found_way way)
{
    switch (way) {
    case FOUND_TYPES:
        return "type descriptors";
    case FOUND_CONTENT:
        return "content";
    case FOUND_CODE:
        return "code";
    default:
        return "none";
    }
}

const char *found_way_words(enum global global, enum found_way way)
{
    return way == FOUND_NONE ? "not found" : words[global];
}
