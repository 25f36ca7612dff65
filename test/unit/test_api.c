/*
 * test_api.c - calls of a DNS provider's HTTP interface: config, credentials,
 * judged answers, and comparing TXT contents.
 */
#include "dns01/api.h"
#include "http_script.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static CmLoop *loop;

typedef struct Seen
{
	bool		done;
	CmStatus	status;
	int			code;
	int64_t		retry_after;
	int64_t		remaining;
	bool		json;
	char		a[64];			/* member "a" of it */
	size_t		len;
} Seen;

static void
on_answer(CmDns01ApiAnswer *answer, void *arg)
{
	Seen	   *seen = arg;
	const char *a = cm_json_get_string(answer->json, "a");

	seen->done = true;
	seen->status = answer->status;
	seen->code = answer->code;
	seen->retry_after = answer->retry_after;
	seen->remaining = answer->remaining;
	seen->json = answer->json != NULL;
	snprintf(seen->a, sizeof(seen->a), "%s", a != NULL ? a : "");
	seen->len = answer->body.len;
}

static Seen
ask(const HttpStep *steps, const CmDns01ApiRequest *request, const char *token)
{
	Seen		seen;
	CmStatus	st = CM_STATUS_INIT;
	CmDns01Api	api;
	char		config[128];
	CmJson	   *json;

	memset(&seen, 0, sizeof(seen));
	memset(&api, 0, sizeof(api));
	snprintf(config, sizeof(config), "{\"endpoint\": \"http://127.0.0.1:%d/v1/\"}", http_script_start(steps));
	json = cm_json_parse(cm_slice(config, strlen(config)), 1000, &st);
	assert_true(cm_dns01_api_read(json, NULL, &api, &st));
	cm_json_free(json);
	if (token != NULL)
		assert_true(cm_dns01_api_header(&api, "Authorization", cm_slice(token, strlen(token)), &st));
	if (!cm_dns01_api_send(loop, &api, request, on_answer, &seen, &st))
		fail_msg("%s", st.reason);
	assert_false(seen.done);
	while (!seen.done)
	{
		struct pollfd p = {cm_loop_fd(loop), POLLIN, 0};

		poll(&p, 1, (int) cm_loop_timeout(loop));
		cm_loop_dispatch(loop);
	}
	cm_dns01_api_free(&api);
	http_script_end();
	assert_int_equal(cm_loop_active(loop), 0);
	return seen;
}

static Seen
ask_one(const char *status, const char *body)
{
	const HttpStep steps[] = {{"GET /v1/x", NULL, status, body}, {NULL, NULL, NULL, NULL}};
	const CmDns01ApiRequest request = {.method = "GET", .path = "/x", .max_answer = 1000};

	return ask(steps, &request, NULL);
}

static void
test_request(void **state)
{
	const HttpStep steps[] = {{"PATCH /v1/zones/a?b=c HTTP", "Authorization: Bearer t0k", "201 Created", "{\"a\": \"b\"}"}, {NULL, NULL, NULL, NULL}};
	const HttpStep with_body[] = {{"POST /v1/r", "\r\nContent-Type: application/json\r\n", "204 No Content", ""}, {NULL, NULL, NULL, NULL}};
	const HttpStep more[] = {{"DELETE /v1/r", "\r\nIf-Match: x\r\n", "200 OK", ""}, {NULL, NULL, NULL, NULL}};
	const char *const lines[] = {"If-Match: x", NULL};
	CmDns01ApiRequest request = {.method = "PATCH", .path = "/zones/a?b=c"};
	Seen		seen = ask(steps, &request, "Bearer t0k");

	(void) state;
	assert_int_equal(seen.status.code, CM_OK);
	assert_int_equal(seen.code, 201);
	assert_string_equal(seen.a, "b");
	request = (CmDns01ApiRequest) {.method = "POST", .path = "/r", .body = "{}", .body_len = 2};
	seen = ask(with_body, &request, NULL);
	assert_int_equal(seen.status.code, CM_OK);
	assert_false(seen.json);
	request = (CmDns01ApiRequest) {.method = "DELETE", .path = "/r", .headers = lines};
	assert_int_equal(ask(more, &request, NULL).code, 200);
}

static void
test_judged(void **state)
{
	Seen		seen;

	(void) state;
	seen = ask_one("400 Bad", "{\"a\": \"no\"}");
	assert_int_equal(seen.status.code, CM_REFUSED);
	assert_string_equal(seen.status.reason, "the DNS provider refused the request (HTTP 400)");
	assert_string_equal(ask_one("403 No", "{\"a\": \"no\"}").a, "no");
	seen = ask_one("302 Found\r\nLocation: http://127.0.0.1:1/", "");
	assert_int_equal(seen.status.code, CM_REFUSED);
	assert_string_equal(seen.status.reason, "the DNS provider's server redirects (HTTP 302), which is not followed");
	seen = ask_one("502 Bad Gateway", "<html>no</html>");
	assert_int_equal(seen.status.code, CM_NETWORK);
	assert_string_equal(seen.status.reason, "the DNS provider's server failed (HTTP 502)");
	assert_false(seen.json);
	assert_int_equal(ask_one("408 Timeout", "").status.code, CM_NETWORK);
	assert_int_equal(ask_one("503 Busy", "").status.code, CM_NETWORK);
	seen = ask_one("503 Busy\r\nRetry-After: 9", "");
	assert_int_equal(seen.status.code, CM_LIMIT);
	assert_int_equal(seen.retry_after, 9);
	seen = ask_one("429 Slow\r\nRetry-After: soon\r\nRatelimit: \"default\";r=0;t=30", "");
	assert_int_equal(seen.status.code, CM_LIMIT);
	assert_string_equal(seen.status.reason, "the DNS provider asks to slow down (HTTP 429)");
	assert_int_equal(seen.retry_after, 30);
	assert_int_equal(ask_one("429 Slow\r\nRetry-After: 99999999999999999999", "").retry_after, 86400);
	assert_int_equal(ask_one("429 Slow", "").retry_after, -1);
	seen = ask_one("200 OK\r\nRatelimit: \"a;b\";r=5 ; t=12", "[]");
	assert_int_equal(seen.remaining, 5);
	assert_int_equal(seen.retry_after, -1);
	assert_int_equal(ask_one("200 OK\r\nRatelimit: \"default\";r=0;t=99999999999999999999", "[]").retry_after, 86400);
	assert_int_equal(ask_one("200 OK\r\nX-RateLimit-Remaining: 7", "").remaining, 7);
	assert_int_equal(ask_one("200 OK\r\nRatelimit: ;r=;;t", "").remaining, -1);
	assert_int_equal(ask_one(NULL, NULL).status.code, CM_NETWORK);
}

static void
test_hostile_bodies(void **state)
{
	static char big[2000];
	static char deep[200];
	Seen		seen;

	(void) state;
	memset(big, ' ', sizeof(big) - 1);
	assert_int_equal(ask_one("200 OK", big).status.code, CM_LIMIT);
	memset(deep, '[', sizeof(deep) - 1);
	seen = ask_one("200 OK", deep);
	assert_int_equal(seen.status.code, CM_OK);
	assert_false(seen.json);
	assert_false(ask_one("200 OK", "{\"a\": \"\xff\xfe\"}").json);
	assert_false(ask_one("200 OK", "{\"a\": 1} x").json);
	assert_string_equal(ask_one("200 OK", "{\"a\": {\"a\": 1}}").a, "");
}

/* Reads a config; the reason why not, or "". */
static const char *
read_config(const char *config)
{
	static CmStatus st;
	CmDns01Api	api;
	CmJson	   *json;
	bool		ok;

	memset(&st, 0, sizeof(st));
	memset(&api, 0, sizeof(api));
	json = cm_json_parse(cm_slice(config, strlen(config)), 10000, &st);
	assert_non_null(json);
	ok = cm_dns01_api_read(json, "https://api.example/v1", &api, &st);
	assert_int_equal(ok, st.code == CM_OK);
	cm_dns01_api_free(&api);
	cm_json_free(json);
	return st.reason;
}

static void
test_config(void **state)
{
	(void) state;
	assert_string_equal(read_config("{}"), "");
	assert_string_equal(read_config("{\"endpoint\": \"https://a.example:8443/x/\", \"timeout\": 5}"), "");
	assert_string_equal(read_config("{\"endpoint\": \"http://localhost:1\"}"), "");
	assert_string_equal(read_config("{\"endpoint\": \"http://[::1]/\"}"), "");
	assert_string_equal(read_config("{\"endpoint\": \"http://a.example\"}"), "\"endpoint\" must be an https:// URL");
	assert_string_equal(read_config("{\"endpoint\": \"http://127.0.0.1.evil.example\"}"), "\"endpoint\" must be an https:// URL");
	assert_string_equal(read_config("{\"endpoint\": \"http://localhost\"}"), "");
	assert_string_equal(read_config("{\"endpoint\": \"https:///x\"}"), "\"endpoint\" must be an https:// URL");
	assert_string_equal(read_config("{\"endpoint\": \"file:///etc/passwd\"}"), "\"endpoint\" must be an https:// URL");
	assert_string_equal(read_config("{\"endpoint\": \"https://u:p@a.example\"}"), "\"endpoint\" is not a plain URL");
	assert_string_equal(read_config("{\"endpoint\": \"https://a.example/\\r\\nX: y\"}"), "\"endpoint\" is not a plain URL");
	assert_string_equal(read_config("{\"endpoint\": 1}"), "\"endpoint\" must be a text");
	assert_string_equal(read_config("{\"timeout\": 0}"), "\"timeout\" must be a whole number between 1 and 300");
	assert_string_equal(read_config("{\"trust_anchors\": \"x\"}"), "\"trust_anchors\" holds no PEM certificate");
	assert_string_equal(read_config("{\"trust_anchors\": \"-----BEGIN PRIVATE KEY-----\\nAAAA\\n-----END PRIVATE KEY-----\\n\"}"),
						"\"trust_anchors\" holds no PEM certificate");
}

static const char *
header(const char *value)
{
	static CmStatus st;
	CmDns01Api	api;

	memset(&st, 0, sizeof(st));
	memset(&api, 0, sizeof(api));
	(void) cm_dns01_api_header(&api, "X-Key", cm_slice(value, strlen(value)), &st);
	cm_dns01_api_free(&api);
	return st.reason;
}

static void
test_credentials(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	CmSlice		secret = cm_slice("abc \r\n", 6);
	CmDns01Api	api;
	int			i;

	(void) state;
	assert_true(cm_dns01_api_secret(&secret, "the token", &st));
	assert_int_equal(secret.len, 3);
	secret = cm_slice("\n", 1);
	assert_false(cm_dns01_api_secret(&secret, "the token", &st));
	assert_string_equal(st.reason, "the token is missing: give it as the provider's secret");
	secret = cm_slice("a\nX-Evil: b", 11);
	assert_false(cm_dns01_api_secret(&secret, "the token", &st));
	assert_string_equal(st.reason, "the token has a character at position 2 that is no printable ASCII");
	secret = cm_slice("a\0b\0", 4);
	assert_false(cm_dns01_api_secret(&secret, "the token", &st));
	assert_string_equal(header("good"), "");
	assert_string_equal(header("a\r\nb"), "a credential has characters that are no printable ASCII");
	memset(&api, 0, sizeof(api));
	assert_true(cm_dns01_api_basic(&api, "Aladdin", cm_slice("open sesame", 11), &st));
	assert_string_equal(api.headers[0], "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
	assert_false(cm_dns01_api_basic(&api, "a:b", cm_slice("c", 1), &st));
	for (i = 1; i < CM_DNS01_API_HEADERS; i++)
		assert_true(cm_dns01_api_header(&api, "X", cm_slice("y", 1), &st));
	assert_false(cm_dns01_api_header(&api, "X", cm_slice("y", 1), &st));
	cm_dns01_api_free(&api);
}

static void
test_values(void **state)
{
	CmBuf		buf;

	(void) state;
	assert_true(cm_dns01_same_value("abc", "abc"));
	assert_true(cm_dns01_same_value("\"abc\"", "abc"));
	assert_true(cm_dns01_same_value("\"ab\" \"c\"", "abc"));
	assert_true(cm_dns01_same_value("\"a\\\"b\\\\\"", "a\"b\\"));
	assert_true(cm_dns01_same_value("\"\"", ""));
	assert_false(cm_dns01_same_value("\"abc", "abc"));
	assert_false(cm_dns01_same_value("\"abc\" x", "abc"));
	assert_false(cm_dns01_same_value("\"abcd\"", "abc"));
	assert_false(cm_dns01_same_value("\"ab\"", "abc"));
	assert_false(cm_dns01_same_value("\"abc\\", "abc"));
	assert_false(cm_dns01_same_value("ABC", "abc"));
	cm_buf_init(&buf, 100);
	assert_true(cm_dns01_api_escape(&buf, "a.b-_~ /*\xc3"));
	assert_string_equal(cm_buf_cstr(&buf), "a.b-_~%20%2F%2A%C3");
	cm_buf_free(&buf);
}

/* A loop that goes with a request under way leaves nothing (the sanitizer looks). */
static void
test_dropped(void **state)
{
	const HttpStep none[] = {{NULL, NULL, NULL, NULL}};
	const CmDns01ApiRequest request = {.method = "GET", .path = "/x"};
	CmStatus	st = CM_STATUS_INIT;
	CmLoop	   *other = cm_loop_create(NULL, &st);
	CmDns01Api	api;
	CmJson	   *json;
	char		config[128];
	Seen		seen = {0};

	(void) state;
	memset(&api, 0, sizeof(api));
	snprintf(config, sizeof(config), "{\"endpoint\": \"http://127.0.0.1:%d\"}", http_script_start(none));
	json = cm_json_parse(cm_slice(config, strlen(config)), 1000, &st);
	assert_true(cm_dns01_api_read(json, NULL, &api, &st));
	cm_json_free(json);
	assert_true(cm_dns01_api_send(other, &api, &request, on_answer, &seen, &st));
	cm_loop_destroy(other);
	assert_false(seen.done);
	cm_dns01_api_free(&api);
	http_script_end();
}

static int
set_up(void **state)
{
	CmStatus	st = CM_STATUS_INIT;

	(void) state;
	loop = cm_loop_create(NULL, &st);
	return loop != NULL ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void) state;
	cm_loop_destroy(loop);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_judged),
		cmocka_unit_test(test_hostile_bodies),
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_credentials),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_dropped),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
