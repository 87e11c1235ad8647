#include <math.h>

#include "report/json_internal.h"
#include "report/report_diff.h"

enum {
    SCHEMA = 1
};

const char *ledger_kind_key(enum ledger_kind kind)
{
    static const char *const keys[LEDGER_KINDS] = {
        [LEDGER_STARTS] = "started",  [LEDGER_GOROUTINES] = "goroutines",
        [LEDGER_DEFERS] = "defers",   [LEDGER_MEMORY] = "memory",
        [LEDGER_HEAP] = "heap",       [LEDGER_TYPES] = "types",
        [LEDGER_HOLDERS] = "holders", [LEDGER_WAYS] = "ways",
    };
    return keys[kind];
}

static json_t *pair(uint64_t old, uint64_t new)
{
    return json_pack("{s:o, s:o}", "old", json_count(old), "new", json_count(new));
}

static json_t *row_json(const struct diff_report *diff, const struct growth_row *row)
{
    bool goroutines = row->kind == LEDGER_GOROUTINES || row->kind == LEDGER_STARTS;
    bool ids = goroutines && diff->same_process;
    json_t *value = json_object();
    json_object_set_new(value, "name", json_text(row->shown->name));
    json_object_set_new(value, "at", json_place(&row->shown->at));
    json_object_set_new(value, "started_at", json_place(&row->shown->started_at));
    json_object_set_new(value, "system", json_boolean(row->shown->system));
    json_object_set_new(value, "count",
                        row->kind == LEDGER_MEMORY ? json_null()
                                                   : pair(row->old_count, row->new_count));
    json_object_set_new(value, "bytes", pair(row->old_bytes, row->new_bytes));
    json_object_set_new(value, "came", ids ? json_count(row->came) : json_null());
    json_object_set_new(value, "went", ids ? json_count(row->went) : json_null());
    return value;
}

static json_t *rows_json(const struct diff_report *diff, enum ledger_kind kind)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < diff->growth->rows.length; i++) {
        if (diff->growth->rows.at[i].kind == kind)
            json_array_append_new(rows, row_json(diff, &diff->growth->rows.at[i]));
    }
    return rows;
}

json_t *report_diff_json(const struct diff_report *diff)
{
    json_t *value = json_object();
    json_object_set_new(value, "schema", json_integer(SCHEMA));
    json_object_set_new(value, "seep", json_string(SEEP_VERSION));
    json_object_set_new(value, "old", target_json(diff->old));
    json_object_set_new(value, "new", target_json(diff->new));
    json_object_set_new(value, "same_build", json_boolean(diff->same_build));
    json_object_set_new(value, "same_process", json_boolean(diff->same_process));
    json_object_set_new(value, "seconds", json_seconds(diff->seconds));
    json_object_set_new(value, "grew", json_boolean(diff->growth->grew));
    for (enum ledger_kind kind = 0; kind < LEDGER_KINDS; kind++)
        json_object_set_new(value, ledger_kind_key(kind), rows_json(diff, kind));
    return value;
}
