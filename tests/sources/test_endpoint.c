/* Recognising and following foreign servers, with servers of the test's own. */
#include "../check.h"

#include "attached.h"

static char target[128];

/* What the peer does, changed while it runs. */
struct script {
    const char *_Atomic path;
    const char *type;
    const char *_Atomic body;
    const char *other_path, *other_body;
    atomic_int status; /* 0: closes the connection */
    const char *_Atomic authorization;
};

static bool
play(struct peer *peer, int fd, const char *request)
{
    struct script *script = peer->context;
    int status = atomic_load(&script->status);
    const char *body = script->body, *authorization = script->authorization;
    if (status == 0) {
        return false;
    }
    if (authorization != NULL && strstr(request, authorization) == NULL) {
        peer_puts(fd, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n"
                      "WWW-Authenticate: Basic realm=\"The Realm\"\r\n\r\n");
    } else if (status != 200) {
        peer_reply(fd, "503 Busy", "text/plain", "busy", 4);
    } else if (peer_asks(request, script->path)) {
        peer_reply(fd, "200 OK", script->type, body, strlen(body));
    } else if (script->other_path != NULL && peer_asks(request, script->other_path)) {
        peer_reply(fd, "200 OK", "application/json", script->other_body,
                   strlen(script->other_body));
    } else {
        peer_reply(fd, "404 Not Found", "text/html", "<html>", 6);
    }
    return true;
}

static const char *
start(struct peer *peer, struct script *script, const char *form)
{
    if (atomic_load(&script->status) == 0) {
        atomic_store(&script->status, 200);
    }
    peer_start(peer, NULL, 0, play, script);
    snprintf(target, sizeof(target), form, peer->port);
    return target;
}

static void
test_endpoint__recognises_json_and_follows_it(void **state)
{
    (void)state;
    struct script script = {.path = "/", .type = "application/json", .body = "{\"queue\": 3}"};
    struct peer peer;
    struct attached attached;
    assert_int_equal(attached_open(&attached, start(&peer, &script, "http://127.0.0.1:%u"), NULL),
                     0);
    assert_int_equal(attached_status(&attached).state, LINK_CONNECTING);
    assert_string_equal(attached_status(&attached).kind, "");
    attached_until(&attached, LINK_LIVE);
    struct link_status status = attached_status(&attached);
    assert_string_equal(status.kind, "json");
    assert_string_equal(status.target, target);
    assert_string_equal(status.why, "");
    assert_true(status.heard_mono_ns > 0 && status.round_trip_ns > 0);
    assert_int_equal(attached.ticks, 1);
    assert_string_equal(attached.host, strstr(target, "127.0.0.1"));
    assert_string_equal(attached.system, "json");
    assert_value(&attached.poll, "json.queue", "pointer=/queue", 3);
    assert_false(attached_poll(&attached)); /* nothing new: idle */
    script.body = "{\"queue\": 4}";
    attached_until(&attached, LINK_LIVE);
    attached_until(&attached, LINK_LIVE);
    assert_value(&attached.poll, "json.queue", "pointer=/queue", 4);
    assert_true(attached.ticks >= 3); /* one an answer: none is lost between the screen's own */
    assert_int_equal(attached.sources, 1);
    attached_close(&attached);
    peer_stop(&peer);
}

static void
test_endpoint__asks_sooner_when_the_interval_is_shortened(void **state)
{
    (void)state;
    struct script script = {.path = "/", .type = "application/json", .body = "{\"queue\": 3}"};
    struct peer peer;
    struct attached attached;
    assert_int_equal(attached_open(&attached, start(&peer, &script, "http://127.0.0.1:%u"), NULL),
                     0);
    attached_until(&attached, LINK_LIVE);
    link_endpoint.interval(attached.state, 600 * NS_PER_S);
    attached_until(&attached, LINK_LIVE); /* that was due; the next is in 10 minutes */
    link_endpoint.interval(attached.state, 50 * NS_PER_MS);
    attached_until(&attached, LINK_LIVE);
    attached_close(&attached);
    peer_stop(&peer);
}

static void
test_endpoint__finds_metrics_beside_json(void **state)
{
    (void)state;
    struct script script = {.path = "/metrics",
                            .type = "text/plain; version=0.0.4",
                            .body = "# TYPE jobs_total counter\njobs_total 5\n",
                            .other_path = "/",
                            .other_body = "{\"a\": 1}"};
    struct peer peer;
    struct attached attached;
    attached_open(&attached, start(&peer, &script, "http://127.0.0.1:%u"), NULL);
    attached_until(&attached, LINK_LIVE);
    assert_string_equal(attached_status(&attached).kind, "exposition");
    assert_value(&attached.poll, "jobs_total", "", 5);
    attached_close(&attached);
    snprintf(target, sizeof(target), "json+http://127.0.0.1:%u", peer.port);
    attached_open(&attached, target, NULL);
    attached_until(&attached, LINK_LIVE);
    assert_string_equal(attached_status(&attached).kind, "json");
    attached_close(&attached);
    peer_stop(&peer);
}

static void
test_endpoint__shows_the_document_that_was_named(void **state)
{
    (void)state;
    struct script script = {.path = "/metrics",
                            .type = "text/plain; version=0.0.4",
                            .body = "# TYPE jobs_total counter\njobs_total 5\n",
                            .other_path = "/app.json",
                            .other_body = "{\"queue\": 3}"};
    struct peer peer;
    struct attached attached;
    attached_open(&attached, start(&peer, &script, "http://127.0.0.1:%u/app.json"), NULL);
    attached_until(&attached, LINK_LIVE);
    assert_string_equal(attached_status(&attached).kind, "json");
    assert_value(&attached.poll, "json.queue", "pointer=/queue", 3);
    attached_close(&attached);
    snprintf(target, sizeof(target), "http://127.0.0.1:%u/missing.json", peer.port);
    attached_open(&attached, target, NULL);
    attached_until(&attached, LINK_LIVE);
    assert_string_equal(attached_status(&attached).kind, "exposition");
    attached_close(&attached);
    peer_stop(&peer);
}

static void
test_endpoint__named_metrics_win_over_the_agent(void **state)
{
    (void)state;
    struct script script = {.path = "/metrics?all=1",
                            .type = "text/plain",
                            .body = "jobs_total 5\n",
                            .other_path = "/api/v1/hello",
                            .other_body = "{\"flametop\": \"0.1\"}"};
    struct peer peer;
    struct attached attached;
    attached_open(&attached, start(&peer, &script, "http://127.0.0.1:%u/metrics?all=1"), NULL);
    attached_until(&attached, LINK_LIVE);
    assert_string_equal(attached_status(&attached).kind, "exposition");
    attached_close(&attached);
    peer_stop(&peer);
}

static void
test_endpoint__asks_below_the_path_it_was_given(void **state)
{
    (void)state;
    struct script script = {.path = "/app/stats?all=1", .type = "text/plain", .body = "[1, 2]"};
    struct peer peer;
    struct attached attached;
    attached_open(&attached, start(&peer, &script, "http://127.0.0.1:%u/app/stats?all=1"), NULL);
    attached_until(&attached, LINK_LIVE);
    assert_value(&attached.poll, "json.value", "pointer=/1", 2);
    assert_null(strchr(attached_status(&attached).target, '?'));
    attached_close(&attached);
    script.path = "/app/metrics";
    script.body = "up 1\n";
    snprintf(target, sizeof(target), "http://127.0.0.1:%u/app/", peer.port);
    attached_open(&attached, target, NULL);
    attached_until(&attached, LINK_LIVE);
    assert_value(&attached.poll, "up", "", 1);
    attached_close(&attached);
    peer_stop(&peer);
}

static void
test_endpoint__loses_and_finds_again(void **state)
{
    (void)state;
    struct script script = {.path = "/", .type = "application/json", .body = "{\"queue\": 3}"};
    struct peer peer;
    struct attached attached;
    attached_open(&attached, start(&peer, &script, "http://127.0.0.1:%u"), NULL);
    attached_until(&attached, LINK_LIVE);
    atomic_store(&script.status, 0);
    attached_until_said(&attached, LINK_LOST, "127.0.0.1:"); /* cut, or closed, as it happens */
    assert_true(attached_status(&attached).retry_mono_ns > 0);
    assert_false(attached_poll(&attached)); /* the last good values stand */
    atomic_store(&script.status, 503);
    link_endpoint.retry(attached.state);
    attached_until_said(&attached, LINK_LOST, "answers with status 503");
    atomic_store(&script.status, 200);
    link_endpoint.retry(attached.state);
    attached_until(&attached, LINK_LIVE);
    script.body = "no longer JSON";
    attached_until_said(&attached, LINK_LOST, "not as json does");
    attached_close(&attached);
    peer_stop(&peer);
}

static void
test_endpoint__says_that_a_password_is_wanted(void **state)
{
    (void)state;
    struct script script = {.path = "/",
                            .type = "application/json",
                            .body = "{\"queue\": 3}",
                            .authorization = "Authorization: Bearer right"};
    struct peer peer;
    struct attached attached;
    attached_open(&attached, start(&peer, &script, "http://127.0.0.1:%u"), NULL);
    attached_until_said(&attached, LINK_REFUSED, "wants a password for \"The Realm\"");
    assert_non_null(strstr(attached_status(&attached).why, "--token-file"));
    assert_int_equal(attached_status(&attached).retry_mono_ns, 0);
    attached_close(&attached);
    attached_open(&attached, target, &(struct endpoint_options){.credentials = {.token = "wrong"}});
    attached_until_said(&attached, LINK_REFUSED, "refused the token");
    assert_null(strstr(attached_status(&attached).why, "wrong"));
    attached_close(&attached);
    attached_open(&attached, target, &(struct endpoint_options){.credentials = {.token = "right"}});
    attached_until(&attached, LINK_LIVE);
    script.authorization = "Authorization: Bearer other"; /* revoked */
    attached_until(&attached, LINK_REFUSED);
    attached_close(&attached);
    peer_stop(&peer);
}

static void
expect_refusal(const char *body, const char *form, const char *why)
{
    struct script script = {.path = "/", .type = "text/html", .body = body};
    struct peer peer;
    struct attached attached;
    assert_int_equal(attached_open(&attached, start(&peer, &script, form), NULL), 0);
    attached_until_said(&attached, LINK_REFUSED, why);
    attached_close(&attached);
    peer_stop(&peer);
}

static void
test_endpoint__refuses_what_it_does_not_know(void **state)
{
    (void)state;
    expect_refusal("<html>", "http://127.0.0.1:%u", "answers, but with nothing known");
    expect_refusal("<html>", "exposition+http://127.0.0.1:%u", "not as exposition does");
    struct attached attached;
    assert_true(attached_open(&attached, "nonsense+http://127.0.0.1:1", NULL) < 0);
    assert_non_null(strstr(attached.why, "no kind of server called nonsense"));
    assert_non_null(strstr(attached.why, "json"));
    attached.state = NULL;
    attached_close(&attached);
    assert_true(attached_open(&attached, "http://a:b@c", NULL) < 0);
    attached.state = NULL;
    attached_close(&attached);
}

static void
test_endpoint__tries_again_where_nobody_listens(void **state)
{
    (void)state;
    struct attached attached;
    assert_int_equal(attached_open(&attached, "http://127.0.0.1:1", NULL), 0);
    while (attached_status(&attached).retry_mono_ns == 0) {
        uv_run(&attached.loop, UV_RUN_ONCE);
    }
    assert_int_equal(attached_status(&attached).state, LINK_CONNECTING);
    assert_string_equal(attached_status(&attached).why, "127.0.0.1:1 refused the connection");
    assert_int_equal(attached.sources, 0);
    attached_close(&attached);
}

static void
note_answer(void *context, const char *why)
{
    *(bool *)context = why[0] != '\0';
}

static void
test_endpoint__takes_no_commands(void **state)
{
    (void)state;
    struct attached attached;
    bool refused = false;
    attached_open(&attached, "http://127.0.0.1:1", NULL);
    link_endpoint.command(attached.state, "signal", "{}", &refused, note_answer);
    assert_true(refused);
    assert_false(attached_status(&attached).may_change);
    attached_close(&attached);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_endpoint__recognises_json_and_follows_it),
        cmocka_unit_test(test_endpoint__asks_sooner_when_the_interval_is_shortened),
        cmocka_unit_test(test_endpoint__finds_metrics_beside_json),
        cmocka_unit_test(test_endpoint__shows_the_document_that_was_named),
        cmocka_unit_test(test_endpoint__named_metrics_win_over_the_agent),
        cmocka_unit_test(test_endpoint__asks_below_the_path_it_was_given),
        cmocka_unit_test(test_endpoint__loses_and_finds_again),
        cmocka_unit_test(test_endpoint__says_that_a_password_is_wanted),
        cmocka_unit_test(test_endpoint__refuses_what_it_does_not_know),
        cmocka_unit_test(test_endpoint__tries_again_where_nobody_listens),
        cmocka_unit_test(test_endpoint__takes_no_commands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
