/*
 * test_webhook.c - the providers "acme-dns" and "webhook".
 */
#include "dns01_call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NAME "_acme-challenge.example.com"
#define FULL "d420c923.auth.example.org"
#define ACCOUNTS FULL " user-1 pass-1\n\nother.auth.example.org\tuser-2  pass-2\r\n"
#define KEY "0123456789abcdef"
#define END {NULL, NULL, NULL, NULL}

/* ---- acme-dns ---- */

static const Asked acmedns = {"acme-dns", "", ACCOUNTS};
static const Asked one_account = {"acme-dns", "\"fulldomain\": \"" FULL ".\", \"username\": \"u\", \"subdomain\": \"s\"", "p"};

static void
test_acmedns_check(void **state)
{
	(void) state;
	assert_string_equal(dns01_check("acme-dns", "{\"endpoint\": \"https://a.example\"}", ACCOUNTS), "");
	assert_string_equal(dns01_check("acme-dns", "{\"endpoint\": \"https://a.example\", \"fulldomain\": \"a.b.c\", \"username\": \"u\"}", "p"), "");
	assert_string_equal(dns01_check("acme-dns", "{}", ACCOUNTS), "configuration key \"endpoint\" is missing");
	assert_string_equal(dns01_check("acme-dns", "{\"endpoint\": \"https://a.example\"}", " \n"), "the secret is missing: the password, or lines \"fulldomain username password\"");
	assert_string_equal(dns01_check("acme-dns", "{\"endpoint\": \"https://a.example\"}", FULL " u p\n" FULL " u"), "line 2 of the secret is not \"fulldomain username password\"");
	assert_string_equal(dns01_check("acme-dns", "{\"endpoint\": \"https://a.example\"}", FULL " u p q"), "line 1 of the secret has more than \"fulldomain username password\"");
	assert_string_equal(dns01_check("acme-dns", "{\"endpoint\": \"https://a.example\"}", "nodots u p"), "\"fulldomain\" is not a DNS name below the server's");
	assert_string_equal(dns01_check("acme-dns", "{\"endpoint\": \"https://a.example\", \"username\": \"u\"}", "p"), "\"fulldomain\" and \"username\" go together");
	assert_string_equal(dns01_check("acme-dns", "{\"endpoint\": \"https://a.example\", \"fulldomain\": \"a.b\", \"username\": \"u\"}", ""),
						"the password of the acme-dns account is missing: give it as the provider's secret");
}

static void
test_acmedns(void **state)
{
	const CmDns01Record records[] = {{.name = FULL, .value = "one"}, {.name = FULL, .value = "two"}, {.name = "other.auth.example.org", .value = "x"}, {.name = NULL}};
	const CmDns01Record three[] = {{.name = FULL, .value = "1"}, {.name = FULL, .value = "2"}, {.name = FULL, .value = "3"}, {.name = NULL}};
	const CmDns01Record gone[] = {{.name = FULL, .value = "1", .remove = true}, {.name = NULL}};
	const CmDns01Record single[] = {{.name = FULL, .value = "1"}, {.name = NULL}};
	const HttpStep nothing[] = {END};
	const HttpStep steps[] = {
		{"POST /update ", "X-Api-User: user-1\r\nX-Api-Key: pass-1\r\n", "200 OK", "{\"txt\":\"one\"}"},
		{"POST /update ", "{\"subdomain\":\"d420c923\",\"txt\":\"two\"}", "200 OK", "{\"txt\":\"two\"}"},
		{"POST /update ", "X-Api-User: user-2\r\nX-Api-Key: pass-2\r\n", "200 OK", "{\"txt\":\"x\"}"},
		END
	};
	const HttpStep forbidden[] = {{"POST /update ", "{\"subdomain\":\"s\",\"txt\":\"1\"}", "401 Unauthorized", "{\"error\":\"forbidden\"}"}, END};
	const HttpStep strange[] = {{"POST /update ", NULL, "200 OK", "{\"txt\":[]}"}, END};
	const HttpStep lost[] = {{"POST /update ", NULL, NULL, NULL}, END};
	Outcome		o;

	(void) state;
	assert_string_equal(dns01_find(&acmedns, FULL, nothing).zone, "auth.example.org");
	o = dns01_find(&one_account, NAME, nothing);
	assert_int_equal(o.code, CM_REFUSED);
	assert_string_equal(o.status.detail, "Create the record: " NAME " CNAME " FULL);
	assert_non_null(strstr(dns01_find(&acmedns, NAME, nothing).status.detail, "one of the 2 accounts"));
	assert_int_equal(dns01_apply(&acmedns, "auth.example.org", NULL, records, steps).code, CM_OK);
	assert_int_equal(dns01_apply(&acmedns, "auth.example.org", NULL, gone, nothing).code, CM_OK);
	o = dns01_apply(&acmedns, "auth.example.org", NULL, three, nothing);
	assert_int_equal(o.code, CM_REFUSED);
	assert_non_null(strstr(o.status.reason, "keeps 2 values"));
	o = dns01_apply(&one_account, "auth.example.org", NULL, single, forbidden);
	assert_int_equal(o.code, CM_REFUSED);
	assert_string_equal(o.status.detail, "It answered HTTP 401: forbidden. Check user name and password, and from where the account may update (allowfrom).");
	assert_int_equal(dns01_apply(&one_account, "auth.example.org", NULL, single, strange).code, CM_PROTOCOL);
	assert_int_equal(dns01_apply(&one_account, "auth.example.org", NULL, single, lost).code, CM_NETWORK);
}

/* ---- webhook ---- */

static const Asked httpreq = {"webhook", "\"zone\": \"example.com\", \"username\": \"u\"", "p"};
static const Asked ours = {"webhook", "\"format\": \"certmgr\"", KEY};
static const CmDns01Record two[] = {{.name = NAME, .value = "one"}, {.name = NAME, .value = "old", .remove = true, .id = "7"}, {.name = NULL}};

static void
test_webhook_check(void **state)
{
	(void) state;
	assert_string_equal(dns01_check("webhook", "{\"endpoint\": \"https://a.example/hook\", \"zone\": [\"a.example\", \"b.example\"]}", ""), "");
	assert_string_equal(dns01_check("webhook", "{\"endpoint\": \"https://a.example\", \"format\": \"certmgr\"}", KEY), "");
	assert_string_equal(dns01_check("webhook", "{\"endpoint\": \"https://a.example\", \"format\": \"raw\"}", ""), "\"format\" must be \"httpreq\", \"httpreq-raw\" or \"certmgr\"");
	assert_string_equal(dns01_check("webhook", "{\"endpoint\": \"https://a.example\", \"format\": \"httpreq-raw\", \"username\": \"u\"}", "p"), "");
	assert_string_equal(dns01_check("webhook", "{\"endpoint\": \"https://a.example\", \"format\": \"certmgr\"}", "short"), "the secret must be an HMAC key of 16 to 1024 bytes");
	assert_string_equal(dns01_check("webhook", "{\"endpoint\": \"https://a.example\", \"format\": \"certmgr\", \"username\": \"u\"}", KEY),
						"\"username\" is for the format \"httpreq\"; requests of format \"certmgr\" are signed");
	assert_string_equal(dns01_check("webhook", "{\"endpoint\": \"https://a.example\", \"zone\": \"a.example\"}", "p"), "a secret is given, but no \"username\"");
	assert_string_equal(dns01_check("webhook", "{\"endpoint\": \"https://a.example\", \"zone\": \"a..b\"}", ""), "zone \"a..b\" is not a DNS name");
	assert_string_equal(dns01_check("webhook", "{\"endpoint\": \"https://a.example\"}", ""), "");
}

static void
test_httpreq(void **state)
{
	const HttpStep nothing[] = {END};
	const HttpStep steps[] = {
		{"POST /present ", "Authorization: Basic dTpw\r\n", "200 OK", "whatever"},
		{"POST /cleanup ", "{\"fqdn\":\"" NAME ".\",\"value\":\"old\"}", "204 No Content", ""},
		END
	};
	const HttpStep refused[] = {{"POST /present ", "{\"fqdn\":\"" NAME ".\",\"value\":\"one\"}", "403 Forbidden", "{\"error\":\"not \\u0007 yours\"}"}, END};
	Outcome		o;

	(void) state;
	assert_string_equal(dns01_find(&httpreq, NAME, nothing).zone, "example.com");
	assert_int_equal(dns01_find(&httpreq, "_acme-challenge.example.net", nothing).code, CM_INVALID);
	assert_int_equal(dns01_apply(&httpreq, "example.com", NULL, two, steps).code, CM_OK);
	o = dns01_apply(&httpreq, "example.com", NULL, two, refused);
	assert_int_equal(o.code, CM_REFUSED);
	assert_string_equal(o.status.reason, "the webhook refused to add a TXT record");
	assert_null(strchr(o.status.detail, '\a'));
}

static void
test_raw(void **state)
{
	const Asked raw = {"webhook", "\"format\": \"httpreq-raw\", \"zone\": \"example.com\", \"username\": \"u\"", "p"};
	const CmDns01Record records[] = {
		{.name = NAME, .value = "one", .domain = "example.com", .key_authorization = "to-ken.thumb_print"},
		{.name = NAME, .value = "old", .remove = true, .domain = "example.com", .key_authorization = "old.thumb_print"}, {.name = NULL}
	};
	const HttpStep steps[] = {
		{"POST /present ", "{\"domain\":\"example.com\",\"token\":\"to-ken\",\"keyAuth\":\"to-ken.thumb_print\"}", "200 OK", ""},
		{"POST /cleanup ", "{\"domain\":\"example.com\",\"token\":\"old\",\"keyAuth\":\"old.thumb_print\"}", "200 OK", ""},
		END
	};
	const HttpStep nothing[] = {END};
	Outcome		o;

	(void) state;
	assert_int_equal(dns01_apply(&raw, "example.com", NULL, records, steps).code, CM_OK);
	o = dns01_apply(&raw, "example.com", NULL, two, nothing);
	assert_int_equal(o.code, CM_REFUSED);
	assert_non_null(strstr(o.status.reason, "dns-01 challenges only"));
}

static void
test_ours(void **state)
{
	const HttpStep find[] = {{"POST / ", "{\"version\":1,\"action\":\"find_zone\",\"name\":\"" NAME "\"}", "200 OK", "{\"zone\":\"Example.com.\",\"zone_id\":\"z1\"}"}, END};
	const HttpStep elsewhere[] = {{"POST / ", NULL, "200 OK", "{\"zone\":\"evil.net\"}"}, END};
	const HttpStep apply[] = {
		{"POST / ", "{\"version\":1,\"action\":\"apply\",\"zone\":\"example.com\",\"zone_id\":\"z1\",\"records\":[{\"action\":\"add\",\"type\":\"TXT\",\"name\":\"" NAME "\",\"value\":\"one\",\"id\":null},"
			"{\"action\":\"remove\",\"type\":\"TXT\",\"name\":\"" NAME "\",\"value\":\"old\",\"id\":\"7\"}]}", "202 Accepted", "{\"ids\":[\"8\",null],\"change_id\":\"c1\"}"},
		END
	};
	/* Lost once: sent again with the same key. */
	const HttpStep lost[] = {{"POST / ", "Idempotency-Key: ", NULL, NULL}, {"POST / ", "X-Certmgr-Signature: v1=", "200 OK", ""}, END};
	const HttpStep lost_twice[] = {{"POST / ", NULL, NULL, NULL}, {"POST / ", NULL, NULL, NULL}, END};
	const HttpStep failing[] = {{"POST / ", NULL, "500 Oops", ""}, END};
	const HttpStep odd_ids[] = {{"POST / ", NULL, "200 OK", "{\"ids\":[{},[]],\"change_id\":7}"}, END};
	const HttpStep pending[] = {{"POST / ", "{\"version\":1,\"action\":\"confirm\",\"zone\":\"example.com\",\"zone_id\":null,\"change_id\":\"c1\"}", "200 OK\r\nRetry-After: 3", "{\"done\":false}"}, END};
	const HttpStep done[] = {{"POST / ", NULL, "200 OK", "{\"done\":true}"}, END};
	Outcome		o = dns01_find(&ours, NAME, find);

	(void) state;
	assert_string_equal(o.zone, "example.com");
	assert_string_equal(o.zone_id, "z1");
	o = dns01_find(&ours, NAME, elsewhere);
	assert_int_equal(o.code, CM_REFUSED);
	assert_string_equal(o.zone, "");
	o = dns01_apply(&ours, "example.com", "z1", two, apply);
	assert_int_equal(o.code, CM_OK);
	assert_string_equal(o.ids[0], "8");
	assert_string_equal(o.ids[1], "");
	assert_string_equal(o.change_id, "c1");
	assert_int_equal(dns01_apply(&ours, "example.com", NULL, two, lost).code, CM_OK);
	assert_int_equal(dns01_apply(&ours, "example.com", NULL, two, lost_twice).code, CM_NETWORK);
	assert_int_equal(dns01_apply(&ours, "example.com", NULL, two, failing).code, CM_NETWORK);
	o = dns01_apply(&ours, "example.com", NULL, two, odd_ids);
	assert_int_equal(o.code, CM_OK);
	assert_string_equal(o.ids[0], "");
	o = dns01_confirm(&ours, "example.com", "c1", pending);
	assert_int_equal(o.code, CM_REFUSED);
	assert_int_equal(o.retry_after, 3);
	assert_int_equal(dns01_confirm(&ours, "example.com", "c1", done).code, CM_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_acmedns_check),
		cmocka_unit_test(test_acmedns),
		cmocka_unit_test(test_webhook_check),
		cmocka_unit_test(test_httpreq),
		cmocka_unit_test(test_raw), cmocka_unit_test(test_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
