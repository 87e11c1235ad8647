/* The machine and its agent: as the agent last said of itself, and whether it still does. */
#include <string.h>

#include "serve/answer.h"

enum {
    SILENT_PERIODS = 3,
    SILENT_LEAST_MS = 90 * 1000 /* it says what it is once a minute */
};

static json_t *metrics(void)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < SERIES_METRIC_COUNT; i++) {
        const struct series_facts *facts = series_facts(i);
        json_array_append_new(array,
                              json_pack("{s:s, s:s, s:s, s:b}", "name", facts->name, "unit",
                                        facts->unit, "what", facts->what, "grows", facts->grows));
    }
    return array;
}

static json_t *list_in(const json_t *said, const char *key)
{
    json_t *list = json_object_get(said, key);
    return json_is_array(list) ? json_incref(list) : json_array();
}

/* The agent's own word goes over what it has written: of a store that cannot be written that is old. */
struct error *agent_facts_read(const struct source *source, struct agent_facts *facts_ret)
{
    AUTO_FREE char *json = NULL;
    int64_t at_ms = 0;
    json_t *said = source->said ? json_loads(source->said, 0, NULL) : NULL;
    if (said) {
        at_ms = json_integer_value(json_object_get(said, "sampled_ms"));
    } else {
        TRY(store_agent(source->store, &json, &at_ms));
        said = json ? json_loads(json, 0, NULL) : NULL;
    }
    int64_t age_ms = source->now_ms - at_ms;
    bool runs = said && age_ms < SILENT_LEAST_MS + SILENT_PERIODS * source->interval_ms;
    *facts_ret = (struct agent_facts){said, at_ms, runs};
    return NULL;
}

static json_t *agent(const struct agent_facts *facts)
{
    const json_t *said = facts->said;
    double cpu_s = json_number_value(json_object_get(said, "cpu_s"));
    int64_t started_ms = json_integer_value(json_object_get(said, "started_ms"));
    double lived_s = (double)(facts->at_ms - started_ms) / 1e3;
    return json_pack("{s:o, s:o, s:b, s:I, s:I, s:o, s:o, s:o}", "started_ms",
                     value_time(started_ms), "sampled_ms", value_time(facts->at_ms), "running",
                     facts->runs, "processes",
                     json_integer_value(json_object_get(said, "processes")), "rss_bytes",
                     json_integer_value(json_object_get(said, "rss_bytes")), "cpu_share",
                     lived_s >= 1 ? value_number(cpu_s / lived_s) : json_null(), "problems",
                     list_in(said, "problems"), "unseen", list_in(said, "unseen"));
}

struct error *answer_machine(const struct source *source, const struct question *question,
                             json_t **json_ret)
{
    struct agent_facts facts;
    struct store_size size;
    (void)question;
    TRY(store_size(source->store, &size));
    TRY(agent_facts_read(source, &facts));
    const char *host = json_string_value(json_object_get(facts.said, "host"));
    json_t *store =
        json_pack("{s:s, s:I, s:I, s:o, s:o}", "where", source->where, "bytes",
                  (json_int_t)size.file_bytes, "samples", (json_int_t)size.samples, "first_ms",
                  value_time(size.first_ms), "last_ms", value_time(size.last_ms));
    *json_ret =
        json_pack("{s:o, s:I, s:I, s:s, s:o, s:o, s:o}", "host", value_text(host), "now_ms",
                  source->now_ms, "interval_ms", source->interval_ms, "version", SEEP_VERSION,
                  "agent", agent(&facts), "store", store, "metrics", metrics());
    json_decref(facts.said);
    return NULL;
}
