/* What the files of the SARIF writer share. Values are new references. */
#ifndef SEEP_REPORT_SARIF_INTERNAL_H
#define SEEP_REPORT_SARIF_INTERNAL_H

#include "report/json_internal.h"
#include "report/report_sarif.h"

/* sarif_rules.c: the rules of a scan, as reportingDescriptor objects, and where one is in them. */
json_t *sarif_rules(void);
unsigned sarif_rule_index(enum rule rule);

/* sarif_places.c: a location. Names the roots that it needs in `bases` (originalUriBaseIds). */
json_t *sarif_location(const struct scan_report *report, const struct place *place,
                       const struct origin *origin, json_t *bases);

/* The location of a place whose module is to be found out. */
json_t *sarif_other_location(const struct scan_report *report, const struct place *place,
                             json_t *bases);

/* A path as a URI: relative, or with the scheme file if it is absolute. */
json_t *sarif_uri(const char *path);

#endif
