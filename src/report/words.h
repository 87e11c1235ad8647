/* Words for what the runtime's enumerations mean. Static or borrowed from the observation. */
#ifndef SEEP_REPORT_WORDS_H
#define SEEP_REPORT_WORDS_H

#include "runtime/observation.h"

/* "chan send"; NULL if the goroutine does not wait or its reason is not known. */
const char *wait_reason_text(const struct observation *observation,
                             const struct goroutine *goroutine);

/* The wait reason, else the state ("running"). */
const char *state_text(const struct observation *observation, const struct goroutine *goroutine);

/* "chan", "mutex": what kind of thing goroutines wait on. */
const char *wait_kind_text(enum wait_kind kind);

#endif
