/* Goroutines that are proved to wait for ever (heap/proof.h): certain, even if there is only one. The main goroutine is left out, as Go leaves it out that
 * blocks in select {}: a program's main often waits so on purpose. */
#include "find/blocked.h"
#include "find/rules.h"

static uint64_t count_objects(const struct looks *looks, const struct verdict *verdict)
{
    struct u64map objects = {0};
    for (size_t i = 0; i < verdict->members.length; i++) {
        const struct goroutine *goroutine = &looks->now->goroutines.at[verdict->members.at[i]];
        for (uint32_t k = 0; k < goroutine->wait_count; k++)
            u64map_set(&objects, blocked_on(looks, goroutine, k)->at, 1);
    }
    uint64_t count = objects.length;
    u64map_deinit(&objects);
    return count;
}

static void judge_site(const struct looks *looks, const struct sites *first,
                       const struct site *site, struct findings *findings)
{
    struct verdict verdict = verdict_none;
    struct movement movement;
    movement_find(looks, first, site, &movement);
    for (size_t i = 0; i < site->members.length; i++) {
        if (looks->stuck[site->members.at[i]])
            blocked_count(looks, site->members.at[i], &movement, &verdict);
    }
    verdict.proved = true;
    verdict.grade = GRADE_CERTAIN;
    verdict.channels = verdict.stuck_channels = count_objects(looks, &verdict);
    if (verdict.count && blocked_words(site->kind))
        blocked_report(looks, site, &verdict, findings);
    VECTOR_DEINIT(&verdict.members);
    movement_deinit(&movement);
}

void proved_find(const struct looks *looks, struct findings *findings)
{
    struct sites sites, first = {0};
    if (!looks->stuck)
        return;
    sites_build(looks->program, looks->now, &sites);
    if (looks->first)
        sites_build(looks->program, looks->first, &first);
    for (size_t i = 0; i < sites.length; i++)
        judge_site(looks, &first, &sites.at[i], findings);
    sites_deinit(&sites);
    sites_deinit(&first);
}
