/* The heap for people: what is live by type, and who holds it, as a tree. Figures stand to the left, so that names may be as long as they are. */
#include <stdlib.h>
#include <string.h>

#include "find/heap_growth.h"
#include "report/table.h"
#include "report/text_internal.h"

enum {
    TYPES_SHOWN = 12,
    CHILDREN_SHOWN = 8,
    CHILDREN_CLOSE = 50, /* and so many lines of one name */
    DEPTH_SHOWN = 8,
    PERCENT = 100,
    INDENT = 2,
    STEP = 2, /* blanks per level */
};

static const double least_share = 0.01;

struct indices VECTOR_OF(uint32_t);

struct heap_writing {
    const struct heap_view *view;
    struct table *table;
    double whole;       /* bytes of objects and stacks */
    unsigned top_depth; /* of the lines that stand at the left */
    unsigned children;  /* of one line at most */
    double least_share; /* of the whole: what holds less has no line */
};

static void put_size(struct table *table, enum style style, uint64_t bytes)
{
    char buffer[TEXT_SIZE_ROOM];
    table_put(table, style, text_size(buffer, bytes));
}

static void put_count(struct table *table, enum style style, uint64_t count)
{
    char buffer[TEXT_SIZE_ROOM];
    table_put(table, style, text_count(buffer, count));
}

static void put_share(struct table *table, double bytes, double whole)
{
    char buffer[TEXT_SIZE_ROOM];
    snprintf(buffer, sizeof(buffer), "%.0f %%", whole > 0 ? bytes * PERCENT / whole : 0);
    table_put(table, STYLE_PLAIN, buffer);
}

/* ---- who holds it */

static void put_name(const struct heap_writing *writing, const struct heap_line *line)
{
    struct text text = {0};
    char buffer[TEXT_SIZE_ROOM];
    text_printf(&text, "%*s", (int)((line->depth - writing->top_depth) * STEP), "");
    heap_line_put(line, &text);
    if (line->members > 1 || line->kind == HEAP_LINE_OTHERS)
        text_printf(&text, " ×%s", text_count(buffer, line->members));
    bool top = line->depth == writing->top_depth;
    table_put(writing->table, top ? STYLE_BOLD : STYLE_PLAIN, text.bytes);
    text_deinit(&text);
}

static void put_line(const struct heap_writing *writing, const struct heap_line *line)
{
    put_size(writing->table, STYLE_BOLD, line->held_bytes);
    put_share(writing->table, (double)line->held_bytes, writing->whole);
    put_count(writing->table, STYLE_PLAIN, line->held_objects);
    put_name(writing, line);
}

static bool is_worth_it(const struct heap_writing *writing, uint64_t bytes)
{
    return (double)bytes >= writing->least_share * writing->whole;
}

/* Down to where lines hold too little to be shown; what is left out under one line is put together if it is worth a line. */
static void put_children(const struct heap_writing *writing, uint32_t parent)
{
    const struct heap_lines *lines = &writing->view->lines;
    struct heap_line others = {
        .kind = HEAP_LINE_OTHERS, .depth = lines->at[parent].depth + 1, .name = (char[]){"others"}};
    unsigned shown = 0;
    for (uint32_t i = parent + 1; i < lines->length && lines->at[i].depth > lines->at[parent].depth;
         i++) {
        const struct heap_line *line = &lines->at[i];
        if (line->parent != parent)
            continue;
        if (line->kind != HEAP_LINE_OTHERS && shown < writing->children &&
            line->depth - writing->top_depth < DEPTH_SHOWN &&
            is_worth_it(writing, line->held_bytes)) {
            put_line(writing, line);
            put_children(writing, i);
            shown++;
            continue;
        }
        others.members += line->kind == HEAP_LINE_OTHERS ? line->members : 1;
        others.held_objects += line->held_objects;
        others.held_bytes += line->held_bytes;
    }
    if (others.members && others.depth - writing->top_depth < DEPTH_SHOWN &&
        is_worth_it(writing, others.held_bytes))
        put_line(writing, &others);
}

static const struct heap_line *sorted; /* by most_first */

static int most_first(const void *left, const void *right)
{
    uint32_t i = *(const uint32_t *)left, k = *(const uint32_t *)right;
    if (sorted[i].held_bytes != sorted[k].held_bytes)
        return sorted[i].held_bytes > sorted[k].held_bytes ? -1 : 1;
    return (i > k) - (i < k);
}

/* The lines with that in their name that hang on no other one, the largest first. */
static void find_named(const struct heap_lines *lines, const char *name, struct indices *found)
{
    for (uint32_t i = 1; i < lines->length; i++) {
        uint32_t top = i;
        if (!strstr(lines->at[i].name, name))
            continue;
        VECTOR_PUSH(found, top);
        while (i + 1 < lines->length && lines->at[i + 1].depth > lines->at[top].depth)
            i++;
    }
    sorted = lines->at;
    if (found->length)
        qsort(found->at, found->length, sizeof(*found->at), most_first);
}

/* Each with what hangs on it: shares are of what it holds. How many there are. */
static size_t put_under(struct heap_writing *writing, const char *name)
{
    const struct heap_lines *lines = &writing->view->lines;
    struct indices found = {0};
    find_named(lines, name, &found);
    for (size_t i = 0; i < found.length && i < CHILDREN_CLOSE; i++) {
        const struct heap_line *line = &lines->at[found.at[i]];
        writing->whole = (double)line->held_bytes;
        writing->top_depth = line->depth;
        put_line(writing, line);
        put_children(writing, found.at[i]);
    }
    size_t count = found.length;
    VECTOR_DEINIT(&found);
    return count;
}

static void write_holders(const struct heap_view *view, const char *under, struct term *term)
{
    static const char *const headings[] = {"held", "share", "objects", "by"};
    struct table table = {.columns = LENGTH_OF(headings), .right = 7, .keep = 4};
    struct heap_writing writing = {.view = view,
                                   .table = &table,
                                   .top_depth = 1,
                                   .children = under ? CHILDREN_CLOSE : CHILDREN_SHOWN,
                                   .least_share = under ? 0 : least_share,
                                   .whole = (double)view->bytes + (double)view->stack_bytes};
    for (size_t i = 0; i < LENGTH_OF(headings); i++)
        table_put(&table, STYLE_DIM, headings[i]);
    size_t count = 1;
    if (under)
        count = put_under(&writing, under);
    else
        put_children(&writing, 0);
    table_write(&table, term, INDENT);
    if (!count)
        fprintf(term->out, "  no line has that in its name\n");
    if (count > CHILDREN_CLOSE)
        fprintf(term->out, "  %zu more lines have that in their names and hold less\n",
                count - CHILDREN_CLOSE);
}

/* ---- what it is */

static void write_types(const struct heap_view *view, struct term *term)
{
    static const char *const headings[] = {"bytes", "share", "objects", "held", "type"};
    struct table table = {.columns = LENGTH_OF(headings), .right = 15, .keep = 5};
    for (size_t i = 0; i < LENGTH_OF(headings); i++)
        table_put(&table, STYLE_DIM, headings[i]);
    for (size_t i = 0; i < view->types.length && i < TYPES_SHOWN; i++) {
        const struct heap_type *type = &view->types.at[i];
        put_size(&table, STYLE_BOLD, type->bytes);
        put_share(&table, (double)type->bytes, (double)view->bytes);
        put_count(&table, STYLE_PLAIN, type->objects);
        put_size(&table, STYLE_PLAIN, type->held_bytes);
        table_put(&table, STYLE_PLAIN, type->name);
    }
    table_write(&table, term, INDENT);
}

static void write_paths(const struct heap_view *view, struct term *term)
{
    struct line line = {.term = term};
    for (size_t i = 0; i < view->types.length && i < TYPES_SHOWN; i++) {
        const struct heap_type *type = &view->types.at[i];
        if (!type->path || !*type->path)
            continue;
        line_to(&line, INDENT, 0);
        line_wrap(&line, STYLE_PLAIN, type->path);
        line_end(&line);
    }
    line_deinit(&line);
}

static void write_heading(struct term *term, const char *heading, const char *remark)
{
    struct line line = {.term = term};
    line_end(&line);
    line_put(&line, STYLE_BOLD, heading);
    if (remark)
        line_printf(&line, STYLE_DIM, "  %s", remark);
    line_end(&line);
    line_deinit(&line);
}

void text_heap(const struct report *report, struct term *term)
{
    const struct heap_view *view = report->heap;
    struct text remark = {0};
    char bytes[TEXT_SIZE_ROOM], objects[TEXT_SIZE_ROOM], stacks[TEXT_SIZE_ROOM];
    if (!view) {
        write_heading(term, "heap", report->heap_why);
        return;
    }
    text_printf(&remark, "%s in %s objects, %s of stacks · types known of %.0f %%",
                text_size(bytes, view->bytes), text_count(objects, view->objects),
                text_size(stacks, view->stack_bytes),
                view->bytes ? (double)view->typed_bytes * PERCENT / (double)view->bytes : 0);
    write_heading(term, "heap", remark.bytes);
    if (!report->heap_under)
        write_types(view, term);
    write_heading(term, "held by", "what would be free without it");
    write_holders(view, report->heap_under, term);
    text_deinit(&remark);
    if (report->heap_under)
        return;
    write_heading(term, "ways", "the shortest to the largest of each type");
    write_paths(view, term);
}
