/* What grows under one holder, between two looks at the whole heap: entries of a map, elements of a slice, objects of a type.
 *
 * Growth alone is no leak: a cache grows until it is full. Two things tell them apart as far as it can be told from outside. None of what was there at the
 * first look may have gone: a cache that evicts and a map that is cleared now and then let go of some. And the pace of the looks must be that of the whole
 * life: what fills at start and is full, or was cleared before, has another. What grows without these is told in a note.
 *
 * Values without pointers are no objects: a buffer, a slice or a map of numbers is one object that becomes larger. How many elements it has is told
 * (heap/elements.h), and that nobody emptied it between the looks, but not whether each is still there: so the pace has to fit more closely. */
#include <string.h>

#include "find/heap_growth.h"
#include "find/rules.h"

enum {
    CAME_MIN = 20,
    SAMPLES_MIN = 10,
    LINES_MAX = 10,        /* findings */
    LARGE_BYTES = 1 << 16, /* a single object that is not worth a word below */
};

static const double interval_min_s = 10;
static const double lives_min =
    3; /* the life is so many times as long as the time between the looks */
static const double pace_ratio = 2;     /* of the life's and the looks' */
static const double close_ratio = 1.25; /* the same, where that is all that tells */

struct judged {
    const struct heap_view *before, *after;
    const struct heap_growth *growth;
    uint64_t samples, stayed;
    double pace, life_pace; /* members per second */
};

/* Members or elements per second, from the start to the second look; `uptime_s` is of the first one. */
static double life_pace(const struct looks *looks, uint64_t count)
{
    return looks->uptime_s > 0 ? (double)count / (looks->uptime_s + looks->interval_s) : 0;
}

static const struct heap_line *line_of(const struct judged *judged)
{
    return &judged->after->lines.at[judged->growth->after];
}

/* The holder at the top of the line's way. */
static const struct heap_line *holder_of(const struct heap_view *view, const struct heap_line *line)
{
    while (line->depth > 1)
        line = &view->lines.at[line->parent];
    return line;
}

/* Several kinds of objects that grow under one line (a map's keys and values) are one leak: of the most bytes. */
static bool is_largest(const struct heap_growths *growths, const uint32_t *growth_of,
                       const struct heap_view *after, uint32_t line)
{
    for (uint32_t i = 1; i < after->lines.length; i++) {
        if (after->lines.at[i].parent == after->lines.at[line].parent &&
            growth_of[i] != HEAP_LINE_NONE && growth_of[i] < growth_of[line] &&
            growths->at[growth_of[i]].members >= CAME_MIN)
            return false;
    }
    return true;
}

/* Each growing line makes those above it hold more: the first one of whose kind there are more is meant. */
static bool is_first(const struct heap_growths *growths, const uint32_t *growth_of,
                     const struct heap_view *after, uint32_t line)
{
    for (uint32_t at = after->lines.at[line].parent; at; at = after->lines.at[at].parent) {
        if (growth_of[at] != HEAP_LINE_NONE && growths->at[growth_of[at]].members >= CAME_MIN)
            return false;
    }
    return true;
}

static void count_samples(struct judged *judged)
{
    const struct heap_samples *samples = &judged->before->samples;
    for (size_t i = 0; i < samples->length; i++) {
        if (samples->at[i].line != judged->growth->before)
            continue;
        judged->samples++;
        judged->stayed += judged->after->then_now[i] == judged->growth->after;
    }
}

static bool is_steady(const struct judged *judged, double ratio)
{
    return judged->pace <= judged->life_pace * ratio && judged->life_pace <= judged->pace * ratio;
}

static bool is_old(const struct looks *looks)
{
    return looks->uptime_s >= lives_min * looks->interval_s;
}

static enum rule rule_of(const struct heap_view *view, const struct heap_line *line)
{
    const char *above = view->lines.at[line->parent].name;
    if (view->lines.at[line->parent].kind != HEAP_LINE_OBJECTS) /* a variable mapper.first */
        return RULE_GROWING_TYPE;
    if (!strncmp(above, "map", 3) || !strncmp(above, "[]map.group[", 12))
        return RULE_GROWING_MAP;
    return above[0] == '[' ? RULE_GROWING_SLICE : RULE_GROWING_TYPE;
}

static enum rule rule_of_one(const struct heap_line *line)
{
    return strncmp(line->name, "map", 3) ? RULE_GROWING_SLICE : RULE_GROWING_MAP;
}

/* What would be free: of entries and elements the map or the slice that grows with them as well. */
static uint64_t held_of(const struct heap_view *view, const struct heap_line *line, enum rule rule)
{
    return rule == RULE_GROWING_TYPE ? line->held_bytes : view->lines.at[line->parent].held_bytes;
}

/* "44,943 main.session", but "44,943 objects (string bytes)": what is called by no type of Go. */
static char *many_of(const struct heap_line *line)
{
    static const char *const no_types[] = {
        "map buckets of ", "map table of ",       "map directory of ", "map overflow of ",
        "closure of ",     "chan buffer of ",     "string bytes",      "tiny objects",
        "large, ",         "type made by reflect"};
    char total[TEXT_SIZE_ROOM];
    bool is_type = !heap_line_is_sized(line);
    for (size_t i = 0; i < LENGTH_OF(no_types); i++)
        is_type = is_type && strncmp(line->name, no_types[i], strlen(no_types[i])) != 0;
    text_count(total, line->members);
    return is_type ? sentence("%s %s", total, line->name)
                   : sentence("%s objects (%s)", total, line->name);
}

static const char *fix_of(enum rule rule)
{
    switch (rule) {
    case RULE_GROWING_MAP:
        return "delete entries when they are done, or bound the map: what is it keyed by, and who "
               "ends a key?";
    case RULE_GROWING_SLICE:
        return "let go of elements when they are done: a slice that is only appended to keeps all";
    default:
        return "find who links these to their holder, and let go of them when they are done";
    }
}

static char *path_of(const struct judged *judged)
{
    struct text text = {0};
    heap_line_path(judged->after, judged->growth->after, &text);
    return text.bytes;
}

/* Of `count` members or elements now, `came` of which are new. Takes the title. */
static struct finding finding_of(const struct looks *looks, const struct judged *judged,
                                 enum rule rule, uint64_t count, int64_t came, char *title)
{
    char more[TEXT_SIZE_ROOM], age[TEXT_SIZE_ROOM];
    struct finding finding = {
        .rule = rule,
        .grade = GRADE_LIKELY,
        .count = count,
        .held_bytes = line_of(judged)->held_bytes,
        .held_measured = true,
        .title = title,
        .holder = path_of(judged),
        .oldest_s = -1,
        .newest_s = -1,
        .has_progress = true,
        .progress_s = looks->interval_s,
        .came = (uint64_t)came,
        .since =
            sentence("at this pace for about %s", text_duration(age, (double)count / judged->pace)),
        .fix = fix_of(rule),
    };
    VECTOR_PUSH(&finding.because, sentence("in %.1f s %s more came", looks->interval_s,
                                           text_count(more, finding.came)));
    return finding;
}

static void report(const struct looks *looks, const struct judged *judged,
                   struct findings *findings)
{
    const struct heap_line *line = line_of(judged);
    char stayed[TEXT_SIZE_ROOM];
    enum rule rule = rule_of(judged->after, line);
    AUTO_FREE char *many = many_of(line);
    struct finding finding = finding_of(looks, judged, rule, line->members, judged->growth->members,
                                        sentence("%s under one holder, and none goes", many));
    finding.held_bytes = held_of(judged->after, line, rule);
    VECTOR_PUSH(&finding.because, sentence("all of %s that were looked for again are still there",
                                           text_count(stayed, judged->stayed)));
    VECTOR_PUSH(&finding.because,
                sentence("the pace is that of its whole life: no cache that fills and is full"));
    VECTOR_PUSH(findings, finding);
}

static void report_one(const struct looks *looks, const struct judged *judged,
                       struct findings *findings)
{
    const struct heap_line *line = line_of(judged);
    char total[TEXT_SIZE_ROOM];
    struct finding finding =
        finding_of(looks, judged, rule_of_one(line), line->elements.count, judged->growth->elements,
                   sentence("%s elements in one %s, which only grows",
                            text_count(total, line->elements.count), line->name));
    VECTOR_PUSH(&finding.because, sentence("nobody emptied it between the looks"));
    VECTOR_PUSH(&finding.because,
                sentence("the pace is that of its whole life: nothing that fills and is full"));
    VECTOR_PUSH(findings, finding);
}

static void remark(const struct looks *looks, const struct judged *judged, struct notes *notes,
                   const char *why)
{
    char came[TEXT_SIZE_ROOM];
    AUTO_FREE char *path = path_of(judged);
    bool one = judged->growth->members < CAME_MIN;
    int64_t more = one ? judged->growth->elements : judged->growth->members;
    VECTOR_PUSH(notes, sentence("%s: %s more%s in %.1f s%s, so this is not called a leak", path,
                                text_count(came, (uint64_t)more), one ? " elements" : "",
                                looks->interval_s, why));
}

/* Of what none has gone. */
static void remark_pace(const struct looks *looks, const struct judged *judged, struct notes *notes)
{
    char least[TEXT_SIZE_ROOM];
    if (is_old(looks)) {
        remark(looks, judged, notes,
               ", at another pace than over its life, as in a cache that fills");
        return;
    }
    AUTO_FREE char *young =
        sentence(", and the process is too young to tell: before looks so far apart it has to run "
                 "for %s",
                 text_duration(least, lives_min * looks->interval_s));
    remark(looks, judged, notes, young);
}

static void judge(const struct looks *looks, struct judged *judged, struct findings *findings,
                  struct notes *notes)
{
    count_samples(judged);
    judged->pace = (double)judged->growth->members / looks->interval_s;
    judged->life_pace = life_pace(looks, line_of(judged)->members);
    if (judged->stayed < judged->samples)
        remark(looks, judged, notes, ", and others went");
    else if (judged->samples < SAMPLES_MIN)
        remark(looks, judged, notes, ", and before there were too few to tell whether any goes");
    else if (is_old(looks) && is_steady(judged, pace_ratio))
        report(looks, judged, findings);
    else
        remark_pace(looks, judged, notes);
}

/* What lies in a sync.Pool is spare: the collector takes it, after two rounds in which nobody did. */
static bool is_spare(const struct heap_view *view, uint32_t line)
{
    for (; line; line = view->lines.at[line].parent) {
        if (!strcmp(view->lines.at[line].name, "[]sync.poolLocal"))
            return true;
    }
    return false;
}

static bool is_of_runtime(const char *type)
{
    return !strncmp(type + strspn(type, "[]*"), "runtime.", strlen("runtime."));
}

/* What hangs on objects that several lead to, and that have not become more themselves. */
static bool is_of_shared(const struct heap_line *line, const struct heap_line *holder,
                         const struct heap_line *old_holder)
{
    return heap_line_is_shared(holder) && line->depth > holder->depth &&
           holder->members <= old_holder->members && !is_of_runtime(holder->name);
}

/* What more goroutines hold is told with the goroutines, and so are deferred calls. */
static bool has_holder(const struct heap_growth *growth, const struct heap_view *before,
                       const struct heap_view *after)
{
    if (growth->before == HEAP_LINE_NONE || growth->after == HEAP_LINE_NONE)
        return false;
    const struct heap_line *line = &after->lines.at[growth->after];
    const struct heap_line *holder = holder_of(after, line);
    const struct heap_line *old_holder = holder_of(before, &before->lines.at[growth->before]);
    bool of_goroutines =
        holder->kind == HEAP_LINE_GOROUTINES && holder->members <= old_holder->members;
    bool of_variable = holder->kind == HEAP_LINE_VARIABLE && !is_of_runtime(holder->name);
    return line->kind == HEAP_LINE_OBJECTS &&
           (of_goroutines || of_variable || is_of_shared(line, holder, old_holder)) &&
           !is_spare(after, growth->after);
}

/* What several goroutines share has entries for them: where those become more as well, they are what is told. */
static bool is_for_goroutines(const struct looks *looks, uint32_t line, int64_t came)
{
    size_t now = looks->now->goroutines.length, first = looks->first->goroutines.length;
    return heap_line_is_shared(holder_of(looks->heap_now, &looks->heap_now->lines.at[line])) &&
           now > first && (int64_t)(now - first) * 2 >= came;
}

static bool is_candidate(const struct looks *looks, const struct heap_growth *growth)
{
    return growth->members >= CAME_MIN && has_holder(growth, looks->heap_first, looks->heap_now) &&
           !is_for_goroutines(looks, growth->after, growth->members);
}

/* Nothing else grows that is above it or below it. */
static bool grows_alone(const struct heap_view *after, const uint32_t *growth_of, uint32_t line)
{
    for (uint32_t at = line; at; at = after->lines.at[at].parent) {
        if (growth_of[at] != HEAP_LINE_NONE)
            return false;
    }
    for (uint32_t below = line + 1; below < after->lines.length; below++) {
        if (after->lines.at[below].depth <= after->lines.at[line].depth)
            break;
        if (growth_of[below] != HEAP_LINE_NONE)
            return false;
    }
    return true;
}

static void judge_one(const struct looks *looks, struct judged *judged, struct findings *findings,
                      struct notes *notes)
{
    judged->pace = (double)judged->growth->elements / looks->interval_s;
    judged->life_pace = life_pace(looks, line_of(judged)->elements.count);
    if (is_old(looks) && is_steady(judged, close_ratio))
        report_one(looks, judged, findings);
    else
        remark_pace(looks, judged, notes);
}

static void find_large(const struct looks *looks, const struct heap_growths *growths,
                       const uint32_t *growth_of, struct findings *findings, struct notes *notes)
{
    const struct heap_view *before = looks->heap_first, *after = looks->heap_now;
    unsigned count = 0;
    for (uint32_t i = 0; i < growths->length && count < LINES_MAX; i++) {
        const struct heap_growth *growth = &growths->at[i];
        struct judged judged = {.before = before, .after = after, .growth = growth};
        if (growth->elements < CAME_MIN || !has_holder(growth, before, after) ||
            is_for_goroutines(looks, growth->after, growth->elements) ||
            line_of(&judged)->bytes < LARGE_BYTES || !grows_alone(after, growth_of, growth->after))
            continue;
        judge_one(looks, &judged, findings, notes);
        count++;
    }
}

static void find_many(const struct looks *looks, const struct heap_growths *growths,
                      const uint32_t *growth_of, struct findings *findings, struct notes *notes)
{
    const struct heap_view *after = looks->heap_now;
    unsigned count = 0;
    for (uint32_t i = 0; i < growths->length && count < LINES_MAX; i++) {
        struct judged judged = {
            .before = looks->heap_first, .after = after, .growth = &growths->at[i]};
        if (!is_candidate(looks, &growths->at[i]) ||
            !is_first(growths, growth_of, after, growths->at[i].after) ||
            !is_largest(growths, growth_of, after, growths->at[i].after))
            continue;
        judge(looks, &judged, findings, notes);
        count++;
    }
}

/* What has nobody that it could be called with: several lead to it, or more goroutines than before hold it, each of which may have brought what it holds. */
static const char *why_no_holder(const struct looks *looks, const struct judged *judged)
{
    const struct heap_line *line = line_of(judged);
    const struct heap_line *holder = holder_of(judged->after, line);
    const struct heap_line *old_holder =
        holder_of(judged->before, &judged->before->lines.at[judged->growth->before]);
    int64_t came = judged->growth->members;
    int64_t rose = (int64_t)(holder->members - old_holder->members);
    if (line->kind != HEAP_LINE_OBJECTS || is_of_runtime(line->name))
        return NULL;
    if (heap_line_is_shared(line) && !is_for_goroutines(looks, judged->growth->after, came))
        return ", and none goes; but they are held by several";
    if (holder->kind == HEAP_LINE_GOROUTINES && rose > 0 && came >= rose * CAME_MIN)
        return ", and none goes; but there are more of those goroutines than before";
    return NULL;
}

/* One line of those under one other line. What of it comes and goes is not worth a word. */
static bool is_noted(const struct heap_view *view, const uint8_t *noted, uint32_t line)
{
    for (uint32_t at = view->lines.at[line].parent; at; at = view->lines.at[at].parent) {
        if (noted[at])
            return true;
    }
    return false;
}

static void note_unheld(const struct looks *looks, const struct heap_growths *growths,
                        struct notes *notes)
{
    const struct heap_view *after = looks->heap_now;
    AUTO_FREE uint8_t *noted = xcalloc(after->lines.length, 1);
    unsigned count = 0;
    for (uint32_t i = 0; i < growths->length && count < LINES_MAX; i++) {
        const struct heap_growth *growth = &growths->at[i];
        struct judged judged = {.before = looks->heap_first, .after = after, .growth = growth};
        if (growth->before == HEAP_LINE_NONE || growth->after == HEAP_LINE_NONE ||
            growth->members < CAME_MIN || is_noted(after, noted, growth->after))
            continue;
        const char *why = why_no_holder(looks, &judged);
        if (!why)
            continue;
        count_samples(&judged);
        if (judged.samples < SAMPLES_MIN || judged.stayed < judged.samples)
            continue;
        remark(looks, &judged, notes, why);
        noted[after->lines.at[growth->after].parent] = 1;
        count++;
    }
}

void find_growing(const struct looks *looks, struct findings *findings, struct notes *notes)
{
    const struct heap_view *after = looks->heap_now;
    if (!looks->heap_first || !after || !after->then_now || looks->interval_s < interval_min_s)
        return;
    struct heap_growths growths;
    heap_growths_find(looks->heap_first, after, &growths);
    AUTO_FREE uint32_t *growth_of = xmalloc((after->lines.length + 1) * sizeof(*growth_of));
    memset(growth_of, 0xff, (after->lines.length + 1) * sizeof(*growth_of));
    for (uint32_t i = 0; i < growths.length; i++) {
        if (is_candidate(looks, &growths.at[i]))
            growth_of[growths.at[i].after] = i;
    }
    find_many(looks, &growths, growth_of, findings, notes);
    find_large(looks, &growths, growth_of, findings, notes);
    note_unheld(looks, &growths, notes);
    VECTOR_DEINIT(&growths);
    findings_sort_by_weight(findings);
}
