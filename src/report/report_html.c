/* The data is the JSON report, in a script element that is no script: nothing in it may end that element, so that "<" becomes \u003c. The text report is there
 * for those without scripts. Both have been escaped for terminals before; what stands here is for HTML. */
#include "report/report_html.h"

#include <stdio.h>
#include <string.h>

static void add_bytes(struct text *page, const unsigned char *bytes, size_t size)
{
    text_add(page, (const char *)bytes, size);
}

/* What begins a tag or an entity in HTML. */
static void add_text(struct text *page, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '<')
            text_puts(page, "&lt;");
        else if (bytes[i] == '>')
            text_puts(page, "&gt;");
        else if (bytes[i] == '&')
            text_puts(page, "&amp;");
        else
            text_add(page, &bytes[i], 1);
    }
}

static void add_text_report(const struct report *report, struct text *page)
{
    char *bytes = NULL;
    size_t size = 0;
    struct report full = *report;
    FILE *out = open_memstream(&bytes, &size);
    if (!out)
        return;
    struct term term = {.out = out, .width = TERM_WIDTH_UNLIMITED};
    full.heap_in_full = report->heap != NULL;
    full.heap_under = NULL;
    report_text(&full, &term);
    if (!fclose(out))
        add_text(page, bytes, size);
    free(bytes);
}

static void add_data(const struct report *report, struct text *page)
{
    json_t *value = report_json(report);
    AUTO_FREE char *json = json_dumps(value, JSON_COMPACT | JSON_PRESERVE_ORDER);
    json_decref(value);
    for (const char *at = json ? json : "null"; *at; at++) {
        if (*at == '<')
            text_puts(page, "\\u003c");
        else
            text_add(page, at, 1);
    }
}

void report_html(const struct report *report, struct text *page)
{
    add_bytes(page, report_page_head, report_page_head_size);
    add_text_report(report, page);
    add_bytes(page, report_page_middle, report_page_middle_size);
    add_data(report, page);
    add_bytes(page, report_page_end, report_page_end_size);
}
