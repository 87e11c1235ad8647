/* `seep ps`: a table for people, and JSON lines with these keys (docs/ps.schema.json):
 *
 *   schema          1
 *   pid, name       of the process
 *   go_version      null if the program does not say
 *   release         module version, VCS revision or build id; null if there is none
 *   release_source  "module", "vcs", "build-id" or null
 *   stripped        boolean
 *   uptime_s, rss_bytes
 *   goroutines      user goroutines; null if they could not be read
 *   deferred_calls  pending ones of all goroutines; null if they could not be read
 *   mark            "leak": inspect finds one at the first look; "suspect": inspect would look twice; else null
 *   problem         why the process could not be read; else null */
#include <math.h>
#include <string.h>

#include "report/json_internal.h"
#include "report/table.h"

enum {
    SCHEMA = 1
};

static const char *or_dash(const char *text)
{
    return text && *text ? text : "-";
}

static void put_row(struct table *table, const struct ps_row *row)
{
    char buffer[TEXT_SIZE_ROOM];
    enum style mark_style = row->mark == PS_LEAK ? STYLE_RED : STYLE_YELLOW;
    enum style style = row->problem ? STYLE_DIM : STYLE_PLAIN;
    table_put(table, mark_style, row->mark == PS_LEAK ? "!" : row->mark == PS_SUSPECT ? "?" : " ");
    snprintf(buffer, sizeof(buffer), "%d", (int)row->pid);
    table_put(table, style, buffer);
    table_put(table, row->problem ? STYLE_DIM : STYLE_BOLD, or_dash(row->name));
    table_put(table, style, or_dash(row->go_version));
    table_put(table, style, or_dash(row->release));
    table_put(table, style, row->stripped ? "yes" : "no");
    table_put(table, style, row->uptime_s >= 0 ? text_duration(buffer, row->uptime_s) : "-");
    table_put(table, style, text_size(buffer, row->rss_bytes));
    table_put(table, style, row->counted ? text_count(buffer, row->goroutines) : "-");
    table_put(table, style, row->counted ? text_count(buffer, row->deferred) : "-");
}

static void write_hidden(uint64_t hidden, bool as_root, struct line *line)
{
    char buffer[TEXT_SIZE_ROOM];
    text_count(buffer, hidden);
    const char *noun = hidden == 1 ? "process" : "processes";
    if (as_root)
        line_printf(line, STYLE_DIM,
                    "%s %s may not be read, not even by this root (CAP_SYS_PTRACE is missing)",
                    buffer, noun);
    else
        line_printf(line, STYLE_DIM, "%s %s %s to others: run as root to see %s", buffer, noun,
                    hidden == 1 ? "belongs" : "belong", hidden == 1 ? "it" : "them");
    line_end(line);
}

static void write_closing_lines(const struct ps_rows *rows, uint64_t hidden, bool as_root,
                                struct term *term)
{
    bool leaks = false;
    bool suspects = false;
    for (size_t i = 0; i < rows->length; i++) {
        leaks = leaks || rows->at[i].mark == PS_LEAK;
        suspects = suspects || rows->at[i].mark == PS_SUSPECT;
        hidden += rows->at[i].no_permission;
    }
    struct line line = {.term = term};
    if (leaks) {
        line_put(&line, STYLE_DIM, "! `seep inspect PID` names a leak");
        line_end(&line);
    }
    if (suspects) {
        line_put(&line, STYLE_DIM, "? `seep inspect PID` would look twice to tell");
        line_end(&line);
    }
    for (size_t i = 0; i < rows->length; i++) {
        const struct ps_row *row = &rows->at[i];
        if (!row->problem || row->no_permission)
            continue;
        line_printf(&line, STYLE_DIM, "- %d: %s", (int)row->pid, row->problem);
        line_end(&line);
    }
    if (hidden)
        write_hidden(hidden, as_root, &line);
    line_deinit(&line);
}

void report_ps(const struct ps_rows *rows, uint64_t hidden, bool as_root, struct term *term)
{
    static const char *const headings[] = {"",         "PID",    "NAME", "GO",         "RELEASE",
                                           "STRIPPED", "UPTIME", "RSS",  "GOROUTINES", "DEFERS"};
    struct table table = {.columns = LENGTH_OF(headings),
                          .right = 1 << 1 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 9,
                          .keep = LENGTH_OF(headings)};
    for (size_t i = 0; rows->length && i < LENGTH_OF(headings); i++)
        table_put(&table, STYLE_DIM, headings[i]);
    for (size_t i = 0; i < rows->length; i++)
        put_row(&table, &rows->at[i]);
    if (rows->length)
        table_write(&table, term, 0);
    else
        fputs("no Go process found\n", term->out);
    write_closing_lines(rows, hidden, as_root, term);
}

json_t *report_ps_json(const struct ps_row *row)
{
    json_t *value = json_object();
    json_object_set_new(value, "schema", json_integer(SCHEMA));
    json_object_set_new(value, "pid", json_integer(row->pid));
    json_object_set_new(value, "name", json_text(row->name ? row->name : "?"));
    json_object_set_new(value, "go_version", json_text(row->go_version));
    json_object_set_new(value, "release", json_text(row->release));
    json_object_set_new(value, "release_source", json_text(row->release_source));
    json_object_set_new(value, "stripped", json_boolean(row->stripped));
    json_object_set_new(value, "uptime_s", json_seconds(row->uptime_s));
    json_object_set_new(value, "rss_bytes", json_count(row->rss_bytes));
    json_object_set_new(value, "goroutines",
                        row->counted ? json_count(row->goroutines) : json_null());
    json_object_set_new(value, "deferred_calls",
                        row->counted ? json_count(row->deferred) : json_null());
    json_object_set_new(value, "mark",
                        row->mark == PS_LEAK      ? json_string("leak")
                        : row->mark == PS_SUSPECT ? json_string("suspect")
                                                  : json_null());
    json_object_set_new(value, "problem", json_text(row->problem));
    return value;
}

void ps_rows_deinit(struct ps_rows *rows)
{
    for (size_t i = 0; i < rows->length; i++) {
        free(rows->at[i].name);
        free(rows->at[i].go_version);
        free(rows->at[i].release);
        free(rows->at[i].problem);
    }
    VECTOR_DEINIT(rows);
}
