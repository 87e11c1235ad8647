#include "agent/tally.h"

#include <string.h>

#include "agent/chains.h"
#include "agent/nearby.h"
#include "agent/peek.h"
#include "base/clock.h"
#include "runtime/goroutine_state.h"

enum {
    BLOCK = NEARBY_MAX, /* goroutines that are read at a time */
    GOROUTINES_MAX = 4 << 20,
    SCAN_BIT = 0x1000
};

static uint64_t word(const uint8_t *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof(value));
    return value;
}

static uint32_t half(const uint8_t *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof(value));
    return value;
}

/* ---- groups */

static struct tally_group *group_of(struct tally *tally, enum site_kind kind, address place,
                                    uint8_t reason)
{
    struct tally_groups *groups = &tally->groups;
    for (size_t i = 0; i < groups->length; i++) {
        struct tally_group *group = &groups->at[i];
        if (group->place == place && group->reason == reason && group->kind == kind) {
            if (i > 0) { /* a step to the front: what is frequent is found at once */
                struct tally_group before = groups->at[i - 1];
                groups->at[i - 1] = *group;
                groups->at[i] = before;
                return &groups->at[i - 1];
            }
            return group;
        }
    }
    if (groups->length == TALLY_GROUPS_MAX)
        return NULL;
    VECTOR_PUSH(groups, (struct tally_group){.kind = kind, .place = place, .reason = reason});
    return &groups->at[groups->length - 1];
}

static void begin(struct tally *tally)
{
    for (size_t i = 0; i < tally->groups.length; i++) {
        struct tally_group *group = &tally->groups.at[i];
        group->next_count = group->next_stayed = 0;
        group->next_newest = 0;
    }
    tally->goroutines = tally->system = tally->deferred = tally->unread = tally->crowded = 0;
    tally->partly = false;
    chains_begin(&tally->chains);
}

static void finish(struct tally *tally)
{
    size_t kept = 0;
    chains_finish(&tally->chains);
    for (size_t i = 0; i < tally->groups.length; i++) {
        struct tally_group group = tally->groups.at[i];
        bool defers = group.kind == SITE_DEFERS;
        uint32_t stayed = defers && group.next_count < group.count ? group.next_count
                          : defers                                 ? group.count
                                                                   : group.next_stayed;
        group.went = group.count > stayed ? group.count - stayed : 0;
        group.came = group.next_count > stayed ? group.next_count - stayed : 0;
        group.count = group.next_count;
        group.newest = group.next_newest > group.newest ? group.next_newest : group.newest;
        if (group.count)
            tally->groups.at[kept++] = group;
    }
    tally->groups.length = kept;
}

/* ---- goroutines */

struct look {
    struct tally *tally;
    pid_t pid;
    const struct recipe *recipe;
};

static bool is_system(const struct recipe *recipe, address start)
{
    return start >= recipe->system_low && start < recipe->system_high &&
           start != recipe->main_entry && start != recipe->coro_entry;
}

static void count_deferred(struct look *look, const uint8_t *g, uint64_t number)
{
    struct chain_count counts[CHAIN_PLACES];
    address head = word(g + look->recipe->g_defer);
    if (!head)
        return;
    size_t places = chains_count(&look->tally->chains, look->pid, look->recipe, number, head,
                                 counts, &look->tally->deferred, &look->tally->partly);
    for (size_t i = 0; i < places; i++) {
        struct tally_group *group = group_of(look->tally, SITE_DEFERS, counts[i].place, 0);
        if (group)
            group->next_count += counts[i].count;
    }
}

/* `bytes` holds [g_from, g_from + g_size) of a g. */
static void count_goroutine(struct look *look, const uint8_t *bytes)
{
    const struct recipe *recipe = look->recipe;
    const uint8_t *g = bytes - recipe->g_from; /* only fields within are used: recipe_is_sane() */
    uint32_t status = half(g + recipe->g_status) & ~(uint32_t)SCAN_BIT;
    uint64_t number = word(g + recipe->g_goid);
    uint8_t reason =
        status == GOROUTINE_WAITING || status == GOROUTINE_LEAKED ? g[recipe->g_waitreason] : 0;
    if (status == GOROUTINE_IDLE || status == GOROUTINE_DEAD || status > GOROUTINE_LEAKED)
        return;
    if (number > INT64_MAX || word(g + recipe->g_stack_low) >= word(g + recipe->g_stack_high)) {
        look->tally->unread++;
        return;
    }
    if (is_system(recipe, word(g + recipe->g_startpc))) {
        look->tally->system++;
        return;
    }
    look->tally->goroutines++;
    struct tally_group *group =
        group_of(look->tally, SITE_GOROUTINES, word(g + recipe->g_gopc), reason);
    if (group) {
        group->wait_kind = reason < RECIPE_REASONS ? recipe->wait_kinds[reason] : 0;
        group->next_count++;
        group->next_stayed += number <= group->newest;
        group->next_newest = number > group->next_newest ? number : group->next_newest;
    }
    look->tally->crowded += !group;
    count_deferred(look, g, number);
}

static bool is_place(address at)
{
    return at >= 4096 && at < UINT64_C(1) << 56 && at % 8 == 0;
}

static void count_block(struct look *look, const address *gs, size_t count, uint8_t *bytes)
{
    address places[BLOCK];
    const uint8_t *found[BLOCK];
    size_t wanted = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_place(gs[i]))
            places[wanted++] = gs[i] + look->recipe->g_from;
    }
    look->tally->unread +=
        count - nearby_read(look->pid, places, wanted, look->recipe->g_size, bytes, found);
    for (size_t i = 0; i < wanted; i++) {
        if (found[i])
            count_goroutine(look, found[i]);
    }
}

static bool count_all(struct look *look)
{
    uint64_t header[2];
    address gs[BLOCK];
    if (!peek_at(look->pid, look->recipe->allgs, header, sizeof(header)) || !is_place(header[0]) ||
        header[1] > GOROUTINES_MAX || !header[1])
        return false;
    AUTO_FREE uint8_t *bytes =
        xmalloc(nearby_room(header[1] < BLOCK ? header[1] : BLOCK, look->recipe->g_size));
    begin(look->tally);
    for (uint64_t at = 0; at < header[1]; at += BLOCK) {
        size_t count = header[1] - at < BLOCK ? header[1] - at : BLOCK;
        if (peek_at(look->pid, header[0] + at * 8, gs, count * 8))
            count_block(look, gs, count, bytes);
        else
            look->tally->unread += count;
    }
    finish(look->tally);
    return true;
}

bool tally_take(struct tally *tally, pid_t pid, const struct recipe *recipe)
{
    int64_t start_ns = clock_cpu_ns();
    struct look look = {.tally = tally, .pid = pid, .recipe = recipe};
    bool done = count_all(&look);
    tally->spent_us = (double)(clock_cpu_ns() - start_ns) / 1e3;
    return done;
}

void tally_deinit(struct tally *tally)
{
    VECTOR_DEINIT(&tally->groups);
    VECTOR_DEINIT(&tally->chains);
}
