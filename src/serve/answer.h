/* What the server answers with: one function an address, each in a file of its own. They read the store and make JSON or text; nothing of HTTP is known here.
 * Questions are checked already (question.h): an error is the store's, and ERROR_NOT_FOUND says that there is no such thing in it. */
#ifndef SEEP_SERVE_ANSWER_H
#define SEEP_SERVE_ANSWER_H

#include <jansson.h>

#include "base/text.h"
#include "serve/question.h"
#include "store/store.h"

/* What they answer from. */
struct source {
    struct store *store;
    const char *where;   /* the store's place, escaped */
    uint64_t file_bytes; /* of its file */
    int64_t now_ms, interval_ms;
    const char *
        said; /* by the agent of itself, now; NULL: only the store has it. Until the next question */
};

typedef struct error *answer_function(const struct source *source, const struct question *question,
                                      json_t **json_ret);

struct error *answer_machine(const struct source *source, const struct question *question,
                             json_t **json_ret) NODISCARD;
struct error *answer_programs(const struct source *source, const struct question *question,
                              json_t **json_ret) NODISCARD;
struct error *answer_program(const struct source *source, const struct question *question,
                             json_t **json_ret) NODISCARD;
struct error *answer_moment(const struct source *source, const struct question *question,
                            json_t **json_ret) NODISCARD;
struct error *answer_inspections(const struct source *source, const struct question *question,
                                 json_t **json_ret) NODISCARD;
struct error *answer_inspection(const struct source *source, const struct question *question,
                                json_t **json_ret) NODISCARD;

/* JSON, but written at once: hundreds of thousands of numbers are too many for a tree. */
struct error *answer_series(const struct source *source, const struct question *question,
                            struct text *text_ret) NODISCARD;

/* Prometheus' text format. */
struct error *answer_metrics(const struct source *source, struct text *text_ret) NODISCARD;

/* CSV or JSON, piece by piece: exports can be larger than memory. */
struct export;
struct error *export_begin(const struct source *source, const struct question *question,
                           struct export **export_ret) NODISCARD;
/* Adds the next piece; *more_ret false at the end. Nothing is added, and there is more, if it took so long that others should have their turn. */
struct error *export_next(struct export *export, struct store *store, struct text *text,
                          bool *more_ret) NODISCARD;
void export_end(struct export *export);

/* ---- the machine's agent, as it last said */

struct agent_facts {
    json_t *said; /* NULL: nothing; owned */
    int64_t at_ms;
    bool runs;
};
struct error *agent_facts_read(const struct source *source,
                               struct agent_facts *facts_ret) NODISCARD;

/* ---- shared by the answers (values.c) */

json_t *value_text(const char *text); /* "" becomes null */
json_t *value_number(double number);  /* what is not finite becomes null */
json_t *value_time(int64_t at_ms);    /* 0 becomes null */
json_t *value_slope(double per_s, double low, double high);
json_t *value_to_limit(const struct standing *standing);

/* The lives of the program that a question names, the newest LIVES_SHOWN at the most; ERROR_NOT_FOUND if there is none. The caller ends them. */
enum {
    LIVES_SHOWN = 2000
};
struct error *program_lives(const struct source *source, const char *program,
                            struct lives *lives_ret) NODISCARD;

/* The newest standing of a life; NULL if there is none. */
const struct standing *standing_of(const struct standings *standings, uint32_t life);

/* The newest value of a series in what store_samples_at() gave; false if it is not there. */
bool sample_of(const struct samples *samples, uint32_t series, int64_t *value_ret);

/* What counts as now: older samples are of a process that is not seen any more. */
int64_t source_fresh_ms(const struct source *source);

#endif
