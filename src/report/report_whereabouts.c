/* How the runtime's globals were found: for whoever wonders what a statement about a stripped program rests on. */
#include <stdio.h>

#include "report/json_internal.h"
#include "report/table.h"
#include "report/text_internal.h"

enum {
    INDENT = 2
};

static void put_row(struct table *table, enum global global, const struct whereabout *one)
{
    char at[32] = "";
    if (one->at)
        snprintf(at, sizeof(at), "0x%llx", (unsigned long long)one->at);
    table_put(table, STYLE_PLAIN, global_name(global));
    table_put(table, STYLE_PLAIN, at);
    table_put(table, one->way == FOUND_NONE ? STYLE_YELLOW : STYLE_DIM,
              found_way_words(global, one->way));
}

void text_whereabouts(const struct report *report, struct term *term)
{
    struct line line = {.term = term};
    struct table table = {.columns = 3, .right = 1 << 1, .keep = 1};
    line_end(&line);
    line_put(&line, STYLE_BOLD, "how the runtime was found");
    line_put(&line, STYLE_DIM,
             report->program->stripped ? " · the program is stripped"
                                       : " · the program's symbols are not used");
    line_end(&line);
    for (unsigned i = 0; i < GLOBAL_COUNT; i++) {
        if (report->whereabouts.of[i].way != FOUND_NOT_SOUGHT)
            put_row(&table, (enum global)i, &report->whereabouts.of[i]);
    }
    table_write(&table, term, INDENT);
    line_deinit(&line);
}

json_t *whereabouts_json(const struct whereabouts *whereabouts)
{
    json_t *array = json_array();
    for (unsigned i = 0; i < GLOBAL_COUNT; i++) {
        const struct whereabout *one = &whereabouts->of[i];
        if (one->way == FOUND_NOT_SOUGHT)
            continue;
        json_array_append_new(array,
                              json_pack("{s:s, s:s, s:o}", "what", global_name((enum global)i),
                                        "way", found_way_name(one->way), "address",
                                        one->at ? json_address(one->at) : json_null()));
    }
    return array;
}
