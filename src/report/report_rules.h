/* The rules, for people: what `seep explain` shows. */
#ifndef SEEP_REPORT_REPORT_RULES_H
#define SEEP_REPORT_REPORT_RULES_H

#include "find/rule_text.h"
#include "report/term.h"

/* One line for each rule. */
void report_rules(struct term *term);

/* All that is known of one. */
void report_rule(enum rule rule, struct term *term);

#endif
