/* A line through a series whose errors hang together: generalised least squares with AR(1) errors (Prais and Winsten), for points that need not be evenly spaced. Small and dense: a
 * few columns, a thousand rows. */
#ifndef SEEP_TREND_FIT_H
#define SEEP_TREND_FIT_H

#include <stdbool.h>
#include <stddef.h>

enum {
    FIT_COLUMNS_MAX = 7,
    FIT_ROWS_MAX = 1024
};

/* Column-wise: x[column][row]. Column 1 is the one whose coefficient is asked for. */
struct design {
    size_t rows, columns;
    double at_h[FIT_ROWS_MAX]; /* rising */
    double y[FIT_ROWS_MAX];
    double x[FIT_COLUMNS_MAX][FIT_ROWS_MAX];
};

struct fit {
    bool known; /* false: too few rows, or columns that say the same */
    double beta[FIT_COLUMNS_MAX];
    double slope, error; /* of column 1, and its standard error */
    double rho;          /* correlation of errors 15 minutes apart, at least 0.90 */
    double z;   /* of the slope: its t on the effective number of samples, as a normal deviate */
    double t95; /* quantile for a 95 % interval */
    double aic;
};

struct fit fit_line(const struct design *design);

/* The normal deviate of Student's t (Wallace 1959), and back. */
double fit_z_of_t(double t, double degrees);
double fit_t_of_z(double z, double degrees);

#endif
