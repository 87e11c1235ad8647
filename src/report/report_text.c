/* The report for people: who the target is, its memory, what was read; then findings, or what is there if there are none; then
 * remarks and a summary. */
#include <string.h>

#include "report/shares.h"
#include "report/text_internal.h"

enum {
    LABEL_COLUMN = 8,
    NAME_CELLS_MAX = 24,
    MEMORY_PARTS = 6
};

static size_t value_column(const struct report *report)
{
    size_t cells = term_cells(report->facts->name) + 2;
    return cells <= LABEL_COLUMN || cells > NAME_CELLS_MAX ? LABEL_COLUMN : cells;
}

static void start_row(struct line *line, const struct report *report, enum style style,
                      const char *label)
{
    line_put(line, style, label);
    line_to(line, value_column(report), 2);
}

static void write_header(const struct report *report, struct line *line)
{
    const struct target_facts *facts = report->facts;
    struct program *program = report->program;
    char buffer[TEXT_SIZE_ROOM], moment[TEXT_SIZE_ROOM];
    start_row(line, report, STYLE_BOLD, facts->name);
    if (facts->kind == TARGET_CORE)
        line_put(line, STYLE_PLAIN, facts->pid ? "core of " : "core");
    if (facts->kind == TARGET_SNAPSHOT)
        line_put(line, STYLE_PLAIN, facts->pid ? "snapshot of " : "snapshot");
    if (facts->pid)
        line_printf(line, STYLE_PLAIN, "pid %d", (int)facts->pid);
    line_printf(line, STYLE_PLAIN, " · %s",
                program->info.go_version ? program->info.go_version : "go version unknown");
    line_put(line, STYLE_PLAIN, program->stripped ? " · stripped" : " · not stripped");
    const char *source = NULL;
    AUTO_FREE char *release = release_name(&program->info, program->build_id, &source);
    if (release)
        line_printf(line, STYLE_PLAIN, " · %s %s", strcmp(source, "build-id") ? "release" : "build",
                    release);
    if (facts->uptime_s >= 0)
        line_printf(line, STYLE_PLAIN, " · up %s", text_duration(buffer, facts->uptime_s));
    if (facts->kind == TARGET_SNAPSHOT && facts->saved_unix >= 0)
        line_printf(line, STYLE_PLAIN, " · saved %s", text_moment(moment, facts->saved_unix));
    if (facts->exe_deleted)
        line_put(line, STYLE_YELLOW, " · its file was removed or replaced since");
    line_end(line);
}

/* "10.0 MiB = heap in use 3.3 + …" */
static void add_memory_sum(struct text *text, const struct memory_split *memory)
{
    static const char *const names[MEMORY_PARTS] = {"heap in use", "heap idle",    "stacks",
                                                    "runtime",     "mapped files", "outside Go"};
    const uint64_t parts[MEMORY_PARTS] = {memory->heap_in_use,  memory->heap_idle,
                                          memory->stacks,       memory->runtime,
                                          memory->mapped_files, memory->outside_go};
    bool large = memory->total >= UINT64_C(10) << 30;
    double unit = large ? 1 << 30 : 1 << 20;
    double scale = large ? 100 : 10;
    int digits = large ? 2 : 1;
    uint64_t total = (uint64_t)((double)memory->total / unit * scale + 0.5);
    uint64_t shown[MEMORY_PARTS];
    shares_round(parts, MEMORY_PARTS, unit / scale, total, shown);
    text_printf(text, "%.*f %s", digits, (double)total / scale, large ? "GiB" : "MiB");
    for (unsigned i = 0; i < MEMORY_PARTS; i++)
        text_printf(text, " %c %s %.*f", i ? '+' : '=', names[i], digits, (double)shown[i] / scale);
}

static void write_memory(const struct report *report, struct line *line)
{
    const struct memory_split *memory = &report->now->memory;
    char buffer[TEXT_SIZE_ROOM];
    struct text text = {0};
    text_puts(&text, report->facts->kind == TARGET_CORE ? "core " : "rss ");
    if (memory->known)
        add_memory_sum(&text, memory);
    else
        text_puts(&text, memory->total ? text_size(buffer, memory->total) : "unknown");
    start_row(line, report, STYLE_PLAIN, "memory");
    line_wrap(line, STYLE_PLAIN, text.bytes);
    line_end(line);
    text_deinit(&text);
}

/* "live 371.0 MiB after collection 1,024, the next one at 742.1 MiB" */
static void write_counters(const struct report *report, struct line *line)
{
    const struct counters *counters = &report->now->counters;
    char buffer[TEXT_SIZE_ROOM];
    if (!counters->known)
        return;
    start_row(line, report, STYLE_PLAIN, "heap");
    line_printf(line, STYLE_PLAIN, "live %s", text_size(buffer, counters->live));
    if (counters->stats_known && counters->collections)
        line_printf(line, STYLE_PLAIN, " after collection %s",
                    text_count(buffer, counters->collections));
    else if (counters->stats_known)
        line_put(line, STYLE_PLAIN, " taken for granted, as none was collected yet");
    if (counters->goal)
        line_printf(line, STYLE_PLAIN, ", the next one at %s", text_size(buffer, counters->goal));
    line_end(line);
}

static void put_unread(struct line *line, bool *first, uint64_t count, const char *one,
                       const char *many)
{
    char buffer[TEXT_SIZE_ROOM];
    if (!count)
        return;
    line_printf(line, STYLE_YELLOW, "%s%s %s", *first ? " · not read: " : ", ",
                text_count(buffer, count), count == 1 ? one : many);
    *first = false;
}

/* In the whole heap, if that was looked at, or by what can still run. */
static uint64_t objects_seen(const struct report *report)
{
    uint64_t reached = report->instant.reached_objects;
    return report->heap && report->heap->objects > reached ? report->heap->objects : reached;
}

static void write_read(const struct report *report, struct line *line)
{
    const struct observation *now = report->now;
    char buffer[TEXT_SIZE_ROOM];
    uint64_t total = now->user + now->system;
    start_row(line, report, STYLE_PLAIN, "read");
    line_printf(line, STYLE_PLAIN, "%s %s", text_count(buffer, total),
                total == 1 ? "goroutine" : "goroutines");
    if (report->instant.stuck)
        line_printf(line, STYLE_PLAIN, ", %s objects",
                    text_count(buffer, objects_seen(report)));
    line_printf(line, STYLE_PLAIN, " in %.2f s", report->read_s);
    if (report->looks > 1)
        line_printf(line, STYLE_PLAIN, ", two looks %s apart",
                    text_duration(buffer, report->interval_s));
    if (report->instant.pause_ns)
        line_printf(line, STYLE_PLAIN, " · paused %.1f ms", (double)report->instant.pause_ns / 1e6);
    else if (report->facts->kind == TARGET_PROCESS || report->facts->ran_on)
        line_put(line, STYLE_PLAIN, " · not paused");
    if (now->unread.running)
        line_printf(line, STYLE_PLAIN, " · %s running, so without a stack",
                    text_count(buffer, now->unread.running));
    bool first = true;
    uint64_t stacks =
        now->unread.stacks > now->unread.running ? now->unread.stacks - now->unread.running : 0;
    put_unread(line, &first, now->unread.goroutines, "goroutine", "goroutines");
    put_unread(line, &first, stacks, "stack in full", "stacks in full");
    put_unread(line, &first, now->unread.defers, "chain of deferred calls",
               "chains of deferred calls");
    put_unread(line, &first, now->unread.channels, "channel or lock", "channels or locks");
    line_end(line);
}

static void write_note(const char *note, struct line *line)
{
    line_put(line, STYLE_DIM, "note");
    line_to(line, LABEL_COLUMN, 2);
    line_wrap(line, STYLE_DIM, note);
    line_end(line);
}

/* What could have been proved was not. */
static void write_unproved(const struct report *report, struct line *line)
{
    struct text text = {0};
    text_printf(&text, "no goroutine was proved to wait for ever: %s", report->instant.why);
    write_note(text.bytes, line);
    text_deinit(&text);
}

static void write_notes(const struct report *report, struct line *line)
{
    bool unproved = report->instant.why && !report->instant.stuck;
    if (!report->notes->length && !report->now->unread.notes.length && !unproved)
        return;
    line_end(line);
    if (unproved)
        write_unproved(report, line);
    for (size_t i = 0; i < report->notes->length; i++)
        write_note(report->notes->at[i], line);
    for (size_t i = 0; i < report->now->unread.notes.length; i++)
        write_note(report->now->unread.notes.at[i], line);
}

static void write_summary(const struct report *report, struct line *line)
{
    const struct findings *findings = report->findings;
    uint64_t held = 0;
    bool all_known = true;
    for (size_t i = 0; i < findings->length; i++) {
        held += findings->at[i].held_bytes;
        all_known = all_known && findings->at[i].held_bytes;
    }
    char counted[TEXT_SIZE_ROOM];
    char sized[TEXT_SIZE_ROOM];
    line_end(line);
    line_printf(line, STYLE_BOLD, "%s %s", text_count(counted, findings->length),
                findings->length == 1 ? "leak" : "leaks");
    if (held) {
        const char *verb = findings->length == 1 ? "holds" : "hold";
        line_printf(line, STYLE_PLAIN, " %s %s%s", verb, all_known ? "" : "at least ",
                    text_size(sized, held));
        /* What is held may be swapped out, or have never been touched: then it is no part of what is resident. */
        if (held <= report->now->memory.total)
            line_printf(line, STYLE_PLAIN, " of %s", text_size(sized, report->now->memory.total));
    }
    line_put(line, STYLE_PLAIN, ".");
    if (!report->verbose)
        line_put(line, STYLE_DIM,
                 " `-v` shows every stack, `--goroutines` lists all as Go's own dump does.");
    line_end(line);
}

void report_text(const struct report *report, struct term *term)
{
    struct line line = {.term = term};
    write_header(report, &line);
    write_memory(report, &line);
    write_counters(report, &line);
    write_read(report, &line);
    if (report->memory)
        text_memory(report, term);
    if (report->findings->length)
        text_findings(report, term);
    else
        text_overview(report, term);
    if (report->heap_in_full)
        text_heap(report, term);
    if (report->verbose) {
        text_everything(report, term);
        text_whereabouts(report, term);
    }
    write_notes(report, &line);
    if (report->findings->length)
        write_summary(report, &line);
    line_deinit(&line);
}
