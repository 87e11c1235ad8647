#include "serve/prometheus.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

void prometheus_put_label(struct text *text, const char *name, const char *value)
{
    AUTO_FREE char *shown = text_escaped(value, strlen(value));
    text_printf(text, "%s%s=\"", text->length ? "," : "", name);
    for (const char *at = shown; *at; at++) {
        if (*at == '\\' || *at == '"')
            text_puts(text, "\\");
        text_add(text, at, 1);
    }
    text_puts(text, "\"");
}

void prometheus_put_value(struct text *text, double value)
{
    if (isnan(value))
        text_puts(text, "NaN\n");
    else if (isinf(value))
        text_puts(text, value > 0 ? "+Inf\n" : "-Inf\n");
    else
        text_printf(text, "%.15g\n", value);
}

void prometheus_put_head(struct text *text, const char *name, const char *help, bool counter)
{
    text_printf(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
                counter ? "counter" : "gauge");
}
