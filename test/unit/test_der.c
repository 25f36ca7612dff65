/*
 * test_der.c - the DER reader refuses what is not DER, the writer writes nothing else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/datetime.h"
#include "base/der.h"

#define READ(...) read_bytes((const uint8_t[]) {__VA_ARGS__}, sizeof((const uint8_t[]) {__VA_ARGS__}))
#define VALUE(tag_, ...) ((CmDer) {(tag_), {(const uint8_t[]) {__VA_ARGS__}, sizeof((const uint8_t[]) {__VA_ARGS__})}, {NULL, 0}})

/* On an exact heap copy, so that the sanitizer sees a byte too far. */
static bool
read_bytes(const uint8_t *bytes, size_t len)
{
	uint8_t    *copy = malloc(len > 0 ? len : 1);
	CmSlice		rest = cm_slice(copy, len);
	CmDer		v = {0xee, {NULL, 0}, {NULL, 0}};
	bool		ok;

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	ok = cm_der_next(&rest, &v);
	if (!ok)
	{
		assert_int_equal(v.tag, 0xee);
		assert_int_equal(rest.len, len);
		assert_ptr_equal(rest.data, copy);
	}
	free(copy);
	return ok;
}

static void
reads_only_der(void **state)
{
	(void) state;
	assert_true(READ(0x05, 0x00));
	assert_true(READ(0x30, 0x03, 0x02, 0x01, 0x00));
	assert_true(READ(0x80, 0x01, 0xff));
	assert_false(read_bytes((const uint8_t *) "", 0));
	assert_false(READ(0x05));
	assert_false(READ(0x04, 0x02, 0x00));			/* cut */
	assert_false(READ(0x00, 0x00));				/* end of contents */
	assert_false(READ(0x30, 0x80, 0x00, 0x00));	/* indefinite */
	assert_false(READ(0x04, 0x81, 0x01, 0x00));	/* not minimal */
	assert_false(READ(0x04, 0x82, 0x00, 0x80));	/* leading zero */
	assert_false(READ(0x04, 0x84, 0xff, 0xff, 0xff, 0xff));
	assert_false(READ(0x04, 0x85, 0x01, 0x00, 0x00, 0x00, 0x00));
	assert_false(READ(0x04, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff));
	assert_false(READ(0x04, 0xff));
	assert_false(READ(0x1f, 0x1f, 0x00));			/* number above 30 */
	assert_false(READ(0xbf, 0x81, 0x01, 0x00));
	assert_false(READ(0x10, 0x00));				/* primitive SEQUENCE */
	assert_false(READ(0x24, 0x00));				/* constructed OCTET STRING */
	assert_false(READ(0x23, 0x00));				/* constructed BIT STRING */
}

static void
cut_anywhere(void **state)
{
	CmBuf		buf;
	uint8_t		content[300];
	size_t		i;

	(void) state;
	memset(content, 0x5a, sizeof(content));
	cm_buf_init(&buf, 0);
	cm_der_put(&buf, CM_DER_OCTET_STRING, content, sizeof(content));
	assert_int_equal(buf.len, 304);
	for (i = 0; i < buf.len; i++)
		assert_false(read_bytes(buf.data, i));
	assert_true(read_bytes(buf.data, buf.len));
	cm_buf_free(&buf);
}

static void
expects_and_options(void **state)
{
	static const uint8_t bytes[] = {0x02, 0x01, 0x05, 0x01, 0x01, 0xff};
	static const uint8_t broken[] = {0x02, 0x05, 0x05};
	CmSlice		rest = cm_slice(bytes, sizeof(bytes));
	CmDer		v;
	bool		present;
	bool		flag;
	uint64_t	number;

	(void) state;
	assert_false(cm_der_expect(&rest, CM_DER_BOOLEAN, &v));
	assert_true(cm_der_optional(&rest, CM_DER_BOOLEAN, &v, &present));
	assert_false(present);
	assert_int_equal(rest.len, sizeof(bytes));
	assert_true(cm_der_expect(&rest, CM_DER_INTEGER, &v));
	assert_true(cm_der_get_uint(&v, &number));
	assert_int_equal(number, 5);
	assert_int_equal(v.whole.len, 3);
	assert_true(cm_der_optional(&rest, CM_DER_BOOLEAN, &v, &present));
	assert_true(present);
	assert_true(cm_der_get_bool(&v, &flag) && flag);
	assert_true(cm_der_optional(&rest, CM_DER_BOOLEAN, &v, &present));
	assert_false(present);
	assert_false(cm_der_next(&rest, &v));

	/* whole values and nothing else, as far as it can be read */
	assert_true(cm_der_contains(cm_slice(bytes, sizeof(bytes)), cm_slice(bytes, 3)));
	assert_true(cm_der_contains(cm_slice(bytes, sizeof(bytes)), cm_slice(bytes + 3, 3)));
	assert_false(cm_der_contains(cm_slice(bytes, sizeof(bytes)), cm_slice(bytes, 2)));
	assert_false(cm_der_contains(cm_slice(bytes, sizeof(bytes)), cm_slice(NULL, 0)));
	assert_false(cm_der_contains(cm_slice(bytes, 5), cm_slice(bytes + 3, 3)));

	rest = cm_slice(broken, sizeof(broken));
	assert_false(cm_der_optional(&rest, CM_DER_BOOLEAN, &v, &present));
	assert_false(cm_der_optional(&rest, CM_DER_INTEGER, &v, &present));
}

static void
numbers(void **state)
{
	static const uint64_t values[] = {0, 1, 127, 128, 255, 256, 32767, 32768, UINT32_MAX, INT64_MAX,
	(uint64_t) INT64_MAX + 1, UINT64_MAX};
	CmDer		bad[] = {
		VALUE(CM_DER_INTEGER, 0x80), VALUE(CM_DER_INTEGER, 0xff, 0xff), VALUE(CM_DER_INTEGER, 0x00, 0x01),
		VALUE(CM_DER_INTEGER, 0x00, 0x00), VALUE(CM_DER_INTEGER, 1, 0, 0, 0, 0, 0, 0, 0, 0),
		VALUE(CM_DER_OCTET_STRING, 0x01), VALUE(CM_DER_CONTEXT_CONS(0), 0x01),
		{CM_DER_INTEGER, {NULL, 0}, {NULL, 0}}
	};
	CmDer		implicit = VALUE(CM_DER_CONTEXT(0), 0x07);
	uint64_t	out;
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++)
	{
		CmBuf		buf;
		CmSlice		rest;
		CmDer		v;

		cm_buf_init(&buf, 0);
		cm_der_put_uint(&buf, values[i]);
		rest = cm_slice(buf.data, buf.len);
		assert_true(cm_der_expect(&rest, CM_DER_INTEGER, &v));
		assert_true(cm_der_get_uint(&v, &out));
		assert_true(out == values[i]);
		cm_buf_free(&buf);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(cm_der_get_uint(&bad[i], &out));
	assert_true(cm_der_get_uint(&implicit, &out));
	assert_int_equal(out, 7);
}

static void
booleans(void **state)
{
	CmDer		one = VALUE(CM_DER_BOOLEAN, 0x01);
	CmDer		two = VALUE(CM_DER_BOOLEAN, 0xff, 0xff);
	CmDer		no = VALUE(CM_DER_BOOLEAN, 0x00);
	CmDer		none = {CM_DER_BOOLEAN, {NULL, 0}, {NULL, 0}};
	CmDer		number = VALUE(CM_DER_INTEGER, 0x00);
	bool		out = true;

	(void) state;
	assert_false(cm_der_get_bool(&one, &out));
	assert_false(cm_der_get_bool(&two, &out));
	assert_false(cm_der_get_bool(&none, &out));
	assert_false(cm_der_get_bool(&number, &out));
	assert_true(cm_der_get_bool(&no, &out));
	assert_false(out);
}

static bool
get_time(uint8_t tag, const char *text, int64_t *out)
{
	CmDer		v = {tag, cm_slice(text, strlen(text)), {NULL, 0}};

	return cm_der_get_time(&v, out);
}

static void
times(void **state)
{
	static const char *const bad_utc[] = {
		"", "250101000000", "250101000000+0000", "2501010000Z", "251301000000Z", "250001000000Z",
		"250100000000Z", "250132000000Z", "250229000000Z", "250101240000Z", "250101006000Z",
		"250101000060Z", "25010100000aZ", "250101000000z", "20250101000000Z"
	};
	static const char *const bad_general[] = {
		"20250229000000Z", "20250101000000.5Z", "20250101000000", "250101000000Z", "19000229000000Z"
	};
	static const int64_t round[] = {
		0, -631152000, -631152001, 2524607999, 2524608000, 253402300799, 1709164800, -62167219200
	};
	int64_t		t;
	size_t		i;
	CmBuf		buf;

	(void) state;
	assert_true(get_time(CM_DER_UTCTIME, "700101000000Z", &t));
	assert_int_equal(t, 0);
	assert_true(get_time(CM_DER_UTCTIME, "491231235959Z", &t));
	assert_int_equal(t, 2524607999);
	assert_true(get_time(CM_DER_UTCTIME, "500101000000Z", &t));
	assert_int_equal(t, -631152000);
	assert_true(get_time(CM_DER_UTCTIME, "240229120000Z", &t));
	assert_true(get_time(CM_DER_GENERALIZEDTIME, "99991231235959Z", &t));
	assert_int_equal(t, 253402300799);
	assert_true(get_time(CM_DER_GENERALIZEDTIME, "20000229000000Z", &t));
	for (i = 0; i < sizeof(bad_utc) / sizeof(bad_utc[0]); i++)
		assert_false(get_time(CM_DER_UTCTIME, bad_utc[i], &t));
	for (i = 0; i < sizeof(bad_general) / sizeof(bad_general[0]); i++)
		assert_false(get_time(CM_DER_GENERALIZEDTIME, bad_general[i], &t));
	assert_false(get_time(CM_DER_OCTET_STRING, "700101000000Z", &t));

	cm_buf_init(&buf, 0);
	for (i = 0; i < sizeof(round) / sizeof(round[0]); i++)
	{
		CmSlice		rest;
		CmDer		v;

		cm_buf_reset(&buf);
		cm_der_put_time(&buf, round[i]);
		rest = cm_slice(buf.data, buf.len);
		assert_true(cm_der_next(&rest, &v));
		assert_int_equal(v.tag, round[i] >= -631152000 && round[i] < 2524608000 ? CM_DER_UTCTIME : CM_DER_GENERALIZEDTIME);
		assert_true(cm_der_get_time(&v, &t));
		assert_true(t == round[i]);
	}
	cm_der_put_time(&buf, 253402300800);
	assert_true(buf.failed);
	cm_buf_reset(&buf);
	cm_der_put_time(&buf, INT64_MIN);
	assert_true(buf.failed);
	cm_buf_free(&buf);
}

static void
oids(void **state)
{
	static const char *const good[] = {
		"2.5.29.17", "1.2.840.113549.1.1.11", "0.0", "0.39", "1.39.1", "2.0", "2.39", "2.40", "2.47", "2.48", "2.999.3",
		"1.3.6.1.4.1.18446744073709551615", "2.25.340282366920938463463374607431768211455", "1.3.6.1.5.5.7.3.1"
	};
	static const char *const bad[] = {
		"", "1", "1.", ".1", "3.1", "1.40", "0.40", "0.100", "1.2.", "1..2", "1.2.a", "1.2.-3", "1.02", " 1.2", "1.2 ",
		"1.3.6.1.4.1.9999999999999999999999999999999999999999", "1.2\n"
	};
	static const uint8_t ext[] = {0x06, 0x03, 0x55, 0x1d, 0x11};
	static const uint8_t cut[] = {0x55, 0x1d, 0x91};
	static const uint8_t padded[] = {0x55, 0x80, 0x11};
	static const uint8_t huge[40] = {
		0x55, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f
	};
	char		text[128];
	CmBuf		buf;
	size_t		i;
	size_t		n;

	(void) state;
	cm_buf_init(&buf, 0);
	assert_true(cm_der_put_oid(&buf, "2.5.29.17"));
	assert_int_equal(buf.len, sizeof(ext));
	assert_memory_equal(buf.data, ext, sizeof(ext));
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
	{
		CmSlice		rest;
		CmDer		v;

		cm_buf_reset(&buf);
		assert_true(cm_der_put_oid(&buf, good[i]));
		rest = cm_slice(buf.data, buf.len);
		assert_true(cm_der_expect(&rest, CM_DER_OID, &v));
		assert_true(cm_der_oid_text(v.content, text, sizeof(text)));
		assert_string_equal(text, good[i]);
		/* A destination of any smaller size is refused, not overrun. */
		for (n = 0; n <= strlen(good[i]); n++)
			assert_false(cm_der_oid_text(v.content, text, n));
		assert_true(cm_der_oid_text(v.content, text, strlen(good[i]) + 1));
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		cm_buf_reset(&buf);
		assert_false(cm_der_put_oid(&buf, bad[i]));
		assert_true(buf.failed);
		assert_int_equal(buf.len, 0);
	}
	assert_false(cm_der_oid_text(cm_slice(cut, sizeof(cut)), text, sizeof(text)));
	assert_false(cm_der_oid_text(cm_slice(padded, sizeof(padded)), text, sizeof(text)));
	assert_false(cm_der_oid_text(cm_slice(huge, sizeof(huge)), text, sizeof(text)));
	assert_false(cm_der_oid_text(cm_slice(NULL, 0), text, sizeof(text)));
	cm_buf_free(&buf);
}

static void
nests(void **state)
{
	static const size_t sizes[] = {0, 1, 125, 126, 127, 128, 129, 253, 254, 255, 256, 257, 65535, 65536, 70000};
	uint8_t    *content = calloc(1, 70000);
	size_t		i;

	(void) state;
	assert_non_null(content);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
	{
		CmBuf		buf;
		CmSlice		rest;
		CmDer		v;
		size_t		outer;
		size_t		inner;

		cm_buf_init(&buf, 0);
		outer = cm_der_open(&buf, CM_DER_SEQUENCE);
		cm_der_put_uint(&buf, 1);
		inner = cm_der_open(&buf, CM_DER_CONTEXT_CONS(3));
		cm_der_put(&buf, CM_DER_OCTET_STRING, content, sizes[i]);
		cm_der_close(&buf, inner);
		cm_der_put_bool(&buf, true);
		cm_der_close(&buf, outer);
		assert_false(buf.failed);

		rest = cm_slice(buf.data, buf.len);
		assert_true(cm_der_expect(&rest, CM_DER_SEQUENCE, &v));
		assert_int_equal(rest.len, 0);
		rest = v.content;
		assert_true(cm_der_expect(&rest, CM_DER_INTEGER, &v));
		assert_true(cm_der_expect(&rest, CM_DER_CONTEXT_CONS(3), &v));
		{
			CmSlice		in = v.content;

			assert_true(cm_der_expect(&in, CM_DER_OCTET_STRING, &v));
			assert_int_equal(v.content.len, sizes[i]);
			assert_int_equal(in.len, 0);
		}
		assert_true(cm_der_expect(&rest, CM_DER_BOOLEAN, &v));
		assert_int_equal(rest.len, 0);
		cm_buf_free(&buf);
	}
	free(content);
}

static void
writer_fails_whole(void **state)
{
	CmBuf		buf;
	size_t		mark;
	uint8_t		content[200] = {0};

	(void) state;
	/* The content fits, the longer header of close does not. */
	cm_buf_init(&buf, 202);
	mark = cm_der_open(&buf, CM_DER_SEQUENCE);
	assert_true(cm_buf_append(&buf, content, 200));
	cm_der_close(&buf, mark);
	assert_true(buf.failed);
	cm_der_put_uint(&buf, 1);
	cm_der_close(&buf, mark);
	assert_true(buf.failed);
	cm_buf_reset(&buf);
	cm_der_close(&buf, 0);
	assert_true(buf.failed);
	cm_buf_reset(&buf);
	cm_der_put(&buf, CM_DER_OCTET_STRING, content, SIZE_MAX);
	assert_true(buf.failed);
	cm_buf_reset(&buf);
	cm_der_put_bit_string(&buf, content, SIZE_MAX);
	assert_true(buf.failed);
	cm_buf_free(&buf);
}

static void
bits_and_unsigned(void **state)
{
	static const uint8_t none[] = {0x03, 0x01, 0x00};
	static const uint8_t signature[] = {0x03, 0x02, 0x07, 0x80};	/* digitalSignature */
	static const uint8_t ca[] = {0x03, 0x02, 0x01, 0x06};	/* keyCertSign, cRLSign */
	static const uint8_t decipher[] = {0x03, 0x03, 0x07, 0x00, 0x80};	/* decipherOnly, bit 8 */
	static const uint8_t last[] = {0x03, 0x05, 0x00, 0x00, 0x00, 0x00, 0x01};
	static const struct
	{
		uint32_t	bits;
		const uint8_t *der;
		size_t		len;
	}			named[] = {
		{0, none, sizeof(none)}, {1, signature, sizeof(signature)}, {1u << 5 | 1u << 6, ca, sizeof(ca)},
		{1u << 8, decipher, sizeof(decipher)}, {1u << 31, last, sizeof(last)}
	};
	static const uint8_t serial[] = {0x00, 0x00, 0x9a, 0x01};
	static const uint8_t serial_der[] = {0x02, 0x03, 0x00, 0x9a, 0x01};
	static const uint8_t zero_der[] = {0x02, 0x01, 0x00};
	CmBuf		buf;
	size_t		i;

	(void) state;
	cm_buf_init(&buf, 0);
	for (i = 0; i < sizeof(named) / sizeof(named[0]); i++)
	{
		cm_buf_reset(&buf);
		cm_der_put_named_bits(&buf, named[i].bits);
		assert_int_equal(buf.len, named[i].len);
		assert_memory_equal(buf.data, named[i].der, named[i].len);
	}
	cm_buf_reset(&buf);
	cm_der_put_unsigned(&buf, serial, sizeof(serial));
	assert_int_equal(buf.len, sizeof(serial_der));
	assert_memory_equal(buf.data, serial_der, sizeof(serial_der));
	cm_buf_reset(&buf);
	cm_der_put_unsigned(&buf, serial, 2);
	assert_int_equal(buf.len, sizeof(zero_der));
	assert_memory_equal(buf.data, zero_der, sizeof(zero_der));
	cm_buf_reset(&buf);
	cm_der_put_bit_string(&buf, NULL, 0);
	assert_memory_equal(buf.data, none, sizeof(none));
	cm_buf_free(&buf);
	assert_true(cm_slice_equal(cm_slice(NULL, 0), cm_slice("", 0)));
	assert_false(cm_slice_equal(cm_slice("a", 1), cm_slice("b", 1)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_only_der),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(expects_and_options),
		cmocka_unit_test(numbers),
		cmocka_unit_test(booleans),
		cmocka_unit_test(times),
		cmocka_unit_test(oids),
		cmocka_unit_test(nests),
		cmocka_unit_test(writer_fails_whole),
		cmocka_unit_test(bits_and_unsigned)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
