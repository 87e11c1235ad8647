#include "serve/welcome.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

static const char cookie_name[] = "seep_token=";

/* ---- the machine's own names */

static bool is_port(const char *text)
{
    return !*text || (text[0] == ':' && text[1] && strlen(text) <= 6 &&
                      strspn(text + 1, "0123456789") == strlen(text + 1));
}

/* 127.0.0.1 and all others of its net: --listen takes each of them. A number is no name that others could point here. */
static bool is_loopback_number(const char *host)
{
    char number[INET_ADDRSTRLEN];
    struct in_addr address;
    size_t length = strcspn(host, ":");
    if (length >= sizeof(number) || !is_port(host + length))
        return false;
    snprintf(number, sizeof(number), "%.*s", (int)length, host);
    return inet_pton(AF_INET, number, &address) == 1 &&
           ntohl(address.s_addr) >> 24 == IN_LOOPBACKNET;
}

bool is_loopback_host(const char *host)
{
    static const char *const names[] = {"localhost", "[::1]"};
    for (size_t i = 0; i < LENGTH_OF(names); i++) {
        size_t length = strlen(names[i]);
        if (!strncasecmp(host, names[i], length) && is_port(host + length))
            return true;
    }
    return is_loopback_number(host);
}

/* ---- the token */

/* Takes as long for a wrong token as for a right one of the same length. */
static bool is_secret(const char *given, size_t given_length, const char *wanted)
{
    size_t wanted_length = strlen(wanted);
    volatile unsigned differs = given_length != wanted_length;
    for (size_t i = 0; i < wanted_length; i++) {
        char letter = given_length ? given[i % given_length] : '\0';
        differs |= (unsigned)(letter ^ wanted[i]);
    }
    return !differs;
}

static void add_hex(struct text *text, const char *token)
{
    for (; *token; token++)
        text_printf(text, "%02x", (unsigned char)*token);
}

static bool has_cookie(const char *cookies, const char *token)
{
    struct text wanted = {0};
    bool found = false;
    add_hex(&wanted, token);
    for (const char *at = cookies; at && *at && wanted.length && !found; at = strchr(at, ';')) {
        at += strspn(at, "; ");
        size_t name_length = strlen(cookie_name);
        if (strncmp(at, cookie_name, name_length) != 0)
            continue;
        const char *value = strchr(at, '=') + 1; /* the name ends in it */
        found = is_secret(value, strcspn(value, "; "), wanted.bytes);
    }
    text_deinit(&wanted);
    return found;
}

void guards_cookie(const struct guards *guards, struct text *text)
{
    text_puts(text, cookie_name);
    add_hex(text, guards->token);
    text_puts(text, "; Path=/; HttpOnly; SameSite=Strict");
}

static enum verdict judge_token(const char *token, const struct claims *claims)
{
    static const char scheme[] = "Bearer ";
    const char *header = claims->authorization;
    if (header && !strncasecmp(header, scheme, strlen(scheme)) &&
        is_secret(header + strlen(scheme), strlen(header + strlen(scheme)), token))
        return VERDICT_WELCOME;
    if (has_cookie(claims->cookie, token))
        return claims->token ? VERDICT_BY_ADDRESS : VERDICT_WELCOME;
    return claims->token && is_secret(claims->token, strlen(claims->token), token)
               ? VERDICT_BY_ADDRESS
               : VERDICT_NO_TOKEN;
}

/* ---- where it comes from */

/* The origin of a page that this very server has served: the same host, over HTTP (or over HTTPS in front of it). */
static bool is_own_origin(const char *origin, const char *host)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < LENGTH_OF(schemes); i++) {
        size_t length = strlen(schemes[i]);
        if (!strncasecmp(origin, schemes[i], length) && !strcasecmp(origin + length, host))
            return true;
    }
    return false;
}

/* A browser says of a page's part where the page is from, also where it sends no Origin. Who follows a link to this page is welcome. */
static bool is_foreign_part(const struct claims *claims)
{
    const char *site = claims->fetch_site;
    if (!site || !strcmp(site, "same-origin") || !strcmp(site, "none"))
        return false;
    return !claims->fetch_mode || strcmp(claims->fetch_mode, "navigate") != 0;
}

enum verdict guards_judge(const struct guards *guards, const struct claims *claims)
{
    if (!claims->host || (!guards->any_host && !is_loopback_host(claims->host)))
        return VERDICT_BAD_HOST;
    if ((claims->origin && !is_own_origin(claims->origin, claims->host)) || is_foreign_part(claims))
        return VERDICT_BAD_ORIGIN;
    return guards->token ? judge_token(guards->token, claims) : VERDICT_WELCOME;
}
