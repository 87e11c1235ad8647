/* A recipe may come from a process that a hostile program has taken over: nothing in it leads out of bounds. */
#include "runtime/recipe.h"

static bool is_user_address(address at)
{
    return at >= 4096 && at < UINT64_C(1) << 56;
}

static bool within(const struct recipe *recipe, uint16_t member, unsigned size)
{
    return member >= recipe->g_from && member + size <= recipe->g_from + recipe->g_size;
}

static bool is_place(address at, unsigned align)
{
    return !at || (is_user_address(at) && at % align == 0);
}

static bool places_are_sane(const struct counter_places *places)
{
    bool sane = is_place(places->live, 8) && is_place(places->goal, 8) &&
                is_place(places->percent, 4) && is_place(places->limit, 8) &&
                is_place(places->in_use, 8) && is_place(places->idle, 8) &&
                is_place(places->released, 8) && is_place(places->collections, 4) &&
                is_place(places->last_unix, 8);
    for (unsigned i = 0; i < HEAP_STATS; i++)
        sane = sane && is_place(places->stacks[i], 8);
    return sane;
}

bool recipe_is_sane(const struct recipe *recipe)
{
    const unsigned room = 8;
    return recipe->form == RECIPE_FORM && recipe->allgs && is_place(recipe->allgs, 8) &&
           recipe->g_size >= 64 && recipe->g_from + recipe->g_size <= RECIPE_OFFSET_MAX &&
           within(recipe, recipe->g_status, 4) && within(recipe, recipe->g_goid, room) &&
           within(recipe, recipe->g_gopc, room) && within(recipe, recipe->g_startpc, room) &&
           within(recipe, recipe->g_waitreason, 1) && within(recipe, recipe->g_defer, room) &&
           within(recipe, recipe->g_stack_low, room) &&
           within(recipe, recipe->g_stack_high, room) && recipe->defer_size >= 24 &&
           recipe->defer_size <= 256 && recipe->defer_link + room <= recipe->defer_size &&
           recipe->defer_pc + room <= recipe->defer_size &&
           recipe->defer_sp + room <= recipe->defer_size &&
           recipe->defer_rangefunc < recipe->defer_size &&
           recipe->defer_head + room <= recipe->defer_size &&
           recipe->system_low <= recipe->system_high && places_are_sane(&recipe->counters);
}
