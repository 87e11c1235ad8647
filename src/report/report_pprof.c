/* The report as a profile for `go tool pprof` and flame graphs. A stack is a way down the tree of holders, and its value what that line has by itself: so
 * the sum over all stacks through a frame, pprof's `cum`, is what it holds. Goroutines have their own stacks, as in Go's profile of
 * goroutines; a deferred call has the function that is to be called, the defer statement, and who called that. */
#include <string.h>

#include "report/places.h"
#include "report/profile_table.h"
#include "report/report.h"
#include "report/words.h"

enum value {
    VALUE_OBJECTS,
    VALUE_BYTES,
    VALUE_GOROUTINES,
    VALUE_DEFERS,
    VALUES
};

static const char *const types[VALUES][2] = {
    [VALUE_OBJECTS] = {"inuse_objects", "count"},
    [VALUE_BYTES] = {"inuse_space", "bytes"},
    [VALUE_GOROUTINES] = {"goroutines", "count"},
    [VALUE_DEFERS] = {"deferred_calls", "count"},
};

/* ---- who holds the heap */

static uint64_t without(uint64_t whole, uint64_t part)
{
    return whole > part ? whole - part : 0;
}

/* By line: what it holds and none of the lines below it does. */
static void subtract_children(const struct heap_lines *lines, uint64_t *objects, uint64_t *bytes)
{
    for (size_t i = 0; i < lines->length; i++) {
        const struct heap_line *line = &lines->at[i];
        objects[i] = line->held_objects;
        bytes[i] = line->held_bytes;
        if (line->depth && line->parent < i) {
            objects[line->parent] = without(objects[line->parent], line->held_objects);
            bytes[line->parent] = without(bytes[line->parent], line->held_bytes);
        }
    }
}

/* From a line up to the one below the whole; the whole itself is what readers draw as the root. Parents have lower numbers, so this ends. */
static void stack_of_line(const struct heap_lines *lines, uint32_t index,
                          struct profile_stack *stack)
{
    const struct heap_line *line = &lines->at[index];
    for (; line->depth && line->parent < index; index = line->parent, line = &lines->at[index])
        VECTOR_PUSH(stack, (struct profile_frame){
                               .name = line->name, .file = line->at.file, .line = line->at.line});
    if (!stack->length)
        VECTOR_PUSH(stack, (struct profile_frame){.name = "held by nothing that has a name"});
}

static void add_heap(const struct heap_view *view, struct profile_table *table)
{
    const struct heap_lines *lines = &view->lines;
    AUTO_FREE uint64_t *objects = xcalloc(lines->length + 1, sizeof(*objects));
    AUTO_FREE uint64_t *bytes = xcalloc(lines->length + 1, sizeof(*bytes));
    struct profile_stack stack = {0};
    subtract_children(lines, objects, bytes);
    for (uint32_t i = 0; i < lines->length; i++) {
        const uint64_t values[VALUES] = {[VALUE_OBJECTS] = objects[i], [VALUE_BYTES] = bytes[i]};
        stack.length = 0;
        stack_of_line(lines, i, &stack);
        profile_table_add_sample(table, &stack, values, NULL, NULL);
    }
    VECTOR_DEINIT(&stack);
}

/* ---- goroutines */

/* A stack of the source and the names that it borrows: what type arguments were compiled into is not in them. */
struct source_stack {
    struct profile_stack stack;
    struct shown_names VECTOR_OF(char *) names;
};

static void source_stack_deinit(struct source_stack *source)
{
    for (size_t i = 0; i < source->names.length; i++)
        free(source->names.at[i]);
    VECTOR_DEINIT(&source->names);
    VECTOR_DEINIT(&source->stack);
}

static void push_frame(struct source_stack *source, const struct source_frame *frame)
{
    char *name = function_shown(frame->function ? frame->function : "?");
    VECTOR_PUSH(&source->names, name);
    VECTOR_PUSH(&source->stack,
                (struct profile_frame){.name = name, .file = frame->file, .line = frame->line});
}

static void push_place(struct source_stack *source, const struct place *place)
{
    VECTOR_PUSH(
        &source->stack,
        (struct profile_frame){.name = place->function, .file = place->file, .line = place->line});
}

static void add_group(const struct report *report, const struct goroutine_group *group,
                      struct profile_table *table)
{
    const struct goroutine *first = &report->now->goroutines.at[group->first];
    const uint64_t values[VALUES] = {[VALUE_GOROUTINES] = group->count};
    struct placed_frames frames;
    struct source_stack source = {0};
    struct place start = {0};
    frames_of_stack(report->program, report->now->stacks, first->stack, &frames);
    frames_drop_wrappers(&frames);
    for (size_t i = 0; i < frames.length; i++)
        push_frame(&source, &frames.at[i].source);
    if (!frames.length) {
        start = place_of_start(report->program, first);
        VECTOR_PUSH(&source.stack, (struct profile_frame){.name = "stack not read"});
        if (start.function)
            push_place(&source, &start);
    }
    profile_table_add_sample(table, &source.stack, values, "state", state_text(report->now, first));
    place_deinit(&start);
    source_stack_deinit(&source);
    VECTOR_DEINIT(&frames);
}

/* The runtime's own are left out, as in Go's profile. */
static void add_goroutines(const struct report *report, struct profile_table *table)
{
    for (size_t i = 0; i < report->groups->groups.length; i++) {
        const struct goroutine_group *group = &report->groups->groups.at[i];
        if (!report->now->goroutines.at[group->first].system)
            add_group(report, group, table);
    }
}

/* ---- deferred calls */

/* Who called the frame that has the deferred calls: the frames behind it on its goroutine's stack. */
static void push_callers(const struct report *report, const struct defer_site *site,
                         const char *function, struct placed_frames *frames,
                         struct source_stack *source)
{
    if (site->goroutine >= report->now->goroutines.length || !function)
        return;
    frames_of_stack(report->program, report->now->stacks,
                    report->now->goroutines.at[site->goroutine].stack, frames);
    frames_drop_wrappers(frames);
    bool behind = false;
    for (size_t i = 0; i < frames->length; i++) {
        const struct source_frame *frame = &frames->at[i].source;
        AUTO_FREE char *shown = frame->function ? function_shown(frame->function) : NULL;
        if (behind)
            push_frame(source, frame);
        behind = behind || (shown && !strcmp(shown, function));
    }
}

static void add_defers(const struct report *report, const struct defer_site *site,
                       struct profile_table *table)
{
    const uint64_t values[VALUES] = {[VALUE_DEFERS] = site->count};
    struct placed_frames frames = {0};
    struct source_stack source = {0};
    struct place called = place_of_deferred(report->target, report->program, site);
    struct place at = place_of_defer(report->program, site);
    if (called.function)
        push_place(&source, &called);
    push_place(&source, &at);
    push_callers(report, site, at.function, &frames, &source);
    profile_table_add_sample(table, &source.stack, values, NULL, NULL);
    place_deinit(&called);
    place_deinit(&at);
    VECTOR_DEINIT(&frames);
    source_stack_deinit(&source);
}

/* ---- the whole */

static void comment_unread(struct profile_table *table, uint64_t count, const char *what)
{
    char comment[128];
    if (!count)
        return;
    snprintf(comment, sizeof(comment), "not read: %llu %s", (unsigned long long)count, what);
    profile_table_add_comment(table, comment);
}

static void add_comments(const struct report *report, struct profile_table *table)
{
    const struct target_facts *facts = report->facts;
    const struct unread *unread = &report->now->unread;
    struct text text = {0};
    const char *source = NULL;
    AUTO_FREE char *release =
        release_name(&report->program->info, report->program->build_id, &source);
    text_printf(&text, "%s%s", facts->kind == TARGET_CORE ? "core of " : "",
                facts->name ? facts->name : "?");
    if (facts->pid)
        text_printf(&text, ", pid %d", (int)facts->pid);
    if (report->program->info.go_version)
        text_printf(&text, ", %s", report->program->info.go_version);
    if (release)
        text_printf(&text, ", %s %s", strcmp(source, "build-id") ? "release" : "build", release);
    profile_table_add_comment(table, text.bytes);
    profile_table_add_comment(table, "made by seep " SEEP_VERSION);
    if (!report->heap) {
        text_clear(&text);
        text_printf(&text, "the heap is not in it: %s",
                    report->heap_why ? report->heap_why : "it was not looked at");
        profile_table_add_comment(table, text.bytes);
    }
    comment_unread(table, unread->goroutines, "goroutines");
    comment_unread(table, unread->stacks, "stacks in full");
    comment_unread(table, unread->defers, "chains of deferred calls");
    for (size_t i = 0; i < unread->notes.length; i++)
        profile_table_add_comment(table, unread->notes.at[i]);
    text_deinit(&text);
}

struct error *report_pprof(const struct report *report, int64_t unix_ns, struct text *bytes_ret)
{
    struct profile_table *table = profile_table_create();
    for (size_t i = 0; i < VALUES; i++)
        profile_table_add_type(table, types[i][0], types[i][1]);
    profile_table_set_default(table, types[report->heap ? VALUE_BYTES : VALUE_GOROUTINES][0]);
    profile_table_set_time(table, unix_ns);
    profile_table_set_program(table, report->facts->exe_path, report->program->build_id);
    add_comments(report, table);
    if (report->heap)
        add_heap(report->heap, table);
    add_goroutines(report, table);
    for (size_t i = 0; i < report->now->defers.length; i++)
        add_defers(report, &report->now->defers.at[i], table);
    struct error *error = profile_table_bytes(table, bytes_ret);
    profile_table_destroy(table);
    return error;
}
