/* What grew, as one table for each kind of thing. Only what changed is shown, the largest change first. */
#include "report/report_diff.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "report/places.h"
#include "report/table.h"

enum {
    ROWS_SHOWN = 15,
    INDENT = 2
};

static const char *const titles[LEDGER_KINDS] = {
    [LEDGER_STARTS] = "goroutines, by go statement",
    [LEDGER_GOROUTINES] = "goroutines, by what they wait for",
    [LEDGER_DEFERS] = "pending deferred calls",
    [LEDGER_MEMORY] = "memory",
    [LEDGER_HEAP] = "heap",
    [LEDGER_TYPES] = "heap, by type",
    [LEDGER_WAYS] = "heap, by the way that it is held",
    [LEDGER_HOLDERS] = "heap, by the variable that alone holds it",
};

/* Goroutines and deferred calls count; of memory the bytes do. */
static bool is_counted(enum ledger_kind kind)
{
    return kind == LEDGER_STARTS || kind == LEDGER_GOROUTINES || kind == LEDGER_DEFERS;
}

static bool has_changed(const struct growth_row *row)
{
    bool counts = row->old_count != row->new_count;
    return counts ||
           (is_counted(row->kind) ? row->came || row->went : row->old_bytes != row->new_bytes);
}

static const char *amount(char buffer[TEXT_SIZE_ROOM], bool counted, uint64_t value)
{
    return counted ? text_count(buffer, value) : text_size(buffer, value);
}

static void put_change(struct table *table, bool counted, uint64_t old, uint64_t new)
{
    char buffer[TEXT_SIZE_ROOM], change[TEXT_SIZE_ROOM + 1];
    bool more = new >= old;
    snprintf(change, sizeof(change), "%s%s",
             new == old ? ""
             : more     ? "+"
                        : "-",
             amount(buffer, counted, more ? new - old : old - new));
    enum style style = new == old ? STYLE_DIM : more ? STYLE_YELLOW : STYLE_GREEN;
    table_put(table, style, change);
    table_put(table, STYLE_PLAIN, amount(buffer, counted, old));
    table_put(table, STYLE_DIM, "→");
    table_put(table, STYLE_PLAIN, amount(buffer, counted, new));
}

static void add_place(struct text *text, const char *before, const struct place *place,
                      const struct diff_report *diff)
{
    char buffer[PLACE_ROOM];
    if (!place->function)
        return;
    text_printf(text, "%s%s", before, short_function(place->function, diff->in_full));
    if (*place_line(buffer, place, diff->in_full))
        text_printf(text, " %s", buffer);
}

/* "chan send at main.send a.go:7, started at main.run a.go:5 · 3 came, 1 went" */
static void put_name(struct table *table, const struct diff_report *diff,
                     const struct growth_row *row)
{
    struct text text = {0};
    bool goroutines = row->kind == LEDGER_STARTS || row->kind == LEDGER_GOROUTINES;
    text_puts(&text, row->kind == LEDGER_DEFERS ? "deferred" : row->shown->name);
    add_place(&text, " at ", &row->shown->at, diff);
    add_place(&text, row->kind == LEDGER_STARTS ? " started at " : ", started at ",
              &row->shown->started_at, diff);
    if (goroutines && diff->same_process)
        text_printf(&text, " · %" PRIu64 " came, %" PRIu64 " went", row->came, row->went);
    if (row->kind == LEDGER_WAYS && row->old_count != row->new_count) {
        char old[TEXT_SIZE_ROOM], new[TEXT_SIZE_ROOM];
        text_printf(&text, " ×%s → %s", text_count(old, row->old_count),
                    text_count(new, row->new_count));
    }
    table_put(table, STYLE_PLAIN, text.bytes);
    text_deinit(&text);
}

/* How many rows of a kind are shown, and how many there are. */
static size_t put_rows(const struct diff_report *diff, enum ledger_kind kind, struct table *table)
{
    size_t changed = 0;
    for (size_t i = 0; i < diff->growth->rows.length; i++) {
        const struct growth_row *row = &diff->growth->rows.at[i];
        if (row->kind != kind || !has_changed(row) || (row->shown->system && !diff->in_full))
            continue;
        if (changed++ >= ROWS_SHOWN && !diff->in_full)
            continue;
        if (is_counted(kind))
            put_change(table, true, row->old_count, row->new_count);
        else
            put_change(table, false, row->old_bytes, row->new_bytes);
        put_name(table, diff, row);
    }
    return changed;
}

static void write_kind(const struct diff_report *diff, enum ledger_kind kind, struct term *term)
{
    struct table table = {.columns = 5, .right = 1 | 1 << 1 | 1 << 3, .keep = 5};
    struct line line = {.term = term};
    size_t changed = put_rows(diff, kind, &table);
    if (changed) {
        line_end(&line);
        line_put(&line, STYLE_BOLD, titles[kind]);
        line_end(&line);
    }
    table_write(&table, term, INDENT);
    if (changed > ROWS_SHOWN && !diff->in_full) {
        line_printf(&line, STYLE_DIM, "  %zu more: `--long` shows all", changed - ROWS_SHOWN);
        line_end(&line);
    }
    line_deinit(&line);
}

static void write_side(const char *label, const struct report *report, struct line *line)
{
    const struct target_facts *facts = report->facts;
    const char *source = NULL;
    char buffer[TEXT_SIZE_ROOM];
    AUTO_FREE char *release =
        release_name(&report->program->info, report->program->build_id, &source);
    line_put(line, STYLE_DIM, label);
    line_to(line, 6, 1);
    line_put(line, STYLE_BOLD, facts->name);
    if (facts->pid)
        line_printf(line, STYLE_PLAIN, " pid %d", (int)facts->pid);
    if (release)
        line_printf(line, STYLE_PLAIN, " · %s", release);
    if (facts->kind == TARGET_CORE)
        line_put(line, STYLE_PLAIN, " · core");
    if (facts->kind == TARGET_SNAPSHOT && facts->saved_unix >= 0)
        line_printf(line, STYLE_PLAIN, " · saved %s", text_moment(buffer, facts->saved_unix));
    if (facts->uptime_s >= 0)
        line_printf(line, STYLE_PLAIN, " · up %s", text_duration(buffer, facts->uptime_s));
    if (facts->ran_on)
        line_put(line, STYLE_YELLOW, " · not paused");
    line_end(line);
}

static void write_relation(const struct diff_report *diff, struct line *line)
{
    char buffer[TEXT_SIZE_ROOM];
    line_to(line, 6, 1);
    line_put(line, STYLE_PLAIN,
             diff->same_process ? "the same process"
             : diff->same_build ? "the same build"
                                : "different builds");
    if (diff->seconds >= 0)
        line_printf(line, STYLE_PLAIN, ", %s apart", text_duration(buffer, diff->seconds));
    line_put(line, STYLE_PLAIN,
             diff->same_build ? ": compared by function and line" : ": compared by function");
    line_end(line);
}

static bool any_changed(const struct growth *growth)
{
    for (size_t i = 0; i < growth->rows.length; i++) {
        if (has_changed(&growth->rows.at[i]))
            return true;
    }
    return false;
}

/* Rows may well show that this and that has become more: what of it sets the exit status. */
static void write_end(const struct diff_report *diff, struct line *line)
{
    bool heap_known = diff->old->heap && diff->new->heap;
    line_end(line);
    if (diff->growth->grew) {
        line_put(line, STYLE_BOLD, "something grew");
    } else if (!any_changed(diff->growth)) {
        line_put(line, STYLE_BOLD, "nothing changed");
    } else {
        line_put(line, STYLE_BOLD, "nothing grew that counts: ");
        line_wrap(
            line, STYLE_PLAIN,
            heap_known
                ? "no goroutines of a go statement and no deferred calls of a defer statement "
                  "became more, and no type of the heap grew by a tenth and 1 MiB, nor all of "
                  "it"
                : "no goroutines of a go statement and no deferred calls of a defer statement "
                  "became more; the heap could not be compared");
    }
    line_end(line);
}

void report_diff(const struct diff_report *diff, struct term *term)
{
    struct line line = {.term = term};
    write_side("old", diff->old, &line);
    write_side("new", diff->new, &line);
    write_relation(diff, &line);
    for (enum ledger_kind kind = 0; kind < LEDGER_KINDS; kind++)
        write_kind(diff, kind, term);
    write_end(diff, &line);
    line_deinit(&line);
}
