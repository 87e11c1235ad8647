/* Go's own dump, as a crash or GOTRACEBACK=all prints it (runtime/traceback.go: goroutineheader, traceback1, traceback2,
 * printcreatedby, showfuncinfo; Go 1.19 and 1.26 were read). Arguments are left out: "(...)". Goroutines with the same stack get
 * the same text, so it is made once per stack. */
#include <string.h>

#include "report/places.h"
#include "report/report.h"
#include "report/words.h"

enum {
    INNER_FRAMES = 50, /* tracebackInnerFrames and tracebackOuterFrames, since 1.21 */
    OUTER_FRAMES = 50,
    FRAMES_BEFORE_1_21 = 100, /* _TracebackMaxFrames */
    CACHE_BYTES_MAX = 64 << 20,
};

static const int64_t ns_per_minute = INT64_C(60000000000);

struct dump {
    const struct report *report;
    bool before_1_21;
    struct text *stacks; /* per stack of the table: its text, or empty */
    size_t cached_bytes;
};

static bool starts_with(const char *text, const char *prefix)
{
    return !strncmp(text, prefix, strlen(prefix));
}

static bool is_upper(char letter)
{
    return letter >= 'A' && letter <= 'Z';
}

/* isExportedRuntime; until 1.20 a method's receiver was taken for the function. */
static bool is_exported_runtime(const char *name, bool before_1_21)
{
    const char *rest = name + strlen("runtime.");
    const char *dot = strrchr(rest, '.');
    if (before_1_21 || !dot)
        return is_upper(*rest);
    bool pointer = starts_with(rest, "(*") && dot > rest && dot[-1] == ')';
    return is_upper(dot[1]) && is_upper(rest[pointer ? 2 : 0]);
}

/* showfuncinfo. `callee` is the function that this one called, NULL for the innermost. */
static bool is_shown(const struct source_frame *frame, const char *callee, bool first,
                     bool before_1_21)
{
    const char *name = frame->function;
    if (is_elided_wrapper(frame, callee))
        return false;
    if (!strcmp(name, "runtime.runFinalizers") || !strcmp(name, "runtime.runCleanups"))
        return true;
    if (!strcmp(name, "runtime.gopanic") && !first)
        return true;
    return strchr(name, '.') &&
           (!starts_with(name, "runtime.") || is_exported_runtime(name, before_1_21));
}

static void add_escaped(struct text *text, const char *bytes)
{
    text_escape(text, bytes, strlen(bytes));
}

/* printFuncName: type arguments become "[...]". */
static void add_function(struct text *text, const char *name)
{
    const char *open = strchr(name, '[');
    const char *close = strrchr(name, ']');
    if (!strcmp(name, "runtime.gopanic")) {
        text_puts(text, "panic");
    } else if (open && close && close > open) {
        text_escape(text, name, (size_t)(open - name));
        text_puts(text, "[...]");
        add_escaped(text, close + 1);
    } else {
        add_escaped(text, name);
    }
}

static void add_line(struct text *text, const char *file, int32_t line)
{
    text_puts(text, "\t");
    add_escaped(text, file ? file : "?");
    text_printf(text, ":%d", (int)line);
}

static void add_frame(struct text *text, const struct placed_frame *frame)
{
    add_function(text, frame->source.function);
    text_puts(text, "(...)\n");
    add_line(text, frame->source.file, frame->source.line);
    if (!frame->source.inlined && frame->pc > frame->source.entry && frame->source.entry)
        text_printf(text, " +0x%llx", (unsigned long long)(frame->pc - frame->source.entry));
    text_puts(text, "\n");
}

/* Keeps the frames that Go shows: all of them if it would show none. Where frames were left out stays marked. */
static void select_frames(struct dump *dump, struct placed_frames *frames)
{
    const char *callee = NULL;
    bool gap = false;
    struct placed_frames all = *frames;
    struct placed_frames shown = {0};
    for (size_t i = 0; i < all.length; i++) {
        gap = gap || all.at[i].gap_before;
        if (is_shown(&all.at[i].source, callee, !shown.length, dump->before_1_21)) {
            VECTOR_PUSH(&shown, all.at[i]);
            shown.at[shown.length - 1].gap_before = gap;
            gap = false;
        }
        callee = all.at[i].source.function;
    }
    if (!shown.length)
        return;
    VECTOR_DEINIT(&all);
    *frames = shown;
}

/* The frames of one stack; `left_out`: how many the observation did not keep in the middle. */
static void add_frames(struct dump *dump, struct text *text, const struct placed_frames *frames,
                       uint64_t left_out)
{
    size_t limit = dump->before_1_21 ? FRAMES_BEFORE_1_21 - 1 : INNER_FRAMES + OUTER_FRAMES;
    bool too_many = frames->length > limit || left_out;
    size_t most = dump->before_1_21 ? FRAMES_BEFORE_1_21 : INNER_FRAMES;
    size_t inner = 0;
    for (; inner < frames->length && (!too_many || inner < most); inner++) {
        if (inner && frames->at[inner].gap_before)
            break;
        add_frame(text, &frames->at[inner]);
    }
    if (!too_many)
        return;
    if (dump->before_1_21) {
        text_puts(text, "...additional frames elided...\n");
        return;
    }
    size_t outer = frames->length > OUTER_FRAMES + inner ? frames->length - OUTER_FRAMES : inner;
    text_printf(text, "...%llu frames elided...\n", (unsigned long long)(outer - inner + left_out));
    for (size_t i = outer; i < frames->length; i++)
        add_frame(text, &frames->at[i]);
}

static void add_stack(struct dump *dump, struct text *text, uint32_t stack)
{
    const struct stack_table *table = dump->report->now->stacks;
    const struct stack *kept = &table->stacks.at[stack];
    struct placed_frames frames;
    frames_of_stack(dump->report->program, table, stack, &frames);
    select_frames(dump, &frames);
    add_frames(dump, text, &frames, kept->depth > kept->kept ? kept->depth - kept->kept : 0);
    VECTOR_DEINIT(&frames);
}

/* printcreatedby: the physical function, but the line of the go statement also where it was inlined. */
static void add_created_by(struct dump *dump, struct text *text, const struct goroutine *goroutine)
{
    const struct pclntab *table = &dump->report->program->pclntab;
    struct func func;
    if (goroutine->id == 1 || !goroutine->go_pc || !pclntab_func(table, goroutine->go_pc, &func))
        return;
    struct source_frame frame = {.function = func_name(table, &func)};
    if (!is_shown(&frame, NULL, false, dump->before_1_21))
        return;
    bool behind_entry = goroutine->go_pc > func.entry;
    func_line(table, &func, goroutine->go_pc - behind_entry, &frame.file, &frame.line);
    text_puts(text, "created by ");
    add_function(text, frame.function);
    if (goroutine->parent_id)
        text_printf(text, " in goroutine %llu", (unsigned long long)goroutine->parent_id);
    text_puts(text, "\n");
    add_line(text, frame.file, frame.line);
    if (behind_entry)
        text_printf(text, " +0x%llx", (unsigned long long)(goroutine->go_pc - func.entry));
    text_puts(text, "\n");
}

static void add_header(struct dump *dump, struct text *text, const struct goroutine *goroutine)
{
    const struct observation *now = dump->report->now;
    bool timed = goroutine->state == GOROUTINE_WAITING || goroutine->state == GOROUTINE_SYSCALL;
    int64_t minutes = 0;
    if (timed && goroutine->wait_since_ns > 0 && now->taken_ns > goroutine->wait_since_ns)
        minutes = (now->taken_ns - goroutine->wait_since_ns) / ns_per_minute;
    text_printf(text, "goroutine %llu [%s", (unsigned long long)goroutine->id,
                state_text(now, goroutine));
    if (goroutine->state == GOROUTINE_LEAKED)
        text_puts(text, " (leaked)");
    if (minutes >= 1)
        text_printf(text, ", %lld minutes", (long long)minutes);
    if (goroutine->locked_to_thread)
        text_puts(text, ", locked to thread");
    if (dump->report->heap) /* only with --heap: Go's own dump has nothing of the kind */
        text_printf(
            text, ", holds %llu bytes",
            (unsigned long long)dump->report->heap->goroutine_held[goroutine - now->goroutines.at]);
    text_puts(text, "]:\n");
}

static void write_goroutine(struct dump *dump, struct text *text, const struct goroutine *goroutine,
                            FILE *out)
{
    text_clear(text);
    add_header(dump, text, goroutine);
    if (goroutine->stack >= dump->report->now->stacks->stacks.length) {
        text_puts(text, "\tgoroutine running on other thread; stack unavailable\n");
    } else {
        struct text *cached = &dump->stacks[goroutine->stack];
        struct text fresh = {0};
        if (!cached->length && dump->cached_bytes < CACHE_BYTES_MAX) {
            add_stack(dump, cached, goroutine->stack);
            dump->cached_bytes += cached->length;
        } else if (!cached->length) {
            add_stack(dump, &fresh, goroutine->stack);
        }
        const struct text *stack = cached->length ? cached : &fresh;
        text_add(text, stack->bytes ? stack->bytes : "", stack->length);
        text_deinit(&fresh);
    }
    add_created_by(dump, text, goroutine);
    fwrite(text->bytes, 1, text->length, out);
}

void report_goroutines(const struct report *report, FILE *out)
{
    const struct observation *now = report->now;
    int minor = report->program->info.go_minor;
    struct dump dump = {.report = report, .before_1_21 = minor > 0 && minor < 21};
    size_t stack_count = now->stacks->stacks.length;
    dump.stacks = xcalloc(stack_count, sizeof(*dump.stacks));
    struct text text = {0};
    bool first = true;
    for (size_t i = 0; i < now->goroutines.length && !ferror(out); i++) {
        if (now->goroutines.at[i].system)
            continue;
        if (!first)
            fputc('\n', out);
        first = false;
        write_goroutine(&dump, &text, &now->goroutines.at[i], out);
    }
    text_deinit(&text);
    for (size_t i = 0; i < stack_count; i++)
        text_deinit(&dump.stacks[i]);
    free(dump.stacks);
}
