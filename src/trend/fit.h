/* A line through a series whose errors hang together: generalised least squares, for points that need not be evenly spaced. Errors are the sum of noise, that is new in every point, and of
 * something that wanders: a process of the first order (AR(1)). How fast it wanders and its share are not known: the same line is fitted for each of a grid of answers, and whoever asks must
 * hear all of them that the data do not speak against. Small and dense: a few columns, a thousand rows. */
#ifndef SEEP_TREND_FIT_H
#define SEEP_TREND_FIT_H

#include <stdbool.h>
#include <stddef.h>

enum {
    FIT_COLUMNS_MAX = 5,
    FIT_CURVES_MAX = 16,
    FIT_LINES_MAX = 1 + FIT_CURVES_MAX,
    FIT_ROWS_MAX = 1024,
    FIT_NOISES = 56
};

/* Column-wise: x[column][row]. Column 1 is the one whose coefficient is asked for. Curves are further columns, of which a line takes one or none, and only if its coefficient is over zero. */
struct design {
    size_t rows, columns, curves;
    double at_h[FIT_ROWS_MAX]; /* rising */
    double y[FIT_ROWS_MAX];
    double x[FIT_COLUMNS_MAX][FIT_ROWS_MAX];
    double curve[FIT_CURVES_MAX][FIT_ROWS_MAX];
};

struct fit {
    bool known; /* false: too few rows, or columns that say the same */
    double beta[FIT_COLUMNS_MAX + 1];
    double slope, error; /* of column 1, and its standard error */
    double z;            /* of the slope: its t, as a normal deviate */
    double t95;          /* quantile for a 95 % interval */
    double aic;
    double unlikely; /* −2 log of the restricted likelihood: to compare answers about the errors */
    bool counts;     /* the data do not speak against it */
};

/* With one answer about the errors, [0, FIT_NOISES): first without a curve, then with each of them. */
void fit_lines(const struct design *design, unsigned noise, struct fit fits_ret[FIT_LINES_MAX]);

/* Without curves: of the lines that the data do not speak against, the one that doubts most that there is a slope. */
struct fit fit_line(const struct design *design);

/* Marks those that count: lines with a curve that fits about as well as the best, each with every answer about the errors that is about as likely for it as the likeliest. */
void fit_choose(struct fit fits[FIT_NOISES][FIT_LINES_MAX]);

/* The normal deviate of Student's t (Wallace 1959), and back. */
double fit_z_of_t(double t, double degrees);
double fit_t_of_z(double z, double degrees);

#endif
