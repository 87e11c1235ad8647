/* The file of suppressions, and its patterns against names and paths. The input is the file. */
#include <stdlib.h>

#include "cli/suppressions_file.h"
#include "fuzz.h"

static char *const names[] = {"main.poll", "github.com/a/b.(*T[go.shape.int]).run.func1", "", NULL};
static char *const paths[] = {"poll.go", "cmd/agent/poll.go", NULL};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct suppressions suppressions = {0};
    struct error *error = suppressions_parse((const char *)data, size, "input", &suppressions);
    if (error_ignore(error))
        return 0;
    for (size_t i = 0; i < LENGTH_OF(names); i++) {
        for (size_t k = 0; k < LENGTH_OF(paths); k++) {
            struct finding finding = {
                .rule = RULE_LOST_CANCEL, .at.function = names[i], .origin.path = paths[k]};
            suppressions_find(&suppressions, &finding);
        }
    }
    suppressions_deinit(&suppressions);
    return 0;
}
