/* The build info blob, from its magic on. */
#include "fuzz.h"
#include "program/buildinfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buildinfo info = {0};
    const char *source = NULL;
    struct error *error = buildinfo_parse(data, size, &info);
    if (error_ignore(error))
        return 0;
    buildinfo_release(&info, &source);
    buildinfo_deinit(&info);
    return 0;
}
