#include "store/records.h"

void life_deinit(struct life *life)
{
    free(life->program);
    free(life->name);
    free(life->unit);
    free(life->cgroup);
    free(life->exe);
    free(life->boot_id);
    free(life->go_version);
    free(life->module);
    free(life->release);
    free(life->release_source);
    free(life->build_id);
    free(life->blind);
}

void marker_deinit(struct marker *marker)
{
    free(marker->text);
}

void site_record_deinit(struct site_record *site)
{
    free(site->build_id);
    free(site->at_function);
    free(site->at_file);
    free(site->started_function);
    free(site->started_file);
    free(site->wait_reason);
}

void standing_deinit(struct standing *standing)
{
    free(standing->why);
}

void call_deinit(struct call *call)
{
    free(call->cause);
    free(call->title);
    free(call->because);
    free(call->fix);
}

void inspection_record_deinit(struct inspection_record *record)
{
    free(record->why);
    free(record->json);
    free(record->problem);
}

/* Ends a vector of records of one kind. */
#define DEINIT_ALL(name, type, deinit)           \
    void name(struct type *all)                  \
    {                                            \
        for (size_t i = 0; i < all->length; i++) \
            deinit(&all->at[i]);                 \
        VECTOR_DEINIT(all);                      \
    }

DEINIT_ALL(lives_deinit, lives, life_deinit)
DEINIT_ALL(markers_deinit, markers, marker_deinit)
DEINIT_ALL(site_records_deinit, site_records, site_record_deinit)
DEINIT_ALL(standings_deinit, standings, standing_deinit)
DEINIT_ALL(calls_deinit, calls, call_deinit)
DEINIT_ALL(inspection_records_deinit, inspection_records, inspection_record_deinit)

/* The word at a place of a table, and a plain one for what an older or newer seep wrote. */
static const char *word(const char *const *words, size_t count, unsigned at)
{
    return at < count ? words[at] : "unknown";
}

const char *life_kind_name(enum life_kind kind)
{
    static const char *const words[] = {
        [LIFE_FIRST] = "first",
        [LIFE_RESTART] = "restart",
        [LIFE_RELEASE] = "release",
        [LIFE_ROLLBACK] = "rollback",
    };
    return word(words, LENGTH_OF(words), kind);
}

const char *life_end_name(enum life_end end)
{
    static const char *const words[] = {
        [LIFE_RUNS] = "runs", [LIFE_EXITED] = "exited", [LIFE_OUT_OF_MEMORY] = "out-of-memory",
        [LIFE_EXEC] = "exec", [LIFE_LOST] = "lost",
    };
    return word(words, LENGTH_OF(words), end);
}

const char *marker_kind_name(enum marker_kind kind)
{
    static const char *const words[] = {
        [MARKER_TRIM] = "trim",
        [MARKER_OUT_OF_MEMORY] = "out-of-memory",
        [MARKER_AGENT_START] = "agent-start",
        [MARKER_AGENT_GAP] = "agent-gap",
        [MARKER_CLOCK_STEP] = "clock-step",
        [MARKER_STORE_LOST] = "store-lost",
    };
    return word(words, LENGTH_OF(words), kind);
}

const char *site_kind_name(enum site_kind kind)
{
    static const char *const words[] = {
        [SITE_GOROUTINES] = "goroutines",
        [SITE_DEFERS] = "defers",
    };
    return word(words, LENGTH_OF(words), kind);
}

const char *standing_state_name(enum standing_state state)
{
    static const char *const words[] = {
        [STANDING_UNKNOWN] = "unknown",       [STANDING_STEADY] = "steady",
        [STANDING_WARMING_UP] = "warming-up", [STANDING_SETTLING] = "settling",
        [STANDING_CLIMBING] = "climbing",     [STANDING_LEAKING] = "leaking",
    };
    return word(words, LENGTH_OF(words), state);
}
