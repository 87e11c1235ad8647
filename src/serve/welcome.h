/* Who may ask. On loopback any page in a browser of this machine could: so the request must name this machine in Host, whatever a foreign name resolves to, and must not
 * come from a page of another origin. On other addresses a token is wanted as well. */
#ifndef SEEP_SERVE_WELCOME_H
#define SEEP_SERVE_WELCOME_H

#include <stdbool.h>

#include "base/text.h"

struct guards {
    const char *token; /* NULL: none is wanted */
    bool any_host;     /* it listens on more than loopback: then the token is all that guards it */
};

struct claims { /* headers; NULL: not there */
    const char *host, *origin, *authorization, *cookie;
    const char *fetch_site,
        *fetch_mode;   /* Sec-Fetch-*: what the browser says of where it comes from */
    const char *token; /* parameter */
};

enum verdict {
    VERDICT_WELCOME,
    VERDICT_BY_ADDRESS, /* welcome, and the token came in the address */
    VERDICT_NO_TOKEN,
    VERDICT_BAD_HOST,
    VERDICT_BAD_ORIGIN
};

enum verdict guards_judge(const struct guards *guards, const struct claims *claims);

/* "127.0.0.1:7337", "localhost", "[::1]:80": true for names of this machine, whatever the port. */
bool is_loopback_host(const char *host);

/* What Set-Cookie is to say: the token in hexadecimal digits, as it may have letters that a cookie cannot. */
void guards_cookie(const struct guards *guards, struct text *text);

#endif
