/* What runs in the program, leak or not: the largest groups of goroutines and the pending deferred calls in short tables, and with
 * --verbose every group with its stack, what it waits on, labels and times. */
#include <string.h>

#include "report/table.h"
#include "report/text_internal.h"
#include "report/words.h"

enum {
    GROUPS_SHOWN = 5,
    DEFERS_SHOWN = 3,
    WAITS_SHOWN = 10,
    IDS_SHOWN = 10,
    LABELS_MAX = 32,
    INDENT = 2
};

static void put_place(const struct report *report, struct table *table, const struct place *place)
{
    char buffer[PLACE_ROOM];
    table_put(table, STYLE_PLAIN,
              place->function ? short_function(place->function, report->paths_in_full) : "");
    table_put(table, STYLE_DIM,
              place->function ? place_line(buffer, place, report->paths_in_full) : "");
}

static struct place group_place(const struct report *report, const struct goroutine *goroutine)
{
    struct placed_frames frames;
    frames_of_stack(report->program, report->now->stacks, goroutine->stack, &frames);
    struct place place = user_place(report->program, &frames);
    VECTOR_DEINIT(&frames);
    return place;
}

static void table_headings(struct table *table, const char *const *headings)
{
    for (unsigned i = 0; i < table->columns; i++)
        table_put(table, STYLE_DIM, headings[i]);
}

static void write_largest_groups(const struct report *report, struct term *term)
{
    static const char *const headings[] = {"count", "state", "where", "", "started at", ""};
    struct table table = {.columns = LENGTH_OF(headings), .right = 1, .keep = 4};
    table_headings(&table, headings);
    unsigned shown = 0;
    for (size_t i = 0; i < report->groups->groups.length && shown < GROUPS_SHOWN; i++) {
        const struct goroutine_group *group = &report->groups->groups.at[i];
        const struct goroutine *first = &report->now->goroutines.at[group->first];
        if (first->system)
            break;
        char buffer[TEXT_SIZE_ROOM];
        struct place where = group_place(report, first);
        struct place start = place_of_start(report->program, first);
        table_put(&table, STYLE_BOLD, text_count(buffer, group->count));
        table_put(&table, STYLE_PLAIN, state_text(report->now, first));
        put_place(report, &table, &where);
        put_place(report, &table, &start);
        place_deinit(&where);
        place_deinit(&start);
        shown++;
    }
    table_write(&table, term, INDENT);
}

static int by_defer_count(const void *left, const void *right)
{
    const struct defer_site *a = *(const struct defer_site *const *)left;
    const struct defer_site *b = *(const struct defer_site *const *)right;
    if (a->count != b->count)
        return a->count < b->count ? 1 : -1;
    return (a->pc > b->pc) - (a->pc < b->pc);
}

static void put_defer(const struct report *report, struct table *table,
                      const struct defer_site *site, const struct place *at)
{
    char buffer[TEXT_SIZE_ROOM];
    char frame[64];
    struct place calls = place_of_deferred(report->target, report->program, site);
    if (site->goroutine < report->now->goroutines.length)
        snprintf(frame, sizeof(frame), "goroutine %llu",
                 (unsigned long long)report->now->goroutines.at[site->goroutine].id);
    else
        snprintf(frame, sizeof(frame), "%s frames", text_count(buffer, site->frames));
    table_put(table, STYLE_BOLD, text_count(buffer, site->count));
    put_place(report, table, at);
    put_place(report, table, &calls);
    table_put(table, STYLE_PLAIN, frame);
    place_deinit(&calls);
}

/* The places with most pending deferred calls; in the user's code only, unless all are wanted. */
static void write_defers(const struct report *report, struct term *term, bool all)
{
    static const char *const headings[] = {"deferred", "at", "", "calls", "", "in"};
    size_t count = report->now->defers.length;
    AUTO_FREE const struct defer_site **sites = xcalloc(count, sizeof(*sites));
    for (size_t i = 0; i < count; i++)
        sites[i] = &report->now->defers.at[i];
    qsort(sites, count, sizeof(*sites), by_defer_count);
    struct table table = {.columns = LENGTH_OF(headings), .right = 1, .keep = 3};
    unsigned shown = 0;
    for (size_t i = 0; i < count && (all || shown < DEFERS_SHOWN); i++) {
        struct place at = place_of_defer(report->program, sites[i]);
        if (all || (at.function && !is_standard_function(report->program, at.function))) {
            if (!shown++)
                table_headings(&table, headings);
            put_defer(report, &table, sites[i], &at);
        }
        place_deinit(&at);
    }
    if (shown)
        fputc('\n', term->out);
    table_write(&table, term, INDENT);
}

void text_overview(const struct report *report, struct term *term)
{
    struct line line = {.term = term};
    line_end(&line);
    line_put(&line, STYLE_GREEN, "no leak found");
    line_end(&line);
    line_deinit(&line);
    if (report->verbose)
        return;
    if (report->now->user) {
        fputc('\n', term->out);
        write_largest_groups(report, term);
    }
    write_defers(report, term, false);
}

static void write_group_head(const struct report *report, const struct goroutine_group *group,
                             struct line *line)
{
    const struct goroutine *first = &report->now->goroutines.at[group->first];
    char least[TEXT_SIZE_ROOM];
    char most[TEXT_SIZE_ROOM];
    line_printf(line, STYLE_BOLD, "%s %s%s", text_count(least, group->count),
                first->system ? "system " : "", group->count == 1 ? "goroutine" : "goroutines");
    line_printf(line, STYLE_BOLD, " · %s", state_text(report->now, first));
    if (group->wait_max_s >= 0) {
        text_duration(least, group->wait_min_s);
        text_duration(most, group->wait_max_s);
        if (strcmp(least, most) != 0)
            line_printf(line, STYLE_PLAIN, " · for at least %s to %s", least, most);
        else
            line_printf(line, STYLE_PLAIN, " · for at least %s", most);
    }
    if (group->wait_unknown && group->wait_max_s >= 0)
        line_printf(line, STYLE_PLAIN, ", %s began after the last collection",
                    text_count(least, group->wait_unknown));
    else if (group->wait_unknown)
        line_put(line, STYLE_PLAIN, " · began after the last collection");
    line_printf(line, STYLE_PLAIN, " · stacks %s", text_size(least, group->stack_bytes));
    if (report->heap)
        line_printf(line, STYLE_PLAIN, " · %s held",
                    text_size(least, report->heap->group_held[group - report->groups->groups.at]));
    if (group->deferred)
        line_printf(line, STYLE_PLAIN, " · %s pending deferred %s",
                    text_count(least, group->deferred), group->deferred == 1 ? "call" : "calls");
    line_end(line);
}

static void put_frame(const struct report *report, struct table *table,
                      const struct source_frame *frame, const char *remark)
{
    struct place place = {.function = function_shown(frame->function),
                          .file =
                              frame->file ? text_escaped(frame->file, strlen(frame->file)) : NULL,
                          .line = frame->line};
    put_place(report, table, &place);
    table_put(table, STYLE_DIM, remark);
    place_deinit(&place);
}

static void write_stack(const struct report *report, const struct goroutine_group *group,
                        struct term *term)
{
    const struct goroutine *first = &report->now->goroutines.at[group->first];
    const struct stack_table *stacks = report->now->stacks;
    struct table table = {.columns = 3};
    struct placed_frames frames;
    frames_of_stack(report->program, stacks, first->stack, &frames);
    frames_drop_wrappers(&frames);
    for (size_t i = 0; i < frames.length; i++) {
        const struct placed_frame *frame = &frames.at[i];
        if (frame->gap_before)
            put_frame(report, &table, &(struct source_frame){.function = "…"}, "frames left out");
        put_frame(report, &table, &frame->source, frame->source.inlined ? "inlined" : "");
    }
    if (!frames.length)
        put_frame(report, &table, &(struct source_frame){.function = "stack not read"}, "");
    else if (!stacks->stacks.at[first->stack].complete)
        put_frame(report, &table, &(struct source_frame){.function = "…"}, "the rest was not read");
    VECTOR_DEINIT(&frames);
    struct place start = place_of_start(report->program, first);
    if (start.function) {
        char by[64] = "";
        if (group->same_parent)
            snprintf(by, sizeof(by), "in goroutine %llu", (unsigned long long)group->parent_id);
        AUTO_FREE char *text = NULL;
        if (asprintf(&text, "started at %s",
                     short_function(start.function, report->paths_in_full)) < 0)
            text = NULL;
        char buffer[PLACE_ROOM];
        table_put(&table, STYLE_PLAIN, text ? text : "");
        table_put(&table, STYLE_DIM, place_line(buffer, &start, report->paths_in_full));
        table_put(&table, STYLE_DIM, by);
    }
    place_deinit(&start);
    table_write(&table, term, INDENT);
}

static void write_object(const struct report *report, const struct group_wait *wait,
                         struct line *line)
{
    const struct wait_object *object = &report->now->objects.at[wait->object];
    char one[TEXT_SIZE_ROOM];
    char two[TEXT_SIZE_ROOM];
    bool is_channel = object->kind == WAIT_CHAN_SEND;
    line_printf(line, STYLE_PLAIN, "%s", wait_kind_text(object->kind));
    if (is_channel && object->element_type && report->program->types)
        line_printf(line, STYLE_PLAIN, " %s",
                    types_name(report->program->types, object->element_type));
    if (object->at)
        line_printf(line, STYLE_DIM, " 0x%llx", (unsigned long long)object->at);
    if (wait->direction != DIRECTION_NONE)
        line_put(line, STYLE_PLAIN, wait->direction == DIRECTION_SEND ? " to send" : " to receive");
    if (object->kind == WAIT_NIL_CHAN)
        return;
    if (!object->readable) {
        line_put(line, STYLE_YELLOW, " · not readable");
    } else if (is_channel) {
        if (object->capacity)
            line_printf(line, STYLE_PLAIN, " · %s of %s buffered", text_count(one, object->length),
                        text_count(two, object->capacity));
        else
            line_put(line, STYLE_PLAIN, " · unbuffered");
        line_printf(line, STYLE_PLAIN, "%s · waiting: %s to send, %s to receive",
                    object->closed ? " · closed" : "", text_count(one, object->senders),
                    text_count(two, object->receivers));
    } else {
        line_printf(line, STYLE_PLAIN, " · waiting: %s", text_count(one, object->waiters));
    }
}

static void write_waits(const struct report *report, const struct goroutine_group *group,
                        struct line *line)
{
    char buffer[TEXT_SIZE_ROOM];
    struct group_waits waits;
    group_waits_of(report->now, report->groups, group, &waits);
    for (size_t i = 0; i < waits.length && i < WAITS_SHOWN; i++) {
        line_to(line, INDENT, 0);
        line_put(line, STYLE_DIM, i ? "" : "waits on");
        line_to(line, INDENT + 10, 0);
        if (waits.at[i].goroutines < group->count)
            line_printf(line, STYLE_PLAIN, "%s on ", text_count(buffer, waits.at[i].goroutines));
        write_object(report, &waits.at[i], line);
        line_end(line);
    }
    if (waits.length > WAITS_SHOWN) {
        line_to(line, INDENT + 10, 0);
        line_printf(line, STYLE_DIM, "and %s more", text_count(buffer, waits.length - WAITS_SHOWN));
        line_end(line);
    }
    VECTOR_DEINIT(&waits);
}

static void write_ids(const struct report *report, const struct goroutine_group *group,
                      struct line *line)
{
    line_to(line, INDENT, 0);
    line_put(line, STYLE_DIM, "ids");
    line_to(line, INDENT + 10, 0);
    unsigned shown = 0;
    for (uint32_t i = group->first; i != UINT32_MAX; i = report->groups->next[i]) {
        if (shown == IDS_SHOWN) {
            line_put(line, STYLE_PLAIN, ", …");
            break;
        }
        line_printf(line, STYLE_PLAIN, "%s%llu", shown++ ? ", " : "",
                    (unsigned long long)report->now->goroutines.at[i].id);
    }
    line_end(line);
}

static void write_labels(const struct report *report, const struct goroutine_group *group,
                         struct line *line)
{
    char *pairs[LABELS_MAX][2];
    const struct goroutine *first = &report->now->goroutines.at[group->first];
    size_t count = report->runtime && first->labels
                       ? goroutine_labels(report->runtime, first, pairs, LABELS_MAX)
                       : 0;
    if (!count)
        return;
    line_to(line, INDENT, 0);
    line_put(line, STYLE_DIM, group->count > 1 ? "labels of the first" : "labels");
    line_to(line, INDENT + 10, 2);
    for (size_t i = 0; i < count; i++) {
        line_printf(line, STYLE_PLAIN, "%s%s=%s", i ? ", " : "", pairs[i][0], pairs[i][1]);
        free(pairs[i][0]);
        free(pairs[i][1]);
    }
    line_end(line);
}

void text_everything(const struct report *report, struct term *term)
{
    struct line line = {.term = term};
    for (size_t i = 0; i < report->groups->groups.length; i++) {
        const struct goroutine_group *group = &report->groups->groups.at[i];
        line_end(&line);
        write_group_head(report, group, &line);
        write_stack(report, group, term);
        write_waits(report, group, &line);
        write_ids(report, group, &line);
        write_labels(report, group, &line);
    }
    line_deinit(&line);
    write_defers(report, term, true);
}
