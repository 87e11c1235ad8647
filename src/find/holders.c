/* Who waits has maps of its live slots; who runs has none, and each word of its stack counts. */
#include "find/running.h"
#include "find/way_search.h"
#include "runtime/references.h"

/* It has the lead; can the code ahead of one of its frames help? */
static struct way_in way_of_running(struct way_search *search, uint32_t goroutine)
{
    for (size_t i = 0; i < search->living.frames.length; i++) {
        const struct living_frame *frame = &search->living.frames.at[i];
        if (frame->goroutine == goroutine && living_helps_ahead(&search->living, frame))
            return (struct way_in){
                .way = WAY_ALIVE, .function = frame->entry, .goroutine = goroutine};
    }
    return (struct way_in){.way = WAY_RUNS, .goroutine = goroutine};
}

static void search_running(struct way_search *search, uint32_t index)
{
    const struct goroutine *goroutine = &search->looks->now->goroutines.at[index];
    struct running_words words;
    struct way_in way = {0};
    running_read(search->looks, goroutine, &words);
    for (size_t i = 0; i < words.length; i++) {
        uint32_t held[LEADS_HELD_MAX];
        size_t count = leads_held(&search->leads, words.at[i], held);
        if (count && !way.way)
            way = way_of_running(search, index);
        for (size_t k = 0; k < count; k++)
            way_spread(search, held[k], way);
    }
    VECTOR_DEINIT(&words);
}

static void take_reference(struct way_search *search, const struct reference *reference)
{
    struct living_frame frame = {.entry = reference->frame_entry,
                                 .pc = reference->frame_pc,
                                 .except_pc =
                                     living_parked_at(&search->living, reference->goroutine),
                                 .goroutine = reference->goroutine};
    if (living_helps_ahead(&search->living, &frame))
        way_spread(search, reference->object,
                   (struct way_in){
                       .way = WAY_ALIVE, .function = frame.entry, .goroutine = frame.goroutine});
}

struct error *holders_search(struct way_search *search)
{
    const struct looks *looks = search->looks;
    const struct observation *now = looks->now;
    struct references references = {0};
    AUTO_FREE uint8_t *skip = xmalloc(now->goroutines.length + 1);
    for (uint32_t i = 0; i < now->goroutines.length; i++) {
        const struct goroutine *goroutine = &now->goroutines.at[i];
        skip[i] = search->waited->skip[i] || is_running(goroutine);
        if (!search->waited->skip[i] && !goroutine->system && is_running(goroutine))
            search_running(search, i);
    }
    TRY(references_find(looks->runtime, now, &search->leads.index, skip, 1, &references));
    for (size_t i = 0; i < references.length; i++)
        take_reference(search, &references.at[i]);
    VECTOR_DEINIT(&references);
    return NULL;
}
