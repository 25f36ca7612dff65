/*
 * test_encode.c - base64, hexadecimal and PEM: vectors of RFC 4648, strictness, linear time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/encode.h"

static bool
decode(const char *text, size_t len, CmBuf *out)
{
	/* On an exact heap copy, so that the sanitizer sees a byte too far. */
	char	   *copy = malloc(len > 0 ? len : 1);
	bool		ok;

	assert_non_null(copy);
	memcpy(copy, text, len);
	cm_buf_reset(out);
	cm_buf_append_byte(out, '#');
	ok = cm_base64_decode(out, copy, len);
	if (!ok)
		assert_int_equal(out->len, 1);
	free(copy);
	return ok;
}

static void
base64_vectors(void **state)
{
	static const char *const vectors[][3] = {	/* RFC 4648 10 */
		{"", "", ""}, {"f", "Zg==", "Zg"}, {"fo", "Zm8=", "Zm8"}, {"foo", "Zm9v", "Zm9v"},
		{"foob", "Zm9vYg==", "Zm9vYg"}, {"fooba", "Zm9vYmE=", "Zm9vYmE"}, {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
		{"\xfb\xff\xfe", "+//+", "-__-"}
	};
	CmBuf		buf;
	size_t		i;
	size_t		k;

	(void) state;
	cm_buf_init(&buf, 0);
	for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
	{
		size_t		len = strlen(vectors[i][0]);

		cm_buf_reset(&buf);
		assert_true(cm_base64_encode(&buf, vectors[i][0], len));
		assert_string_equal(cm_buf_cstr(&buf), vectors[i][1]);
		cm_buf_reset(&buf);
		assert_true(cm_base64url_encode(&buf, vectors[i][0], len));
		assert_string_equal(cm_buf_cstr(&buf), vectors[i][2]);
		for (k = 1; k < 3; k++)
		{
			assert_true(decode(vectors[i][k], strlen(vectors[i][k]), &buf));
			assert_int_equal(buf.len, len + 1);
			assert_memory_equal(buf.data + 1, vectors[i][0], len);
		}
	}
	cm_buf_free(&buf);
}

static void
base64_is_strict(void **state)
{
	static const char *const bad[] = {
		"=", "==", "===", "====", "Z", "Z===", "Zg=", "Zg===", "Zm9v=", "Zm9v====", "Zm=v", "Zg==Zg==",
		"Zh==", "Zh", "Zm9=", "Zm9", "Zm 9v", "Zm9v\n", "Zm9v*", "+_+_", "Zm9vY", "Z\xc3\xa4=="
	};
	CmBuf		buf;
	size_t		i;

	(void) state;
	cm_buf_init(&buf, 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(decode(bad[i], strlen(bad[i]), &buf));
	assert_false(decode("Zg\0=", 4, &buf));
	cm_buf_free(&buf);

	cm_buf_init(&buf, 2);
	assert_false(cm_base64_decode(&buf, "Zm9vYmFy", 8));
	assert_int_equal(buf.len, 0);
	cm_buf_free(&buf);
}

static void
hex_both_ways(void **state)
{
	static const char *const bad[] = {"0", "0g", "00:", ":00", "00::00", "0:0", "00 00", "0x00", "00:0"};
	static const uint8_t bytes[] = {0x00, 0xab, 0xff};
	CmBuf		buf;
	size_t		i;

	(void) state;
	cm_buf_init(&buf, 0);
	assert_true(cm_hex_encode(&buf, bytes, 3));
	assert_string_equal(cm_buf_cstr(&buf), "00abff");
	cm_buf_reset(&buf);
	assert_true(cm_hex_decode(&buf, "00abFF", 6));
	assert_memory_equal(buf.data, bytes, 3);
	cm_buf_reset(&buf);
	assert_true(cm_hex_decode(&buf, "00:AB:ff", 8));
	assert_int_equal(buf.len, 3);
	assert_memory_equal(buf.data, bytes, 3);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		assert_false(cm_hex_decode(&buf, bad[i], strlen(bad[i])));
		assert_int_equal(buf.len, 3);
	}
	assert_true(cm_hex_decode(&buf, "", 0));
	cm_buf_free(&buf);
}

static bool
next(const char *text, char *label, CmBuf *der, CmStatus *st)
{
	CmSlice		rest = cm_slice(text, strlen(text));

	cm_buf_reset(der);
	return cm_pem_next(&rest, label, 65, der, st);
}

static void
pem_round(void **state)
{
	uint8_t		bytes[200];
	size_t		len;
	CmBuf		pem;
	CmBuf		der;
	char		label[65];
	CmStatus	st = CM_STATUS_INIT;

	(void) state;
	memset(bytes, 0xa7, sizeof(bytes));
	cm_buf_init(&pem, 0);
	cm_buf_init(&der, 0);
	for (len = 1; len <= sizeof(bytes); len++)
	{
		CmSlice		rest;

		cm_buf_reset(&pem);
		cm_buf_reset(&der);
		assert_true(cm_pem_encode(&pem, "CERTIFICATE", bytes, len));
		assert_true(cm_pem_encode(&pem, "X509 CRL", bytes, len));
		rest = cm_slice(pem.data, pem.len);
		assert_true(cm_pem_next(&rest, label, sizeof(label), &der, &st));
		assert_string_equal(label, "CERTIFICATE");
		assert_int_equal(der.len, len);
		assert_memory_equal(der.data, bytes, len);
		assert_true(cm_pem_next(&rest, label, sizeof(label), &der, &st));
		assert_string_equal(label, "X509 CRL");
		assert_int_equal(der.len, 2 * len);
		assert_false(cm_pem_next(&rest, label, sizeof(label), &der, &st));
		assert_int_equal(st.code, CM_OK);
	}
	cm_buf_reset(&pem);
	assert_true(cm_pem_encode(&pem, "X", bytes, 49));
	assert_string_equal(cm_buf_cstr(&pem),
						"-----BEGIN X-----\n"
						"p6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6en\n"
						"pw==\n"
						"-----END X-----\n");
	cm_buf_free(&pem);
	cm_buf_free(&der);
}

static void
pem_accepts(void **state)
{
	static const char *const good[] = {
		"-----BEGIN A-----\nZm9v\n-----END A-----\n",
		"-----BEGIN A-----\nZm9v\n-----END A-----",
		"-----BEGIN A-----\r\nZm9v\r\n-----END A-----\r\n",
		"-----BEGIN A-----\rZm9v\r-----END A-----\r",
		"text before\nsubject=CN = a -----BEGIN A-----\n-----BEGIN A-----\nZm9v\n-----END A-----\nafter",
		"  -----BEGIN A-----  \n\tZ m9\n\nv \n -----END A-----\t",
	};
	CmBuf		der;
	char		label[65];
	CmStatus	st = CM_STATUS_INIT;
	size_t		i;

	(void) state;
	cm_buf_init(&der, 0);
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
	{
		assert_true(next(good[i], label, &der, &st));
		assert_string_equal(label, "A");
		assert_int_equal(der.len, 3);
		assert_memory_equal(der.data, "foo", 3);
	}
	cm_fail(&st, CM_INVALID, "an old failure");
	assert_false(next("nothing here", label, &der, &st));
	assert_int_equal(st.code, CM_OK);
	assert_false(next("", label, &der, &st));
	assert_int_equal(st.code, CM_OK);
	cm_buf_free(&der);
}

static void
pem_refuses(void **state)
{
	static const struct
	{
		const char *text;
		CmCode		code;
	}			bad[] = {
		{"-----BEGIN A-----\nZm9v\n", CM_INVALID},
		{"-----BEGIN A-----\nZm9v\n-----END B-----\n", CM_INVALID},
		{"-----BEGIN A-----\nZm9v\n-----END A----\n", CM_INVALID},
		{"-----BEGIN A----\nZm9v\n-----END A-----\n", CM_INVALID},
		{"-----BEGIN -----\nZm9v\n-----END -----\n", CM_INVALID},
		{"-----BEGIN A-----\n-----END A-----\n", CM_INVALID},
		{"-----BEGIN A-----\nZm9\n-----END A-----\n", CM_INVALID},
		{"-----BEGIN A-----\nZh==\n-----END A-----\n", CM_INVALID},
		{"-----BEGIN A-----\nZg==\nZg==\n-----END A-----\n", CM_INVALID},
		{"-----BEGIN A-----\nZg====\n-----END A-----\n", CM_INVALID},
		{"-----BEGIN A-----\nZm-_\n-----END A-----\n", CM_INVALID},
		{"-----BEGIN A-----\nZm9v\n-----BEGIN A-----\nZm9v\n-----END A-----\n", CM_INVALID},
		{"-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\n\nZm9v\n-----END A-----\n", CM_UNSUPPORTED},
		{"-----BEGIN AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA-----\nZm9v\n", CM_INVALID}
	};
	CmBuf		der;
	char		label[65];
	char		small[4];
	CmStatus	st = CM_STATUS_INIT;
	CmSlice		rest;
	size_t		i;

	(void) state;
	cm_buf_init(&der, 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		assert_false(next(bad[i].text, label, &der, &st));
		assert_int_equal(st.code, bad[i].code);
		assert_int_equal(der.len, 0);
	}
	rest = cm_slice("-----BEGIN ABCD-----\nZm9v\n-----END ABCD-----\n", 45);
	assert_false(cm_pem_next(&rest, small, sizeof(small), &der, &st));
	assert_int_equal(st.code, CM_LIMIT);
	assert_string_equal(st.reason, "PEM label is longer than 3 characters");
	assert_int_equal(rest.len, 45);
	cm_buf_free(&der);

	cm_buf_init(&der, 2);
	assert_false(cm_pem_next(&rest, label, sizeof(label), &der, &st));
	assert_int_equal(st.code, CM_LIMIT);
	assert_string_equal(st.reason, "PEM block \"ABCD\" is too large");
	cm_buf_reset(&der);
	assert_false(cm_pem_encode(&der, "", "x", 1));
	cm_buf_free(&der);
}

static void
pem_cut_anywhere(void **state)
{
	static const char text[] = "-----BEGIN A-----\nZm9vYmFy\nZg==\n-----END A-----";
	CmBuf		der;
	char		label[65];
	CmStatus	st = CM_STATUS_INIT;
	size_t		i;

	(void) state;
	cm_buf_init(&der, 0);
	for (i = 0; i < sizeof(text) - 1; i++)
	{
		char	   *copy = malloc(i + 1);
		CmSlice		rest = cm_slice(copy, i);

		assert_non_null(copy);
		memcpy(copy, text, i);
		assert_false(cm_pem_next(&rest, label, sizeof(label), &der, &st));
		assert_int_equal(der.len, 0);
		free(copy);
	}
	cm_buf_free(&der);
}

/* Seconds of processor time to read the text "piece" repeated to "size" bytes. */
static double
seconds_to_read(const char *piece, size_t size)
{
	char	   *text = malloc(size);
	size_t		n = strlen(piece);
	size_t		i;
	CmSlice		rest = cm_slice(text, size);
	CmBuf		der;
	char		label[65];
	CmStatus	st = CM_STATUS_INIT;
	clock_t		start;

	assert_non_null(text);
	for (i = 0; i < size; i++)
		text[i] = piece[i % n];
	cm_buf_init(&der, 0);
	start = clock();
	while (cm_pem_next(&rest, label, sizeof(label), &der, &st))
		;
	cm_buf_free(&der);
	free(text);
	return (double) (clock() - start) / CLOCKS_PER_SEC;
}

static void
pem_is_linear(void **state)
{
	static const char *const pieces[] = {
		"-----BEGIN", "-", "\n", "\r", "-----BEGIN A-----\nZm9v\n-----END A-----\n", "-----BEGIN \n", " ",
		"-----BEGIN A-----\n"
	};
	size_t		i;

	(void) state;
	/* Quadratic work on 4 MB would take minutes; linear work takes a fraction of a second. */
	for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
		assert_true(seconds_to_read(pieces[i], 4 * 1024 * 1024) < 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_vectors),
		cmocka_unit_test(base64_is_strict),
		cmocka_unit_test(hex_both_ways),
		cmocka_unit_test(pem_round),
		cmocka_unit_test(pem_accepts),
		cmocka_unit_test(pem_refuses),
		cmocka_unit_test(pem_cut_anywhere),
		cmocka_unit_test(pem_is_linear)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
