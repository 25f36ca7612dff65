/* test_serial.c - serial numbers as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "x509/serial.h"

static void
check(const char *text, const char *hex, size_t hexlen, const char *dec, size_t declen)
{
	CmStatus	st = CM_STATUS_INIT;
	CmBuf		h;
	CmBuf		d;

	cm_buf_init(&h, 0);
	cm_buf_init(&d, 0);
	assert_int_equal(cm_serial_parse(text, &h, &d, &st), hexlen > 0 || declen > 0);
	assert_int_equal(h.len, hexlen);
	assert_int_equal(d.len, declen);
	if (hexlen > 0)
		assert_memory_equal(h.data, hex, hexlen);
	if (declen > 0)
		assert_memory_equal(d.data, dec, declen);
	assert_int_equal(st.code, hexlen > 0 || declen > 0 ? CM_OK : CM_INVALID);
	cm_buf_free(&h);
	cm_buf_free(&d);
}

static void
test_forms(void **state)
{
	(void) state;
	check("0x1f0a", "\x1f\x0a", 2, NULL, 0);
	check("0X1F0A", "\x1f\x0a", 2, NULL, 0);
	check("1f:0A", "\x1f\x0a", 2, NULL, 0);
	check("f0a", "\x0f\x0a", 2, NULL, 0);
	check("31", "\x31", 1, "\x1f", 1);
	check("256", "\x02\x56", 2, "\x01\x00", 2);
	check("000001", "\x01", 1, "\x01", 1);
	check("00:01", "\x01", 1, NULL, 0);
	check("340282366920938463463374607431768211456", "\x03\x40\x28\x23\x66\x92\x09\x38\x46\x34\x63\x37\x46\x07\x43\x17\x68\x21\x14\x56", 20,
		  "\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 17);
}

static void
test_refused(void **state)
{
	char		longer[300];

	(void) state;
	check("", NULL, 0, NULL, 0);
	check("0", NULL, 0, NULL, 0);
	check("0x", NULL, 0, NULL, 0);
	check("-1", NULL, 0, NULL, 0);
	check("1 2", NULL, 0, NULL, 0);
	check("xyz", NULL, 0, NULL, 0);
	check("1f:", NULL, 0, NULL, 0);
	check("\x80", NULL, 0, NULL, 0);
	memset(longer, '9', sizeof(longer));
	longer[299] = '\0';
	check(longer, NULL, 0, NULL, 0);
	longer[180] = '\0';
	check(longer, NULL, 0, NULL, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
