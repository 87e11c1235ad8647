/* What the files of the JSON report share. Values are new references. */
#ifndef SEEP_REPORT_JSON_INTERNAL_H
#define SEEP_REPORT_JSON_INTERNAL_H

#include "report/places.h"
#include "report/report.h"

json_t *json_text(const char *text); /* null for NULL */
/* What a target is: "process", "core" or "snapshot". */
const char *target_kind_word(const struct target_facts *facts);
json_t *target_json(const struct report *report);

json_t *json_count(uint64_t count);
json_t *json_seconds(double seconds);          /* null if negative: unknown */
json_t *json_address(address at);              /* "0xc000123" */
json_t *json_place(const struct place *place); /* null if it has no function */
json_t *json_place_taken(struct place place);  /* the same; ends the place */

/* A finding with the keys that all commands share. */
json_t *finding_json(const struct finding *finding);

/* json_memory.c: the key `memory_parts` */
json_t *memory_parts_json(const struct report *report);

/* json_groups.c */
json_t *groups_json(const struct report *report);
json_t *heap_json(const struct report *report);
json_t *defers_json(const struct report *report);

/* report_whereabouts.c */
json_t *whereabouts_json(const struct whereabouts *whereabouts);

#endif
