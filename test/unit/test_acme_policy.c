/*
 * test_acme_policy.c - quirks of ACME servers, classes of failures and their
 * schedules: every key, every class, values out of bounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "acme/class.h"
#include "acme/internal.h"
#include "acme/quirks.h"

static bool
apply(CmAcmeQuirks *quirks, const char *json, CmStatus *st)
{
	CmJson	   *object = cm_json_parse(cm_slice(json, strlen(json)), 0x10000, st);
	bool		ok;

	assert_non_null(object);
	st->code = CM_OK;
	ok = cm_acme_quirks_apply(quirks, object, st);
	cm_json_free(object);
	return ok;
}

static void
quirks_are_read(void **state)
{
	CmStatus	st = CM_STATUS_INIT;
	CmAcmeQuirks q;

	(void) state;
	cm_acme_quirks_init(&q);
	assert_int_equal(q.in_flight, 0);
	assert_true(q.key_change && q.ari && q.profiles);
	assert_int_equal(cm_acme_quirks_poll_ms(&q, 0, -1), 300);
	assert_int_equal(cm_acme_quirks_poll_ms(&q, 1000, -1), 15000);
	assert_int_equal(cm_acme_quirks_poll_ms(&q, 0, 86400), 60000);
	assert_int_equal(cm_acme_quirks_poll_ms(&q, 0, INT64_MAX), 60000);
	assert_int_equal(cm_acme_quirks_poll_ms(&q, 0, 0), 300);
	assert_int_equal(cm_acme_quirks_poll_ms(&q, 0, 3), 3000);
	assert_true(apply(&q, "{\"in_flight\":1,\"key_change\":false,\"polls\":[1000,2000],\"account_key\":\"rsa-2048\",\"eab_algorithm\":\"HS512\"}", &st));
	assert_int_equal(q.in_flight, 1);
	assert_false(q.key_change);
	assert_int_equal(q.poll_count, 2);
	assert_int_equal(cm_acme_quirks_poll_ms(&q, 7, -1), 2000);
	assert_string_equal(q.account_key, "RSA-2048");
	assert_string_equal(q.eab_algorithm, "HS512");
	assert_true(cm_acme_quirks_apply(&q, NULL, &st));
}

static void
quirks_are_refused(void **state)
{
	static const char *const bad[] = {
		"{\"no_such\":1}", "{\"in_flight\":-1}", "{\"in_flight\":1.5}", "{\"in_flight\":\"1\"}", "{\"in_flight\":1e3}",
		"{\"in_flight\":99999999999999999999}", "{\"key_change\":1}", "{\"key_change\":\"no\"}", "{\"polls\":[]}", "{\"polls\":[1]}",
		"{\"polls\":[300,300,300,300,300,300,300,300,300,300,300,300,300,300,300,300,300]}", "{\"polls\":5}", "{\"account_key\":\"DSA\"}",
		"{\"account_key\":1}", "{\"eab_algorithm\":\"none\"}", "{\"eab_algorithm\":[]}", "[]", "7"
	};

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		CmStatus	st = CM_STATUS_INIT;
		CmAcmeQuirks q;

		cm_acme_quirks_init(&q);
		if (apply(&q, bad[i], &st))
			fail_msg("taken: %s", bad[i]);
		assert_true(st.code != CM_OK && st.reason[0] != 0);
	}
}

typedef struct ClassCase
{
	CmCode		status;
	int			code;
	const char *type;
	bool		account;
	CmAcmeClass class;
} ClassCase;

static void
classes(void **state)
{
	static const ClassCase cases[] = {
		{CM_OK, 200, "", false, CM_ACME_FINE},
		{CM_NETWORK, 0, "", false, CM_ACME_NO_ANSWER},
		{CM_NETWORK, 400, "badNonce", false, CM_ACME_BAD_NONCE},
		{CM_NETWORK, 500, "serverInternal", false, CM_ACME_SERVER},
		{CM_NETWORK, 502, "", false, CM_ACME_SERVER},
		{CM_NETWORK, 404, "", false, CM_ACME_SERVER},
		{CM_LIMIT, 429, "rateLimited", false, CM_ACME_LIMITED},
		{CM_LIMIT, 503, "", false, CM_ACME_LIMITED},
		{CM_REFUSED, 400, "accountDoesNotExist", false, CM_ACME_ACCOUNT},
		{CM_REFUSED, 403, "unauthorized", true, CM_ACME_ACCOUNT},
		{CM_REFUSED, 403, "unauthorized", false, CM_ACME_IDENTIFIER},
		{CM_REFUSED, 401, "unauthorized", false, CM_ACME_ACCOUNT},
		{CM_REFUSED, 401, "externalAccountRequired", true, CM_ACME_HUMAN},
		{CM_REFUSED, 403, "userActionRequired", false, CM_ACME_HUMAN},
		{CM_REFUSED, 500, "dns", false, CM_ACME_IDENTIFIER},
		{CM_REFUSED, 403, "caa", false, CM_ACME_IDENTIFIER},
		{CM_REFUSED, 403, "orderNotReady", false, CM_ACME_ORDER},
		{CM_REFUSED, 400, "somethingNew", false, CM_ACME_ORDER},
		{CM_PROTOCOL, 200, "", false, CM_ACME_PROTOCOL},
		{CM_MEMORY, 200, "", false, CM_ACME_SERVER},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		CmAcmeReply reply;

		memset(&reply, 0, sizeof(reply));
		reply.retry_after = -1;
		reply.status.code = cases[i].status;
		reply.code = cases[i].code;
		snprintf(reply.problem_type, sizeof(reply.problem_type), "%s", cases[i].type);
		if (cm_acme_class(&reply, cases[i].account) != cases[i].class)
			fail_msg("case %zu: %s", i, cm_acme_class_name(cm_acme_class(&reply, cases[i].account)));
	}
	assert_true(cm_acme_class_breaks(CM_ACME_NO_ANSWER) && cm_acme_class_breaks(CM_ACME_SERVER));
	assert_false(cm_acme_class_breaks(CM_ACME_LIMITED));
	assert_string_equal(cm_acme_class_name(CM_ACME_PROTOCOL), "E8");
}

/* Boulder's words: no Retry-After, a page of the portal. */
static void
paused_is_for_people(void **state)
{
	CmAcmeReply reply;
	char		url[256];

	(void) state;
	memset(&reply, 0, sizeof(reply));
	reply.status.code = CM_LIMIT;
	reply.code = 429;
	strcpy(reply.problem_type, "rateLimited");
	reply.retry_after = -1;
	strcpy(reply.status.detail, "rateLimited: Your account is temporarily prevented from requesting certificates for example.com. "
		   "Please visit: https://portal.letsencrypt.org/sfe/v1/unpause?jwt=ey.J0.x.");
	assert_int_equal(cm_acme_class(&reply, false), CM_ACME_HUMAN);
	assert_true(cm_acme_find_url(reply.status.detail, url, sizeof(url)));
	assert_string_equal(url, "https://portal.letsencrypt.org/sfe/v1/unpause?jwt=ey.J0.x");
	reply.retry_after = 60;
	assert_int_equal(cm_acme_class(&reply, false), CM_ACME_LIMITED);
	assert_false(cm_acme_find_url("no link", url, sizeof(url)));
	assert_false(cm_acme_find_url("https://", url, sizeof(url)));
	assert_false(cm_acme_find_url(reply.status.detail, url, 10));
}

static void
schedules(void **state)
{
	(void) state;
	/* Retry-After wins, within a day */
	assert_int_equal(cm_acme_class_delay(CM_ACME_LIMITED, 3, 10, 0.5), 10000);
	assert_int_equal(cm_acme_class_delay(CM_ACME_SERVER, 0, 0, 0.5), 200);
	assert_int_equal(cm_acme_class_delay(CM_ACME_SERVER, 0, INT64_MAX / 2000, 0.5), 86400000);
	/* full jitter, capped */
	assert_int_equal(cm_acme_class_delay(CM_ACME_NO_ANSWER, 0, -1, 0), 100);
	assert_in_range(cm_acme_class_delay(CM_ACME_NO_ANSWER, 1000, -1, 0.999), 290000, 300000);
	/* 1, 10, 100 minutes, 6 hours, a day, +- 20 % */
	assert_int_equal(cm_acme_class_delay(CM_ACME_IDENTIFIER, 0, -1, 0.5), 60000);
	assert_int_equal(cm_acme_class_delay(CM_ACME_IDENTIFIER, 1, -1, 0.5), 600000);
	assert_int_equal(cm_acme_class_delay(CM_ACME_ORDER, 2, -1, 0), 4800000);
	assert_int_equal(cm_acme_class_delay(CM_ACME_ORDER, 3, -1, 0.5), 21600000);
	assert_int_equal(cm_acme_class_delay(CM_ACME_ORDER, 99, -1, 0.5), 86400000);
	assert_int_equal(cm_acme_class_delay(CM_ACME_LIMITED, 0, -1, 0.5), 60000);
	assert_int_equal(cm_acme_class_delay(CM_ACME_LIMITED, 50, -1, 0.5), 3840000);
	assert_int_equal(cm_acme_class_delay(CM_ACME_HUMAN, 0, 5, 0.5), 86400000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quirks_are_read),
		cmocka_unit_test(quirks_are_refused),
		cmocka_unit_test(classes),
		cmocka_unit_test(paused_is_for_people),
		cmocka_unit_test(schedules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
