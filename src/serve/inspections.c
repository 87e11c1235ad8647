/* What closer looks have brought. */
#include <string.h>

#include "serve/answer.h"

enum {
    DOCUMENT_MAX = 4 << 20
};

static json_t *record_json(const struct inspection_record *record)
{
    return json_pack("{s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:I}", "id", (json_int_t)record->id,
                     "life", (json_int_t)record->life, "at_ms", record->at_ms, "why",
                     value_text(record->why), "problem", value_text(record->problem), "cpu_s",
                     value_number(record->cpu_s), "wall_s", value_number(record->wall_s),
                     "peak_bytes", (json_int_t)record->peak_bytes);
}

struct error *answer_inspections(const struct source *source, const struct question *question,
                                 json_t **json_ret)
{
    struct inspection_records records = {0};
    struct store_span all = {0, INT64_MAX};
    struct error *error = store_inspections(source->store, question->life, all, &records);
    json_t *array = json_array();
    for (size_t i = 0; i < records.length; i++)
        json_array_append_new(array, record_json(&records.at[i]));
    inspection_records_deinit(&records);
    if (error) {
        json_decref(array);
        return error;
    }
    *json_ret = json_pack("{s:I, s:o}", "life", (json_int_t)question->life, "inspections", array);
    return NULL;
}

struct error *answer_inspection(const struct source *source, const struct question *question,
                                json_t **json_ret)
{
    struct inspection_record record;
    TRY(store_inspection(source->store, question->id, &record));
    json_t *json = record_json(&record);
    /* As a tree it takes ten times its bytes. */
    json_t *document = strlen(record.json) <= DOCUMENT_MAX
                           ? json_loads(record.json, JSON_REJECT_DUPLICATES, NULL)
                           : NULL;
    json_object_set_new(json, "document", document ? document : json_null());
    inspection_record_deinit(&record);
    *json_ret = json;
    return NULL;
}
