#include "trend/fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum {
    ROUNDS = 3,
    FAR_ROWS = 8,
    FAR_LEAST = 64,
    ROWS_LEAST = 6
};

static const double quarter_h = 0.25;
static const double rho_least = 0.90;
static const double rho_most = 0.998;
static const double degrees_least = 2;
static const double z95 = 1.96;

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

/* ---- least squares by modified Gram-Schmidt: X = QR with unit columns of Q, R upper triangular */

struct squares {
    double r[FIT_COLUMNS_MAX][FIT_COLUMNS_MAX];
    double beta[FIT_COLUMNS_MAX];
    double rest; /* sum of squares */
};

static double dot(const double *left, const double *right, size_t rows)
{
    double sum = 0;
    for (size_t i = 0; i < rows; i++)
        sum += left[i] * right[i];
    return sum;
}

/* Destroys x and y, which becomes the residuals. False if a column is a sum of others. */
static bool solve(double (*x)[FIT_ROWS_MAX], double *y, size_t rows, size_t columns,
                  struct squares *squares)
{
    double onto[FIT_COLUMNS_MAX];
    for (size_t k = 0; k < columns; k++) {
        double before = sqrt(dot(x[k], x[k], rows));
        for (size_t j = 0; j < k; j++) {
            double part = dot(x[j], x[k], rows);
            squares->r[j][k] = part;
            for (size_t i = 0; i < rows; i++)
                x[k][i] -= part * x[j][i];
        }
        double length = sqrt(dot(x[k], x[k], rows));
        if (!(length > 1e-9 * before) || !isfinite(length))
            return false;
        squares->r[k][k] = length;
        for (size_t i = 0; i < rows; i++)
            x[k][i] /= length;
        onto[k] = dot(x[k], y, rows);
        for (size_t i = 0; i < rows; i++)
            y[i] -= onto[k] * x[k][i];
    }
    for (size_t k = columns; k-- > 0;) {
        squares->beta[k] = onto[k];
        for (size_t j = k + 1; j < columns; j++)
            squares->beta[k] -= squares->r[k][j] * squares->beta[j];
        squares->beta[k] /= squares->r[k][k];
    }
    squares->rest = dot(y, y, rows);
    return true;
}

/* The diagonal element of (X'X)⁻¹ for a column: the squared length of a row of R⁻¹. */
static double variance_factor(const struct squares *squares, size_t columns, size_t column)
{
    double sum = 0;
    for (size_t k = column; k < columns; k++) { /* solves R v = e_k for v[column] */
        double v[FIT_COLUMNS_MAX] = {0};
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

/* ---- errors that hang together */

/* Correlation over a step of so many hours. */
static double over(double rho, double step_h)
{
    return pow(rho, step_h / quarter_h);
}

/* Takes out of each row what the one before it tells of its error. Returns the sum of the logarithms of what is left of its variance. */
static double whiten(const struct design *design, double rho, double (*x)[FIT_ROWS_MAX], double *y)
{
    double logs = 0;
    for (size_t k = 0; k < design->columns; k++)
        x[k][0] = design->x[k][0];
    y[0] = design->y[0];
    for (size_t i = 1; i < design->rows; i++) {
        double r = over(rho, design->at_h[i] - design->at_h[i - 1]);
        double left = 1 - r * r, scale = 1 / sqrt(left);
        logs += log(left);
        for (size_t k = 0; k < design->columns; k++)
            x[k][i] = (design->x[k][i] - r * design->x[k][i - 1]) * scale;
        y[i] = (design->y[i] - r * design->y[i - 1]) * scale;
    }
    return logs;
}

/* The correlation of residuals so many rows apart. */
static double correlation(const double *rests, size_t rows, size_t apart)
{
    double squares = dot(rests, rests, rows);
    return squares > 0 && rows > apart ? dot(rests, rests + apart, rows - apart) / squares : 0;
}

/* From the residuals of a fit to the correlation over a quarter of an hour. Noise upon what wanders slowly hides it from neighbours: so it is also told from two larger distances,
 * and the larger one counts. What is fitted takes correlation away from the residuals: some of it is put back (Marriott and Pope 1954, with one more for each column). */
static double estimate_rho(const struct design *design, const double *beta, double *rests)
{
    size_t rows = design->rows;
    double step_h = (design->at_h[rows - 1] - design->at_h[0]) / (double)(rows - 1);
    for (size_t i = 0; i < rows; i++) {
        rests[i] = design->y[i];
        for (size_t k = 0; k < design->columns; k++)
            rests[i] -= beta[k] * design->x[k][i];
    }
    double put_back = (1 + (double)(design->columns - 1)) / (double)rows;
    double near = correlation(rests, rows, 1), far = correlation(rests, rows, FAR_ROWS);
    double rho = near + put_back + 3 * near / (double)rows;
    near += put_back;
    far += put_back;
    if (rows > FAR_LEAST && near > 0 && far > 0 && far < near)
        rho = fmax(rho, pow(far / near, 1.0 / (FAR_ROWS - 1)));
    rho = rho > 0 ? pow(rho, quarter_h / step_h) : 0;
    return rho < rho_least ? rho_least : rho > rho_most ? rho_most : rho;
}

static double effective_rows(const struct design *design, double rho)
{
    double rows = (double)design->rows;
    double step_h = (design->at_h[design->rows - 1] - design->at_h[0]) / (rows - 1);
    double r = over(rho, step_h);
    return rows * (1 - r) / (1 + r);
}

struct fit fit_line(const struct design *design)
{
    struct fit fit = {.known = false};
    if (design->rows < ROWS_LEAST || design->rows < 2 * design->columns ||
        !(design->at_h[design->rows - 1] > design->at_h[0]))
        return fit;
    double(*x)[FIT_ROWS_MAX] = xmalloc(sizeof(double[FIT_COLUMNS_MAX + 1][FIT_ROWS_MAX]));
    double *y = x[FIT_COLUMNS_MAX], logs = 0;
    struct squares squares = {.rest = 0};
    bool solved = true;
    fit.rho = rho_least;
    for (unsigned round = 0; round < ROUNDS && solved; round++) {
        logs = whiten(design, fit.rho, x, y);
        solved = solve(x, y, design->rows, design->columns, &squares);
        if (solved && round + 1 < ROUNDS)
            fit.rho = estimate_rho(design, squares.beta, y);
    }
    free(x);
    if (!solved)
        return fit;
    double rows = (double)design->rows, columns = (double)design->columns;
    double degrees = effective_rows(design, fit.rho);
    degrees = degrees > degrees_least ? degrees : degrees_least;
    memcpy(fit.beta, squares.beta, sizeof(fit.beta));
    fit.slope = squares.beta[1];
    double variance = squares.rest / (rows - columns);
    fit.error = sqrt(variance * variance_factor(&squares, design->columns, 1));
    fit.error = fit.error > 1e-12 ? fit.error : 1e-12; /* a straight line */
    fit.z = fit_z_of_t(fit.slope / fit.error, degrees);
    fit.t95 = fit_t_of_z(z95, degrees);
    fit.aic = rows * log(squares.rest / rows + 1e-12) + logs + 2 * (columns + 1);
    fit.known = true;
    return fit;
}
