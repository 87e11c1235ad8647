/* --memory: where the resident memory is, line by line, and what can be done about it. The lines add up to the RSS, also as they are shown; small ones
 * are folded into one. */
#include <stdio.h>
#include <string.h>

#include "report/shares.h"
#include "report/table.h"
#include "report/text_internal.h"

enum {
    LINES_MAX = 20,
    LINES_SHOWN = 11,  /* and one for the rest */
    FOLD_PERMILLE = 5, /* a line of less than this share of the RSS has none of its own */
    SHARE_UNITS = 1000,
    CLASSES_NAMED = 3,
    REMARK_GAP = 2,
    INDENT = 2,
    STACK_LEAST = 2048,    /* no stack is smaller */
    DISABLETHP_MINOR = 21, /* GODEBUG=disablethp since Go 1.21.6 (runtime/mem_linux.go) */
    DISABLETHP_PATCH = 6,
    LIMIT_MINOR = 19 /* GOMEMLIMIT */
};

struct memory_line {
    const char *name;
    uint64_t bytes;
    struct text remark;
};

struct memory_lines {
    const struct report *report;
    struct memory_line at[LINES_MAX];
    size_t count;
};

static struct text *add(struct memory_lines *lines, const char *name, uint64_t bytes)
{
    struct memory_line *line = &lines->at[lines->count++];
    *line = (struct memory_line){.name = name, .bytes = bytes};
    return &line->remark;
}

/* ---- what can be done */

static void say_garbage(const struct report *report, struct text *text)
{
    const struct counters *counters = &report->now->counters;
    char buffer[TEXT_SIZE_ROOM];
    text_printf(text, "%s %s that nothing leads to; ",
                text_count(buffer, report->instant.garbage.objects),
                report->instant.garbage.objects == 1 ? "object" : "objects");
    if (counters->known && counters->percent < 0 && counters->limit == INT64_MAX)
        text_puts(text, "no collection comes by itself, as GOGC is off");
    else if (counters->known && counters->goal && counters->goal < UINT64_C(1) << 47)
        text_printf(text, "the next collection takes them, before the heap has %s (GOGC=%d)",
                    text_size(buffer, counters->goal), (int)counters->percent);
    else
        text_puts(text, "the next collection takes them");
}

/* The classes with most free memory. */
static size_t worst_classes(const struct memory_parts *parts, const struct slot_class **worst)
{
    size_t count = 0;
    for (unsigned i = 0; i < SLOT_CLASSES; i++) {
        const struct slot_class *class = &parts->classes[i];
        size_t place = count < CLASSES_NAMED ? count : CLASSES_NAMED;
        while (place && worst[place - 1]->free_bytes < class->free_bytes)
            place--;
        if (!class->free_bytes || place == CLASSES_NAMED)
            continue;
        count += count < CLASSES_NAMED;
        memmove(&worst[place + 1], &worst[place], (count - 1 - place) * sizeof(*worst));
        worst[place] = class;
    }
    return count;
}

static void say_free_slots(const struct report *report, struct text *text)
{
    const struct memory_parts *parts = &report->now->memory.parts;
    const struct slot_class *worst[CLASSES_NAMED];
    size_t count = worst_classes(parts, worst);
    char size[TEXT_SIZE_ROOM], bytes[TEXT_SIZE_ROOM];
    for (size_t i = 0; i < count && worst[i]->free_bytes >= parts->free_slots / 10; i++)
        text_printf(text, "%sslots of %s: %s free, %.0f %% used", i ? "; " : "",
                    text_size(size, worst[i]->size_bytes), text_size(bytes, worst[i]->free_bytes),
                    100.0 * (double)(worst[i]->slots - worst[i]->free_slots) /
                        (double)worst[i]->slots);
    text_puts(text, text->length ? ". " : "");
    text_puts(text,
              "For objects of the same size only; a span is given back when all of it is free");
}

static void say_idle(const struct report *report, struct text *text)
{
    bool limit = report->program->info.go_minor >= LIMIT_MINOR;
    text_puts(text, "free pages, given back little by little; a lower GOGC");
    text_puts(text, limit ? " or GOMEMLIMIT keeps them" : " keeps them");
    text_puts(text, " fewer, debug.FreeOSMemory() returns them at once");
}

static bool has_disablethp(const struct report *report)
{
    int minor = report->program->info.go_minor, patch = 0;
    const char *version = report->program->info.go_version;
    if (minor != DISABLETHP_MINOR)
        return minor > DISABLETHP_MINOR;
    return version && sscanf(version, "go1.21.%d", &patch) == 1 && patch >= DISABLETHP_PATCH;
}

static void say_huge(const struct report *report, struct text *text)
{
    text_puts(text, "the kernel put huge pages where Go had given memory back; ");
    if (has_disablethp(report))
        text_puts(text, "GODEBUG=disablethp=1 keeps the heap out of them");
    else
        text_puts(text,
                  "0 in /sys/kernel/mm/transparent_hugepage/khugepaged/max_ptes_none stops it");
}

static void say_stacks(const struct report *report, struct text *text)
{
    const struct memory_parts *parts = &report->now->memory.parts;
    uint64_t count = report->now->user + report->now->system;
    char buffer[TEXT_SIZE_ROOM];
    text_printf(text, "%s goroutines", text_count(buffer, count));
    if (!parts->stacks_used)
        return;
    text_printf(text, ", %s each; frames fill %.0f %%",
                text_size(buffer, count ? parts->stacks_used / count : 0),
                100.0 * (double)parts->frames / (double)parts->stacks_used);
    if (parts->stacks_used / 4 > count * STACK_LEAST)
        text_puts(text, ". A collection halves those that are used by less than a quarter");
}

static void say_kept(const struct report *report, struct text *text)
{
    const struct memory_parts *parts = &report->now->memory.parts;
    char buffer[TEXT_SIZE_ROOM];
    text_puts(text, "free for new goroutines, or of the runtime's threads");
    if (parts->dead_stacks)
        text_printf(text, "; %s belong to goroutines that ended, until the next collection",
                    text_size(buffer, parts->dead_stacks));
}

static void say_dead(const struct report *report, struct text *text)
{
    char buffer[TEXT_SIZE_ROOM];
    text_printf(text,
                "%s goroutines ended; Go keeps their descriptors for new ones until it exits. "
                "Fewer at a time need fewer",
                text_count(buffer, report->now->dead));
}

static void say_named(const struct large_mapping *list, const char *unnamed, struct text *text)
{
    char buffer[TEXT_SIZE_ROOM];
    for (unsigned i = 0; i < MAPPINGS_NAMED && list[i].rss_bytes; i++) {
        if (list[i].rss_bytes < list[0].rss_bytes / 10)
            break;
        text_printf(text, "%s%s ", i ? ", " : "largest: ", text_size(buffer, list[i].rss_bytes));
        if (list[i].name[0])
            text_puts(text, list[i].name);
        else
            text_printf(text, "%s 0x%llx", unnamed, (unsigned long long)list[i].start);
    }
}

/* ---- the lines */

static void add_heap(struct memory_lines *lines)
{
    const struct report *report = lines->report;
    const struct memory_parts *parts = &report->now->memory.parts;
    uint64_t garbage =
        garbage_among(&report->instant.garbage, parts->objects + parts->dead_descriptors);
    garbage = garbage < parts->objects ? garbage : parts->objects;
    if (report->instant.garbage_known) {
        add(lines, "objects in use", parts->objects - garbage);
        say_garbage(report, add(lines, "garbage", garbage));
    } else {
        text_puts(add(lines, "objects", parts->objects),
                  "in use or garbage: not told apart without an instant");
    }
    say_dead(report, add(lines, "dead goroutines", parts->dead_descriptors));
    say_free_slots(report, add(lines, "free slots", parts->free_slots));
    text_puts(add(lines, "ends of spans", parts->span_ends),
              "behind the last slot, and bits that tell where pointers are");
    text_puts(add(lines, "heap, not told", parts->untold), "changed while it was counted");
    say_idle(report, add(lines, "idle heap", parts->idle));
    say_huge(report, add(lines, "idle, huge pages", parts->idle_again));
}

static void add_rest(struct memory_lines *lines)
{
    const struct report *report = lines->report;
    const struct memory_parts *parts = &report->now->memory.parts;
    say_stacks(report, add(lines, "stacks", parts->stacks_used));
    say_kept(report, add(lines, "stacks, kept", parts->stacks_kept));
    text_puts(add(lines, "collector's buffers", parts->buffers), "");
    text_puts(add(lines, "runtime's tables", parts->tables),
              "descriptors of spans, maps of the heap, the program's zeroed variables");
    text_puts(add(lines, "program, libraries", parts->program_files),
              "pages of files: the kernel drops and reads them again as it needs");
    say_named(parts->files_named, "", add(lines, "mapped files", parts->other_files));
    text_puts(add(lines, "C heap", parts->c_heap),
              "malloc by C code (cgo): not seen by Go's tools");
    say_named(parts->outside_named, "anonymous memory at",
              add(lines, "outside Go", parts->outside));
}

/* The least that a line of its own must have: so few lines are not many. */
static uint64_t least_of(const struct memory_lines *lines, uint64_t total)
{
    uint64_t least = total / SHARE_UNITS * FOLD_PERMILLE + 1;
    for (;;) {
        size_t count = 0;
        uint64_t smallest = UINT64_MAX;
        for (size_t i = 0; i < lines->count; i++) {
            uint64_t bytes = lines->at[i].bytes;
            count += bytes >= least;
            smallest = bytes >= least && bytes < smallest ? bytes : smallest;
        }
        if (count <= LINES_SHOWN)
            return least;
        least = smallest + 1;
    }
}

/* Small lines become one at the end. */
static void fold(struct memory_lines *lines, uint64_t total)
{
    struct text names = {0};
    uint64_t bytes = 0, least = least_of(lines, total);
    size_t kept = 0;
    for (size_t i = 0; i < lines->count; i++) {
        struct memory_line *line = &lines->at[i];
        if (line->bytes >= least) {
            lines->at[kept++] = *line;
            continue;
        }
        if (line->bytes)
            text_printf(&names, "%s%s", names.length ? "; " : "", line->name);
        bytes += line->bytes;
        text_deinit(&line->remark);
    }
    lines->count = kept;
    if (bytes)
        *add(lines, "all else", bytes) = names;
    else
        text_deinit(&names);
}

static void cell(char *buffer, size_t room, uint64_t tenths, int digits, const char *unit)
{
    snprintf(buffer, room, "%.*f %s", digits, (double)tenths / (digits == 2 ? 100 : 10), unit);
}

static size_t widest(const struct memory_lines *lines)
{
    size_t width = 0;
    for (size_t i = 0; i < lines->count; i++) {
        size_t cells = term_cells(lines->at[i].name);
        width = cells > width ? cells : width;
    }
    return width;
}

struct columns {
    size_t size_end, share_end;
    int digits;
    const char *unit;
};

static void write_line(struct line *out, const struct columns *columns, enum style style,
                       const char *name, uint64_t size, uint64_t share, const char *remark)
{
    char size_text[TEXT_SIZE_ROOM], share_text[TEXT_SIZE_ROOM];
    cell(size_text, sizeof(size_text), size, columns->digits, columns->unit);
    cell(share_text, sizeof(share_text), share, 1, "%");
    line_to(out, INDENT, 0);
    line_put(out, style, name);
    line_put_right(out, columns->size_end, 1, style == STYLE_PLAIN ? STYLE_BOLD : style, size_text);
    line_put_right(out, columns->share_end, 1, STYLE_PLAIN, share_text);
    if (remark && *remark) {
        line_to(out, columns->share_end + REMARK_GAP, 0);
        line_wrap(out, STYLE_DIM, remark);
    }
    line_end(out);
}

static void write_lines(const struct memory_lines *lines, const char *whole, uint64_t total,
                        struct term *term)
{
    struct line out = {.term = term};
    bool large = total >= UINT64_C(10) << 30;
    double unit = large ? 1 << 30 : 1 << 20, scale = large ? 100 : 10;
    uint64_t parts[LINES_MAX], sizes[LINES_MAX], shares[LINES_MAX];
    for (size_t i = 0; i < lines->count; i++)
        parts[i] = lines->at[i].bytes;
    uint64_t shown = (uint64_t)((double)total / unit * scale + 0.5);
    shares_round(parts, lines->count, unit / scale, shown, sizes);
    shares_round(parts, lines->count, (double)total / SHARE_UNITS, SHARE_UNITS, shares);
    size_t width = INDENT + widest(lines);
    struct columns columns = {.size_end = width + 13,
                              .share_end = width + 22,
                              .digits = large ? 2 : 1,
                              .unit = large ? "GiB" : "MiB"};
    for (size_t i = 0; i < lines->count; i++)
        write_line(&out, &columns, STYLE_PLAIN, lines->at[i].name, sizes[i], shares[i],
                   lines->at[i].remark.bytes);
    write_line(&out, &columns, STYLE_BOLD, whole, shown, SHARE_UNITS, NULL);
    line_deinit(&out);
}

/* Huge pages lie across the lines. */
static void write_huge(const struct memory_parts *parts, struct term *term)
{
    struct line out = {.term = term};
    char all[TEXT_SIZE_ROOM], heap[TEXT_SIZE_ROOM];
    if (!parts->huge)
        return;
    line_to(&out, INDENT, 0);
    line_printf(&out, STYLE_DIM, "of it in huge pages: %s, %s of them heap",
                text_size(all, parts->huge), text_size(heap, parts->heap_huge));
    line_end(&out);
    line_deinit(&out);
}

void text_memory(const struct report *report, struct term *term)
{
    const struct memory_split *memory = &report->now->memory;
    struct memory_lines lines = {.report = report};
    if (!memory->known || !memory->parts.known || !memory->total)
        return;
    add_heap(&lines);
    add_rest(&lines);
    fold(&lines, memory->total);
    fputc('\n', term->out);
    write_lines(&lines, report->facts->kind == TARGET_CORE ? "core" : "rss", memory->total, term);
    write_huge(&memory->parts, term);
    for (size_t i = 0; i < lines.count; i++)
        text_deinit(&lines.at[i].remark);
}
