/*
 * test_cloudflare.c - the provider "cloudflare": configuration, the zone walk,
 * batches with conflicts and lost answers, error codes, hostile answers.
 */
#include "dns01_call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define Z "0123456789abcdef0123456789abcdef"
#define R1 "11111111111111111111111111111111"
#define R2 "22222222222222222222222222222222"
#define NAME "_acme-challenge.example.com"
#define END {NULL, NULL, NULL, NULL}
#define OK_LIST(items) "{\"success\":true,\"errors\":[],\"messages\":[],\"result\":[" items "],\"result_info\":{\"page\":1,\"total_pages\":1}}"
#define RECORD(id, content) "{\"id\":\"" id "\",\"type\":\"TXT\",\"name\":\"" NAME "\",\"content\":\"" content "\"}"
#define ERRORS(errors) "{\"success\":false,\"errors\":[" errors "],\"messages\":[],\"result\":null}"
#define BATCH "POST /zones/" Z "/dns_records/batch "
#define LIST "GET /zones/" Z "/dns_records?type=TXT&name=_acme-challenge.example.com&per_page=100&page=1 "

static const Asked cloudflare = {"cloudflare", "", "the-token"};

static void
test_check(void **state)
{
	(void) state;
	assert_string_equal(dns01_check("cloudflare", "{}", "token"), "");
	assert_string_equal(dns01_check("cloudflare", "{\"zone\": \"Example.com.\", \"zone_id\": \"" Z "\", \"ttl\": 1}", "token\n"), "");
	assert_string_equal(dns01_check("cloudflare", "{\"zones\": {\"a.example\": \"" Z "\"}, \"email\": \"a@b\"}", "key"), "");
	assert_string_equal(dns01_check("cloudflare", "{}", ""), "Cloudflare's API token is missing: give it as the provider's secret");
	assert_string_equal(dns01_check("cloudflare", "{\"email\": \"a@b\"}", ""), "Cloudflare's Global API Key is missing: give it as the provider's secret");
	assert_string_equal(dns01_check("cloudflare", "{}", "to\nken"), "Cloudflare's API token has a character at position 3 that is no printable ASCII");
	assert_string_equal(dns01_check("cloudflare", "{}", "Bearer abc"), "the API token must be given without \"Bearer\"");
	assert_string_equal(dns01_check("cloudflare", "{\"zone_id\": \"" Z "\"}", "t"), "\"zone\" and \"zone_id\" go together");
	assert_string_equal(dns01_check("cloudflare", "{\"zone\": \"a.example\", \"zone_id\": \"../x\"}", "t"), "the zone id of \"a.example\" is not one");
	assert_string_equal(dns01_check("cloudflare", "{\"zones\": []}", "t"), "\"zones\" must be an object of zone names and their ids");
	assert_string_equal(dns01_check("cloudflare", "{\"zones\": {\"a.example\": null}}", "t"), "\"zones\" must be an object of zone names and their ids");
	assert_string_equal(dns01_check("cloudflare", "{\"ttl\": 5}", "t"), "\"ttl\" must be 1 (automatic) or between 30 and 86400");
	assert_string_equal(dns01_check("cloudflare", "{\"tokn\": \"x\"}", "t"), "configuration key \"tokn\" is not known");
	assert_string_equal(dns01_check("cloudflare", "{\"email\": \"a\\nb\"}", "t"), "a credential has characters that are no printable ASCII");
	assert_string_equal(dns01_check("cloudflare", "{\"propagation\": \"x\"}", "t"), "\"propagation\" must be \"authoritative\" or \"none\"");
}

static void
test_find_zone(void **state)
{
	const HttpStep walk[] = {
		{"GET /zones?name=www.sub.example.com&per_page=50 ", "Authorization: Bearer the-token\r\n", "200 OK", OK_LIST("")},
		{"GET /zones?name=sub.example.com&per_page=50 ", NULL, "200 OK",
		OK_LIST("{\"id\":\"" R1 "\",\"name\":\"sub.example.com\",\"status\":\"pending\"}")},
		{"GET /zones?name=example.com&per_page=50 ", NULL, "200 OK", OK_LIST("{\"id\":\"" Z "\",\"name\":\"example.com\",\"status\":\"active\"}")},
		END
	};
	const HttpStep none[] = {
		{"GET /zones?name=example.com&", NULL, "200 OK", OK_LIST("{\"id\":\"" R1 "\",\"name\":\"example.com\",\"status\":\"pending\"}")},
		END
	};
	const HttpStep two[] = {
		{"GET /zones?name=example.com&per_page=50&account.id=abc ", NULL, "200 OK",
		OK_LIST("{\"id\":\"" Z "\",\"name\":\"example.com\"},{\"id\":\"" R1 "\",\"name\":\"example.com\"}")},
		END
	};
	const HttpStep nothing[] = {END};
	const Asked account = {"cloudflare", "\"account_id\": \"abc\"", "t"};
	const Asked configured = {"cloudflare", "\"zones\": {\"example.com\": \"" Z "\", \"sub.example.com\": \"" R1 "\"}", "t"};
	Outcome		o = dns01_find(&cloudflare, "_acme-challenge.www.sub.example.com", walk);

	(void) state;
	assert_int_equal(o.code, CM_OK);
	assert_string_equal(o.zone, "example.com");
	assert_string_equal(o.zone_id, Z);
	o = dns01_find(&cloudflare, NAME, none);
	assert_int_equal(o.code, CM_REFUSED);
	assert_string_equal(o.status.reason, "Cloudflare shows this account no active zone that holds \"" NAME "\"");
	assert_string_equal(o.status.detail, "Zone \"example.com\" is there, but its status is \"pending\".");
	o = dns01_find(&account, NAME, two);
	assert_int_equal(o.code, CM_REFUSED);
	assert_non_null(strstr(o.status.reason, "in 2 accounts"));
	o = dns01_find(&configured, "_acme-challenge.x.sub.example.com", nothing);
	assert_string_equal(o.zone, "sub.example.com");
	assert_string_equal(o.zone_id, R1);
	assert_string_equal(dns01_find(&configured, "_acme-challenge.example.com", nothing).zone_id, Z);
	assert_int_equal(dns01_find(&configured, "_acme-challenge.other.com", nothing).code, CM_INVALID);
}

/* A filter that is not obeyed must not lead to another zone, nor an id into another path. */
static void
test_hostile_zones(void **state)
{
	static const char *const answers[] = {
		OK_LIST("{\"id\":\"" Z "\",\"name\":\"evil.com\",\"status\":\"active\"}"),
		OK_LIST("{\"id\":\"../../user\",\"name\":\"example.com\",\"status\":\"active\"}"),
		OK_LIST("{\"id\":7,\"name\":\"example.com\"}"),
		OK_LIST("null,[],7,\"x\",{\"name\":{}}"),
	};
	static const char *const broken[] = {
		"{\"success\":true,\"result\":{\"id\":\"" Z "\"}}", "{\"success\":true}", "[]", "", "\"x\"", "<html>",
	};
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
	{
		const HttpStep steps[] = {{"GET /zones?name=example.com", NULL, "200 OK", answers[i]}, END};
		Outcome		o = dns01_find(&cloudflare, "example.com", steps);

		assert_int_equal(o.code, CM_REFUSED);
		assert_string_equal(o.zone, "");
		assert_string_equal(o.zone_id, "");
	}
	for (i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
	{
		const HttpStep steps[] = {{"GET /zones?name=example.com", NULL, "200 OK", broken[i]}, END};

		assert_int_equal(dns01_find(&cloudflare, "example.com", steps).code, CM_PROTOCOL);
	}
}

static void
test_add(void **state)
{
	const CmDns01Record records[] = {{.name = NAME, .value = "one"}, {.name = "_Acme-Challenge.example.com.", .value = "two"}, {.name = NULL}};
	/* The ids come back in another order. */
	const HttpStep steps[] = {
		{BATCH, "{\"deletes\":[],\"posts\":[{\"type\":\"TXT\",\"name\":\"" NAME "\",\"content\":\"\\\"one\\\"\",\"ttl\":60,\"proxied\":false,\"comment\":\"certmgr",
			"200 OK", "{\"success\":true,\"errors\":[],\"result\":{\"deletes\":[],\"posts\":[" RECORD(R2, "\\\"two\\\"") "," RECORD(R1, "\\\"one\\\"") "]}}"},
		END
	};
	const HttpStep no_ids[] = {{BATCH, NULL, "200 OK", "{\"success\":true,\"result\":null}"}, END};
	Outcome		o = dns01_apply(&cloudflare, "example.com", Z, records, steps);

	(void) state;
	assert_int_equal(o.code, CM_OK);
	assert_string_equal(o.ids[0], R1);
	assert_string_equal(o.ids[1], R2);
	o = dns01_apply(&cloudflare, "example.com", Z, records, no_ids);
	assert_int_equal(o.code, CM_OK);
	assert_string_equal(o.ids[0], "");
}

static void
test_add_again(void **state)
{
	const CmDns01Record records[] = {
		{.name = NAME, .value = "one"}, {.name = NAME, .value = "two"}, {.name = "_acme-challenge.b.example.com", .value = "three"}, {.name = NULL}
	};
	const HttpStep steps[] = {
		{BATCH, NULL, "400 Bad Request", ERRORS("{\"code\":81058,\"message\":\"An identical record already exists.\"}")},
		/* Two pages, one with somebody else's values. */
		{LIST, NULL, "200 OK", "{\"success\":true,\"result\":[" RECORD(Z, "foreign") "],\"result_info\":{\"page\":1,\"total_pages\":2}}"},
		{"GET /zones/" Z "/dns_records?type=TXT&name=_acme-challenge.example.com&per_page=100&page=2 ", NULL, "200 OK",
		"{\"success\":true,\"result\":[" RECORD(R1, "one") "],\"result_info\":{\"page\":2,\"total_pages\":2}}"},
		{"GET /zones/" Z "/dns_records?type=TXT&name=_acme-challenge.b.example.com&", NULL, "200 OK", OK_LIST("")},
		{BATCH, "\"posts\":[{\"type\":\"TXT\",\"name\":\"" NAME "\",\"content\":\"\\\"two\\\"\"", "200 OK",
		"{\"success\":true,\"result\":{\"posts\":[" RECORD(R2, "\\\"two\\\"") "]}}"},
		END
	};
	HttpStep	endless[10];
	Outcome		o = dns01_apply(&cloudflare, "example.com", Z, records, steps);
	int			i;

	(void) state;
	assert_int_equal(o.code, CM_OK);
	assert_string_equal(o.ids[0], R1);
	assert_string_equal(o.ids[1], R2);
	/* A server that contradicts itself is left after some rounds. */
	for (i = 0; i < 9; i += 2)
	{
		endless[i] = (HttpStep) {BATCH, NULL, "400 Bad Request", ERRORS("{\"code\":81057,\"message\":\"x\"}")};
		endless[i + 1] = (HttpStep) {LIST, NULL, "200 OK", OK_LIST("")};
	}
	endless[9] = (HttpStep) END;
	o = dns01_apply(&cloudflare, "example.com", Z, (const CmDns01Record[]) {{.name = NAME, .value = "one"}, {.name = NULL}}, endless);
	assert_int_equal(o.code, CM_NETWORK);
}

static void
test_remove(void **state)
{
	const CmDns01Record known[] = {{.name = NAME, .value = "one", .remove = true, .id = R1}, {.name = NULL}};
	const CmDns01Record unknown[] = {{.name = NAME, .value = "one", .remove = true}, {.name = NAME, .value = "two", .remove = true, .id = "x/../y"}, {.name = NULL}};
	const HttpStep by_id[] = {{BATCH, "{\"deletes\":[{\"id\":\"" R1 "\"}],\"posts\":[]}", "200 OK", "{\"result\":{}}"}, END};
	const HttpStep gone[] = {
		{BATCH, NULL, "404 Not Found", ERRORS("{\"code\":81044,\"message\":\"Record does not exist.\"}")},
		{LIST, NULL, "200 OK", OK_LIST(RECORD(R2, "\\\"other\\\""))},
		END
	};
	const HttpStep moved[] = {
		{BATCH, NULL, "400 Bad Request", ERRORS("{\"code\":81044,\"message\":\"Record does not exist.\"}")},
		{LIST, NULL, "200 OK", OK_LIST(RECORD(R2, "\\\"one\\\""))},
		{BATCH, "{\"deletes\":[{\"id\":\"" R2 "\"}],\"posts\":[]}", "200 OK", "{\"success\":true,\"result\":{}}"},
		END
	};
	const HttpStep looked_up[] = {
		{LIST, NULL, "200 OK", OK_LIST(RECORD(R2, "two"))},
		{BATCH, "{\"deletes\":[{\"id\":\"" R2 "\"}],\"posts\":[]}", "200 OK", "{\"success\":true,\"result\":{}}"},
		END
	};

	(void) state;
	assert_int_equal(dns01_apply(&cloudflare, "example.com", Z, known, by_id).code, CM_OK);
	assert_int_equal(dns01_apply(&cloudflare, "example.com", Z, known, gone).code, CM_OK);
	assert_int_equal(dns01_apply(&cloudflare, "example.com", Z, known, moved).code, CM_OK);
	assert_int_equal(dns01_apply(&cloudflare, "example.com", Z, unknown, looked_up).code, CM_OK);
}

/* An endpoint without the batch. */
static void
test_single(void **state)
{
	const CmDns01Record records[] = {
		{.name = NAME, .value = "old", .remove = true, .id = R1}, {.name = NAME, .value = "one"}, {.name = NAME, .value = "two"}, {.name = NULL}
	};
	const HttpStep steps[] = {
		{BATCH, NULL, "404 Not Found", ERRORS("{\"code\":7000,\"message\":\"No route for that URI\"}")},
		{"DELETE /zones/" Z "/dns_records/" R1 " ", NULL, "404 Not Found", ""},
		{"POST /zones/" Z "/dns_records ", "\\\"one\\\"", "200 OK", "{\"success\":true,\"result\":" RECORD(R1, "\\\"one\\\"") "}"},
		{"POST /zones/" Z "/dns_records ", "\\\"two\\\"", "400 Bad Request", ERRORS("{\"code\":81058,\"message\":\"x\"}")},
		{LIST, NULL, "200 OK", OK_LIST(RECORD(R2, "two"))},
		END
	};
	const HttpStep quota[] = {
		{BATCH, NULL, "405 Method Not Allowed", ""},
		{"DELETE ", NULL, "200 OK", "{\"result\":{\"id\":\"" R1 "\"}}"},
		{"POST ", NULL, "200 OK", "{\"success\":true,\"result\":" RECORD(R1, "\\\"one\\\"") "}"},
		{"POST ", NULL, "400 Bad Request", ERRORS("{\"code\":81045,\"message\":\"Record quota exceeded.\"}")},
		END
	};
	Outcome		o = dns01_apply(&cloudflare, "example.com", Z, records, steps);

	(void) state;
	assert_int_equal(o.code, CM_OK);
	assert_string_equal(o.ids[1], R1);
	assert_string_equal(o.ids[2], R2);
	o = dns01_apply(&cloudflare, "example.com", Z, records, quota);
	assert_int_equal(o.code, CM_REFUSED);
	/* What was made before the failure is told. */
	assert_string_equal(o.ids[1], R1);
	assert_non_null(strstr(o.status.detail, "as many records as its plan allows"));
}

typedef struct Fault
{
	const char *status;
	const char *body;
	CmCode		code;
	int64_t		retry_after;
	const char *words;			/* in reason or detail */
} Fault;

static void
test_faults(void **state)
{
	static const Fault faults[] = {
		{"403 Forbidden", ERRORS("{\"code\":10000,\"message\":\"Authentication error\"}"), CM_REFUSED, -1, "Authentication error (10000). The token is not valid, or it lacks a permission for this zone. It needs Zone > DNS > Edit"},
		{"403 Forbidden", ERRORS("{\"code\":9109,\"message\":\"Unauthorized to access requested resource\"}"), CM_REFUSED, -1, "Zone > DNS > Edit"},
		{"403 Forbidden", ERRORS("{\"code\":9109,\"message\":\"Invalid access token\"}"), CM_REFUSED, -1, "The credential was not accepted"},
		{"400 Bad Request", ERRORS("{\"code\":6003,\"message\":\"Invalid request headers\",\"error_chain\":[{\"code\":6111,\"message\":\"Invalid format for Authorization header\"}]}"), CM_REFUSED, -1, "Invalid request headers (6003): Invalid format for Authorization header (6111). The credential was not accepted"},
		{"403 Forbidden", ERRORS("{\"code\":0,\"message\":\"Actor 'com.cloudflare.api.token.x' requires permission 'com.cloudflare.api.account.zone.list' to list zones\"}"), CM_REFUSED, -1, "Zone > Zone > Read"},
		{"400 Bad Request", ERRORS("{\"code\":1004,\"message\":\"DNS Validation Error\",\"error_chain\":[{\"code\":9300,\"message\":\"tags quota\"}]}"), CM_REFUSED, -1, "tags on records"},
		{"400 Bad Request", ERRORS("{\"code\":81054,\"message\":\"A CNAME record with that host already exists.\"}"), CM_REFUSED, -1, "There is a CNAME at the name"},
		{"400 Bad Request", ERRORS("{\"code\":1038,\"message\":\"You cannot use this API for domains with a .cf TLD\"}"), CM_REFUSED, -1, "top-level domain"},
		{"400 Bad Request", ERRORS("{\"code\":424242,\"message\":\"new one\"}"), CM_REFUSED, -1, "new one (424242)"},
		{"401 Unauthorized", "{\"code\":10000,\"error\":\"no\"}", CM_REFUSED, -1, "no"},
		{"418 Teapot", "{}", CM_REFUSED, -1, "HTTP 418"},
		{"200 OK", "{\"success\":false,\"errors\":[]}", CM_REFUSED, -1, "refused"},
		{"429 Too Many Requests\r\nRetry-After: 17", ERRORS("{\"code\":971,\"message\":\"slow\"}"), CM_LIMIT, 17, "slow down"},
		{"429 Too Many Requests\r\nRatelimit: \"default\";r=0;t=42", "", CM_LIMIT, 42, "slow down"},
		{"400 Bad Request", ERRORS("{\"code\":10429,\"message\":\"slow\"}"), CM_LIMIT, -1, "slow down"},
		{"502 Bad Gateway", "<html>\x01</html>", CM_NETWORK, -1, "HTTP 502"},
		{"500 Error", ERRORS("{\"code\":10013,\"message\":\"internal\"}"), CM_NETWORK, -1, "internal (10013)"},
		{"200 OK", "<html>", CM_PROTOCOL, -1, "no JSON object"},
		{NULL, NULL, CM_NETWORK, -1, "closed the connection"},
		{"400 Bad Request", "{\"errors\":{\"code\":1}}", CM_REFUSED, -1, "HTTP 400"},
		{"400 Bad Request", "{\"errors\":[[],null,7,{\"code\":{},\"message\":[]},{\"code\":-1},{\"code\":1e99},{\"error_chain\":[{\"error_chain\":[]}]}]}", CM_REFUSED, -1, "refused"},
		{"400 Bad Request", ERRORS("{\"code\":5,\"message\":\"a\\u0000\\u001b[31m\\n\"}"), CM_REFUSED, -1, ""},
	};
	const CmDns01Record records[] = {{.name = NAME, .value = "one"}, {.name = NULL}};
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
	{
		const HttpStep steps[] = {{BATCH, NULL, faults[i].status, faults[i].body}, END};
		Outcome		o = dns01_apply(&cloudflare, "example.com", Z, records, steps);

		if (o.code != faults[i].code || o.retry_after != faults[i].retry_after ||
			(strstr(o.status.reason, faults[i].words) == NULL && strstr(o.status.detail, faults[i].words) == NULL))
			fail_msg("fault %zu: code %d, retry after %lld, %s / %s", i, o.code, (long long) o.retry_after, o.status.reason, o.status.detail);
		assert_null(strchr(o.status.detail, '\x1b'));
		assert_null(strstr(o.status.detail, "the-token"));
	}
}

/* The id of the zone is not known; the window of requests ends in between. */
static void
test_zone_then_apply(void **state)
{
	const CmDns01Record records[] = {{.name = NAME, .value = "one"}, {.name = NULL}};
	const HttpStep steps[] = {
		{"GET /zones?name=example.com&", NULL, "200 OK", OK_LIST("{\"id\":\"" Z "\",\"name\":\"example.com\"}")},
		{BATCH, NULL, "200 OK", "{\"success\":true,\"result\":{}}"},
		END
	};
	const HttpStep used_up[] = {
		{"GET /zones?name=example.com&", NULL, "200 OK\r\nRatelimit: \"default\";r=0;t=33", OK_LIST("{\"id\":\"" Z "\",\"name\":\"example.com\"}")},
		END
	};
	const HttpStep gone[] = {{"GET /zones?name=example.com&", NULL, "200 OK", OK_LIST("")}, END};
	Outcome		o = dns01_apply(&cloudflare, "example.com", NULL, records, steps);

	(void) state;
	assert_int_equal(o.code, CM_OK);
	assert_string_equal(o.zone_id, Z);
	assert_string_equal(o.zone, "example.com");
	o = dns01_apply(&cloudflare, "example.com", NULL, records, used_up);
	assert_int_equal(o.code, CM_LIMIT);
	assert_int_equal(o.retry_after, 33);
	assert_int_equal(dns01_apply(&cloudflare, "example.com", NULL, records, gone).code, CM_REFUSED);
}

static void
test_key_and_email(void **state)
{
	const Asked asked = {"cloudflare", "\"email\": \"me@example.com\", \"zone\": \"example.com\", \"zone_id\": \"" Z "\", \"comment\": \"it's \\\"me\\\"\"", "key"};
	const CmDns01Record records[] = {{.name = NAME, .value = "o\"n\\e"}, {.name = NULL}};
	const HttpStep steps[] = {
		{BATCH, "X-Auth-Email: me@example.com\r\nX-Auth-Key: key\r\n", "400 Bad Request", ERRORS("{\"code\":81058,\"message\":\"x\"}")},
		{LIST, NULL, "200 OK", OK_LIST("")},
		{BATCH, "\"content\":\"\\\"o\\\\\\\"n\\\\\\\\e\\\"\",\"ttl\":60,\"proxied\":false,\"comment\":\"it's \\\"me\\\"\"}", "200 OK", "{\"success\":true,\"result\":{}}"},
		END
	};

	(void) state;
	assert_int_equal(dns01_apply(&asked, "example.com", NULL, records, steps).code, CM_OK);
}

/* ---- what several calls want at the same moment ---- */

#define NAME_B "_acme-challenge.b.example.com"
#define NAME_C "_acme-challenge.c.example.com"
#define RECORD_OF(id, name, content) "{\"id\":\"" id "\",\"type\":\"TXT\",\"name\":\"" name "\",\"content\":\"\\\"" content "\\\"\"}"
#define POST_OF(name, value) "{\"type\":\"TXT\",\"name\":\"" name "\",\"content\":\"\\\"" value "\\\"\",\"ttl\":60,\"proxied\":false,\"comment\":\"certmgr: ACME challenge, may be deleted\"}"
#define POSTED(posts) "{\"success\":true,\"result\":{\"posts\":[" posts "]}}"
#define LIST_ALL(page) "GET /zones/" Z "/dns_records?type=TXT&per_page=500&page=" page " "

static const CmDns01Record add_1[] = {{.name = NAME, .value = "one"}, {.name = NULL}};
static const CmDns01Record add_1_again[] = {{.name = NAME, .value = "one"}, {.name = NULL}};
static const CmDns01Record add_2[] = {{.name = NAME_B, .value = "two"}, {.name = NAME, .value = "more"}, {.name = NULL}};
static const CmDns01Record add_3[] = {{.name = NAME_C, .value = "three"}, {.name = NULL}};
static const CmDns01Record drop_3[] = {{.name = NAME_C, .value = "old", .remove = true, .id = R1}, {.name = NULL}};
static const CmDns01Record *const calls[] = {add_1, add_2, drop_3, add_1_again};
static const CmDns01Record *const adds[] = {add_1, add_2, add_3};

static void
test_together(void **state)
{
	const HttpStep steps[] = {
		{BATCH, "{\"deletes\":[{\"id\":\"" R1 "\"}],\"posts\":[" POST_OF(NAME, "one") "," POST_OF(NAME_B, "two") "," POST_OF(NAME, "more") "]}", "200 OK",
		POSTED(RECORD_OF(R2, NAME, "one") "," RECORD_OF(R1, NAME, "more"))},
		END
	};
	Outcome		o[4];

	(void) state;
	dns01_apply_all(&cloudflare, "example.com", Z, calls, 4, steps, o);
	for (int i = 0; i < 4; i++)
		assert_int_equal(o[i].code, CM_OK);
	assert_string_equal(o[0].ids[0], R2);
	assert_string_equal(o[1].ids[0], "");
	assert_string_equal(o[1].ids[1], R1);
	/* Two added the same record: it is one, which either may delete. */
	assert_string_equal(o[3].ids[0], R2);
}

/* A conflict of some: one look at all of the zone tells which; who has what it wants is told so. */
static void
test_conflict_together(void **state)
{
	const HttpStep steps[] = {
		{BATCH, NULL, "400 Bad Request", ERRORS("{\"code\":81058,\"message\":\"An identical record already exists.\"}")},
		{LIST_ALL("1"), NULL, "200 OK", "{\"success\":true,\"result\":[" RECORD_OF(R1, "x.example.com", "one") "],\"result_info\":{\"total_pages\":2}}"},
		{LIST_ALL("2"), NULL, "200 OK", "{\"success\":true,\"result\":[" RECORD_OF(R2, NAME, "one") "],\"result_info\":{\"total_pages\":2}}"},
		{BATCH, "\"posts\":[" POST_OF(NAME_B, "two") "," POST_OF(NAME, "more") "," POST_OF(NAME_C, "three") "]}", "200 OK", POSTED("")},
		END
	};
	Outcome		o[3];

	(void) state;
	dns01_apply_all(&cloudflare, "example.com", Z, adds, 3, steps, o);
	for (int i = 0; i < 3; i++)
		assert_int_equal(o[i].code, CM_OK);
	assert_string_equal(o[0].ids[0], R2);
}

/* Cloudflare does not say which record it does not like: the culprit is found by halves, and fails alone. */
static void
test_culprit(void **state)
{
#define CNAME ERRORS("{\"code\":81054,\"message\":\"A CNAME record with that host already exists.\"}")
	const HttpStep steps[] = {
		{BATCH, NULL, "400 Bad Request", CNAME},
		{BATCH, "\"posts\":[" POST_OF(NAME, "one") "]}", "200 OK", POSTED("")},
		{BATCH, "\"posts\":[" POST_OF(NAME_B, "two") "," POST_OF(NAME, "more") "," POST_OF(NAME_C, "three") "]}", "400 Bad Request", CNAME},
		{BATCH, "\"posts\":[" POST_OF(NAME_B, "two") "," POST_OF(NAME, "more") "]}", "200 OK", POSTED("")},
		{BATCH, "\"posts\":[" POST_OF(NAME_C, "three") "]}", "400 Bad Request", CNAME},
		END
	};
	Outcome		o[3];

	(void) state;
	dns01_apply_all(&cloudflare, "example.com", Z, adds, 3, steps, o);
	assert_int_equal(o[0].code, CM_OK);
	assert_int_equal(o[1].code, CM_OK);
	assert_int_equal(o[2].code, CM_REFUSED);
	assert_non_null(strstr(o[2].status.detail, "There is a CNAME at the name"));
	assert_false(o[2].touched);
}

/* What concerns all is told to all, once. */
static void
test_all_fail(void **state)
{
	static const Fault faults[] = {
		{"403 Forbidden", ERRORS("{\"code\":10000,\"message\":\"Authentication error\"}"), CM_REFUSED, -1, NULL},
		{"403 Forbidden", "", CM_REFUSED, -1, NULL},
		{"429 Too Many Requests\r\nRetry-After: 17", "", CM_LIMIT, 17, NULL},
		{NULL, NULL, CM_NETWORK, -1, NULL},
		{"502 Bad Gateway", "", CM_NETWORK, -1, NULL},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
	{
		const HttpStep steps[] = {{BATCH, NULL, faults[i].status, faults[i].body}, END};
		Outcome		o[3];

		dns01_apply_all(&cloudflare, "example.com", Z, adds, 3, steps, o);
		for (int j = 0; j < 3; j++)
		{
			assert_int_equal(o[j].code, faults[i].code);
			assert_int_equal(o[j].retry_after, faults[i].retry_after);
		}
	}
}

/* More records than a batch holds: each batch is one of whole calls, and a call that is larger takes several. */
static void
test_batch_limit(void **state)
{
	static char values[130][16];
	CmDns01Record many[131];
	CmDns01Record more[131];
	CmDns01Record most[251];
	static char names[250][32];
	const CmDns01Record *const records[] = {many, more, most};
	const HttpStep steps[] = {
		{BATCH, "\"content\":\"\\\"v129\\\"\",\"ttl\":60,\"proxied\":false,\"comment\":\"certmgr: ACME challenge, may be deleted\"}]}", "200 OK", POSTED("")},
		{BATCH, "\"content\":\"\\\"v129\\\"\",\"ttl\":60,\"proxied\":false,\"comment\":\"certmgr: ACME challenge, may be deleted\"}]}", "200 OK", POSTED("")},
		{BATCH, "{\"deletes\":[],\"posts\":[" POST_OF("n0.example.com", "x") ",", "200 OK", POSTED("")},
		{BATCH, "{\"deletes\":[],\"posts\":[" POST_OF("n200.example.com", "x") ",", "200 OK", POSTED("")},
		END
	};
	Outcome		o[3];

	(void) state;
	memset(many, 0, sizeof(many));
	memset(most, 0, sizeof(most));
	for (int i = 0; i < 130; i++)
	{
		snprintf(values[i], sizeof(values[i]), "v%d", i);
		many[i].name = NAME;
		many[i].value = values[i];
	}
	memcpy(more, many, sizeof(more));
	for (int i = 0; i < 130; i++)
		more[i].name = NAME_B;
	for (int i = 0; i < 250; i++)
	{
		snprintf(names[i], sizeof(names[i]), "n%d.example.com", i);
		most[i].name = names[i];
		most[i].value = "x";
	}
	dns01_apply_all(&cloudflare, "example.com", Z, records, 3, steps, o);
	for (int i = 0; i < 3; i++)
		assert_int_equal(o[i].code, CM_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_find_zone),
		cmocka_unit_test(test_hostile_zones),
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_add_again),
		cmocka_unit_test(test_remove),
		cmocka_unit_test(test_single),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_zone_then_apply),
		cmocka_unit_test(test_key_and_email),
		cmocka_unit_test(test_together),
		cmocka_unit_test(test_conflict_together),
		cmocka_unit_test(test_culprit),
		cmocka_unit_test(test_all_fail),
		cmocka_unit_test(test_batch_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
