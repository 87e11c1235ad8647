/* seep-post: delivers one alert and ends. On standard input one JSON object: {"url": …, "headers": ["Name: value"], "body": "…"}, so that no secret stands on a command line. Exit
 * status: 0 delivered (2xx), 1 to be tried again, 2 useless to try again; then standard output has the reason, which never quotes what the receiver said. */
#include <curl/curl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "guard/guard.h"

enum {
    DELIVERED = 0,
    TRY_AGAIN = 1,
    USELESS = 2,
    CONNECT_S = 5,
    WHOLE_S = 10,
    HEADERS_MAX = 32
};

static const long memory_max = 256 << 20;

static int fail(int outcome, const char *why)
{
    fputs(why, stdout);
    return outcome;
}

/* What the receiver says is not read: however long it is. */
static size_t drop(char *bytes, size_t size, size_t count, void *seen)
{
    size_t *total = seen;
    (void)bytes;
    *total += size * count;
    return *total > (1 << 16) ? 0 : size * count; /* 0 ends the transfer */
}

static struct curl_slist *headers_of(const json_t *message)
{
    struct curl_slist *list = curl_slist_append(NULL, "Content-Type: application/json");
    const json_t *headers = json_object_get(message, "headers");
    for (size_t i = 0; i < json_array_size(headers) && i < HEADERS_MAX; i++) {
        const char *text = json_string_value(json_array_get(headers, i));
        if (text && !strpbrk(text, "\r\n"))
            list = curl_slist_append(list, text);
    }
    return list;
}

static const char *without_answer(CURLcode code)
{
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
        return "its certificate is not trusted";
    case CURLE_SSL_CACERT_BADFILE:
        return "the certificates that this machine trusts cannot be read";
    case CURLE_OPERATION_TIMEDOUT:
        return "it does not answer in time";
    case CURLE_UNSUPPORTED_PROTOCOL: /* as libcurl calls what has no status line */
    case CURLE_WEIRD_SERVER_REPLY:
        return "what it answers is not HTTP";
    default:
        return curl_easy_strerror(code);
    }
}

static int judge(CURL *curl, CURLcode code)
{
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200 && status < 300)
        return DELIVERED;
    if (code == CURLE_URL_MALFORMAT)
        return fail(USELESS, "its address is none");
    if (status < 200)
        return fail(TRY_AGAIN, without_answer(code));
    printf("it answered %ld%s", status,
           status < 400 ? ", which points elsewhere, and is not followed" : "");
    /* Moved, wrong, not allowed: it stays so. */
    return status < 500 && status != 408 && status != 425 && status != 429 ? USELESS : TRY_AGAIN;
}

static int post(const char *url, const char *body, struct curl_slist *headers)
{
    size_t seen = 0;
    if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0)
        return fail(USELESS, "its address is none");
    CURL *curl = curl_easy_init();
    if (!curl)
        return TRY_AGAIN;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)WHOLE_S);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "seep/" SEEP_VERSION);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &seen);
    int outcome = judge(curl, curl_easy_perform(curl));
    curl_easy_cleanup(curl);
    return outcome;
}

int main(void)
{
    struct rlimit memory = {(rlim_t)memory_max, (rlim_t)memory_max}, none = {0, 0};
#ifdef SEEP_SANITIZED /* the sanitizers map more than any limit */
    memory.rlim_cur = memory.rlim_max = RLIM_INFINITY;
#endif
    setrlimit(RLIMIT_DATA, &memory);
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_PDEATHSIG, 9);
    signal(SIGPIPE, SIG_IGN);
    if (error_ignore(guard_enter(GUARD_POST, NULL)))
        return fail(TRY_AGAIN, "seep-post cannot give up its rights");
    json_t *message = json_loadf(stdin, 0, NULL);
    const char *url = json_string_value(json_object_get(message, "url"));
    const char *body = json_string_value(json_object_get(message, "body"));
    if (!url || !body || curl_global_init(CURL_GLOBAL_DEFAULT))
        return fail(USELESS, "seep-post was not told what to send where");
    struct curl_slist *headers = headers_of(message);
    int outcome = post(url, body, headers);
    curl_slist_free_all(headers);
    json_decref(message);
    return outcome;
}
