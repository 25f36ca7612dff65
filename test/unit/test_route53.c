/*
 * test_route53.c - the provider "route53": what several calls want of a zone at
 * the same moment, with conflicts, refusals, throttles and answers nobody should give.
 */
#include "dns01_call.h"

#include "dns01/route53.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define END {NULL, NULL, NULL, NULL}
#define API "/2013-04-01"
#define ZONE API "/hostedzone/Z1/rrset"
#define NAME(n) "_acme-challenge." n ".example.test"
#define LIST(n, from) "GET " ZONE "?maxitems=" n "&name=" from ".&type=TXT "
#define WRITE "POST " ZONE "/ "
#define SET(name, type, ttl, values) "<ResourceRecordSet><Name>" name ".</Name><Type>" type "</Type><TTL>" ttl "</TTL><ResourceRecords>" values "</ResourceRecords></ResourceRecordSet>"
#define TXT(value) "<ResourceRecord><Value>&quot;" value "&quot;</Value></ResourceRecord>"
#define SETS(items, truncated) "<R xmlns=\"https://r/\"><ResourceRecordSets>" items "</ResourceRecordSets><IsTruncated>" truncated "</IsTruncated></R>"
#define NONE SETS("", "false")
#define CHANGE(action, name, ttl, values) "<Change><Action>" action "</Action>" SET(name, "TXT", ttl, values) "</Change>"
#define CREATE(n, value) CHANGE("CREATE", NAME(n), "60", TXT(value))
#define CHANGES(changes) "<Changes>" changes "</Changes>"
#define CHANGED(id) "<R><ChangeInfo><Id>/change/" id "</Id><Status>PENDING</Status></ChangeInfo></R>"
#define ERROR(code, message) "<ErrorResponse><Error><Type>Sender</Type><Code>" code "</Code><Message>" message "</Message></Error></ErrorResponse>"
#define REFUSED(message) "<InvalidChangeBatch xmlns=\"https://r/\"><Messages><Message>" message "</Message></Messages></InvalidChangeBatch>"
#define EXISTS(n) "Tried to create resource record set [name=&apos;" NAME(n) ".&apos;, type=&apos;TXT&apos;] but it already exists"
#define BAD "400 Bad Request"
#define DENIED "403 Forbidden"
#define OK "200 OK"

static const Asked route53 = {"route53", "", "{\"access_key_id\":\"AKIDEXAMPLE\",\"secret_access_key\":\"abc/+=\"}"};

static const CmDns01Record add_a[] = {{.name = NAME("a"), .value = "va"}, {.name = NULL}};
static const CmDns01Record add_a2[] = {{.name = NAME("a"), .value = "va2"}, {.name = NULL}};
static const CmDns01Record add_b[] = {{.name = NAME("b"), .value = "vb"}, {.name = NULL}};
static const CmDns01Record add_c[] = {{.name = NAME("c"), .value = "vc"}, {.name = NULL}};
static const CmDns01Record add_d[] = {{.name = NAME("d"), .value = "vd"}, {.name = NULL}};
static const CmDns01Record drop_a[] = {{.name = NAME("a"), .value = "va", .remove = true}, {.name = NULL}};
static const CmDns01Record add_c_and_d[] = {{.name = NAME("d"), .value = "vd"}, {.name = NAME("c"), .value = "vc"}, {.name = NULL}};

static const CmDns01Record *const four[] = {add_c, add_a, add_b, add_a2};
static const CmDns01Record *const three[] = {add_a, add_b, add_c};
static const CmDns01Record *const two[] = {add_a, add_b};

static void
apply(const CmDns01Record *const *records, int count, const HttpStep *steps, Outcome *o)
{
	dns01_apply_all(&route53, "example.test", "Z1", records, count, steps, o);
}

static void
assert_change(const Outcome *o, const char *change)
{
	if (o->code != CM_OK)
		fail_msg("%s (%s)", o->status.reason, o->status.detail);
	assert_string_equal(o->change_id, change);
	assert_string_equal(o->zone_id, "Z1");
}

/* One page, one change; two of one name are merged, in one set, and what others have there stays. */
static void
test_merged(void **state)
{
	const HttpStep steps[] = {
		{LIST("300", NAME("a")), "Authorization: AWS4-HMAC-SHA256 ", OK,
		SETS(SET(NAME("a"), "TXT", "77", TXT("foreign")) SET("b.example.test", "A", "5", "") SET("c.example.test", "A", "5", ""), "false")},
		{WRITE, CHANGES(CHANGE("DELETE", NAME("a"), "77", TXT("foreign")) CHANGE("CREATE", NAME("a"), "77", TXT("foreign") TXT("va") TXT("va2"))
		CREATE("b", "vb") CREATE("c", "vc")), OK, CHANGED("C1")},
		END
	};
	Outcome		o[4];

	(void) state;
	apply(four, 4, steps, o);
	for (int i = 0; i < 4; i++)
		assert_change(&o[i], "C1");
}

/* A list that ends early goes on at the first name that it did not reach. A name that it ends at is not passed. */
static void
test_pages(void **state)
{
	const HttpStep steps[] = {
		{LIST("300", NAME("a")), NULL, OK, SETS(SET("\\052.a.example.test", "A", "5", "") SET("azz.example.test", "A", "5", ""), "true")},
		{LIST("300", NAME("b")), NULL, OK, SETS(SET("b.example.test", "A", "5", "") SET("\\052.zz.example.test", "A", "5", ""), "true")},
		{LIST("1", NAME("c")), NULL, OK, SETS(SET(NAME("c"), "TXT", "60", TXT("vc")), "true")},
		{WRITE, CHANGES(CREATE("a", "va") CREATE("b", "vb")), OK, CHANGED("C1")},
		END
	};
	Outcome		o[3];

	(void) state;
	apply(three, 3, steps, o);
	assert_change(&o[0], "C1");
	assert_change(&o[1], "C1");
	/* It was there already: a lost answer. */
	assert_change(&o[2], "");
	assert_false(o[2].touched);
}

/* A page that is too large for us is asked for in small ones. */
static void
test_large_page(void **state)
{
	char	   *large = malloc(1200 * 1024 + 1);
	HttpStep	steps[] = {
		{LIST("300", NAME("a")), NULL, OK, NULL},
		{LIST("1", NAME("a")), NULL, OK, NONE},
		{WRITE, CHANGES(CREATE("a", "va") CREATE("b", "vb")), OK, CHANGED("C1")},
		END
	};
	Outcome		o[2];

	(void) state;
	assert_non_null(large);
	memset(large, ' ', 1200 * 1024);
	large[1200 * 1024] = '\0';
	steps[0].body = large;
	apply(two, 2, steps, o);
	assert_change(&o[0], "C1");
	assert_change(&o[1], "C1");
	free(large);
}

/* Adding and removing one value at the same moment: one after the other, in one set. */
static void
test_add_and_remove(void **state)
{
	const CmDns01Record *const both[] = {add_a2, drop_a};
	const HttpStep steps[] = {
		{LIST("1", NAME("a")), NULL, OK, SETS(SET(NAME("a"), "TXT", "60", TXT("va")), "true")},
		{WRITE, CHANGES(CHANGE("DELETE", NAME("a"), "60", TXT("va")) CHANGE("CREATE", NAME("a"), "60", TXT("va2"))), OK, CHANGED("C1")},
		END
	};
	Outcome		o[2];

	(void) state;
	apply(both, 2, steps, o);
	assert_change(&o[0], "C1");
	assert_change(&o[1], "C1");
}

/* The set that AWS names is read again, while the others are written. In both shapes of the error. */
static void
test_conflict(void **state)
{
	const char *const shapes[] = {REFUSED("[" EXISTS("b") "]"), ERROR("InvalidChangeBatch", "[" EXISTS("b") ", x]")};

	(void) state;
	for (int i = 0; i < 2; i++)
	{
		const HttpStep steps[] = {
			{LIST("300", NAME("a")), NULL, OK, NONE},
			{WRITE, CHANGES(CREATE("a", "va") CREATE("b", "vb") CREATE("c", "vc")), BAD, shapes[i]},
			{WRITE, CHANGES(CREATE("a", "va") CREATE("c", "vc")), OK, CHANGED("C1")},
			{LIST("1", NAME("b")), NULL, OK, SETS(SET(NAME("b"), "TXT", "9", TXT("x")), "true")},
			{WRITE, CHANGES(CHANGE("DELETE", NAME("b"), "9", TXT("x")) CHANGE("CREATE", NAME("b"), "9", TXT("x") TXT("vb"))), OK, CHANGED("C2")},
			END
		};
		Outcome		o[3];

		apply(three, 3, steps, o);
		assert_change(&o[0], "C1");
		assert_change(&o[1], "C2");
		assert_change(&o[2], "C1");
	}
}

/* One that AWS will never have fails alone, and what its order wants besides is not written for nothing. */
static void
test_bad_record(void **state)
{
#define NOT_PERMITTED REFUSED("[RRSet with DNS name " NAME("d") ". is not permitted in zone example.test.]")
	const CmDns01Record *const records[] = {add_a, add_c_and_d, add_b};
	const HttpStep steps[] = {
		{LIST("300", NAME("a")), NULL, OK, NONE},
		{WRITE, CHANGES(CREATE("a", "va") CREATE("b", "vb") CREATE("c", "vc") CREATE("d", "vd")), BAD, NOT_PERMITTED},
		{WRITE, CHANGES(CREATE("a", "va") CREATE("b", "vb") CREATE("c", "vc")), OK, CHANGED("C1")},
		{LIST("1", NAME("d")), NULL, OK, NONE},
		{WRITE, CHANGES(CREATE("d", "vd")), BAD, NOT_PERMITTED},
		END
	};
	Outcome		o[3];

	(void) state;
	apply(records, 3, steps, o);
	assert_change(&o[0], "C1");
	assert_change(&o[2], "C1");
	assert_int_equal(o[1].code, CM_REFUSED);
	assert_string_equal(o[1].status.reason, "AWS refused route53:ChangeResourceRecordSets: InvalidChangeBatch (HTTP 400)");
	assert_non_null(strstr(o[1].status.detail, "is not permitted in zone"));
	/* One of its records was written. */
	assert_true(o[1].touched);
}

/* Nobody is named: in halves, until the culprit is alone. */
static void
test_halves(void **state)
{
	const CmDns01Record *const records[] = {add_a, add_b, add_c, add_d};
	const HttpStep steps[] = {
		{LIST("300", NAME("a")), NULL, OK, NONE},
		{WRITE, CHANGES(CREATE("a", "va") CREATE("b", "vb") CREATE("c", "vc") CREATE("d", "vd")), DENIED, ERROR("AccessDenied", "no")},
		{LIST("300", NAME("a")), NULL, OK, NONE},
		{WRITE, CHANGES(CREATE("a", "va") CREATE("b", "vb")), OK, CHANGED("C1")},
		{LIST("300", NAME("c")), NULL, OK, NONE},
		{WRITE, CHANGES(CREATE("c", "vc") CREATE("d", "vd")), DENIED, ERROR("AccessDenied", "no")},
		{LIST("1", NAME("c")), NULL, OK, NONE},
		{WRITE, CHANGES(CREATE("c", "vc")), DENIED, ERROR("AccessDenied", "no")},
		{LIST("1", NAME("d")), NULL, OK, NONE},
		{WRITE, CHANGES(CREATE("d", "vd")), OK, CHANGED("C2")},
		END
	};
	const HttpStep unnamed[] = {
		{LIST("300", NAME("a")), NULL, OK, NONE},
		{WRITE, CHANGES(CREATE("a", "va") CREATE("b", "vb")), BAD, REFUSED("[what is www.elsewhere.test. here]")},
		{LIST("1", NAME("a")), NULL, OK, NONE},
		{WRITE, CHANGES(CREATE("a", "va")), OK, CHANGED("C1")},
		{LIST("1", NAME("b")), NULL, OK, NONE},
		{WRITE, CHANGES(CREATE("b", "vb")), OK, CHANGED("C2")},
		END
	};
	Outcome		o[4];

	(void) state;
	apply(records, 4, steps, o);
	assert_change(&o[0], "C1");
	assert_change(&o[1], "C1");
	assert_change(&o[3], "C2");
	assert_int_equal(o[2].code, CM_REFUSED);
	assert_non_null(strstr(o[2].status.reason, "permission \"route53:ChangeResourceRecordSets\""));
	assert_false(o[2].touched);
	apply(two, 2, unnamed, o);
	assert_change(&o[0], "C1");
	assert_change(&o[1], "C2");
}

/* What would be refused to everybody, or what nobody knows the outcome of, is told to all at once. */
static void
test_all_fail(void **state)
{
	static const struct
	{
		const char *status;
		const char *body;
		CmCode		code;
	}			cases[] = {
		{DENIED, ERROR("SignatureDoesNotMatch", "no"), CM_REFUSED},
		{"404 Not Found", ERROR("NoSuchHostedZone", "no"), CM_REFUSED},
		{NULL, NULL, CM_NETWORK},
		{"503 Unavailable", "<html><br>", CM_NETWORK},
		{OK, "what", CM_PROTOCOL},
		{"429 Slow down\r\nRetry-After: 9", ERROR("Throttling", "no"), CM_LIMIT},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const HttpStep steps[] = {
			{LIST("300", NAME("a")), NULL, OK, NONE},
			{WRITE, NULL, cases[i].status, cases[i].body},
			END
		};
		Outcome		o[2];

		apply(two, 2, steps, o);
		assert_int_equal(o[0].code, cases[i].code);
		assert_int_equal(o[1].code, cases[i].code);
		assert_int_equal(o[1].retry_after, cases[i].code == CM_LIMIT ? 9 : -1);
		assert_false(o[0].touched);
	}
}

/* Sets with a routing policy are nobody's but their owner's: that order fails, before anything of it is written. */
static void
test_routing_policy(void **state)
{
#define POLICY "<ResourceRecordSet><Name>" NAME("c") ".</Name><Type>TXT</Type><SetIdentifier>1</SetIdentifier><TTL>5</TTL></ResourceRecordSet>"
	const CmDns01Record *const records[] = {add_a, add_c_and_d, add_b};
	const HttpStep steps[] = {
		{LIST("300", NAME("a")), NULL, OK, SETS(POLICY, "false")},
		{LIST("300", NAME("a")), NULL, OK, SETS(POLICY, "false")},
		{WRITE, CHANGES(CREATE("a", "va") CREATE("b", "vb")), OK, CHANGED("C1")},
		END
	};
	Outcome		o[3];

	(void) state;
	apply(records, 3, steps, o);
	assert_change(&o[0], "C1");
	assert_change(&o[2], "C1");
	assert_int_equal(o[1].code, CM_REFUSED);
	assert_string_equal(o[1].status.reason, "the TXT records at \"" NAME("c") "\" have a routing policy or are an alias");
	assert_false(o[1].touched);
}

/* AWS's limits of one request: what does not fit goes in a second one, and who has records in both is told both. */
static void
test_limits(void **state)
{
	static char values[10][3601];
	CmDns01Record long_ones[11];
	const CmDns01Record *const records[] = {long_ones, add_b};
	const HttpStep steps[] = {
		{LIST("300", NAME("b")), NULL, OK, NONE},
		{WRITE, "<Name>" NAME("b") ".</Name>", OK, CHANGED("C1")},
		{WRITE, "<Changes><Change><Action>CREATE</Action><ResourceRecordSet><Name>l8.example.test.</Name>", OK, CHANGED("C2")},
		END
	};
	static char names[10][32];
	Outcome		o[2];

	(void) state;
	memset(long_ones, 0, sizeof(long_ones));
	for (int i = 0; i < 10; i++)
	{
		memset(values[i], 'a' + i, 3600);
		snprintf(names[i], sizeof(names[i]), "l%d.example.test", i);
		long_ones[i].name = names[i];
		long_ones[i].value = values[i];
	}
	apply(records, 2, steps, o);
	assert_change(&o[0], "C1,C2");
	assert_change(&o[1], "C1");
}

static void
test_throttled(void **state)
{
	const HttpStep steps[] = {
		{LIST("300", NAME("a")), NULL, BAD, ERROR("Throttling", "Rate exceeded")},
		{LIST("300", NAME("a")), NULL, "429 Slow down", ""},
		{LIST("300", NAME("a")), NULL, OK, NONE},
		{WRITE, NULL, BAD, ERROR("PriorRequestNotComplete", "busy")},
		{WRITE, CHANGES(CREATE("a", "va") CREATE("b", "vb")), OK, CHANGED("C1")},
		END
	};
	Outcome		o[2];

	(void) state;
	apply(two, 2, steps, o);
	assert_change(&o[0], "C1");
	assert_change(&o[1], "C1");
}

/* One question for all who ask it at the same moment; what is known is not asked. */
static void
test_questions(void **state)
{
	const char *const names[] = {NAME("a"), "_acme-challenge.x.y.example.test", "other.test"};
	const HttpStep zones[] = {
		{"GET " API "/hostedzonesbyname?dnsname=test.&maxitems=100 ", NULL, OK,
			"<R><HostedZones><HostedZone><Id>/hostedzone/Z1</Id><Name>example.test.</Name></HostedZone>"
		"<HostedZone><Id>/hostedzone/Z2</Id><Name>other.test.</Name></HostedZone></HostedZones><IsTruncated>false</IsTruncated></R>"},
		END
	};
	const HttpStep pending[] = {
		{"GET " API "/change/C1 ", NULL, OK, "<R><ChangeInfo><Status>PENDING</Status></ChangeInfo></R>"},
		END
	};
	const HttpStep in_sync[] = {
		{"GET " API "/change/C1 ", NULL, OK, "<R><ChangeInfo><Status>INSYNC</Status></ChangeInfo></R>"},
		{"GET " API "/change/C2 ", NULL, "404 Not Found", ERROR("NoSuchChange", "no")},
		END
	};
	const HttpStep nothing[] = {END};
	Outcome		o[3];

	(void) state;
	dns01_find_all(&route53, names, 3, zones, o);
	assert_string_equal(o[0].zone_id, "Z1");
	assert_string_equal(o[1].zone, "example.test");
	assert_string_equal(o[2].zone_id, "Z2");
	dns01_confirm_all(&route53, "example.test", "C1", 3, pending, o);
	for (int i = 0; i < 3; i++)
	{
		assert_int_equal(o[i].code, CM_REFUSED);
		assert_string_equal(o[i].status.reason, "Route 53 has change C1 not at all its servers yet");
	}
	dns01_confirm_all(&route53, "example.test", "C1,C2", 3, in_sync, o);
	for (int i = 0; i < 3; i++)
		assert_int_equal(o[i].code, CM_OK);
	dns01_confirm_all(&route53, "example.test", "../x", 1, nothing, o);
	assert_int_equal(o[0].code, CM_INVALID);
	assert_string_equal(o[0].status.reason, "this is not the id of a change");
}

/* Lists that are none, or not sorted: nothing of others is deleted, and nobody waits for ever. */
static void
test_hostile_lists(void **state)
{
	static const char *const good[] = {
		SETS("<X/>" SET("", "TXT", "1", "") SET("zz.example.test", "TXT", "1", "") "<ResourceRecordSet><Name>" NAME("a") ".</Name></ResourceRecordSet>", "false"),
		SETS(SET(NAME("b") "\\400", "TXT", "1", "") SET(NAME("b") "\\000", "TXT", "1", "") SET("\\052.\\052.zz.test", "A", "1", ""), "false"),
		"<R><ResourceRecordSets/><IsTruncated>false</IsTruncated></R>",
	};
	static const char *const bad[] = {
		SETS(SET(NAME("a"), "TXT", "x", TXT("v")) SET(NAME("b"), "TXT", "-1", TXT("v")), "false"),
		SETS(SET(NAME("a"), "TXT", "", TXT("v")) SET(NAME("b"), "TXT", "1", "<ResourceRecord/>"), "false"),
	};
	Outcome		o[2];

	(void) state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
	{
		const HttpStep steps[] = {
			{LIST("300", NAME("a")), NULL, OK, good[i]},
			{WRITE, CHANGES(CREATE("a", "va") CREATE("b", "vb")), OK, CHANGED("C1")},
			END
		};

		apply(two, 2, steps, o);
		assert_change(&o[0], "C1");
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		const HttpStep steps[] = {
			{LIST("300", NAME("a")), NULL, OK, bad[i]},
			{LIST("1", NAME("b")), NULL, OK, bad[i]},
			END
		};

		apply(two, 2, steps, o);
		assert_int_equal(o[0].code, CM_PROTOCOL);
		assert_int_equal(o[1].code, CM_PROTOCOL);
	}
	{
		/* No end is said, and nothing is told: one after the other. */
		const HttpStep steps[] = {
			{LIST("300", NAME("a")), NULL, OK, "<R/>"},
			{LIST("1", NAME("b")), NULL, OK, "<R/>"},
			{WRITE, CHANGES(CREATE("a", "va") CREATE("b", "vb")), OK, "<R><ChangeInfo><Id>/change/../x</Id></ChangeInfo></R>"},
			END
		};

		apply(two, 2, steps, o);
		assert_change(&o[0], "");
		assert_true(o[0].touched);
	}
}

static void
no_result(CmDns01Result *result, void *arg)
{
	(void) result;
	(void) arg;
	fail_msg("told after its loop was destroyed");
}

/* The loop goes with calls in it: before they are sent, and while they are. Nobody is told, nothing stays. */
static void
test_destroy(void **state)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	socklen_t	len = sizeof(in);
	int			silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char		config[100];

	(void) state;
	/* A server that takes connections and says nothing. */
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(silent, (struct sockaddr *) &in, sizeof(in)), 0);
	assert_int_equal(listen(silent, 16), 0);
	assert_int_equal(getsockname(silent, (struct sockaddr *) &in, &len), 0);
	snprintf(config, sizeof(config), "{\"endpoint\":\"http://127.0.0.1:%d\"}", ntohs(in.sin_port));
	for (int turns = 0; turns < 3; turns++)
	{
		CmStatus	st = CM_STATUS_INIT;
		CmLoop	   *loop = cm_loop_create(NULL, &st);
		CmJson	   *json = cm_json_parse(cm_slice(config, strlen(config)), sizeof(config), &st);

		assert_non_null(json);
		for (int i = 0; i < 3; i++)
		{
			CmDns01Call call = {.loop = loop, .config = json, .secret = cm_slice(route53.secret, strlen(route53.secret)), .zone = "example.test",
			.zone_id = "Z1", .records = three[i], .count = 1, .done = no_result, .name = NAME("x"), .change_id = "C1"};

			assert_true(cm_dns01_provider("route53")->apply(&call, &st));
			assert_true(cm_dns01_provider("route53")->find_zone(&call, &st));
			assert_true(cm_dns01_provider("route53")->confirm(&call, &st));
			if (turns == i)
			{
				struct pollfd p = {cm_loop_fd(loop), POLLIN, 0};

				poll(&p, 1, 0);
				if (i < 2)
					cm_loop_dispatch(loop);
			}
		}
		cm_json_free(json);
		cm_loop_destroy(loop);
	}
	close(silent);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_merged),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_large_page),
		cmocka_unit_test(test_add_and_remove),
		cmocka_unit_test(test_conflict),
		cmocka_unit_test(test_bad_record),
		cmocka_unit_test(test_halves),
		cmocka_unit_test(test_all_fail),
		cmocka_unit_test(test_routing_policy),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_throttled),
		cmocka_unit_test(test_questions),
		cmocka_unit_test(test_hostile_lists),
		cmocka_unit_test(test_destroy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
