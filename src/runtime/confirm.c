#include "runtime/confirm.h"

enum {
    BATCH = 2048,
    STATUS_SCAN_BIT = 0x1000
};

static bool is_same(const struct offsets *offsets, const uint8_t *bytes,
                    const struct goroutine *goroutine)
{
    const uint8_t *g = bytes - offsets->g_from;
    uint32_t status = load_u32(g + offsets->g_status) & ~(uint32_t)STATUS_SCAN_BIT;
    return load_u64(g + offsets->g_goid) == goroutine->id && status == goroutine->state &&
           load_u64(g + offsets->g_sched_sp) == goroutine->sp;
}

struct error *goroutines_confirm(struct runtime *runtime, const struct observation *observation,
                                 const uint32_t *indices, size_t count, uint8_t *still_ret)
{
    const struct offsets *offsets = &runtime->offsets;
    AUTO_FREE uint8_t *bytes = xmalloc((size_t)BATCH * offsets->g_size);
    AUTO_FREE struct read_request *requests = xcalloc(BATCH, sizeof(*requests));
    for (size_t from = 0; from < count; from += BATCH) {
        size_t wanted = count - from < BATCH ? count - from : BATCH;
        for (size_t i = 0; i < wanted; i++)
            requests[i] = (struct read_request){
                .at = observation->goroutines.at[indices[from + i]].at + offsets->g_from,
                .size = offsets->g_size,
                .to = bytes + i * offsets->g_size};
        TRY(target_read_many(runtime->target, requests, wanted));
        for (size_t i = 0; i < wanted; i++) {
            size_t at = from + (size_t)((uint8_t *)requests[i].to - bytes) / offsets->g_size;
            still_ret[at] =
                !requests[i].failed &&
                is_same(offsets, requests[i].to, &observation->goroutines.at[indices[at]]);
        }
    }
    return NULL;
}
