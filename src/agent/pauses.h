/* The account of the pauses of one process: so much a day and no more. What an inspection may take is taken off before it begins, and what it did not need is given back when it has
 * ended: so that it holds whatever becomes of the inspection. */
#ifndef SEEP_AGENT_PAUSES_H
#define SEEP_AGENT_PAUSES_H

#include <stdint.h>

#include "store/store.h"

struct pause_account {
    int64_t day;
    uint64_t spent_us; /* that day, with what is taken and not settled */
};

/* How long the next inspection may stop the process: `each_us`, or what is left of `daily_us`; 0 if that is too little to be of use. */
uint64_t pauses_take(struct pause_account *account, int64_t day, uint64_t each_us,
                     uint64_t daily_us);

/* It was allowed `taken_us`, and stopped the process for `paused_us`: more if the machine was busy. */
void pauses_settle(struct pause_account *account, uint64_t taken_us, uint64_t paused_us);

/* What the store knows of a life's inspections of that day. One that says nothing of its pause counts as `most_us`. What cannot be read of the store counts as nothing. */
void pauses_restore(struct pause_account *account, struct store *store, uint32_t life, int64_t day,
                    struct store_span span, uint64_t most_us);

#endif
