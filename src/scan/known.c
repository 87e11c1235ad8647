#include "scan/known.h"

struct known *known_find(struct findings *findings, struct suppressions *suppressions,
                         struct baseline *baseline)
{
    struct known *known = xcalloc(findings->length, sizeof(*known));
    for (size_t i = 0; i < findings->length; i++) {
        struct finding *finding = &findings->at[i];
        known[i].suppression = suppressions_find(suppressions, finding);
        known[i].in_baseline = baseline_has(baseline, finding);
        finding->suppressed = known[i].suppression;
    }
    return known;
}
