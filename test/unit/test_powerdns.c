/*
 * test_powerdns.c - the provider "powerdns": configuration, the zone walk,
 * single values (EXTEND, PRUNE), replaced sets, hostile answers. The TAP test
 * 085 asks a real server.
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
#define ZONES "GET /api/v1/servers/localhost/zones?zone="
#define ZONE "/api/v1/servers/localhost/zones/example.com."
#define SHOW "GET " ZONE "?rrset_name=_acme-challenge.example.com.&rrset_type=TXT "
#define CHANGE "PATCH " ZONE " "
#define OLD_SERVER {CHANGE, "EXTEND", "422 Unprocessable Entity", "{\"error\":\"Changetype not understood\"}"}
#define SET(records) "{\"name\":\"example.com.\",\"rrsets\":[{\"name\":\"" NAME ".\",\"type\":\"TXT\",\"ttl\":77,\"records\":[" records "]}]}"
#define VALUE(v) "{\"content\":\"\\\"" v "\\\"\",\"disabled\":false}"
#define END {NULL, NULL, NULL, NULL}

static const Asked powerdns = {"powerdns", "", "the-key"};
static const CmDns01Record add[] = {{.name = NAME, .value = "one"}, {.name = NAME, .value = "two"}, {.name = NULL}};
static const CmDns01Record removal[] = {{.name = NAME, .value = "one", .remove = true}, {.name = NULL}};

static void
test_check(void **state)
{
	(void) state;
	assert_string_equal(dns01_check("powerdns", "{\"endpoint\": \"http://127.0.0.1:8081\"}", "k"), "");
	assert_string_equal(dns01_check("powerdns", "{\"endpoint\": \"https://a.example\", \"server_id\": \"a-b\", \"notify\": true, \"ttl\": 5}", "k"), "");
	assert_string_equal(dns01_check("powerdns", "{}", "k"), "configuration key \"endpoint\" is missing");
	assert_string_equal(dns01_check("powerdns", "{\"endpoint\": \"https://a.example\"}", ""), "PowerDNS's API key is missing: give it as the provider's secret");
	assert_string_equal(dns01_check("powerdns", "{\"endpoint\": \"https://a.example\", \"server_id\": \"a/b\"}", "k"),
						"\"server_id\" is not the id of a server; PowerDNS's is \"localhost\"");
	assert_string_equal(dns01_check("powerdns", "{\"endpoint\": \"https://a.example\", \"notify\": 1}", "k"), "\"notify\" must be true or false");
}

static void
test_find_zone(void **state)
{
	const HttpStep walk[] = {
		{ZONES "www.example.com. ", "X-API-Key: the-key\r\n", "200 OK", "[]"},
		{ZONES "example.com. ", NULL, "200 OK", "[{\"id\":\"example.com.\",\"name\":\"example.com.\",\"kind\":\"Native\"}]"},
		END
	};
	const HttpStep unfiltered[] = {
		{ZONES "example.com. ", NULL, "200 OK", "[{\"name\":\"com.\"},null,7,{\"name\":{}},{\"name\":\"EXAMPLE.com.\"}]"},
		END
	};
	const HttpStep secondary[] = {
		{ZONES "example.com. ", NULL, "200 OK", "[{\"name\":\"example.com.\",\"kind\":\"Slave\"}]"},
		{ZONES "com. ", NULL, "200 OK", "[]"},
		END
	};
	const HttpStep none[] = {{ZONES "example.com. ", NULL, "200 OK", "[]"}, {ZONES "com. ", NULL, "200 OK", "[{\"name\":\"net.\"}]"}, END};
	const HttpStep wrong_key[] = {{ZONES "example.com. ", NULL, "401 Unauthorized", "Unauthorized"}, END};
	const HttpStep not_pdns[] = {{ZONES "example.com. ", NULL, "200 OK", "{\"zones\":[]}"}, END};
	const HttpStep nothing[] = {{ZONES "example.com. ", NULL, "404 Not Found", "Not Found"}, END};
	Outcome		o = dns01_find(&powerdns, "_acme-challenge.www.example.com", walk);

	(void) state;
	assert_int_equal(o.code, CM_OK);
	assert_string_equal(o.zone, "example.com");
	assert_string_equal(dns01_find(&powerdns, NAME, unfiltered).zone, "example.com");
	o = dns01_find(&powerdns, NAME, secondary);
	assert_int_equal(o.code, CM_REFUSED);
	assert_non_null(strstr(o.status.reason, "secondary"));
	assert_string_equal(dns01_find(&powerdns, NAME, none).status.reason, "this PowerDNS has no zone that holds \"" NAME "\"");
	o = dns01_find(&powerdns, NAME, wrong_key);
	assert_int_equal(o.code, CM_REFUSED);
	assert_string_equal(o.status.detail, "It answered HTTP 401: check the secret (api-key in pdns.conf) and webserver-allow-from.");
	assert_int_equal(dns01_find(&powerdns, NAME, not_pdns).code, CM_PROTOCOL);
	assert_string_equal(dns01_find(&powerdns, NAME, nothing).status.detail, "It answered HTTP 404: check \"endpoint\" and \"server_id\", and api=yes in pdns.conf.");
}

static void
test_single_values(void **state)
{
	const HttpStep extend[] = {
		{CHANGE, "{\"rrsets\":[{\"name\":\"" NAME ".\",\"type\":\"TXT\",\"changetype\":\"EXTEND\",\"ttl\":60,\"records\":[" VALUE("one") "]},{\"name\":\"" NAME ".\",\"type\":\"TXT\",\"changetype\":\"EXTEND\",\"ttl\":60,\"records\":[" VALUE("two") "]}]}",
		"204 No Content", ""},
		END
	};
	const CmDns01Record mixed[] = {
		{.name = NAME, .value = "one"}, {.name = "_acme-challenge.b.example.com", .value = "old", .remove = true},
		{.name = "_acme-challenge.b.example.com", .value = "new"}, {.name = NULL}
	};
	const HttpStep both[] = {
		{CHANGE, "\"EXTEND\",\"ttl\":60,\"records\":[" VALUE("one") "]},{\"name\":\"_acme-challenge.b.example.com.\",\"type\":\"TXT\",\"changetype\":\"PRUNE\",\"ttl\":60,\"records\":[" VALUE("old")
			"]},{\"name\":\"_acme-challenge.b.example.com.\",\"type\":\"TXT\",\"changetype\":\"EXTEND\",\"ttl\":60,\"records\":[" VALUE("new") "]}]}", "204 No Content", ""},
		END
	};
	const HttpStep outside[] = {{CHANGE, NULL, "422 Unprocessable Entity", "{\"error\":\"RRset x IN TXT: Name is out of zone\"}"}, END};
	Outcome		o;

	(void) state;
	assert_int_equal(dns01_apply(&powerdns, "example.com", NULL, add, extend).code, CM_OK);
	assert_int_equal(dns01_apply(&powerdns, "example.com", NULL, mixed, both).code, CM_OK);
	o = dns01_apply(&powerdns, "example.com", NULL, add, outside);
	assert_int_equal(o.code, CM_REFUSED);
	assert_string_equal(o.status.detail, "It answered HTTP 422: RRset x IN TXT: Name is out of zone");
}

static void
test_replace(void **state)
{
	/* The other's value and the set's TTL stay; our first value is there already, unquoted or not. */
	const HttpStep adding[] = {
		OLD_SERVER,
		{SHOW, NULL, "200 OK", SET(VALUE("foreign") ",{\"content\":\"\\\"off\\\"\",\"disabled\":true}," VALUE("one"))},
		{CHANGE, "\"REPLACE\",\"ttl\":77,\"records\":[" VALUE("foreign") ",{\"content\":\"\\\"off\\\"\",\"disabled\":true}," VALUE("one") "," VALUE("two") "]}]}", "204 No Content", ""},
		{SHOW, NULL, "200 OK", SET(VALUE("foreign") "," VALUE("one") "," VALUE("two"))},
		END
	};
	const HttpStep there[] = {OLD_SERVER, {SHOW, NULL, "200 OK", SET(VALUE("two") "," VALUE("one"))}, END};
	const HttpStep removing[] = {
		{CHANGE, "PRUNE", "422 Unprocessable Entity", "{\"error\":\"Changetype not understood\"}"},
		{SHOW, NULL, "200 OK", SET(VALUE("one"))},
		{CHANGE, "{\"rrsets\":[{\"name\":\"" NAME ".\",\"type\":\"TXT\",\"changetype\":\"DELETE\",\"ttl\":60,\"records\":[]}]}", "204 No Content", ""},
		{SHOW, NULL, "200 OK", "{\"rrsets\":[]}"},
		END
	};
	/* Somebody replaced our set between our write and our look. */
	const HttpStep overwritten[] = {
		OLD_SERVER,
		{SHOW, NULL, "200 OK", "{\"rrsets\":[]}"},
		{CHANGE, "\"REPLACE\",\"ttl\":60,\"records\":[" VALUE("one") "," VALUE("two") "]", "204 No Content", ""},
		{SHOW, NULL, "200 OK", SET(VALUE("theirs"))},
		{SHOW, NULL, "200 OK", SET(VALUE("theirs"))},
		{CHANGE, "\"records\":[" VALUE("theirs") "," VALUE("one") "," VALUE("two") "]", "204 No Content", ""},
		{SHOW, NULL, "200 OK", SET(VALUE("theirs") "," VALUE("one") "," VALUE("two"))},
		END
	};

	(void) state;
	assert_int_equal(dns01_apply(&powerdns, "example.com", NULL, add, adding).code, CM_OK);
	assert_int_equal(dns01_apply(&powerdns, "example.com", NULL, add, there).code, CM_OK);
	assert_int_equal(dns01_apply(&powerdns, "example.com", NULL, removal, removing).code, CM_OK);
	assert_int_equal(dns01_apply(&powerdns, "example.com", NULL, add, overwritten).code, CM_OK);
}

/* PowerDNS 5.1: a value comes with the TTL of the set it goes into. */
static void
test_other_ttl(void **state)
{
	const HttpStep steps[] = {
		{CHANGE, "\"EXTEND\",\"ttl\":60,", "422 Unprocessable Entity", "{\"error\":\"RRset " NAME ". IN TXT: uses a different TTL value than the remainder of the RRset\"}"},
		{SHOW, NULL, "200 OK", SET(VALUE("foreign"))},
		{CHANGE, "{\"rrsets\":[{\"name\":\"" NAME ".\",\"type\":\"TXT\",\"changetype\":\"EXTEND\",\"ttl\":77,\"records\":[" VALUE("one") "]},{\"name\":\"" NAME ".\",\"type\":\"TXT\",\"changetype\":\"EXTEND\",\"ttl\":77,\"records\":[" VALUE("two") "]}]}",
		"204 No Content", ""},
		{SHOW, NULL, "200 OK", SET(VALUE("foreign") "," VALUE("one") "," VALUE("two"))},
		END
	};

	(void) state;
	assert_int_equal(dns01_apply(&powerdns, "example.com", NULL, add, steps).code, CM_OK);
}

static void
test_notify(void **state)
{
	const Asked asked = {"powerdns", "\"notify\": true, \"server_id\": \"s1\"", "k"};
	const HttpStep steps[] = {
		{"PATCH /api/v1/servers/s1/zones/a=2Fb.example. ", NULL, "204 No Content", ""},
		{"PUT /api/v1/servers/s1/zones/a=2Fb.example./notify ", NULL, "200 OK", "{\"result\":\"Notification queued\"}"},
		END
	};
	const CmDns01Record records[] = {{.name = "_acme-challenge.a/b.example", .value = "v"}, {.name = NULL}};

	(void) state;
	assert_int_equal(dns01_apply(&asked, "a/b.example", NULL, records, steps).code, CM_OK);
}

static void
test_hostile(void **state)
{
	static const char *const zones[] = {"[]", "", "7", "{\"rrsets\":7}", "{\"rrsets\":[7,null,{},{\"name\":7,\"type\":\"TXT\"},{\"name\":\"" NAME ".\",\"type\":\"TXT\",\"records\":{},\"ttl\":-5}]}"};
	const HttpStep lost[] = {{CHANGE, NULL, NULL, NULL}, END};
	const HttpStep busy[] = {{CHANGE, NULL, "503 Busy\r\nRetry-After: 4", ""}, END};
	size_t		i;
	Outcome		o;

	(void) state;
	for (i = 0; i < sizeof(zones) / sizeof(zones[0]); i++)
	{
		/* Nothing wanted is there, or it is no zone at all. */
		const HttpStep steps[] = {{CHANGE, "PRUNE", "422 Unprocessable Entity", "{\"error\":\"Changetype\"}"}, {SHOW, NULL, "200 OK", zones[i]}, END};

		o = dns01_apply(&powerdns, "example.com", NULL, removal, steps);
		assert_int_equal(o.code, i < 3 ? CM_PROTOCOL : CM_OK);
	}
	assert_int_equal(dns01_apply(&powerdns, "example.com", NULL, add, lost).code, CM_NETWORK);
	o = dns01_apply(&powerdns, "example.com", NULL, add, busy);
	assert_int_equal(o.code, CM_LIMIT);
	assert_int_equal(o.retry_after, 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_find_zone),
		cmocka_unit_test(test_single_values),
		cmocka_unit_test(test_replace),
		cmocka_unit_test(test_other_ttl),
		cmocka_unit_test(test_notify),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
