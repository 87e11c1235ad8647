/* The files of the page, compressed, as they were when seep was built (tools/embed makes the table). */
#ifndef SEEP_SERVE_ASSETS_H
#define SEEP_SERVE_ASSETS_H

#include <stddef.h>
#include <stdint.h>

struct asset {
    const char *path; /* "/page.js" */
    const char *type;
    const char *tag;      /* of its content, quoted, for ETag */
    const uint8_t *bytes; /* gzip */
    size_t length, plain_length;
};

extern const struct asset assets[];
extern const size_t asset_count;

/* NULL if there is none; "/" is the page itself. */
const struct asset *asset_find(const char *path);

/* The plain bytes, newly made; NULL if that fails. */
char *asset_inflate(const struct asset *asset);

#endif
