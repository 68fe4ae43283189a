/* Prometheus over HTTP: how it is found, and what its refusals say. */
#include "../check.h"

#include "turns.h"

struct server {
    const char *prefix;
    const char *header; /* without it: 401 */
    bool broken;
};

static bool
serve(struct peer *peer, int fd, const char *request)
{
    const struct server *server = peer->context;
    char path[64];
    if (server->header != NULL && strstr(request, server->header) == NULL) {
        peer_puts(fd, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n"
                      "WWW-Authenticate: Basic\r\n\r\n");
        return true;
    }
    snprintf(path, sizeof(path), " %s/api/v1/", server->prefix);
    const char *at = strstr(request, path);
    for (size_t i = 0; at != NULL && i < ARRAY_SIZE(real); i++) {
        const char *part = strstr(at, real[i].part), *end = strchr(at + 1, ' ');
        if (part != NULL && part < end) {
            static const char error[] = "{\"status\":\"error\",\"errorType\":\"execution\","
                                        "\"error\":\"too many \\u001bsamples\"}";
            if (server->broken && strcmp(real[i].part, TARGETS) == 0) {
                peer_reply(fd, "422 Unprocessable Entity", "application/json", error,
                           strlen(error));
            } else {
                peer_reply(fd, "200 OK", "application/json", real[i].body.p, real[i].body.n);
            }
            return true;
        }
    }
    peer_reply(fd, "404 Not Found", "text/plain", "no", 2);
    return true;
}

static void
test_prometheus_endpoint__is_found_by_its_bare_url_and_below_a_prefix(void **state)
{
    (void)state;
    static const char *const forms[] = {"http://127.0.0.1:%u", "http://127.0.0.1:%u/select/0/prom",
                                        "prometheus+http://127.0.0.1:%u/select/0/prom/?query=x"};
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        struct server server = {.prefix = i == 0 ? "" : "/select/0/prom",
                                .header = "X-Scope-OrgID: blue"};
        const struct endpoint_options options = {.credentials = {.headers = "X-Scope-OrgID: blue"}};
        struct peer peer;
        struct attached attached;
        char target[128];
        peer_start(&peer, NULL, 0, serve, &server);
        snprintf(target, sizeof(target), forms[i], peer.port);
        attached_open(&attached, target, &options);
        attached_until(&attached, LINK_LIVE);
        assert_string_equal(attached_status(&attached).kind, "prometheus");
        assert_value(&attached.poll, "prometheus.targets", "state=up", 2);
        attached_close(&attached);
        peer_stop(&peer);
    }
}

static void
test_prometheus_endpoint__says_what_the_server_says_of_an_error(void **state)
{
    (void)state;
    struct server server = {.prefix = "", .broken = true};
    struct peer peer;
    struct attached attached;
    char target[128];
    peer_start(&peer, NULL, 0, serve, &server);
    snprintf(target, sizeof(target), "http://127.0.0.1:%u", peer.port);
    attached_open(&attached, target, NULL);
    int64_t end = clock_mono_ns() + 10 * NS_PER_S;
    while (clock_mono_ns() < end && attached_status(&attached).why[0] == '\0') {
        uv_run(&attached.loop, UV_RUN_NOWAIT);
    }
    assert_non_null(strstr(attached_status(&attached).why, "status 422: too many ?samples"));
    attached_close(&attached);
    server.header = "Authorization: Bearer x";
    attached_open(&attached, target, NULL);
    attached_until(&attached, LINK_REFUSED);
    assert_non_null(strstr(attached_status(&attached).why, "wants a password"));
    attached_close(&attached);
    peer_stop(&peer);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prometheus_endpoint__is_found_by_its_bare_url_and_below_a_prefix),
        cmocka_unit_test(test_prometheus_endpoint__says_what_the_server_says_of_an_error),
    };
    return cmocka_run_group_tests(tests, load_real, free_real);
}
