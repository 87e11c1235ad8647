/* The page's door: the agent holds the socket, and who knocks wakes seep-page, a program that may do nothing but read the store and answer. It ends by itself
 * when nobody has asked for a while, so that at rest the agent is all there is. */
#ifndef SEEP_AGENT_PAGE_H
#define SEEP_AGENT_PAGE_H

#include <stdint.h>
#include <sys/types.h>

#include "agent/settings.h"
#include "base/notice.h"

struct page {
    const struct settings *settings; /* borrowed */
    int socket;                      /* -1: no page */
    pid_t child;                     /* 0: none runs */
    int64_t began_boot_ms;
    int64_t rest_until_boot_ms; /* after it failed, it is not started again before */
    unsigned failures;          /* in a row */
    char *token;                /* NULL: none */
    char *program;              /* of seep-page */
    struct notice notice;       /* what it reads of the agent */
};

/* Listens. Errors name the address and what would help (taken, not allowed). Without an address: does nothing. */
struct error *page_open(const struct settings *settings, struct page *page_ret) NODISCARD;

/* What to wait for with poll(2), for reading; -1: nothing now. */
int page_descriptor(const struct page *page, int64_t boot_ms);

/* What seep-page is to say of the agent, one JSON object, whether the store can be written or not. */
void page_tell(struct page *page, const char *facts);

/* Somebody knocks: starts seep-page. */
struct error *page_wake(struct page *page, int64_t boot_ms) NODISCARD;

/* Notes that seep-page ended, if it did. Returns a line for people if it failed, else NULL; the caller frees. */
char *page_tend(struct page *page, int64_t boot_ms);

/* Ends seep-page, too. */
void page_close(struct page *page);

#endif
