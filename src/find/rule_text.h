/* What each rule means, for people who met one of its findings: `seep explain` and the help texts of
 * SARIF. All texts are static. */
#ifndef SEEP_FIND_RULE_TEXT_H
#define SEEP_FIND_RULE_TEXT_H

#include "find/finding.h"

struct rule_text {
    const char *summary;   /* one line, without a full stop: "deferred calls pile up in a loop" */
    const char *meaning;   /* a few sentences; at most 1,024 bytes, which is what GitHub shows */
    const char *leaky;     /* Go, indented by tabs, ends with a newline */
    const char *fixed;     /* the same without the leak */
    const char *grades[3]; /* what each grade stands for, by enum grade; NULL: not given */
    const char *check;     /* how to be sure: what to look at */
    const char *unknown;   /* what seep cannot know */
    bool in_code;          /* `seep scan` finds it */
    bool in_processes;     /* `seep inspect` does */
};

const struct rule_text *rule_text(enum rule rule);

/* The rule of this name; false if there is none. */
bool rule_named(const char *name, enum rule *rule_ret);

/* The rule whose name is most like a word; false if none is much like it. */
bool rule_like(const char *word, enum rule *rule_ret);

#endif
