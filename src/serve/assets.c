#include "serve/assets.h"

#include <stdbool.h>
#include <string.h>
#include <zlib.h>

#include "base/memory.h"

enum {
    GZIP = 16 /* zlib's flag for its format */
};

const struct asset *asset_find(const char *path)
{
    if (!strcmp(path, "/"))
        path = "/index.html";
    for (size_t i = 0; i < asset_count; i++) {
        if (!strcmp(assets[i].path, path))
            return &assets[i];
    }
    return NULL;
}

char *asset_inflate(const struct asset *asset)
{
    char *plain = xmalloc(asset->plain_length + 1);
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)asset->bytes,
                       .avail_in = (uInt)asset->length,
                       .next_out = (Bytef *)plain,
                       .avail_out = (uInt)asset->plain_length};
    bool done = inflateInit2(&stream, GZIP + MAX_WBITS) == Z_OK &&
                inflate(&stream, Z_FINISH) == Z_STREAM_END;
    inflateEnd(&stream);
    if (done)
        return plain;
    free(plain);
    return NULL;
}
