#include "store/series.h"

#include <string.h>

static const struct series_facts metrics[SERIES_METRIC_COUNT] = {
#define SERIES_FACTS(constant, name_, unit_, grows_, what_) \
    {.name = name_, .unit = unit_, .what = what_, .grows = grows_},
    SERIES_METRICS(SERIES_FACTS)
#undef SERIES_FACTS
};

const struct series_facts *series_facts(uint32_t series)
{
    return &metrics[series];
}

uint32_t series_named(const char *name)
{
    for (uint32_t i = 0; i < SERIES_METRIC_COUNT; i++) {
        if (!strcmp(metrics[i].name, name))
            return i;
    }
    return SERIES_METRIC_COUNT;
}
