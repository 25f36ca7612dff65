/*
 * test_aws_sign.c - Signature Version 4 against AWS's own test suite, and with
 * input nobody should send.
 */
#include "dns01/aws_sign.h"

#include "aws_vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1440938160			/* 20150830T123600Z */

static const char id[] = "AKIDEXAMPLE";
static const char secret[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

static CmAwsRequest
request_of(const AwsVector *v)
{
	CmAwsRequest request = {v->method, v->path, v->query, v->headers, {(const uint8_t *) v->body, strlen(v->body)}, "us-east-1", "service", NOW};

	return request;
}

static void
test_vectors(void **state)
{
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(aws_vectors) / sizeof(aws_vectors[0]); i++)
	{
		const AwsVector *v = &aws_vectors[i];
		CmAwsRequest request = request_of(v);
		CmAwsKeys	keys = {id, secret, v->token};
		CmStatus	st = CM_STATUS_INIT;
		CmBuf		canonical;
		CmBuf		names;
		CmBuf		authorization;
		char		wanted[600];

		cm_buf_init(&canonical, 0);
		cm_buf_init(&names, 0);
		cm_buf_init(&authorization, 0);
		assert_true(cm_aws_canonical(&request, &keys, &canonical, &names, &st));
		if (strcmp(cm_buf_cstr(&canonical), v->canonical) != 0)
			print_error("vector %s\n", v->name);
		assert_string_equal(cm_buf_cstr(&canonical), v->canonical);
		assert_true(cm_aws_sign(&request, &keys, &authorization, &st));
		snprintf(wanted, sizeof(wanted), "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=%s, Signature=%s",
				 cm_buf_cstr(&names), v->signature);
		assert_string_equal(cm_buf_cstr(&authorization), wanted);
		cm_buf_free(&canonical);
		cm_buf_free(&names);
		cm_buf_free(&authorization);
	}
}

/* Escapes on the wire and the characters themselves are signed alike, whatever the case of the digits. */
static void
test_query_encoding(void **state)
{
	static const char *const headers[] = {"host:h", NULL};
	CmAwsKeys	keys = {id, secret, NULL};
	CmAwsRequest request = {"GET", "/", NULL, headers, {NULL, 0}, "r", "s", NOW};
	static const char *const same[] = {"a=%2f%zz&b", "b=&a=%2F%25zz", "a=/%zz&&b="};
	size_t		i;

	(void) state;
	for (i = 0; i < 3; i++)
	{
		CmBuf		canonical;
		CmBuf		names;

		cm_buf_init(&canonical, 0);
		cm_buf_init(&names, 0);
		request.query = same[i];
		assert_true(cm_aws_canonical(&request, &keys, &canonical, &names, NULL));
		assert_non_null(strstr(cm_buf_cstr(&canonical), "\na=%2F%25zz&b=\n"));
		cm_buf_free(&canonical);
		cm_buf_free(&names);
	}
}

static void
test_hostile(void **state)
{
	static const char *const headers[] = {"host:h", NULL};
	static const char *const odd[] = {"no colon", NULL};
	CmAwsKeys	keys = {id, secret, NULL};
	CmAwsRequest request = {"GET", "/", NULL, headers, {NULL, 0}, "r", "s", NOW};
	CmStatus	st = CM_STATUS_INIT;
	CmBuf		out;
	char		many[4096] = "";
	int			i;

	(void) state;
	cm_buf_init(&out, 0);
	request.headers = odd;
	assert_false(cm_aws_sign(&request, &keys, &out, &st));
	request.headers = headers;
	for (i = 0; i < 1000; i++)
		strcat(many, "a=b&");
	request.query = many;
	cm_buf_reset(&out);
	assert_false(cm_aws_sign(&request, &keys, &out, &st));
	assert_int_equal(st.code, CM_LIMIT);
	request.query = NULL;
	for (i = 0; i < 4000; i++)
		many[i] = i % 2 == 0 ? '/' : 'x';
	request.path = many;
	cm_buf_reset(&out);
	assert_false(cm_aws_sign(&request, &keys, &out, &st));
	request.path = "/../../..";
	cm_buf_reset(&out);
	assert_true(cm_aws_sign(&request, &keys, &out, &st));
	cm_buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_query_encoding),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
