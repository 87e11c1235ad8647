#include "report/report_rules.h"

#include <string.h>

#include "base/memory.h"

enum {
    NAME_COLUMN = 20, /* behind the longest name */
    TEXT_AT = 2,
    CODE_AT = 4,
    TAB_CELLS = 4,
    GRADE_AT = 12,
    WIDTH_DEFAULT = 80,
    WIDTH_MAX = 100
};

void report_rules(struct term *term)
{
    struct line line = {.term = term};
    for (unsigned i = 0; i < RULE_COUNT; i++) {
        line_put(&line, STYLE_BOLD, rule_name((enum rule)i));
        line_to(&line, NAME_COLUMN, 2);
        line_wrap(&line, STYLE_PLAIN, rule_text((enum rule)i)->summary);
        line_end(&line);
    }
    line_deinit(&line);
}

static void write_heading(struct line *line, const char *heading)
{
    line_end(line);
    line_put(line, STYLE_BOLD, heading);
    line_end(line);
}

static void write_text(struct line *line, const char *text)
{
    line_to(line, TEXT_AT, 0);
    line_wrap(line, STYLE_PLAIN, text);
    line_end(line);
}

static void write_code(struct line *line, const char *code)
{
    while (*code) {
        size_t tabs = strspn(code, "\t");
        size_t length = strcspn(code, "\n");
        AUTO_FREE char *rest = xstrndup(code + tabs, length - tabs);
        line_to(line, CODE_AT + tabs * TAB_CELLS, 0);
        line_put(line, STYLE_PLAIN, rest);
        line_end(line);
        code += length + (code[length] == '\n');
    }
}

static const char *found_by(const struct rule_text *text)
{
    return !text->in_code       ? "found by `seep inspect`, in running programs and core files"
           : text->in_processes ? "found by `seep scan` in a program's code, and by `seep inspect` "
                                  "in running programs"
                                : "found by `seep scan`, in a program's code";
}

static void write_grades(struct line *line, const struct rule_text *text)
{
    write_heading(line, "Grades");
    for (unsigned i = GRADE_CERTAIN + 1; i-- > GRADE_POSSIBLE;) {
        if (!text->grades[i])
            continue;
        line_to(line, TEXT_AT, 0);
        line_put(line, STYLE_PLAIN, grade_name((enum grade)i));
        line_to(line, GRADE_AT, 1);
        line_wrap(line, STYLE_PLAIN, text->grades[i]);
        line_end(line);
    }
}

void report_rule(enum rule rule, struct term *term)
{
    const struct rule_text *text = rule_text(rule);
    struct term narrow = *term;
    narrow.width = !term->width ? WIDTH_DEFAULT : term->width > WIDTH_MAX ? WIDTH_MAX : term->width;
    struct line line = {.term = &narrow};
    line_put(&line, STYLE_BOLD, rule_name(rule));
    line_put(&line, STYLE_PLAIN, ": ");
    line_wrap(&line, STYLE_PLAIN, text->summary);
    line_end(&line);
    line_wrap(&line, STYLE_DIM, found_by(text));
    line_end(&line);
    line_end(&line);
    write_text(&line, text->meaning);
    write_heading(&line, "Leaks");
    write_code(&line, text->leaky);
    write_heading(&line, "Does not leak");
    write_code(&line, text->fixed);
    write_heading(&line, "How to be sure");
    write_text(&line, text->check);
    write_heading(&line, "What seep cannot know");
    write_text(&line, text->unknown);
    write_grades(&line, text);
    line_deinit(&line);
}
