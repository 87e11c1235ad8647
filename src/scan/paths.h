/* Can a function go from one place to its return without passing certain others? */
#ifndef SEEP_SCAN_PATHS_H
#define SEEP_SCAN_PATHS_H

#include "scan/scanner.h"

enum {
    PATH_SELECTS_MAX = 32 /* of one function; more are not walked through */
};

/* A select may be passed by some of its cases only. */
struct path_select {
    uint32_t node;
    uint64_t cases; /* bit i: case i may be taken; 0: it can't be passed */
};

struct path {
    const struct summary *summary;
    uint32_t from;
    bool *blocked; /* by node: may not be passed */
    struct path_select selects[PATH_SELECTS_MAX];
    unsigned select_count;
};

/* Starts behind a node. Calls that end the process are blocked from the start. */
void path_init(struct path *path, const struct scanner *scanner, const struct summary *summary,
               uint32_t from);
void path_deinit(struct path *path);
#define AUTO_PATH __attribute__((cleanup(path_deinit)))

void path_block(struct path *path, uint32_t node);

/* The select at `node` may not take case `index`. True in *limited_ret if there is room to say so;
 * else the select is blocked as a whole. */
void path_block_case(struct path *path, uint32_t node, uint32_t index, uint32_t case_count);

/* True if a return can be reached. Behind a select, comparisons of its result decide which way
 * goes on. Bounded: true is only said of a way that was walked. */
bool path_returns(const struct path *path);

/* True if `to` can be reached. */
bool path_reaches(const struct path *path, uint32_t to);

#endif
