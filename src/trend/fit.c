#include "trend/fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum {
    ROWS_LEAST = 6,
    COLUMNS = FIT_COLUMNS_MAX + 1, /* with a curve */
    COLUMNS_ALL = FIT_COLUMNS_MAX + FIT_CURVES_MAX + 1
};

static const double quarter_h = 0.25;
static const double z95 = 1.96;
static const double aic_close = 4, noise_close = 6;

/* What wanders: its correlation over a quarter of an hour, from an hour to five days of memory, and how many answers there are to how much noise lies upon it. */
static const struct {
    double rho;
    unsigned noises;
} wanders[] = {{0.80, 6}, {0.90, 7}, {0.95, 7}, {0.98, 8}, {0.99, 9}, {0.995, 9}, {0.998, 10}};

/* Never all is noise: a part that wanders slowly and is too small to be seen would add up over the days. */
static const double share_most = 0.9;

/* The answers: no noise, then a third of the variance by which what wanders moves in a quarter of an hour, then three times as much each. That proportion is what neighbours tell, and rather exactly. Where the
 * right one is not among the answers, a shorter memory stands in for it, and the slope passes for several times as certain as it is. */
static void answer(unsigned noise, double *rho_ret, double *share_ret)
{
    unsigned wander = 0;
    while (noise >= wanders[wander].noises)
        noise -= wanders[wander++].noises;
    double rho = wanders[wander].rho;
    double upon = noise ? pow(3, (double)noise - 2) * (1 - rho * rho) : 0;
    *rho_ret = rho;
    *share_ret = fmin(share_most, upon / (1 + upon));
}

double fit_z_of_t(double t, double degrees)
{
    double z = (8 * degrees + 1) / (8 * degrees + 3) * sqrt(degrees * log1p(t * t / degrees));
    return t < 0 ? -z : z;
}

double fit_t_of_z(double z, double degrees)
{
    double scaled = z * (8 * degrees + 3) / (8 * degrees + 1);
    double t = sqrt(degrees * expm1(scaled * scaled / degrees));
    return z < 0 ? -t : t;
}

/* ---- errors that hang together */

/* The design with errors that are independent and of one size. */
struct whitened {
    double x[COLUMNS_ALL][FIT_ROWS_MAX]; /* columns, curves, y */
    double logs;                         /* of the variance that was left */
};

static void list_columns(const struct design *design, const double *columns_ret[COLUMNS_ALL])
{
    size_t count = 0;
    for (size_t k = 0; k < design->columns; k++)
        columns_ret[count++] = design->x[k];
    for (size_t k = 0; k < design->curves; k++)
        columns_ret[count++] = design->curve[k];
    columns_ret[count] = design->y;
}

/* Takes out of each row what those before it tell of its error: Kalman's filter, whose state is what wanders, run over every column alike. */
static void whiten(const struct design *design, unsigned noise, struct whitened *whitened)
{
    double rho, share, state[COLUMNS_ALL] = {0}, step_h = 0, r = 0;
    const double *from[COLUMNS_ALL];
    list_columns(design, from);
    answer(noise, &rho, &share);
    double variance = 1 - share;
    whitened->logs = 0;
    for (size_t i = 0; i < design->rows; i++) {
        double passed_h = i ? design->at_h[i] - design->at_h[i - 1] : 0;
        if (passed_h != step_h) { /* most are alike */
            step_h = passed_h;
            r = pow(rho, step_h / quarter_h);
        }
        variance = r * r * variance + (1 - r * r) * (1 - share);
        double left = variance + share, gain = variance / left, scale = 1 / sqrt(left);
        variance *= share / left;
        whitened->logs += log(left);
        for (size_t k = 0; k <= design->columns + design->curves; k++) {
            double before = r * state[k], news = from[k][i] - before;
            whitened->x[k][i] = news * scale;
            state[k] = before + gain * news;
        }
    }
}

/* ---- least squares by modified Gram-Schmidt: X = QR with unit columns of Q, R upper triangular */

struct squares {
    size_t columns;
    double r[COLUMNS][COLUMNS];
    double onto[COLUMNS];
    double rest; /* sum of squares */
};

/* Four sums that do not wait for each other. */
static double dot(const double *left, const double *right, size_t rows)
{
    double sums[4] = {0};
    size_t i = 0;
    for (; i + 4 <= rows; i += 4) {
        for (size_t k = 0; k < 4; k++)
            sums[k] += left[i + k] * right[i + k];
    }
    for (; i < rows; i++)
        sums[0] += left[i] * right[i];
    return sums[0] + sums[1] + sums[2] + sums[3];
}

/* Takes the columns before it out of one more, and that one out of y. False if it is a sum of others. */
static bool add(struct squares *squares, double *const *before, double *x, double *y, size_t rows)
{
    size_t column = squares->columns++;
    double whole = sqrt(dot(x, x, rows));
    for (size_t j = 0; j < column; j++) {
        double part = dot(before[j], x, rows);
        squares->r[j][column] = part;
        for (size_t i = 0; i < rows; i++)
            x[i] -= part * before[j][i];
    }
    double length = sqrt(dot(x, x, rows));
    if (!(length > 1e-9 * whole) || !isfinite(length))
        return false;
    squares->r[column][column] = length;
    for (size_t i = 0; i < rows; i++)
        x[i] /= length;
    squares->onto[column] = dot(x, y, rows);
    squares->rest -= squares->onto[column] * squares->onto[column];
    return true;
}

/* The diagonal element of (X'X)⁻¹ for a column: the squared length of a row of R⁻¹. */
static double variance_factor(const struct squares *squares, size_t column)
{
    double sum = 0;
    for (size_t k = column; k < squares->columns; k++) { /* solves R v = e_k for v[column] */
        double v[COLUMNS] = {0};
        for (size_t i = k + 1; i-- > column;) {
            double rest = i == k;
            for (size_t j = i + 1; j <= k; j++)
                rest -= squares->r[i][j] * v[j];
            v[i] = rest / squares->r[i][i];
        }
        sum += v[column] * v[column];
    }
    return sum;
}

static struct fit conclude(const struct squares *squares, size_t row_count, double logs)
{
    struct fit fit = {.known = true};
    double rows = (double)row_count, columns = (double)squares->columns;
    double degrees = rows - columns, rest = squares->rest > 0 ? squares->rest : 0, known = 0;
    for (size_t k = squares->columns; k-- > 0;) {
        fit.beta[k] = squares->onto[k];
        for (size_t j = k + 1; j < squares->columns; j++)
            fit.beta[k] -= squares->r[k][j] * fit.beta[j];
        fit.beta[k] /= squares->r[k][k];
        known += 2 * log(squares->r[k][k]);
    }
    fit.slope = fit.beta[1];
    fit.error = sqrt(rest / degrees * variance_factor(squares, 1));
    fit.error = fit.error > 1e-12 ? fit.error : 1e-12; /* a straight line */
    fit.z = fit_z_of_t(fit.slope / fit.error, degrees);
    fit.t95 = fit_t_of_z(z95, degrees);
    fit.unlikely = degrees * log(rest / degrees + 1e-12) + logs + known;
    fit.aic = rows * log(rest / rows + 1e-12) + logs + 2 * (columns + 1);
    return fit;
}

static bool can_be_fitted(const struct design *design)
{
    return design->rows >= ROWS_LEAST && design->rows >= 2 * (design->columns + 1) &&
           design->at_h[design->rows - 1] > design->at_h[0];
}

/* The lines share their columns: a curve is but one more. */
static void fit_whitened(const struct design *design, struct whitened *whitened,
                         struct fit *fits_ret)
{
    struct squares squares = {.columns = 0};
    double *columns[FIT_COLUMNS_MAX], *y = whitened->x[design->columns + design->curves];
    size_t rows = design->rows;
    for (size_t k = 0; k < design->columns; k++) {
        columns[k] = whitened->x[k];
        if (!add(&squares, columns, columns[k], y, rows))
            return;
        for (size_t i = 0; i < rows; i++)
            y[i] -= squares.onto[k] * columns[k][i];
    }
    squares.rest = dot(y, y, rows);
    if (!isfinite(squares.rest))
        return;
    fits_ret[0] = conclude(&squares, rows, whitened->logs);
    for (size_t c = 0; c < design->curves; c++) {
        struct squares with = squares;
        struct fit *fit = &fits_ret[1 + c];
        if (add(&with, columns, whitened->x[design->columns + c], y, rows))
            *fit = conclude(&with, rows, whitened->logs);
        fit->known = fit->known && fit->beta[design->columns] > 0;
    }
}

void fit_lines(const struct design *design, unsigned noise, struct fit fits_ret[FIT_LINES_MAX])
{
    memset(fits_ret, 0, sizeof(*fits_ret) * FIT_LINES_MAX);
    if (!can_be_fitted(design))
        return;
    struct whitened *whitened = xmalloc(sizeof(*whitened));
    whiten(design, noise, whitened);
    fit_whitened(design, whitened, fits_ret);
    free(whitened);
}

void fit_choose(struct fit fits[FIT_NOISES][FIT_LINES_MAX])
{
    double best_aic = INFINITY, least[FIT_LINES_MAX], aic[FIT_LINES_MAX];
    for (unsigned line = 0; line < FIT_LINES_MAX; line++) {
        least[line] = aic[line] = INFINITY;
        for (unsigned noise = 0; noise < FIT_NOISES; noise++) {
            const struct fit *fit = &fits[noise][line];
            if (!fit->known)
                continue;
            least[line] = fmin(least[line], fit->unlikely);
            aic[line] = fmin(aic[line], fit->aic);
        }
        best_aic = fmin(best_aic, aic[line]);
    }
    for (unsigned noise = 0; noise < FIT_NOISES; noise++) {
        for (unsigned line = 0; line < FIT_LINES_MAX; line++) {
            struct fit *fit = &fits[noise][line];
            fit->counts = fit->known && aic[line] <= best_aic + aic_close &&
                          fit->unlikely <= least[line] + noise_close;
        }
    }
}

struct fit fit_line(const struct design *design)
{
    struct fit(*fits)[FIT_LINES_MAX] = xcalloc(FIT_NOISES, sizeof(*fits)), least = {.known = false};
    for (unsigned noise = 0; noise < FIT_NOISES; noise++)
        fit_lines(design, noise, fits[noise]);
    fit_choose(fits);
    for (unsigned noise = 0; noise < FIT_NOISES; noise++) {
        if (fits[noise][0].counts && (!least.known || fabs(fits[noise][0].z) < fabs(least.z)))
            least = fits[noise][0];
    }
    free(fits);
    return least;
}
