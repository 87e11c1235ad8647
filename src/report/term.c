/* Cell widths come from the C library's table for UTF-8 (wcwidth(3) in the locale C.UTF-8), whatever the locale of
 * the user: seep always writes UTF-8. Styles are the SGR sequences that every terminal of today knows. */
#include "report/term.h"

#include <locale.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "base/memory.h"

enum {
    WIDTH_MIN = 40,
    WRAP_MIN = 24
};

static const char *const sequences[] = {
    [STYLE_PLAIN] = "",         [STYLE_BOLD] = "\033[1m",      [STYLE_DIM] = "\033[2m",
    [STYLE_RED] = "\033[1;31m", [STYLE_YELLOW] = "\033[1;33m", [STYLE_CYAN] = "\033[36m",
    [STYLE_GREEN] = "\033[32m",
};

static bool wants_color(int fd)
{
    const char *no_color = getenv("NO_COLOR");
    const char *kind = getenv("TERM");
    if (no_color && *no_color)
        return false;
    return isatty(fd) && kind && strcmp(kind, "dumb") != 0;
}

void term_init(struct term *term, FILE *out, enum color_when when)
{
    int fd = fileno(out);
    *term = (struct term){.out = out,
                          .color = when == COLOR_ALWAYS || (when == COLOR_AUTO && wants_color(fd))};
    struct winsize size;
    if (isatty(fd) && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col)
        term->width = size.ws_col < WIDTH_MIN ? WIDTH_MIN : size.ws_col;
}

static locale_t utf8_locale(void)
{
    static locale_t locale;
    static bool tried;
    if (!tried)
        locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
    tried = true;
    return locale;
}

size_t term_cells(const char *text)
{
    size_t length = strlen(text);
    size_t ascii = 0;
    while (ascii < length && (unsigned char)text[ascii] < 0x80)
        ascii++;
    locale_t locale = ascii < length ? utf8_locale() : NULL;
    if (!locale)
        return length;
    locale_t before = uselocale(locale);
    size_t cells = 0;
    mbstate_t state = {0};
    for (size_t at = 0; at < length;) {
        wchar_t point = 0;
        size_t taken = mbrtowc(&point, text + at, length - at, &state);
        int width = 1;
        if (taken == (size_t)-1 || taken == (size_t)-2 || !taken) {
            taken = 1;
            state = (mbstate_t){0};
        } else {
            width = wcwidth(point);
        }
        cells += width < 0 ? 1 : (size_t)width;
        at += taken;
    }
    uselocale(before);
    return cells;
}

static void pay(struct line *line)
{
    static const char blanks[] = "                ";
    while (line->pending) {
        size_t part = line->pending < sizeof(blanks) - 1 ? line->pending : sizeof(blanks) - 1;
        text_add(&line->text, blanks, part);
        line->pending -= part;
    }
}

void line_put(struct line *line, enum style style, const char *text)
{
    if (!*text)
        return;
    pay(line);
    bool colored = line->term->color && style != STYLE_PLAIN;
    if (colored)
        text_puts(&line->text, sequences[style]);
    text_puts(&line->text, text);
    if (colored)
        text_puts(&line->text, "\033[0m");
    line->cells += term_cells(text);
}

void line_printf(struct line *line, enum style style, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&text, format, args);
    va_end(args);
    if (length < 0)
        return;
    line_put(line, style, text);
    free(text);
}

void line_to(struct line *line, size_t column, size_t gap)
{
    size_t owed = line->cells < column ? column - line->cells : 0;
    if (owed < gap)
        owed = gap;
    line->pending += owed;
    line->cells += owed;
}

void line_put_right(struct line *line, size_t end, size_t gap, enum style style, const char *text)
{
    size_t cells = term_cells(text);
    line_to(line, end > cells ? end - cells : 0, gap);
    line_put(line, style, text);
}

void line_wrap(struct line *line, enum style style, const char *text)
{
    size_t start = line->cells;
    size_t width = line->term->width;
    if (!width || width < start + WRAP_MIN) {
        line_put(line, style, text);
        return;
    }
    while (*text) {
        size_t length = strcspn(text, " ");
        size_t blanks = strspn(text + length, " ");
        AUTO_FREE char *word = xstrndup(text, length);
        if (line->cells > start && line->cells + term_cells(word) > width) {
            line_end(line);
            line_to(line, start, 0);
        }
        line_put(line, style, word);
        line_to(line, 0, blanks);
        text += length + blanks;
    }
}

void line_end(struct line *line)
{
    text_puts(&line->text, "\n");
    fwrite(line->text.bytes, 1, line->text.length, line->term->out);
    text_clear(&line->text);
    line->cells = line->pending = 0;
}

void line_deinit(struct line *line)
{
    text_deinit(&line->text);
}
