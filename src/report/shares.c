#include "report/shares.h"

#include "base/memory.h"

void shares_round(const uint64_t *parts, size_t count, double step, uint64_t total,
                  uint64_t *shown_ret)
{
    AUTO_FREE double *lost = xmalloc((count + 1) * sizeof(*lost));
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        double exact = (double)parts[i] / step;
        shown_ret[i] = (uint64_t)exact;
        lost[i] = exact - (double)shown_ret[i];
        sum += shown_ret[i];
    }
    for (size_t turn = 0; turn < count && sum < total; turn++, sum++) {
        size_t most = 0;
        for (size_t i = 1; i < count; i++)
            most = lost[i] > lost[most] ? i : most;
        shown_ret[most]++;
        lost[most] = -1;
    }
}
