/* The places behind the numbers that the agent counts by. On standard input a line for each: "g GO-PC WAIT-REASON" for goroutines, "d DEFER-PC" for deferred calls; numbers are
 * decimal. The answers come in the same order. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "find/places.h"
#include "look/look.h"
#include "report/json_internal.h"
#include "runtime/observation.h"

enum {
    SITES_MAX = 512,
    PLACES = 8,
    SAMPLE_MAX = 1000 /* goroutines that are asked where they wait */
};

struct wanted_site {
    bool defers;
    uint64_t pc;
    unsigned reason;
};

struct opened {
    struct target *target;
    struct program *program;
    struct runtime *runtime;
    struct stack_table stacks;
    struct observation now;
};

static size_t read_wanted(struct wanted_site *wanted)
{
    char line[128];
    size_t count = 0;
    while (count < SITES_MAX && fgets(line, sizeof(line), stdin)) {
        struct wanted_site site = {.defers = line[0] == 'd'};
        if (sscanf(line + 1, "%" SCNu64 " %u", &site.pc, &site.reason) >= 1)
            wanted[count++] = site;
    }
    return count;
}

static bool is_of(const struct goroutine *goroutine, const struct wanted_site *site)
{
    bool waits = goroutine->state == GOROUTINE_WAITING || goroutine->state == GOROUTINE_LEAKED;
    return !goroutine->system && goroutine->go_pc == site->pc &&
           (waits ? goroutine->wait_reason : 0) == site->reason;
}

/* Where most of them wait: a vote among the first. */
static address most_wait_at(const struct opened *opened, const struct wanted_site *site,
                            const struct goroutine **one_ret)
{
    struct {
        address pc;
        unsigned votes;
    } places[PLACES] = {{0, 0}};
    unsigned asked = 0, best = 0;
    const struct goroutines *all = &opened->now.goroutines;
    for (size_t i = 0; i < all->length && asked < SAMPLE_MAX; i++) {
        if (!is_of(&all->at[i], site))
            continue;
        *one_ret = &all->at[i];
        asked++;
        address pc = place_user_pc(opened->program, &opened->now, &all->at[i]);
        for (unsigned k = 0; k < PLACES; k++) {
            if (!places[k].votes || places[k].pc == pc) {
                places[k].pc = pc;
                places[k].votes++;
                break;
            }
        }
    }
    for (unsigned k = 1; k < PLACES; k++)
        best = places[k].votes > places[best].votes ? k : best;
    return places[best].pc;
}

static json_t *goroutine_site(const struct opened *opened, const struct wanted_site *site)
{
    const struct goroutine *one = NULL;
    address pc = most_wait_at(opened, site, &one);
    const struct wait_reasons *reasons = &opened->now.wait_reasons;
    const char *reason =
        site->reason && site->reason < reasons->length ? reasons->at[site->reason] : "";
    return json_pack("{s:o, s:o, s:s}", "at",
                     one ? json_place_taken(place_at(opened->program, pc)) : json_null(),
                     "started_at",
                     one ? json_place_taken(place_of_start(opened->program, one)) : json_null(),
                     "wait_reason", reason);
}

static json_t *defer_site(const struct opened *opened, const struct wanted_site *site)
{
    const struct defer_sites *defers = &opened->now.defers;
    for (size_t i = 0; i < defers->length; i++) {
        const struct defer_site *defer = &defers->at[i];
        if (defer->pc != site->pc)
            continue;
        const struct goroutine *goroutine = defer->goroutine < opened->now.goroutines.length
                                                ? &opened->now.goroutines.at[defer->goroutine]
                                                : NULL;
        return json_pack("{s:o, s:o, s:s}", "at",
                         json_place_taken(place_of_defer(opened->program, defer)), "started_at",
                         goroutine ? json_place_taken(place_of_start(opened->program, goroutine))
                                   : json_null(),
                         "wait_reason", "");
    }
    return json_pack("{s:o, s:n, s:s}", "at", json_place_taken(place_of(opened->program, site->pc)),
                     "started_at", "wait_reason", "");
}

static struct error *open_all(int pid, struct opened *opened)
{
    TRY(target_open_process(pid, &opened->target));
    TRY(program_open(opened->target, runtime_wanted_types, &opened->program));
    TRY(runtime_open(opened->target, opened->program, &opened->runtime));
    return observe(opened->runtime, OBSERVE_STACKS, &opened->stacks, &opened->now);
}

static void close_all(struct opened *opened)
{
    observation_deinit(&opened->now);
    stack_table_deinit(&opened->stacks);
    if (opened->runtime)
        runtime_close(opened->runtime);
    if (opened->program)
        program_close(opened->program);
    if (opened->target)
        target_close(opened->target);
}

int look_sites(char **arguments)
{
    int pid = arguments[0] ? look_pid(arguments[0]) : 0;
    struct wanted_site wanted[SITES_MAX];
    struct opened opened = {0};
    if (!pid)
        return look_complain("sites wants a pid");
    size_t count = read_wanted(wanted);
    struct error *error = open_all(pid, &opened);
    for (size_t i = 0; i < count && !error; i++)
        look_say(wanted[i].defers ? defer_site(&opened, &wanted[i])
                                  : goroutine_site(&opened, &wanted[i]));
    int status = error ? look_complain(error_message(error)) : 0;
    error_destroy(error);
    close_all(&opened);
    return status;
}
