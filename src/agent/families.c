#include "agent/families.h"

#include <stdio.h>
#include <string.h>

#include "base/u64map.h"

void families_deinit(struct families *families)
{
    for (size_t i = 0; i < families->length; i++) {
        free(families->at[i].program);
        VECTOR_DEINIT(&families->at[i].lanes);
    }
    VECTOR_DEINIT(families);
}

/* What tells two builds apart: Go's build id; without one, what the release is called. */
static uint64_t release_of(const struct life *life)
{
    const char *text = *life->build_id ? life->build_id : life->release;
    uint64_t hash = 1;
    for (; *text; text++)
        hash = u64_mix(hash ^ (uint8_t)*text);
    return hash;
}

static struct family *find(const struct families *families, const char *program)
{
    for (size_t i = 0; i < families->length; i++) {
        if (!strcmp(families->at[i].program, program))
            return &families->at[i];
    }
    return NULL;
}

static bool is_idle(const struct family *family)
{
    for (size_t i = 0; i < family->lanes.length; i++) {
        if (family->lanes.at[i].taken)
            return false;
    }
    return true;
}

/* Makes room: what was not seen for the longest time and does not run. */
static struct family *oldest(const struct families *families)
{
    struct family *found = NULL;
    for (size_t i = 0; i < families->length; i++) {
        struct family *family = &families->at[i];
        if (is_idle(family) && (!found || family->seen_ms < found->seen_ms))
            found = family;
    }
    return found;
}

static struct family *find_or_make(struct families *families, const char *program)
{
    struct family *family = find(families, program);
    if (family)
        return family;
    struct family *place = families->length >= FAMILIES_MAX ? oldest(families) : NULL;
    if (!place) {
        VECTOR_PUSH(families, (struct family){0});
        place = &families->at[families->length - 1];
    }
    free(place->program);
    VECTOR_DEINIT(&place->lanes);
    *place = (struct family){.program = xstrdup(program)};
    return place;
}

/* How new it is: the higher, the later it was seen for the first time. -1: it is not known, or forgotten. */
static int rank_of(const struct family *family, uint64_t release)
{
    for (size_t i = 0; i < family->release_count; i++) {
        if (family->releases[i] == release)
            return (int)i;
    }
    return -1;
}

static void note_release(struct family *family, uint64_t release)
{
    if (rank_of(family, release) >= 0)
        return;
    if (family->release_count == FAMILY_RELEASES_MAX) {
        family->release_count--;
        memmove(family->releases, family->releases + 1,
                family->release_count * sizeof(family->releases[0]));
    }
    family->releases[family->release_count++] = release;
}

static struct lane *lane_at(struct family *family, uint32_t number)
{
    static struct lane
        crowded; /* who has more processes at a time shares the last lane's memory of the past */
    if (number >= FAMILY_LANES_MAX)
        return &crowded;
    while (family->lanes.length <= number)
        VECTOR_PUSH(&family->lanes, (struct lane){0});
    return &family->lanes.at[number];
}

static void note(struct family *family, const struct life *life)
{
    struct lane *lane = lane_at(family, life->lane);
    if (lane->life != life->id) {
        lane->before = lane->life;
        lane->before_lasted_ms = lane->lasted_ms;
    }
    lane->life = life->id;
    lane->release = release_of(life);
    lane->lasted_ms = life->last_seen_ms - life->started_ms;
    lane->taken = !life->ended_ms;
    note_release(family, lane->release);
    if (life->last_seen_ms > family->seen_ms)
        family->seen_ms = life->last_seen_ms;
}

void families_learn(struct families *families, const struct life *life)
{
    note(find_or_make(families, life->program), life);
}

static uint32_t free_lane(const struct family *family)
{
    uint32_t number = 0;
    while (number < family->lanes.length && family->lanes.at[number].taken)
        number++;
    return number;
}

static enum life_kind kind_of(const struct family *family, const struct lane *lane,
                              uint64_t release)
{
    if (!family->release_count)
        return LIFE_FIRST;
    int rank = rank_of(family, release);
    if (rank < 0)
        return LIFE_RELEASE;
    if (!lane->life) /* one more beside others */
        return LIFE_FIRST;
    if (lane->release == release)
        return LIFE_RESTART;
    return rank < rank_of(family, lane->release) ? LIFE_ROLLBACK : LIFE_RELEASE;
}

void families_begin(struct families *families, struct life *life)
{
    struct family *family = find_or_make(families, life->program);
    life->lane = free_lane(family);
    struct lane *lane = lane_at(family, life->lane);
    life->kind = kind_of(family, lane, release_of(life));
    note(family, life);
}

void families_end(struct families *families, const struct life *life)
{
    struct family *family = find(families, life->program);
    if (!family || life->lane >= family->lanes.length)
        return;
    struct lane *lane = &family->lanes.at[life->lane];
    if (lane->life != life->id)
        return;
    lane->taken = false;
    lane->lasted_ms = life->ended_ms - life->started_ms;
}

uint32_t families_before(const struct families *families, const struct life *life,
                         int64_t lasted_ms)
{
    const struct family *family = find(families, life->program);
    if (!family || life->lane >= family->lanes.length)
        return 0;
    const struct lane *lane = &family->lanes.at[life->lane];
    return lane->life == life->id && lane->before_lasted_ms >= lasted_ms ? lane->before : 0;
}

static bool is_lasting_unit(const char *unit)
{
    size_t length = strlen(unit);
    return length > 8 && !strcmp(unit + length - 8, ".service");
}

char *families_key(const struct life *life)
{
    const char *slash = strrchr(life->module, '/');
    bool module_tells = *life->module && strcmp(slash ? slash + 1 : life->module, life->name) != 0;
    const char *more = is_lasting_unit(life->unit) ? life->unit : module_tells ? life->module : "";
    char *key = NULL;
    if (asprintf(&key, "%s%s%s", life->name, *more ? "@" : "", more) < 0)
        return xstrdup(life->name);
    return key;
}
