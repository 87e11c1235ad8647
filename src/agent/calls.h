/* Calls: one per life and cause, opened when the evidence is there, resolved when it ends. From what is counted (tracked sites), from what a closer look found
 * (evidence), and from the trend of bytes. */
#ifndef SEEP_AGENT_CALLS_H
#define SEEP_AGENT_CALLS_H

#include "agent/evidence.h"
#include "agent/watched.h"

/* What a call needs to know of the world around its process. */
struct call_context {
    int64_t now_ms, boot_ms;
    uint32_t *last_call; /* id */
    struct batch *batch; /* gets what has changed */
};

/* An inspection ended: opens calls for the findings that are at least likely and whose count accumulates. Returns how many sites that had none have a call now. */
unsigned calls_from_evidence(struct watched *watched, const struct evidence *evidence,
                             uint32_t inspection, const struct call_context *context);

/* A site that has accumulated for hours and that no inspection could explain: called as climbing. */
void calls_from_counts(struct watched *watched, const struct call_context *context);

/* The trend was looked at. */
void calls_from_trend(struct watched *watched, const struct trend_verdict *verdict,
                      const struct call_context *context);

/* Resolves what has stopped; with `ended` all of it. */
void calls_review(struct watched *watched, bool ended, const struct call_context *context);

/* The worst open call; NULL if none is open. */
const struct call *calls_worst(const struct watched *watched);

/* A copy that owns its texts. */
struct call call_copy(const struct call *call);

#endif
