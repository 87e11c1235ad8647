/* The parts of Prometheus' text exposition format, version 0.0.4. */
#ifndef SEEP_SERVE_PROMETHEUS_H
#define SEEP_SERVE_PROMETHEUS_H

#include "base/text.h"

/* name="value", with a comma in front if there is something before it. Names that come from a process: what is no UTF-8 would make the whole answer worthless. */
void prometheus_put_label(struct text *text, const char *name, const char *value);

/* The value and the end of the line. */
void prometheus_put_value(struct text *text, double value);

void prometheus_put_head(struct text *text, const char *name, const char *help, bool counter);

#endif
