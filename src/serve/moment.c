/* One moment of one life: where its memory was, and what its goroutines were doing. */
#include <stdlib.h>
#include <string.h>

#include "serve/answer.h"

enum {
    AGE_MS = 20 * 60 *
             1000, /* counts of sites are written when they change, and every quarter of an hour */
    GROUPS_MAX = 100
};

static int64_t value_or_0(const struct samples *samples, uint32_t series)
{
    int64_t value = 0;
    return sample_of(samples, series, &value) && value > 0 ? value : 0;
}

/* Takes at most what is left of the resident memory, so that the parts add up to it: they were not read at one instant. */
static void add_part(json_t *parts, const char *name, int64_t size_bytes, int64_t *left)
{
    int64_t taken = size_bytes < *left ? size_bytes : *left;
    taken = taken > 0 ? taken : 0;
    *left -= taken;
    if (taken)
        json_array_append_new(parts,
                              json_pack("{s:s, s:I}", "part", name, "bytes", (json_int_t)taken));
}

static json_t *memory(const struct samples *samples)
{
    json_t *parts = json_array();
    int64_t rss = value_or_0(samples, SERIES_RSS), anon = value_or_0(samples, SERIES_RSS_ANON);
    int64_t live = value_or_0(samples, SERIES_HEAP_LIVE),
            in_use = value_or_0(samples, SERIES_HEAP_IN_USE);
    int64_t left = anon < rss ? anon : rss;
    int64_t files = rss - left;
    int64_t first = live && (!in_use || live < in_use) ? live : in_use;
    add_part(parts, live ? "heap live" : "heap in use", first, &left);
    add_part(parts, "heap garbage", live ? in_use - live : 0, &left);
    add_part(parts, "stacks", value_or_0(samples, SERIES_STACKS), &left);
    add_part(parts, "heap idle", value_or_0(samples, SERIES_HEAP_IDLE), &left);
    add_part(parts, "other private", left, &left);
    add_part(parts, "files", files, &files);
    return parts;
}

static json_t *values(const struct samples *samples)
{
    json_t *object = json_object();
    for (uint32_t i = 0; i < SERIES_METRIC_COUNT; i++) {
        int64_t value = 0;
        bool known = sample_of(samples, i, &value);
        json_object_set_new(object, series_facts(i)->name,
                            known ? json_integer(value) : json_null());
    }
    return object;
}

static json_t *place(const char *function, const char *file, int32_t line)
{
    if (!*function)
        return json_null();
    return json_pack("{s:o, s:o, s:o}", "function", value_text(function), "file", value_text(file),
                     "line", line > 0 ? json_integer(line) : json_null());
}

struct group {
    const struct site_record *site;
    int64_t count;
};

static int by_count(const void *left, const void *right)
{
    const struct group *a = left, *b = right;
    return (a->count < b->count) - (a->count > b->count);
}

static json_t *groups(const struct samples *samples, const struct site_records *sites)
{
    struct counted VECTOR_OF(struct group) counted = {0};
    json_t *array = json_array();
    for (size_t i = 0; i < sites->length; i++) {
        int64_t count = 0;
        if (sample_of(samples, SERIES_SITES + sites->at[i].id, &count) && count > 0)
            VECTOR_PUSH(&counted, (struct group){&sites->at[i], count});
    }
    if (counted.length)
        qsort(counted.at, counted.length, sizeof(*counted.at), by_count);
    for (size_t i = 0; i < counted.length && i < GROUPS_MAX; i++) {
        const struct site_record *site = counted.at[i].site;
        json_array_append_new(
            array,
            json_pack("{s:s, s:I, s:o, s:o, s:o}", "kind", site_kind_name(site->kind), "count",
                      (json_int_t)counted.at[i].count, "wait_reason", value_text(site->wait_reason),
                      "at", place(site->at_function, site->at_file, site->at_line), "started_at",
                      place(site->started_function, site->started_file, site->started_line)));
    }
    VECTOR_DEINIT(&counted);
    return array;
}

struct error *answer_moment(const struct source *source, const struct question *question,
                            json_t **json_ret)
{
    struct samples samples = {0};
    struct site_records sites = {0};
    struct error *error =
        store_samples_at(source->store, question->life, question->at_ms, AGE_MS, &samples);
    if (!error)
        error = store_sites(source->store, question->life, &sites);
    if (!error && !samples.length)
        error = error_create(ERROR_NOT_FOUND, "nothing is known of life %u at that time",
                             question->life);
    if (!error)
        *json_ret = json_pack("{s:I, s:I, s:o, s:o, s:o}", "life", (json_int_t)question->life,
                              "at_ms", question->at_ms, "values", values(&samples), "memory",
                              memory(&samples), "groups", groups(&samples, &sites));
    VECTOR_DEINIT(&samples);
    site_records_deinit(&sites);
    return error;
}
