/* What the options of several commands have in common. */
#ifndef SEEP_CLI_OPTIONS_H
#define SEEP_CLI_OPTIONS_H

#include <stdint.h>

#include "base/error.h"
#include "find/finding.h"
#include "report/term.h"

/* "0", "500ms", "2s", "1m", "1.5h": at most a day. */
struct error *option_duration(const char *text, int64_t *duration_ns_ret) NODISCARD;

/* "always", "never", "auto". */
struct error *option_color(const char *text, enum color_when *when_ret) NODISCARD;

/* "certain", "likely", "possible". */
struct error *option_grade(const char *text, enum grade *grade_ret) NODISCARD;

/* "defer-in-loop": the error names the rule that may be meant. */
struct error *option_rule(const char *text, enum rule *rule_ret) NODISCARD;

#endif
